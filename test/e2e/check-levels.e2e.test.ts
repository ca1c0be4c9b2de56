import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Difference } from '../../local/demo/compare.ts';
import { differences, keyText } from '../../local/demo/compare.ts';
import { THE_SET } from './support/command.ts';
import { LiveWriter } from './support/live-writer.ts';
import type { Kind, Planted } from './support/planted.ts';
import { plant } from './support/planted.ts';
import { documentOf, startSyncline } from './support/running.ts';
import { AP, EU, type Region, someItems, US, World } from './support/world.ts';

/**
 * How long it takes until the checker by itself, without a command, has found and repaired what was planted: by hand only, since it takes minutes.
 * `CHECK_LEVELS=300 vitest run --project e2e test/e2e/check-levels.e2e.test.ts` plants 300 differences beside live writes.
 */

const PLANTED = Number(process.env['CHECK_LEVELS'] ?? 0);
const ITEMS = Math.max(1_000, PLANTED * 4);
const RATE = 20;
/** Until all is repaired (ms): flags come in a minute or two, what only the digests show in some more. */
const REPAIRED_MAX_MS = 900_000;
const LOOK_MS = 1_000;

describe.runIf(PLANTED > 0)('the checker by itself', { timeout: 2 * REPAIRED_MAX_MS }, () => {
  let world: World;
  let writer: LiveWriter | undefined;
  beforeAll(async () => {
    world = await World.start({ archiveWindow: '1', sweepEvery: 'off', repair: 'auto' });
  }, REPAIRED_MAX_MS);
  afterAll(async () => {
    await writer?.end();
    await world?.stop();
  });

  test('finds and repairs what was written and deleted by hand', async () => {
    const items = someItems('levels', ITEMS, 'first');
    await world.write(EU, items);
    await world.equal([US, AP], 0, REPAIRED_MAX_MS);
    const sweep = ['check', '--sweep', '--report-only', '--yes', ...THE_SET, '--json'];
    const { code } = documentOf(sweep, await startSyncline(sweep, world.cloud.environment(EU), REPAIRED_MAX_MS).outcome);
    expect(code).toBe(0);
    writer = new LiveWriter(world, items.slice(0, ITEMS / 2), RATE);
    const some = items.slice(ITEMS / 2, ITEMS / 2 + PLANTED);
    const began = performance.now();
    const planted = [...(await plant(world, US, some.slice(0, PLANTED / 2))), ...(await plant(world, AP, some.slice(PLANTED / 2)))];
    const took = new Map<Planted, number>();
    while (took.size < planted.length && performance.now() - began < REPAIRED_MAX_MS) {
      await sleep(LOOK_MS);
      const [source, us, ap] = await Promise.all([EU, US, AP].map((region) => world.contents(region as Region)));
      const left = (found: readonly Difference[]): Set<string> => new Set(found.map(({ key }) => key));
      if (source === undefined || us === undefined || ap === undefined) throw new Error('nothing was read');
      const open = { [US]: left(differences(source, us)), [AP]: left(differences(source, ap)) } as Readonly<Record<Region, Set<string>>>;
      for (const one of planted) if (!took.has(one) && !open[one.target].has(keyText(one.key, ['pk', 'sk']))) took.set(one, performance.now() - began);
    }
    for (const kind of new Set(planted.map((one) => one.kind))) process.stdout.write(`${timesOf(kind, took)}\n`);
    expect(took.size).toBe(planted.length);
    await writer.end();
    await world.equal();
  });
});

/** "changed: 50 repaired, p50 61.2 s, p99 119.0 s". */
function timesOf(kind: Kind, took: ReadonlyMap<Planted, number>): string {
  const times = [...took].filter(([one]) => one.kind === kind).map(([, ms]) => ms);
  times.sort((a, b) => a - b);
  const at = (share: number): string => ((times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? Number.NaN) / 1_000).toFixed(1);
  return `${kind}: ${times.length} repaired, p50 ${at(0.5)} s, p99 ${at(0.99)} s`;
}

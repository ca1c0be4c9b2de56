import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CheckReport } from '../../lib/reconcile/check/report.ts';
import { differences } from '../../local/demo/compare.ts';
import { THE_SET } from './support/command.ts';
import { eventually } from './support/eventually.ts';
import { LiveWriter } from './support/live-writer.ts';
import type { Planted } from './support/planted.ts';
import { KINDS, plant } from './support/planted.ts';
import type { Running } from './support/running.ts';
import { documentOf, startSyncline } from './support/running.ts';
import { AP, EU, type Region, someItems, US, World } from './support/world.ts';

/**
 * Checks on deployed stacks, beside live writes: differences of six kinds are planted at both replicas behind the pipeline's back, found and
 * repaired by the command; lag is never called a difference. By hand, `CHECK_ITEMS=100000 CHECK_PLANTED=1000` is the whole of it.
 */

const ITEMS = Number(process.env['CHECK_ITEMS'] ?? 1_200);
/** Differences in all, at both replicas. */
const PLANTED = Number(process.env['CHECK_PLANTED'] ?? 72);
/** Writes a second beside the checks. */
const RATE = Number(process.env['CHECK_RATE'] ?? 10);
/** The whole scenario (ms). */
const SCENARIO_MAX_MS = 240_000 + ITEMS * 20;
/** Whether all of it is run: what CI leaves out is covered there by unit tests, and by adopting, which ends with a proof. */
const WHOLE = process.env['CHECK_ITEMS'] !== undefined;
/** The share of the items that the live writer changes; no difference is planted there. */
const LIVE_SHARE = 0.5;

type Report = CheckReport & { readonly error?: { readonly code: string; readonly message: string } };

let world: World;
beforeAll(async () => {
  world = await World.start({ archiveWindow: '1', sweepEvery: 'off', repair: 'off' });
}, SCENARIO_MAX_MS);
afterAll(async () => {
  await world?.stop();
});

const run = (args: readonly string[]): Running => startSyncline([...args, ...THE_SET, '--json'], world.cloud.environment(EU), SCENARIO_MAX_MS);
const document = async <T>(args: readonly string[]): Promise<{ readonly code: number | null; readonly json: T }> =>
  documentOf<T>(args, await run(args).outcome);
const linkTo = ({ links }: Report, target: Region): Report['links'][number] => links.find((l) => l.target === target) as Report['links'][number];

/** The tests follow each other: each needs what those before have left. */
describe('checks', { timeout: SCENARIO_MAX_MS }, () => {
  const items = someItems('check', ITEMS, 'first');
  const cold = items.slice(Math.ceil(ITEMS * LIVE_SHARE));
  let writer: LiveWriter;
  let planted: readonly Planted[] = [];
  /** The check that repaired them. */
  let checkId = '';
  afterAll(async () => {
    await writer?.end();
  });

  beforeAll(async () => {
    await world.write(EU, items);
    await world.equal([US, AP], 0, SCENARIO_MAX_MS);
    writer = new LiveWriter(world, items.slice(0, Math.ceil(ITEMS * LIVE_SHARE)), RATE);
  }, SCENARIO_MAX_MS);

  test.runIf(WHOLE)('equal replicas are verified, beside live writes', async () => {
    const { code, json } = await document<Report>(['check', '--sweep', '--report-only', '--yes']);
    expect({ code, error: json.error }).toEqual({ code: 0, error: undefined });
    for (const target of [US, AP]) {
      const link = linkTo(json, target);
      expect(link).toMatchObject({ divergent: 0, unverified: 0 });
      expect(link.verified).toBe(link.keys);
      expect(link.keys).toBeGreaterThanOrEqual(ITEMS);
    }
  });

  test('every planted difference is found, and nothing else is called one; killed on the way, the check goes on and repairs exactly these', async () => {
    const some = cold.slice(0, PLANTED);
    expect(KINDS).toHaveLength(6);
    planted = [...(await plant(world, US, some.slice(0, PLANTED / 2))), ...(await plant(world, AP, some.slice(PLANTED / 2)))];
    const killed = run(['check', '--sweep', '--repair', '--yes', '--allow-deletes']);
    const id = await eventually(
      'a check is under way',
      SCENARIO_MAX_MS,
      async () => (await document<{ readonly checks: readonly { readonly id: string; readonly phase: string }[] }>(['check', '--list'])).json.checks[0],
      (found) => found !== undefined && found.phase !== 'scan' && found.phase !== 'done',
    );
    checkId = id?.id ?? '';
    killed.kill();
    expect((await killed.outcome).signal).toBe('SIGKILL');
    const { code, json } = await eventually(
      'the next run goes on and comes to its end',
      SCENARIO_MAX_MS,
      () => document<Report>(['check', '--resume', id?.id ?? '', '--yes', '--allow-deletes']),
      ({ json: { error } }) => error?.code !== 'job-taken',
    );
    expect({ code, id: json.id, error: json.error }).toEqual({ code: 3, id: id?.id, error: undefined });
    for (const target of [US, AP]) {
      const divergent = planted.filter((p) => p.target === target).length;
      const link = linkTo(json, target);
      expect(link).toMatchObject({ divergent, repaired: divergent, left: 0, unverified: 0, verified: link.keys - divergent, result: 'repaired' });
    }
    await writer.pause();
    await world.equal([US, AP], 0, SCENARIO_MAX_MS);
    writer.resume();
  });

  test('what was made by hand is not lost: it is listed as orphans', async () => {
    const { json } = await eventually(
      'the orphans are listed',
      60_000,
      () => document<{ readonly orphans: readonly { readonly cause: string; readonly member: string }[] }>(['orphans', 'list', '--limit', '100000']),
      ({ json: { orphans } }) => orphans.length >= planted.length,
    );
    expect(new Set(json.orphans.map((o) => o.member))).toEqual(new Set([US, AP]));
    expect(json.orphans.some((o) => o.cause === 'hand-delete')).toBe(true);
  });

  test('over HTTP the same can be read, at every member', async () => {
    const read = async (region: Region, path: string, key?: Readonly<Record<string, string>>): Promise<{ status: number; json: Record<string, unknown> }> => {
      const { status, body } = await world.call(region, { path, headers: { accept: 'application/json' }, ...(key && { key }) });
      return { status, json: JSON.parse(body) as Record<string, unknown> };
    };
    for (const region of [EU, US] as const) {
      expect(await read(region, `/checks/${checkId}`), region).toMatchObject({ status: 200, json: { id: checkId, result: 'repaired' } });
      expect(await read(region, `/checks/${checkId}/findings`), region).toMatchObject({
        status: 200,
        json: { findings: expect.arrayContaining([expect.anything()]) },
      });
      expect((await read(region, '/orphans', { member: US })).status, region).toBe(200);
      expect((await read(region, '/items/diff', { pk: 'check', sk: String(ITEMS - 1) })).status, region).toBe(200);
    }
    expect((await read(EU, '/checks/20260101T000000Z-nobody')).status).toBe(404);
  });

  test.runIf(WHOLE)('a target that stands still is unverified, and nothing is called a difference', async () => {
    await world.cloud.fault('freeze', AP);
    try {
      await writer.progress(RATE * 2);
      const { code, json } = await document<Report>(['check', '--proof', '--report-only', '--yes']);
      expect({ code: code === 0 || code === 3, divergent: json.links.reduce((sum, l) => sum + l.divergent, 0) }).toEqual({ code: true, divergent: 0 });
      expect(linkTo(json, AP), JSON.stringify(json)).toMatchObject({ result: 'unverified', verified: 0 });
      expect(linkTo(json, AP).why).not.toBe('');
      expect(linkTo(json, US)).toMatchObject({ divergent: 0, unverified: 0 });
    } finally {
      await world.cloud.fault('resume', AP);
    }
    await writer.end();
    await world.equal([US, AP], 0, SCENARIO_MAX_MS);
  });

  test.runIf(WHOLE)('the links are proven', async () => {
    const { code, json } = await document<Report>(['prove', '--all', '--yes']);
    expect({ code, error: json.error }).toEqual({ code: 0, error: undefined });
    const [source, ...targets] = await Promise.all([EU, US, AP].map((region) => world.contents(region as Region)));
    for (const target of targets) expect(differences(source as NonNullable<typeof source>, target)).toEqual([]);
  });
});

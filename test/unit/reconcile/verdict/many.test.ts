import { describe, expect, it } from 'vitest';
import type { Item } from '../../../../lib/core/attribute.ts';
import type { BatchKey, VerdictBatch } from '../../../../lib/reconcile/verdict/batch.ts';
import { freshBatch } from '../../../../lib/reconcile/verdict/batch.ts';
import { AT_ONCE_MS } from '../../../../lib/reconcile/verdict/look.ts';
import { stepVerdict } from '../../../../lib/reconcile/verdict/step.ts';
import { item, key } from '../../../flows/support/world.ts';
import { Court } from './support.ts';

const KEYS = 900;
const n = (value: number) => ({ n: { N: String(value) } });
const KINDS = ['missing', 'changed', 'extra'];
const pks = Array.from({ length: KEYS }, (_, i) => `k${i}`);

/** Keys that are written at a time, and the time between two such times (ms): all of it while the stream keeps its records. */
const AT_A_TIME = 60;
const APART_MS = 85 * 60_000;

/**
 * A table that was written in the course of a day, and nobody writes since. Of each three copies one is gone, one is again what it was before,
 * seal and all, and one of a removed item is there again.
 */
async function planted(): Promise<Court> {
  const court = await Court.create();
  const { world } = court;
  for (const pk of pks) await world.put(item(pk, 1, n(1)));
  await court.settle();
  const before = await Promise.all(pks.map(async (pk) => (await world.get(key(pk))) as Item));
  for (let from = 0; from < KEYS; from += AT_A_TIME) {
    await world.clock.advance(APART_MS);
    for (const [i, pk] of pks.entries()) if (i >= from && i < from + AT_A_TIME) await (i % 3 === 2 ? world.remove(key(pk)) : world.put(item(pk, 1, n(2))));
    await court.settle();
    await world.minute();
  }
  for (let minute = 0; minute < 15; minute += 1) {
    await world.clock.advance(60_000);
    await world.minute();
    await court.tick();
  }
  const table = world.cloud.region(world.secondary).tableNamed(world.items(world.secondary));
  for (const [i, pk] of pks.entries()) table.corrupt(table.checkKey(key(pk)), i % 3 === 0 ? undefined : (before[i] as Item));
  return court;
}

/** Steps a batch to its end; each has so many ms of time, and each call to the bucket takes one. */
async function judge(
  court: Court,
  stepMs: number,
): Promise<{ readonly working: number; readonly words: string[]; readonly batches: VerdictBatch[]; readonly reads: number }> {
  const { world } = court;
  let reads = 0;
  let working = 0;
  const { objects } = court.ports.own.place;
  const counted = new Proxy(objects, {
    get: (of, name) => {
      const method = Reflect.get(of, name) as (...args: unknown[]) => Promise<unknown>;
      return async (...args: unknown[]) => {
        reads += 1;
        await world.clock.sleep(1);
        return method.apply(of, args);
      };
    },
  });
  const ports = { ...court.ports, own: { ...court.ports.own, place: { ...court.ports.own.place, objects: counted } } };
  const batches: VerdictBatch[] = [];
  let batch = freshBatch(
    'check-1',
    0,
    pks.map((pk) => ({ key: key(pk), target: world.secondary })),
  );
  for (let steps = 1; steps < 500; steps += 1) {
    const came = await world.clock.run(stepVerdict(batch, ports, world.runtime, world.clock.elapsed() + stepMs));
    batch = JSON.parse(JSON.stringify(came.batch)) as VerdictBatch;
    batches.push(batch);
    if (came.waitMs <= AT_ONCE_MS) working += 1;
    if (came.waitMs === 0) return { working, words: came.verdicts.map((v) => (v.verdict === 'divergent' ? v.kind : v.verdict)), batches, reads };
    await court.pass(came.waitMs);
  }
  throw new Error(`No verdict: ${JSON.stringify({ ...batch, keys: batch.keys.slice(0, 2) })}`);
}

/** How many verdicts there are, by what was planted. */
function counted(words: readonly string[]): Record<string, number> {
  const kinds = Map.groupBy(words.keys(), (i) => `${KINDS[i % 3]}: ${words[i]}`);
  return Object.fromEntries([...kinds].map(([kind, places]) => [kind, places.length]));
}
const EXPECTED = Object.fromEntries(KINDS.map((kind) => [`${kind}: ${kind}`, KEYS / 3]));

describe('a batch of hundreds of keys whose last changes are old', () => {
  it('ends in a few steps, and reads each part of the log once for all of them', async () => {
    const court = await planted();
    const { words, working, reads } = await judge(court, 20_000);
    expect(counted(words)).toEqual(EXPECTED);
    // All other steps only wait, for the lanes or for the log.
    expect(working).toBeLessThan(8);
    // 22 of them for the answers of two rounds.
    expect(reads).toBeLessThan(90);
  });

  it('keeps what it has found when a step has no time for all of it', async () => {
    const court = await planted();
    const { words, batches } = await judge(court, 12);
    expect(counted(words)).toEqual(EXPECTED);
    const found = batches.map(({ keys }) => keys.filter(({ past }: BatchKey) => past !== undefined).length);
    expect(found.some((count) => count > 0 && count < KEYS)).toBe(true);
    expect(batches.some(({ search }) => search !== undefined)).toBe(true);
  });
});

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Link } from '../../../../lib/core/formats/rows.ts';
import { Sketch } from '../../../../lib/core/sketch.ts';
import { readKeys, readSketch, SketchReader, storeKeys, storeSketch } from '../../../../lib/reconcile/proof/answers.ts';
import type { LinkComparison } from '../../../../lib/reconcile/proof/compare.ts';
import { keepFor, lagOf } from '../../../../lib/reconcile/proof/lag.ts';
import { KEEP_MS, REOPEN_MS } from '../../../../lib/reconcile/proof/limits.ts';
import { afterLook, cellsToOpen } from '../../../../lib/reconcile/proof/look.ts';
import type { OpenTask } from '../../../../lib/reconcile/proof/open-task.ts';
import { decodeOpenTask, encodeOpenTask } from '../../../../lib/reconcile/proof/open-task.ts';
import { readDifference } from '../../../../lib/reconcile/proof/opening.ts';
import { readQuestion, storeQuestion } from '../../../../lib/reconcile/proof/question.ts';
import type { LinkProof } from '../../../../lib/reconcile/proof/row.ts';
import { decodeProof, encodeProof } from '../../../../lib/reconcile/proof/row.ts';
import { key, LogBucket } from '../../archive/log/support.ts';

const NAME = 'scans/a-task/sketch';
const symbol = (name: string): Buffer => createHash('sha256').update(name).digest().subarray(0, 24);

function sketchOf(from: number, to: number, cells = 4_096): Sketch {
  const sketch = new Sketch(cells, -5);
  for (let i = from; i < to; i += 1) sketch.add(symbol(`k${i}`).subarray(0, 16), symbol(`k${i}`).subarray(16));
  return sketch;
}

describe('a sketch in another region', () => {
  test('is read as far as shows what differs, and no further', async () => {
    const { place, runtime } = new LogBucket();
    await storeSketch(place, runtime, NAME, sketchOf(0, 2_010));
    for (const [differ, most] of [
      [10, 128 * 36 + 16],
      [200, 500 * 36 + 16],
    ] as const) {
      const reader = new SketchReader(place, runtime, NAME);
      const found = await readDifference(sketchOf(0, 2_010 - differ), reader);
      expect([found?.own.length, found?.other.length]).toEqual([0, differ]);
      expect(reader.bytes).toBeLessThanOrEqual(most);
    }
  });

  test('shows nothing when all of it is too little, and is read but once', async () => {
    const { place, runtime } = new LogBucket();
    await storeSketch(place, runtime, NAME, sketchOf(0, 500, 256));
    const reader = new SketchReader(place, runtime, NAME);
    expect(await readDifference(sketchOf(0, 0, 256), reader)).toBeUndefined();
    expect(reader.bytes).toBe(256 * 36 + 16);
  });

  test('that is damaged names itself, or shows nothing', async () => {
    const bucket = new LogBucket();
    const { place, runtime } = bucket;
    await storeSketch(place, runtime, NAME, sketchOf(0, 50, 256));
    expect((await readSketch(place, runtime, NAME))?.encode()).toEqual(sketchOf(0, 50, 256).encode());
    const whole = Buffer.from(bucket.bytes(NAME));
    await bucket.put(NAME, whole.subarray(0, 200));
    await expect(new SketchReader(place, runtime, NAME).first(64)).rejects.toThrow(`${NAME} is damaged`);
    await expect(readSketch(place, runtime, NAME)).rejects.toThrow(`${NAME} is damaged`);
    const harmed = Buffer.from(whole);
    harmed[16 + 36 * 3] = 77;
    await bucket.put(NAME, harmed);
    expect(await readDifference(sketchOf(0, 45, 256), new SketchReader(place, runtime, NAME))).toBeUndefined();
    await bucket.remove(NAME);
    expect(await new SketchReader(place, runtime, NAME).isThere()).toBe(false);
  });

  test('has its keys beside it, which only the target knows', async () => {
    const { place, runtime } = new LogBucket();
    expect(await readKeys(place, runtime, 'a-task')).toBeUndefined();
    await storeKeys(place, runtime, 'a-task', new Map([['ab', key('x')]]));
    expect((await readKeys(place, runtime, 'a-task'))?.keys.get('ab')).toEqual(key('x'));
  });
});

describe('rows', () => {
  test('of a task and of the proof are what they were after they were stored', () => {
    const task: OpenTask = { v: 3, id: 'i', kind: 'open', asked: 5, by: 'me', asker: 'a', prefix: 1, draft: 'd', overlay: 'o' };
    expect(decodeOpenTask(encodeOpenTask(task))).toEqual(task);
    const proof = { at: 4, links: { t: { state: 'verified' as const, at: 4, cells: 2, differing: 0, hot: 1 } }, members: { t: { asOf: 3 } }, v: 2 };
    expect(decodeProof(encodeProof(proof))).toEqual(proof);
    expect(() => decodeProof({ ...encodeProof(proof), proof: { S: '{}' } })).toThrow('proof row');
  });
});

describe('a question', () => {
  test('is in the bucket of whoever asks, however many shards and hashes it names; the rows stay small', async () => {
    const { place, runtime } = new LogBucket();
    const marks = Array.from({ length: 832 }, (_, i) => ({
      shard: `2026-11-27T00:00:00.000/shardId-${i}`,
      first: String(10n ** 24n + BigInt(i)),
      firstAt: i,
      last: '1',
      lastAt: i,
    }));
    const hashes = Array.from({ length: 10_000 }, (_, i) => symbol(`k${i}`).toString('base64'));
    const question = { ask: 'keys' as const, base: 'b', mark: marks, hashes };
    await storeQuestion(place, runtime, 'a-task', 'here', question);
    expect(await readQuestion(place, runtime, 'a-task', 'here')).toEqual(question);
    await expect(readQuestion(place, runtime, 'a-task', 'there')).rejects.toThrow('scans/a-task/question-there is missing');
    await storeQuestion(place, runtime, 'a-task', 'here', { ...question, ask: 'nothing' } as never);
    await expect(readQuestion(place, runtime, 'a-task', 'here')).rejects.toThrow('scans/a-task/question-here');
  });
});

describe('how a link lags', () => {
  const NOW = 10_000_000;
  const LINK: Link = { target: 't', state: 'open', since: 1, mark: { sent: NOW - 40_000, arrived: NOW - 39_000 } };
  const written = (entries: number): { countFrom: () => number } => ({ countFrom: () => entries });
  const depth = (visible: number): { visible: number; inFlight: number; delayed: number } => ({ visible, inFlight: 0, delayed: 0 });

  test('is told by the newest marker, and by what waits in its queue', () => {
    expect(lagOf(LINK, undefined, written(0), NOW)).toEqual({ lagMs: 40_000 });
    expect(lagOf(LINK, depth(1), written(0), NOW)).toEqual({ lagMs: 40_000 });
    // 600 changes in five minutes, and 1,200 messages with at least one each.
    expect(lagOf(LINK, depth(1_200), written(600), NOW)).toEqual({ lagMs: 600_000 });
    // Nothing was written, and messages wait: since when, nobody knows.
    expect(lagOf(LINK, depth(5), written(0), NOW).lagMs).toBeGreaterThanOrEqual(3_600_000);
    expect([keepFor(0), keepFor(600_000)]).toEqual([KEEP_MS, 2_160_000]);
  });

  test('is no matter of time when it is not open, or its target does not answer', () => {
    const why = (more: Partial<Link>): string | undefined => lagOf({ ...LINK, ...more }, undefined, written(0), NOW).why;
    expect(why({ state: 'stale', why: 'it lost changes' })).toBe('The link is stale: it lost changes.');
    expect(why({ failing: { since: 0, why: 'denied' } })).toContain('does not answer since 1970');
    expect(why({ refusing: { since: 0, why: 'denied' } })).toContain('refuses messages');
    expect(lagOf(undefined, undefined, written(0), NOW).why).toContain('no row');
    const { mark: _, ...unmarked } = LINK;
    expect(lagOf(unmarked, undefined, written(0), NOW).why).toContain('No marker');
  });
});

describe('looks in a row', () => {
  const look = (differing: readonly number[], state: LinkComparison['state'] = differing.length > 0 ? 'suspect' : 'verified'): LinkComparison => ({
    ...{ state, equal: state === 'verified', cells: 256, differing, hot: 0, hotKeys: [], asOfMs: 1_000 },
  });

  test('open the cells that differed twice', () => {
    const first = afterLook(undefined, look([1, 2]), 60_000);
    expect(cellsToOpen(undefined, first, 60_000)).toEqual([]);
    const second = afterLook(first, look([2, 3]), 120_000);
    expect(cellsToOpen(first, second, 120_000)).toEqual([2]);
    const other = afterLook(first, look([7]), 120_000);
    expect([other.looks, cellsToOpen(first, other, 120_000)]).toEqual([1, []]);
    const between = afterLook(first, look([], 'unverified'), 120_000);
    expect(cellsToOpen(between, afterLook(between, look([1]), 180_000), 180_000)).toEqual([]);
  });

  test('open what is known not again for an hour, but other cells at once', () => {
    const known: LinkProof = { ...afterLook(undefined, look([1, 2]), 0), opened: { at: 0, cells: [1], suspicions: 1, unresolved: 0, bytes: 9 } };
    const next = (nowMs: number): number[] => cellsToOpen(known, afterLook(known, look([1, 2]), nowMs), nowMs);
    expect(next(60_000)).toEqual([2]);
    expect(next(REOPEN_MS)).toEqual([1, 2]);
    expect(afterLook(known, look([]), 60_000).opened).toBeUndefined();
    expect(afterLook(known, look([]), 60_000).asOf).toBe(1_000);
  });
});

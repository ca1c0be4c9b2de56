import { describe, expect, test } from 'vitest';
import { history } from '../../../../lib/archive/log/history.ts';
import type { RollUpResult } from '../../../../lib/archive/log/roll-up.ts';
import { rollUp } from '../../../../lib/archive/log/roll-up.ts';
import type { RolledState } from '../../../../lib/archive/log/state.ts';
import { Rollup } from '../../../../lib/core/formats/rollup.ts';
import { AT, change, changesOf, key, LABEL, LogBucket } from './support.ts';

const HOUR = 3_600_000;
const rolledSegments = (bucket: LogBucket): number[] => bucket.names('index/').map((name) => new Rollup(bucket.bytes(name)).head.segments.length);
const roll = (bucket: LogBucket, state?: RolledState, rows = bucket.rows(), until = Number.POSITIVE_INFINITY): Promise<RollUpResult> =>
  rollUp(bucket.place, bucket.runtime, { until, rows, label: LABEL, ...(state && { state }) });

describe('rolling up', () => {
  test('makes one of 64 segments after another, and leaves the others until more have come', async () => {
    const bucket = new LogBucket();
    await bucket.fill(150, 2);
    const first = await roll(bucket);
    expect(rolledSegments(bucket)).toEqual([64, 64]);
    expect(first).toMatchObject({ made: 2, findings: [] });
    await bucket.fill(41, 2, 300);
    bucket.nowMs += HOUR;
    expect(await roll(bucket, first.state)).toMatchObject({ made: 0 });
    await bucket.fill(1, 2, 382);
    expect(await roll(bucket, first.state)).toMatchObject({ made: 1, findings: [] });
    expect(rolledSegments(bucket)).toEqual([64, 64, 64]);
  });

  test('rolls up what remains of a shard that has come to its end, or is idle, and asks nothing more of it', async () => {
    const bucket = new LogBucket();
    await bucket.fill(70, 2);
    await bucket.fill(5, 2, 140, { shard: 'shard-2', parent: 'shard-1' });
    const first = await roll(bucket);
    expect(rolledSegments(bucket)).toEqual([64]);
    bucket.nowMs += 12 * HOUR;
    const second = await roll(bucket, first.state);
    expect(rolledSegments(bucket)).toEqual([64, 6, 5]);
    let requests = 0;
    bucket.cloud.witness = () => {
      requests += 1;
    };
    const third = await roll(bucket, second.state);
    expect(requests).toBe(0);
    // Its row is dropped after two days, and then the state forgets it, too.
    const fourth = await roll(bucket, third.state, []);
    expect((await roll(bucket, fourth.state, [])).state.shards).toEqual({});
    expect(requests).toBeLessThan(6);
    bucket.cloud.witness = undefined;
    const all = await history(bucket.place, bucket.runtime, key('k3'));
    expect(all.changes).toHaveLength(bucket.ofKey('k3', changesOf(0, 150)).length);
  });

  test('asks the bucket only when a roll-up may be due, by the pace at which segments come', async () => {
    const bucket = new LogBucket();
    let lists = 0;
    bucket.cloud.witness = (call) => {
      if (call.op === 'list') lists += 1;
    };
    let state: RolledState | undefined;
    // One segment a minute of each of two shards, and a run a minute, for five hours: four roll-ups each.
    let made = 0;
    for (let minute = 0; minute < 300; minute += 1) {
      bucket.nowMs = AT + minute * 60_000 + 30_000;
      for (const shard of ['s1', 's2']) await bucket.append([change(minute, 'k', { second: minute * 60 })], { shard });
      const result = await roll(bucket, state);
      made += result.made;
      state = result.state;
    }
    expect(made).toBe(8);
    expect(lists).toBeLessThan(60);
    // A busy shard is rolled up as fast as it fills.
    await bucket.fill(5, 1, 400 * 60, { shard: 's3' });
    bucket.nowMs = AT + 400 * 60_000;
    state = (await roll(bucket, state)).state;
    await bucket.fill(60, 1, 400 * 60 + 5, { shard: 's3' });
    bucket.nowMs += 60_000;
    expect(await roll(bucket, state)).toMatchObject({ made: 1 });
  });

  test('a clock that is set back does not keep a shard waiting', async () => {
    const bucket = new LogBucket();
    await bucket.fill(10, 2);
    bucket.nowMs += 24 * HOUR;
    const { state } = await roll(bucket, undefined, []);
    const waiting: RolledState = { ...state, shards: { [`${LABEL}/shard-1`]: { done: false, next: bucket.nowMs + 2 * HOUR } } };
    await bucket.fill(64, 2, 20);
    bucket.nowMs = AT + HOUR;
    expect(await roll(bucket, waiting)).toMatchObject({ made: 1 });
  });

  test('is done with an idle shard whose last segment is in a roll-up, without asking the bucket, and drops what is done beyond a hundred', async () => {
    const bucket = new LogBucket();
    await bucket.fill(64, 2);
    let { state } = await roll(bucket);
    bucket.nowMs += 12 * HOUR;
    let requests = 0;
    bucket.cloud.witness = () => {
      requests += 1;
    };
    state = (await roll(bucket, state)).state;
    expect([requests, state.shards[`${LABEL}/shard-1`]?.done]).toEqual([0, true]);
    for (let i = 2; i <= 120; i += 1) await bucket.fill(1, 1, i, { shard: `shard-${i}` });
    state = (await roll(bucket, state)).state;
    expect(Object.keys(state.shards)).toHaveLength(100);
    expect(state.forgotten).toHaveLength(20);
    requests = 0;
    expect((await roll(bucket, state)).state).toEqual(state);
    expect(requests).toBe(0);
  });

  test('goes on with a shard to which more came after it was done', async () => {
    const bucket = new LogBucket();
    await bucket.fill(5, 2);
    bucket.nowMs += 12 * HOUR;
    let { state } = await roll(bucket);
    expect(state.shards[`${LABEL}/shard-1`]?.done).toBe(true);
    await bucket.fill(3, 2, 12 * 3_600);
    state = (await roll(bucket, state)).state;
    bucket.nowMs += 12 * HOUR;
    await roll(bucket, state);
    expect(rolledSegments(bucket)).toEqual([5, 3]);
  });

  test('finds a log that was there before its state, shard after shard', async () => {
    const bucket = new LogBucket();
    await bucket.fill(3, 2);
    await bucket.fill(70, 2, 10, { shard: 'shard-2', parent: 'shard-1' });
    const { state } = await roll(bucket, undefined, []);
    expect(rolledSegments(bucket)).toEqual([3, 64, 6]);
    expect(state.discover).toBeUndefined();
  });

  test('does no work twice when its state was lost', async () => {
    const bucket = new LogBucket();
    await bucket.fill(130, 2);
    await roll(bucket);
    const again = await roll(bucket);
    expect(again).toMatchObject({ made: 0, findings: [] });
    expect(rolledSegments(bucket)).toEqual([64, 64]);
    expect(again.state.shards[`${LABEL}/shard-1`]?.last?.first).toBe(bucket.segments[127]?.head.first);
  });

  test('goes on after the shorter roll-up that another run has stored', async () => {
    const bucket = new LogBucket();
    await bucket.fill(20, 2);
    bucket.nowMs += 12 * HOUR;
    await roll(bucket);
    expect(rolledSegments(bucket)).toEqual([20]);
    await bucket.fill(70, 2, 12 * 3_600);
    const { made } = await roll(bucket);
    expect(made).toBe(1);
    expect(rolledSegments(bucket)).toEqual([20, 64]);
  });

  test('shows what is wrong with the chain, once', async () => {
    const bucket = new LogBucket();
    await bucket.fill(130, 2);
    await bucket.remove(bucket.segments[10]?.name ?? '');
    bucket.flipBit(bucket.segments[90]?.name ?? '', ((bucket.segments[90]?.body.length ?? 0) - 1) * 8);
    bucket.nowMs += 12 * HOUR;
    const first = await roll(bucket);
    expect(first.findings.map(({ kind, object }) => [kind, object])).toEqual([
      ['missing', bucket.segments[10]?.name],
      ['damaged', bucket.segments[90]?.name],
      ['damaged', bucket.segments[90]?.name],
    ]);
    expect((await roll(bucket, first.state)).findings).toEqual([]);
    expect(rolledSegments(bucket)).toEqual([64, 25, 39]);
    const { changes, findings } = await history(bucket.place, bucket.runtime, key('k3'));
    expect(findings).toMatchObject([{ object: bucket.segments[90]?.name }]);
    const readable = changesOf(0, 260).filter((_, i) => ![10, 90].includes(Math.floor(i / 2)));
    expect(changes.map(({ sequence }) => sequence)).toEqual(bucket.ofKey('k3', readable).map(({ sequence }) => sequence));
  });

  test('begins nothing once its time is over, and goes on in the next slice', async () => {
    const bucket = new LogBucket();
    await bucket.fill(130, 2);
    const first = await roll(bucket, undefined, bucket.rows(), 0);
    expect(first).toMatchObject({ made: 0, findings: [] });
    expect(await roll(bucket, first.state)).toMatchObject({ made: 2 });
  });
});

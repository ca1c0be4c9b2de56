import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { history } from '../../../../lib/archive/log/history.ts';
import { encodeRollup } from '../../../../lib/core/formats/rollup-encode.ts';
import { decodeSegment } from '../../../../lib/core/formats/segment.ts';
import { AT, change, changesOf, key, LogBucket } from './support.ts';

const sequences = (changes: readonly { readonly sequence: string }[]): number[] => changes.map(({ sequence }) => Number(sequence) - 1_000_000);

/** Puts a roll-up of some of a bucket's segments, by their numbers. */
async function roll(bucket: LogBucket, from: number, to: number): Promise<string> {
  const rolled = bucket.segments.slice(from, to).map(({ body }) => ({ ...decodeSegment(body).footer, bytes: body.length }));
  const { name, body } = encodeRollup(rolled);
  await bucket.put(name, body);
  return name;
}

describe('the history of a key', () => {
  test('is all its changes, in order, with what each was', async () => {
    const bucket = new LogBucket();
    await bucket.fill(5, 20);
    const { changes, findings, more } = await history(bucket.place, bucket.runtime, key('k3'));
    expect(findings).toEqual([]);
    expect(more).toBe(false);
    const expected = bucket.ofKey('k3', changesOf(0, 100));
    expect(changes.map(({ label: _, shard: __, segment: ___, ...record }) => record)).toEqual(expected);
    expect(changes[0]).toMatchObject({ shard: 'shard-1', segment: bucket.segments[0]?.name });
  });

  test('of a key that was never written is empty', async () => {
    const bucket = new LogBucket();
    await bucket.fill(2, 20);
    expect((await history(bucket.place, bucket.runtime, key('nobody'))).changes).toEqual([]);
  });

  test.each([
    ['the first of them', 0, 3],
    ['those in the middle', 2, 5],
    ['all', 0, 6],
  ])('is the same whichever segments a roll-up covers: %s', async (_, from, to) => {
    const bucket = new LogBucket();
    await bucket.fill(6, 20);
    const without = await history(bucket.place, bucket.runtime, key('k3'));
    await roll(bucket, from, to);
    const found = await history(bucket.place, bucket.runtime, key('k3'));
    expect(found.changes).toEqual(without.changes);
    expect(found.findings).toEqual([]);
    expect(found.read.requests).toBeLessThan(without.read.requests + 4);
  });

  test('names no change twice when two roll-ups cover the same segment', async () => {
    const bucket = new LogBucket();
    await bucket.fill(6, 20);
    await roll(bucket, 0, 4);
    await roll(bucket, 2, 6);
    expect(sequences((await history(bucket.place, bucket.runtime, key('k3'))).changes)).toEqual(sequences(bucket.ofKey('k3', changesOf(0, 120))));
  });

  test('goes from a shard to its child, and from a stream to the next', async () => {
    const bucket = new LogBucket();
    await bucket.append(changesOf(0, 10));
    await bucket.append(changesOf(10, 20), { shard: 'shard-0', parent: 'shard-1' });
    await bucket.append([change(5, 'k3', { second: 30 })], {
      stream: 'arn:aws:dynamodb:eu-west-1:000000000000:table/t/stream/2026-11-24T11:00:00.000',
      shard: 'shard-7',
    });
    expect(sequences((await history(bucket.place, bucket.runtime, key('k3'))).changes)).toEqual([3, 10, 17, 5]);
  });

  test('ends at a limit, with the newest, and goes on before them', async () => {
    const bucket = new LogBucket();
    await bucket.fill(10, 20);
    await roll(bucket, 0, 4);
    const all = sequences(bucket.ofKey('k3', changesOf(0, 200)));
    const pages: number[] = [];
    for (let before: { label: string; sequence: string } | undefined, turns = 0; turns < 20; turns += 1) {
      const page = await history(bucket.place, bucket.runtime, key('k3'), { limit: 4, ...(before && { before }) });
      pages.unshift(...sequences(page.changes));
      const [oldest] = page.changes;
      if (!page.more || oldest === undefined) break;
      before = { label: oldest.label, sequence: oldest.sequence };
    }
    expect(pages).toEqual(all);
  });

  test('takes the times asked for, both ends included', async () => {
    const bucket = new LogBucket();
    await bucket.fill(10, 20);
    await roll(bucket, 0, 3);
    await roll(bucket, 3, 6);
    const all = bucket.ofKey('k3', changesOf(0, 200));
    const [sinceMs, untilMs] = [all[5]?.at as number, all[20]?.at as number];
    const { changes } = await history(bucket.place, bucket.runtime, key('k3'), { sinceMs, untilMs });
    expect(sequences(changes)).toEqual(sequences(all.slice(5, 21)));
  });

  test('says what of the log could not be read, and shows the rest', async () => {
    const bucket = new LogBucket();
    await bucket.fill(6, 20);
    const [first, second] = bucket.segments;
    const length = second?.body.length ?? 0;
    bucket.flipBit(second?.name ?? '', (length - 1) * 8);
    const { changes, findings } = await history(bucket.place, bucket.runtime, key('k3'));
    expect(findings).toMatchObject([{ kind: 'damaged', object: second?.name }]);
    expect(sequences(changes)).toEqual(sequences(bucket.ofKey('k3', [...changesOf(0, 20), ...changesOf(40, 120)])));
    expect(first).toBeDefined();
  });

  test('reads the segments in place of a damaged roll-up, and says so', async () => {
    const bucket = new LogBucket();
    await bucket.fill(6, 20);
    const name = await roll(bucket, 0, 6);
    const all = sequences(bucket.ofKey('k3', changesOf(0, 120)));
    for (const bit of [3, (bucket.bytes(name).length - 60) * 8]) {
      bucket.flipBit(name, bit);
      const { changes, findings } = await history(bucket.place, bucket.runtime, key('k3'));
      expect(sequences(changes)).toEqual(all);
      expect(findings).toMatchObject([{ kind: 'damaged', object: name }]);
      bucket.flipBit(name, bit);
    }
  });

  test('takes what has expired for no damage, though a roll-up still names it; what is missing later is', async () => {
    const bucket = new LogBucket();
    await bucket.fill(6, 20);
    await roll(bucket, 0, 6);
    await bucket.remove(bucket.segments[0]?.name ?? '');
    const expired = await history(bucket.place, bucket.runtime, key('k3'));
    expect(expired.findings).toEqual([]);
    expect(sequences(expired.changes)).toEqual(sequences(bucket.ofKey('k3', changesOf(20, 120))));
    await bucket.remove(bucket.segments[3]?.name ?? '');
    const { findings } = await history(bucket.place, bucket.runtime, key('k3'));
    expect(findings).toMatchObject([{ kind: 'missing', object: bucket.segments[3]?.name }]);
  });

  test('takes for expired what is older than all that is left of its own shard, whichever shards are beside it', async () => {
    const bucket = new LogBucket();
    const shards = ['shard-a', 'shard-z'];
    for (let i = 0; i < 12; i += 1) await bucket.append([change(i, `k${i % 2}`)], { shard: shards[i % 2] as string });
    for (const of of shards) {
      const rolled = bucket.segments.filter(({ head }) => head.shard === of).map(({ body }) => ({ ...decodeSegment(body).footer, bytes: body.length }));
      const { name, body } = encodeRollup(rolled);
      await bucket.put(name, body);
    }
    for (const { name } of bucket.segments.slice(0, 6)) await bucket.remove(name);
    for (const k of ['k0', 'k1']) {
      const { changes, findings } = await history(bucket.place, bucket.runtime, key(k));
      expect(findings).toEqual([]);
      expect(changes).toHaveLength(3);
    }
    // Nothing of the shard is left: all of it has expired. What is missing in between has not.
    for (const { name } of bucket.segments.slice(6).filter(({ head }) => head.shard === 'shard-z')) await bucket.remove(name);
    expect((await history(bucket.place, bucket.runtime, key('k1'))).findings).toEqual([]);
    await bucket.remove(bucket.segments[8]?.name ?? '');
    expect((await history(bucket.place, bucket.runtime, key('k0'))).findings).toMatchObject([{ kind: 'missing', object: bucket.segments[8]?.name }]);
  });

  test('begins no request when the time is over', async () => {
    const bucket = new LogBucket();
    await bucket.fill(3, 20);
    const found = await history(bucket.place, bucket.runtime, key('k3'), { until: 0 });
    expect(found).toMatchObject({ changes: [], more: true, read: { requests: 0 } });
  });

  test('reads a small part of a large segment', async () => {
    const bucket = new LogBucket();
    await bucket.append(changesOf(0, 9_000, 3_000));
    const { changes, read } = await history(bucket.place, bucket.runtime, key('k77'));
    expect(sequences(changes)).toEqual([77, 3_077, 6_077]);
    expect(read.bytes).toBeLessThan((bucket.segments[0]?.body.length ?? 0) / 5);
  });

  test('is what reading the whole log would show, whatever is rolled up and asked for', async () => {
    const stretch = fc.tuple(fc.nat(11), fc.integer({ min: 1, max: 6 }));
    const asked = fc.record({ sinceMs: fc.nat(3_000), untilMs: fc.nat(3_000), limit: fc.integer({ min: 1, max: 12 }) }, { requiredKeys: [] });
    await fc.assert(
      fc.asyncProperty(fc.array(stretch, { maxLength: 4 }), asked, fc.integer({ min: 1, max: 11 }), async (rolls, { sinceMs, untilMs, limit }, split) => {
        const bucket = new LogBucket();
        const records = changesOf(0, 36, 3).map((record, i) => ({ ...record, at: AT + 80_000 * i }));
        for (let i = 0; i < 12; i += 1) await bucket.append(records.slice(3 * i, 3 * i + 3), i < split ? {} : { shard: 'shard-0', parent: 'shard-1' });
        // Of one shard each.
        for (const [from, length] of rolls) await roll(bucket, from, Math.min(from + length, from < split ? split : 12));
        const range = { ...(sinceMs !== undefined && { sinceMs: AT + 1_000 * sinceMs }), ...(untilMs !== undefined && { untilMs: AT + 1_000 * untilMs }) };
        const { changes, findings, more } = await history(bucket.place, bucket.runtime, key('k1'), { ...range, ...(limit !== undefined && { limit }) });
        const all = bucket.ofKey('k1', records).filter(({ at }) => at >= (range.sinceMs ?? 0) && at <= (range.untilMs ?? Number.POSITIVE_INFINITY));
        expect(findings).toEqual([]);
        expect(sequences(changes)).toEqual(sequences(all.slice(-(limit ?? 100))));
        if (all.length > changes.length) expect(more).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('that was cut short by time shows everything since the time that it says', async () => {
    const bucket = new LogBucket();
    // More segments than are looked into at a time.
    await bucket.fill(200, 2);
    const all = bucket.ofKey('k3', changesOf(0, 400));
    // Each request takes a millisecond.
    bucket.cloud.witness = () => void bucket.runtime.clock.sleep(1);
    let partly = 0;
    for (let until = 0; until < 400; until += 10) {
      const begun = bucket.runtime.clock.elapsed();
      const { changes, more, reached } = await history(bucket.place, bucket.runtime, key('k3'), { until: begun + until });
      expect(sequences(changes)).toEqual(sequences(changes.length === 0 ? [] : all.slice(-changes.length)));
      if (!more) expect(changes).toHaveLength(all.length);
      else if (reached !== undefined)
        expect(all.filter(({ at }) => at > reached).every(({ sequence }) => changes.some((change) => change.sequence === sequence))).toBe(true);
      if (more && changes.length > 0) partly += 1;
    }
    expect(partly).toBeGreaterThan(0);
  });
});

import { describe, expect, test } from 'vitest';
import { CountedPlace } from '../../../../lib/archive/log/counted.ts';
import { readLine } from '../../../../lib/reconcile/lines.ts';
import type { FootersOptions, ReadFooter, Watermark } from '../../../../lib/reconcile/segments.ts';
import { covers, decodeWatermark, encodeWatermark, footersAfter, grown, LogGapError, markAt } from '../../../../lib/reconcile/segments.ts';
import { AT, change, changesOf, LogBucket, streamOf } from '../../archive/log/support.ts';

const HOUR = 3_600_000;

/** What a reader gets: the segments, and how far it is then. */
async function readAll(
  bucket: LogBucket,
  from: Watermark | { readonly fromMs: number },
  options?: FootersOptions,
  place = bucket.place,
): Promise<{ readonly reads: ReadFooter[]; readonly firsts: number[]; readonly mark: Watermark }> {
  let mark = 'fromMs' in from ? await markAt(bucket.place, bucket.runtime, from.fromMs) : from;
  const reads: ReadFooter[] = [];
  for await (const read of footersAfter(place, bucket.runtime, from, options)) {
    reads.push(read);
    mark = grown(mark, read);
  }
  return { reads, firsts: reads.map(({ footer }) => Number(footer.head.first) - 1_000_000), mark };
}

const START: Watermark = new Map();

describe('following a log', () => {
  test('each look gives what is new since the one before, in the order of replay, over a split of a shard', async () => {
    const bucket = new LogBucket();
    await bucket.fill(3, 5);
    const first = await readAll(bucket, START);
    expect(first.firsts).toEqual([0, 5, 10]);
    expect((await readAll(bucket, first.mark)).firsts).toEqual([]);
    await bucket.fill(1, 5, 15);
    await bucket.fill(2, 5, 30, { shard: 'shard-2', parent: 'shard-1' });
    await bucket.fill(1, 5, 25, { shard: 'shard-3', parent: 'shard-1' });
    const second = await readAll(bucket, first.mark);
    expect(second.firsts).toEqual([15, 25, 30, 35]);
    await bucket.fill(1, 5, 40, { shard: 'shard-2' });
    expect((await readAll(bucket, second.mark)).firsts).toEqual([40]);
  });

  test('a look that finds nothing costs one list for each open shard and one for new ones; shards that are over cost none', async () => {
    const bucket = new LogBucket();
    await bucket.fill(2, 5);
    await bucket.fill(1, 5, 10, { shard: 'shard-2', parent: 'shard-1' });
    await bucket.fill(1, 5, 20, { shard: 'shard-3', parent: 'shard-1' });
    const { mark } = await readAll(bucket, START);
    const counted = new CountedPlace(bucket.place, bucket.runtime.clock, 9, Number.POSITIVE_INFINITY);
    expect((await readAll(bucket, mark, {}, counted.place)).firsts).toEqual([]);
    expect(counted.read.requests).toBe(3);
  });

  test('a shard that sorts between known ones is found by a wide look', async () => {
    const bucket = new LogBucket();
    await bucket.fill(1, 5, 0, { shard: 'shard-a' });
    await bucket.fill(1, 5, 10, { shard: 'shard-c' });
    const { mark } = await readAll(bucket, START);
    await bucket.fill(1, 5, 20, { shard: 'shard-b', parent: 'shard-a' });
    expect((await readAll(bucket, mark)).firsts).toEqual([]);
    expect((await readAll(bucket, mark, { wide: true })).firsts).toEqual([20]);
  });

  test('a limit of entries or of time ends a look after a whole segment, and the next one goes on', async () => {
    const bucket = new LogBucket();
    await bucket.fill(4, 5);
    const some = await readAll(bucket, START, { entriesMax: 6 });
    expect(some.firsts).toEqual([0, 5]);
    expect((await readAll(bucket, some.mark)).firsts).toEqual([10, 15]);
    expect((await readAll(bucket, START, { untilElapsedMs: bucket.runtime.clock.elapsed() })).firsts).toEqual([]);
  });

  test('up to another watermark gives what that counts and no more', async () => {
    const bucket = new LogBucket();
    await bucket.fill(2, 5);
    const base = await readAll(bucket, START);
    await bucket.fill(1, 5, 10);
    await bucket.fill(1, 5, 20, { shard: 'shard-2', parent: 'shard-1' });
    const then = await readAll(bucket, base.mark);
    await bucket.fill(1, 5, 25, { shard: 'shard-2' });
    await bucket.fill(1, 5, 40, { shard: 'shard-3', parent: 'shard-2' });
    expect((await readAll(bucket, base.mark, { to: then.mark })).firsts).toEqual([10, 20]);
    expect((await readAll(bucket, then.mark, { to: then.mark })).firsts).toEqual([]);
    expect(covers(then.mark, base.mark)).toBe(true);
    expect(covers(base.mark, then.mark)).toBe(false);
  });

  test('the lines that an index names are read by their frames', async () => {
    const bucket = new LogBucket();
    await bucket.fill(1, 20);
    const [read] = (await readAll(bucket, START)).reads as [ReadFooter];
    const names = await Promise.all(
      [0, 7, 19].map(async (i) => (await readLine(bucket.place, bucket.runtime, read.ref, read.footer, read.footer.index.entry(i))).sequence),
    );
    expect(new Set(names).size).toBe(3);
    const entry = { ...read.footer.index.entry(0), keyHash: Buffer.alloc(16) };
    await expect(readLine(bucket.place, bucket.runtime, read.ref, read.footer, entry)).rejects.toThrow('another key');
  });
});

describe('a log that does not show all', () => {
  test.each([
    ['a segment that is missing', async (bucket: LogBucket) => bucket.remove((bucket.segments[2] as { name: string }).name), 'is missing'],
    ['a doubt that a head notes', async (bucket: LogBucket) => void (await bucket.append(changesOf(40, 45), { doubt: 'trimmed' })), '"trimmed"'],
    [
      'a stream that was replaced',
      async (bucket: LogBucket) => void (await bucket.append([change(1, 'k')], { shard: 's', stream: streamOf('2026-11-25T00:00:00.000') })),
      'stream was replaced',
    ],
  ])('is a gap: %s', async (_, harm, text) => {
    const bucket = new LogBucket();
    await bucket.fill(4, 5);
    await harm(bucket);
    await expect(readAll(bucket, START)).rejects.toThrow(text);
    await expect(readAll(bucket, START)).rejects.toThrow(LogGapError);
    const gaps: LogGapError[] = [];
    const { reads } = await readAll(bucket, START, { onGap: (gap) => gaps.push(gap) });
    expect(gaps).toHaveLength(1);
    expect(reads.at(-1)?.ref.name).toBe(bucket.segments.at(-1)?.name);
  });

  test('is none when only the list did not show the segment before', async () => {
    const bucket = new LogBucket();
    await bucket.fill(1, 5, 0, { shard: 'shard-a' });
    await bucket.fill(1, 5, 5, { shard: 'shard-c' });
    const { mark } = await readAll(bucket, START);
    // A narrow look does not show a shard between known ones, and then comes a child of it.
    await bucket.fill(1, 5, 10, { shard: 'shard-b', parent: 'shard-a' });
    await bucket.fill(1, 5, 20, { shard: 'shard-d', parent: 'shard-b' });
    expect((await readAll(bucket, mark)).firsts).toEqual([10, 20]);
  });
});

describe('the watermark of a time', () => {
  test('has everything behind it that was made before, and little of what comes', async () => {
    const bucket = new LogBucket();
    await bucket.fill(10, 60);
    await bucket.fill(1, 5, 700, { shard: 'shard-0', parent: 'shard-1' });
    const fromMs = AT + 400_000;
    const { firsts, mark } = await readAll(bucket, { fromMs });
    expect(firsts).toEqual([300, 360, 420, 480, 540, 700]);
    await bucket.fill(1, 5, 800, { shard: 'shard-0' });
    expect((await readAll(bucket, mark)).firsts).toEqual([800]);
  });

  test('counts all of a closed shard that ended before: its changes would undo those of its child', async () => {
    const bucket = new LogBucket();
    await bucket.fill(2, 60);
    await bucket.fill(4, 60, 1_000, { shard: 'shard-2', parent: 'shard-1' });
    const { firsts } = await readAll(bucket, { fromMs: AT + 1_200_000 });
    expect(firsts).toEqual([1_120, 1_180]);
    // One that reaches into the time is given, with its child’s.
    expect((await readAll(bucket, { fromMs: AT + 170_000 })).firsts).toEqual([60, 1_000, 1_060, 1_120, 1_180]);
  });

  test('of a log that is idle for days is its end, and what comes then is followed', async () => {
    const bucket = new LogBucket();
    await bucket.fill(3, 5);
    const { firsts, mark } = await readAll(bucket, { fromMs: AT + 100 * HOUR });
    expect(firsts).toEqual([]);
    await bucket.fill(1, 5, 20);
    expect((await readAll(bucket, mark)).firsts).toEqual([20]);
  });

  test('forgets the shards that DynamoDB closed long ago, and knows a child of theirs', async () => {
    const bucket = new LogBucket();
    const named = (at: number): string => `shardId-0000000${at}-0123abcd`;
    await bucket.fill(2, 5, 0, { shard: named(AT - HOUR) });
    const days = 4 * 24 * 3_600;
    const mark = await markAt(bucket.place, bucket.runtime, AT + days * 1_000);
    expect([...mark.keys()]).toEqual(['*']);
    await bucket.append([change(20, 'k', { second: days + 60 })], { shard: named(AT + days * 1_000), parent: named(AT - HOUR) });
    expect((await readAll(bucket, mark)).firsts).toEqual([20]);
  });

  test('is the same after it was stored as JSON', async () => {
    const bucket = new LogBucket();
    await bucket.fill(2, 5);
    await bucket.fill(1, 5, 20, { shard: 'shard-2', parent: 'shard-1' });
    const { mark } = await readAll(bucket, START);
    expect(decodeWatermark(JSON.parse(JSON.stringify(encodeWatermark(mark))))).toEqual(mark);
    expect(() => decodeWatermark([{ shard: 'a' }])).toThrow('watermark');
  });
});

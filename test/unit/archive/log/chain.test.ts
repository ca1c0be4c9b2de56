import { describe, expect, test } from 'vitest';
import { ChainWalk, checkChain } from '../../../../lib/archive/log/chain.ts';
import type { ChainedSegment } from '../../../../lib/archive/log/chain-findings.ts';
import { streamBegan } from '../../../../lib/archive/log/chain-findings.ts';
import { readLogName } from '../../../../lib/core/formats/archive-names.ts';
import type { EncodedSegment } from '../../../../lib/core/formats/segment.ts';
import { AT, changesOf, LogBucket, streamOf } from './support.ts';

const chained = ({ name, head, sha256 }: EncodedSegment): ChainedSegment => ({
  ref: { name, ...(readLogName(name) as Omit<ChainedSegment['ref'], 'name'>) },
  head,
  sha256,
});
const without = (bucket: LogBucket, ...numbers: number[]): ChainedSegment[] => bucket.segments.filter((_, i) => !numbers.includes(i)).map(chained);
const DAY = 24 * 3_600_000;

/** Two shards, the second one the child of the first, of four segments each. */
async function family(): Promise<LogBucket> {
  const bucket = new LogBucket();
  await bucket.fill(4, 5);
  await bucket.fill(4, 5, 20, { shard: 'shard-2', parent: 'shard-1' });
  return bucket;
}

describe('the chain of a log', () => {
  test('that is whole has no finding, in whatever order its segments are given', async () => {
    const bucket = await family();
    expect(checkChain(bucket.segments.map(chained), bucket.rows())).toEqual([]);
    expect(checkChain(bucket.segments.map(chained).reverse(), bucket.rows())).toEqual([]);
  });

  test('names every segment that is missing, whichever it is', async () => {
    const bucket = await family();
    for (let i = 0; i < 8; i += 1) {
      const findings = checkChain(without(bucket, i), bucket.rows());
      expect(findings).toMatchObject([{ kind: 'missing', object: bucket.segments[i]?.name }]);
      const [finding] = findings;
      expect(finding?.fromMs).toBeLessThanOrEqual(AT + 5_000 * i);
      expect(finding?.toMs).toBeGreaterThanOrEqual(AT + 5_000 * i + 4_000);
    }
  });

  test('that lacks several in a row says from when to when', async () => {
    const bucket = await family();
    expect(checkChain(without(bucket, 1, 2), undefined)).toMatchObject([
      { kind: 'missing', object: bucket.segments[2]?.name, fromMs: AT + 4_000, toMs: AT + 15_000 },
    ]);
  });

  test('shows a segment whose bytes are not those that were stored', async () => {
    const bucket = await family();
    const segments = bucket.segments.map(chained);
    const other = segments.map((segment, i) => (i === 3 ? { ...segment, sha256: 'another' } : segment));
    expect(checkChain(other, undefined)).toMatchObject([{ kind: 'damaged', object: segments[3]?.ref.name }]);
    const last = segments.map((segment, i) => (i === 7 ? { ...segment, sha256: 'another' } : segment));
    expect(checkChain(last, bucket.rows())).toMatchObject([{ kind: 'damaged', object: segments[7]?.ref.name }]);
  });

  test('shows one that does not follow on the one before', async () => {
    const bucket = new LogBucket();
    await bucket.fill(2, 5);
    const stray = bucket.encode(changesOf(10, 15));
    await bucket.fill(1, 5, 15);
    const { previous: _, ...alone } = chained(bucket.encode(changesOf(30, 35))).head;
    const unnamed = chained(bucket.encode(changesOf(30, 35)));
    const findings = checkChain([...bucket.segments.map(chained), chained(stray), { ...unnamed, head: alone }], undefined);
    expect(findings.map(({ kind, object }) => [kind, object])).toEqual([
      ['unlinked', bucket.segments[2]?.name],
      ['unlinked', unnamed.ref.name],
    ]);
  });

  test('takes each doubt of a head for a hole, from the record before it on', async () => {
    const bucket = new LogBucket();
    await bucket.fill(1, 5);
    await bucket.append(changesOf(100, 105), { doubt: 'silence' });
    await bucket.append(changesOf(105, 110), { doubt: 'skipped' });
    expect(checkChain(bucket.segments.map(chained), undefined)).toMatchObject([
      { kind: 'hole', fromMs: AT + 4_000, toMs: AT + 100_000, object: bucket.segments[1]?.name },
      { kind: 'hole', fromMs: AT + 104_000, toMs: AT + 105_000, object: bucket.segments[2]?.name },
    ]);
  });

  test('has a hole between two streams, up to when the second was enabled', async () => {
    const bucket = new LogBucket();
    await bucket.fill(2, 5);
    await bucket.append(changesOf(4_000, 4_005), { shard: 'shard-9', stream: streamOf('2026-11-24T11:00:00.500') });
    expect(checkChain(bucket.segments.map(chained), undefined)).toMatchObject([
      { kind: 'hole', fromMs: AT + 9_000, toMs: Date.UTC(2026, 10, 24, 11, 0, 0, 500) },
    ]);
  });

  test('may begin later when its first segments have expired, and only then', async () => {
    const bucket = await family();
    const rows = bucket.rows();
    const old = { nowMs: AT + 40 * DAY };
    expect(checkChain(without(bucket, 0), rows, old)).toEqual([]);
    expect(checkChain(without(bucket, 0, 1, 2, 3, 4), rows, old)).toEqual([]);
    // What lies within was not expired, and what is a few hours old cannot have.
    expect(checkChain(without(bucket, 2), rows, old)).toHaveLength(1);
    expect(checkChain(without(bucket, 0), rows, { nowMs: AT + 3_600_000 })).toHaveLength(1);
    expect(checkChain(without(bucket, 0), rows, { nowMs: AT + 40 * DAY, retentionMs: 50 * DAY })).toHaveLength(1);
    expect(checkChain(without(bucket, 0), rows, { nowMs: AT + 40 * DAY, retentionMs: 35 * DAY })).toEqual([]);
  });

  test('may lack any segment that is older than they are kept: S3 removes them in no order', async () => {
    const bucket = await family();
    const expiry = { nowMs: AT + 40 * DAY, retentionMs: 35 * DAY };
    for (const gone of [[1], [5], [2, 4, 6], [0, 3]]) expect(checkChain(without(bucket, ...gone), bucket.rows(), expiry)).toEqual([]);
    // A younger one may not.
    expect(checkChain(without(bucket, 1), bucket.rows(), { ...expiry, retentionMs: 50 * DAY })).toHaveLength(1);
  });

  test('says from when on nothing has expired', async () => {
    const bucket = await family();
    const walk = new ChainWalk(() => undefined, [], { nowMs: AT + 40 * DAY, retentionMs: 35 * DAY });
    for (const segment of without(bucket, 5)) walk.push(segment);
    expect(walk.end()).toBe(AT + 30_000);
  });

  test('goes on without a segment that a row does not name yet', async () => {
    const bucket = await family();
    const rows = bucket.rows();
    await bucket.fill(1, 5, 40, { shard: 'shard-2' });
    expect(checkChain(bucket.segments.map(chained), rows)).toEqual([]);
  });

  test('knows when a stream was enabled by its label', () => {
    expect(streamBegan('2026-11-24T10-15-03.123')).toBe(Date.UTC(2026, 10, 24, 10, 15, 3, 123));
    expect(streamBegan('000001')).toBeUndefined();
  });
});

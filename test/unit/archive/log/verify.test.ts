import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { restorable } from '../../../../lib/archive/log/report.ts';
import { rollUp } from '../../../../lib/archive/log/roll-up.ts';
import type { VerifyOptions, VerifyProgress } from '../../../../lib/archive/log/verify.ts';
import { verifiedState, verifyArchive } from '../../../../lib/archive/log/verify.ts';
import { packLines } from '../../../../lib/archive/snapshot/lines.ts';
import type { SnapshotFile } from '../../../../lib/core/formats/manifest.ts';
import { encodeManifest, makeManifest, manifestName, scanPrefix } from '../../../../lib/core/formats/manifest.ts';
import { sha256Base64 } from '../../../../lib/core/formats/segment.ts';
import type { ObjectPort } from '../../../../lib/ports/objects.ts';
import { AT, KEY, key, LABEL, LogBucket } from './support.ts';

const SNAPSHOT = '20261124T100100Z-abcdef';
const MINUTE = 60_000;

/** A snapshot of two items, from a minute after AT on. */
async function snapshot(bucket: LogBucket, id = SNAPSHOT, startedMs = AT + MINUTE): Promise<string[]> {
  const names = [0, 1].map((i) => `${scanPrefix(id)}data/000-00000${i}-run.json.zst`);
  const files: SnapshotFile[] = [];
  for (const [i, name] of names.entries()) {
    const raw = Buffer.from(`${JSON.stringify({ Item: { ...key(`k${i}`), n: { N: '1' } } })}\n`, 'utf8');
    const body = packLines([raw], 'zstd');
    await bucket.put(name, body);
    files.push({ name, items: 1, bytes: body.length, rawBytes: raw.length, sha256: sha256Base64(body) });
  }
  const about = { id, set: bucket.place.set, member: bucket.place.member, table: 't', tableId: 'T-1', key: KEY, startedMs, endedMs: startedMs + 5_000 };
  await bucket.put(manifestName(id), encodeManifest(makeManifest({ ...about, via: 'scan', compression: 'zstd', files })));
  return [...names, manifestName(id)];
}

/** Three shards of four segments, and a snapshot. The log began long before the snapshot. */
async function archive(): Promise<LogBucket> {
  const bucket = new LogBucket();
  await bucket.fill(4, 5);
  await bucket.fill(4, 5, 20, { shard: 'shard-2', parent: 'shard-1' });
  await bucket.fill(4, 5, 40, { shard: 'shard-3', parent: 'shard-2' });
  await snapshot(bucket);
  return bucket;
}

const verify = (bucket: LogBucket, more: Partial<VerifyOptions> = {}) =>
  verifyArchive(bucket.place, bucket.runtime, { deep: false, tails: bucket.rows(), ...more });

describe('verifying an archive', () => {
  test.each([false, true])('finds nothing in a whole one, and says what it has looked at (deep: %s)', async (deep) => {
    const bucket = await archive();
    const heard: VerifyProgress[] = [];
    const report = await verify(bucket, { deep, progress: (now) => heard.push(now) });
    expect(report).toMatchObject({ deep, segments: 12, snapshots: 1, records: 60, findings: [], found: 0, fromMs: AT, toMs: AT + 59_000 });
    expect(heard.at(-1)).toMatchObject({ objects: 14, bytes: report.bytes });
    expect(heard.every(({ objects, ofObjects, bytes, ofBytes }) => objects <= ofObjects && bytes <= ofBytes)).toBe(true);
    expect(verifiedState(report)).toEqual({ at: report.at, segments: 12, findings: 0, first: [], ...(deep && { deepAt: report.at }) });
  });

  test.each([false, true])('takes for expired what is older than segments are kept, in whatever order S3 removes it (deep: %s)', async (deep) => {
    const bucket = await archive();
    for (const i of [1, 5, 6, 8]) await bucket.remove(bucket.segments[i]?.name ?? '');
    bucket.nowMs = AT + 36 * 24 * 60 * MINUTE;
    const expired = await verify(bucket, { deep, retentionMs: 35 * 24 * 60 * MINUTE });
    expect(expired.findings).toEqual([]);
    expect((await verify(bucket, { deep, retentionMs: 37 * 24 * 60 * MINUTE })).found).toBe(3);
  });

  test('takes for expired what goes while it is read', async () => {
    const bucket = await archive();
    const name = bucket.segments[3]?.name ?? '';
    bucket.nowMs = AT + 36 * 24 * 60 * MINUTE;
    const { place } = bucket;
    const objects: ObjectPort = {
      get: async (from, asked, ...more) => (asked === name ? undefined : place.objects.get(from, asked, ...more)),
      head: (...asked) => place.objects.head(...asked),
      list: (...asked) => place.objects.list(...asked),
      put: (...asked) => place.objects.put(...asked),
      delete: (...asked) => place.objects.delete(...asked),
    };
    const going = { ...place, objects };
    const verified = (retentionMs: number) => verifyArchive(going, bucket.runtime, { deep: true, tails: bucket.rows(), retentionMs });
    expect((await verified(35 * 24 * 60 * MINUTE)).findings).toEqual([]);
    expect((await verified(37 * 24 * 60 * MINUTE)).findings).toMatchObject([{ kind: 'missing', object: name }]);
  });

  test('deep finds and names any object of which one bit is another', async () => {
    const bucket = await archive();
    const names = bucket.names();
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), fc.nat(), async (name, bit) => {
        const flipped = bit % (bucket.bytes(name).length * 8);
        bucket.flipBit(name, flipped);
        const { findings } = await verify(bucket, { deep: true });
        bucket.flipBit(name, flipped);
        // That one, once, and nothing that hangs on it.
        expect(findings.map(({ object }) => object)).toEqual([name]);
      }),
      { numRuns: 60 },
    );
    expect((await verify(bucket, { deep: true })).found).toBe(0);
  });

  test.each([false, true])('finds and names any object that is gone (deep: %s)', async (deep) => {
    const bucket = await archive();
    for (const name of bucket.names()) {
      const bytes = bucket.bytes(name);
      await bucket.remove(name);
      const { findings } = await verify(bucket, { deep });
      await bucket.put(name, bytes);
      expect(findings.map(({ object }) => object)).toEqual([name]);
    }
  });

  test.each([false, true])('finds and names any object that was cut short, wherever (deep: %s)', async (deep) => {
    const bucket = await archive();
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...bucket.names()), fc.nat(), async (name, cut) => {
        const bytes = bucket.bytes(name);
        // Stored anew, so that S3 keeps the sum of what is left.
        await bucket.put(name, bytes.subarray(0, cut % bytes.length));
        const { findings } = await verify(bucket, { deep });
        await bucket.put(name, bytes);
        // That one, once, and nothing that hangs on it.
        expect(findings.map(({ object }) => object)).toEqual([name]);
      }),
      { numRuns: 40 },
    );
  });

  test('finds a segment in place of which another one was stored, by what names it', async () => {
    const bucket = await archive();
    const second = bucket.segments[1];
    if (second === undefined) throw new Error('no segment');
    const spare = new LogBucket();
    await spare.fill(1, 5);
    const other = spare.encode([
      { ...(second.head && { sequence: '1000005' }), at: AT + 5_000, event: 'MODIFY', origin: 'local', keys: key('x'), newImage: key('x') },
    ]);
    expect(other.name).toBe(second.name);
    await bucket.put(other.name, other.body);
    for (const deep of [false, true]) expect((await verify(bucket, { deep })).findings).toMatchObject([{ kind: 'damaged', object: second.name }]);
  });

  test('finds a snapshot that was never finished, but not one that is being taken', async () => {
    const bucket = await archive();
    const names = await snapshot(bucket, '20261124T100300Z-ghijkl');
    await bucket.remove(names.at(-1) ?? '');
    expect((await verify(bucket)).findings).toMatchObject([{ kind: 'unfinished', object: names.at(-1) }]);
    expect((await verify(bucket, { running: ['20261124T100300Z-ghijkl'] })).findings).toEqual([]);
  });

  test('takes what has expired at the beginning of the log for its later begin', async () => {
    const bucket = await archive();
    for (const { name } of bucket.segments.slice(0, 6)) await bucket.remove(name);
    bucket.nowMs += 40 * 24 * 3_600_000;
    const report = await verify(bucket);
    expect(report).toMatchObject({ found: 0, segments: 6, fromMs: AT + 30_000 });
    // What the snapshot's replay needs is gone with it.
    expect(report.restorable).toEqual([]);
  });

  test('deep compares roll-ups with the footers that they are of', async () => {
    const bucket = await archive();
    bucket.nowMs += 12 * 3_600_000;
    await rollUp(bucket.place, bucket.runtime, { until: Number.POSITIVE_INFINITY, rows: bucket.rows(), label: LABEL });
    const names = bucket.names('index/');
    expect(names).toHaveLength(3);
    expect(await verify(bucket, { deep: true })).toMatchObject({ rollups: 3, found: 0 });
    await bucket.put(names[0] ?? '', bucket.bytes(names[1] ?? ''));
    expect((await verify(bucket, { deep: true })).findings).toMatchObject([{ kind: 'damaged', object: names[0] }]);
  });

  test('of a log of several pages and shards misses none', async () => {
    const bucket = new LogBucket();
    await bucket.fill(1_003, 1);
    for (let i = 0; i < 5; i += 1) await bucket.fill(2, 1, 2_000 + 10 * i, { shard: `shard-2${i}`, parent: i === 0 ? 'shard-1' : `shard-2${i - 1}` });
    expect(await verify(bucket)).toMatchObject({ segments: 1_013, records: 1_013, found: 0 });
    await bucket.remove(bucket.segments[1_001]?.name ?? '');
    expect((await verify(bucket)).findings).toMatchObject([{ kind: 'missing', object: bucket.segments[1_001]?.name }]);
  });
});

describe('the times to which a table can be restored', () => {
  const one = { startedMs: 1_000, endedMs: 1_100 };
  const two = { startedMs: 2_000, endedMs: 2_100 };

  test('go from each snapshot’s end to the first fault that its replay would meet', () => {
    expect(restorable([], [], 5_000, 50)).toEqual([]);
    expect(restorable([one], [], 5_000, 50)).toEqual([{ fromMs: 1_100, toMs: 5_000 }]);
    expect(restorable([two, one], [], 5_000, 50)).toEqual([{ fromMs: 1_100, toMs: 5_000 }]);
    expect(restorable([one, two], [{ fromMs: 1_500, toMs: 1_600 }], 5_000, 50)).toEqual([
      { fromMs: 1_100, toMs: 1_499 },
      { fromMs: 2_100, toMs: 5_000 },
    ]);
    expect(restorable([one, two], [{ fromMs: 1_500, toMs: 1_980 }], 5_000, 50)).toEqual([{ fromMs: 1_100, toMs: 1_499 }]);
    expect(restorable([one], [{ fromMs: 1_050, toMs: 1_060 }], 5_000, 50)).toEqual([]);
    expect(restorable([one], [{ fromMs: 0, toMs: 900 }], 5_000, 50)).toEqual([{ fromMs: 1_100, toMs: 5_000 }]);
    expect(restorable([one], [{}], 5_000, 50)).toEqual([]);
  });

  test('agree with the rule, whatever the snapshots and faults are', () => {
    const span = fc.tuple(fc.nat(200), fc.nat(30)).map(([from, length]) => ({ fromMs: from, toMs: from + length }));
    const snapshots = fc.uniqueArray(
      fc.tuple(fc.nat(200), fc.nat(20)).map(([started, took]) => ({ startedMs: started, endedMs: started + took })),
      { selector: (s) => s.endedMs, maxLength: 5 },
    );
    fc.assert(
      fc.property(snapshots, fc.array(span, { maxLength: 4 }), (shots, faults) => {
        const spans = restorable(shots, faults, 250, 10);
        for (let t = 0; t <= 250; t += 1) {
          const newest = shots.filter(({ endedMs }) => endedMs <= t).sort((a, b) => b.endedMs - a.endedMs)[0];
          const can = newest !== undefined && !faults.some(({ fromMs, toMs }) => toMs >= newest.startedMs - 10 && fromMs <= t);
          expect([t, spans.some(({ fromMs, toMs }) => t >= fromMs && t <= toMs)]).toEqual([t, can]);
        }
      }),
    );
  });
});

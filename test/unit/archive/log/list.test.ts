import { describe, expect, test } from 'vitest';
import type { LoggedChange } from '../../../../lib/archive/log/changes.ts';
import { changes } from '../../../../lib/archive/log/changes.ts';
import { firstOfShards, listSegments } from '../../../../lib/archive/log/list.ts';
import { readFooter, readHead, readSegment } from '../../../../lib/archive/log/read.ts';
import { segmentName } from '../../../../lib/core/formats/archive-names.ts';
import { AT, change, changesOf, key, LABEL, LogBucket, streamOf } from './support.ts';

/** Names of so many segments of one second each, without their bytes. */
async function manyNames(bucket: LogBucket, shard: string, count: number, from = 0): Promise<string[]> {
  const names = Array.from({ length: count }, (_, i) =>
    segmentName({ label: LABEL, shard, first: String(1_000_000 + from + i), firstAtMs: AT + 1_000 * (from + i) }),
  );
  for (const name of names) await bucket.put(name, new Uint8Array([1]));
  return names;
}

describe('the list of a log', () => {
  test('goes by stream, then by first sequence number, whatever the shards are called', async () => {
    const bucket = new LogBucket();
    await bucket.append(changesOf(0, 5), { shard: 'z' });
    await bucket.append(changesOf(100, 105), { shard: 'a', parent: 'z' });
    await bucket.append(changesOf(10, 15), { shard: 'm' });
    await bucket.append([change(1, 'k')], { shard: 'b', stream: streamOf('2026-11-24T12:00:00.000') });
    await bucket.put('log/readme.txt', new Uint8Array([1]));
    expect((await listSegments(bucket.place, bucket.runtime)).map(({ shard }) => shard)).toEqual(['z', 'm', 'a', 'b']);
  });

  test('shows all of long and short shards, more than one page holds', async () => {
    const bucket = new LogBucket();
    const names = [
      ...(await manyNames(bucket, 's1', 3)),
      ...(await manyNames(bucket, 's2', 2_100, 5_000)),
      ...(await manyNames(bucket, 's3', 1_050, 10)),
      ...(await manyNames(bucket, 's4', 1, 9)),
    ];
    const found = await listSegments(bucket.place, bucket.runtime);
    expect(found.map(({ name }) => name).sort()).toEqual(names.sort());
  });

  test('of a range has also the last segment of each shard before it, and none after it', async () => {
    const bucket = new LogBucket();
    await manyNames(bucket, 's1', 1_500);
    await manyNames(bucket, 's2', 3, 200);
    const found = await listSegments(bucket.place, bucket.runtime, { fromMs: AT + 1_200_000, toMs: AT + 1_203_000 });
    expect(found.map(({ shard, firstAtMs }) => [shard, (firstAtMs - AT) / 1_000])).toEqual([
      ['s2', 202],
      ['s1', 1_199],
      ['s1', 1_200],
      ['s1', 1_201],
      ['s1', 1_202],
      ['s1', 1_203],
    ]);
  });

  test('a segment that follows on one of the range belongs to it, though its stamp is a little before', async () => {
    const bucket = new LogBucket();
    for (const [i, second] of [0, 240, 239, 480].entries()) {
      await bucket.put(segmentName({ label: LABEL, shard: 's1', first: String(101 + i), firstAtMs: AT + second * 1_000 }), new Uint8Array([1]));
    }
    const found = await listSegments(bucket.place, bucket.runtime, { fromMs: AT + 240_000 });
    expect(found.map(({ first }) => first)).toEqual(['101', '102', '103', '104']);
  });

  test('finds every shard by one request each', async () => {
    const bucket = new LogBucket();
    await manyNames(bucket, 's1', 30);
    await manyNames(bucket, 's2', 2, 40);
    await manyNames(bucket, 's3', 5, 50);
    let requests = 0;
    bucket.cloud.witness = () => {
      requests += 1;
    };
    const shards: string[] = [];
    for await (const { shard } of firstOfShards(bucket.place, bucket.runtime)) shards.push(shard);
    expect(shards).toEqual(['s1', 's2', 's3']);
    expect(requests).toBe(4);
  });
});

describe('reading a segment', () => {
  test('names the object that is missing, empty, cut off or another', async () => {
    const bucket = new LogBucket();
    await bucket.fill(2, 20);
    const [ref, second] = await listSegments(bucket.place, bucket.runtime);
    if (ref === undefined || second === undefined) throw new Error('no segments');
    const body = bucket.bytes(ref.name);
    expect((await readFooter(bucket.place, bucket.runtime, ref)).head).toEqual(bucket.segments[0]?.head);
    expect(await readHead(bucket.place, bucket.runtime, ref)).toEqual(bucket.segments[0]?.head);
    const readers = [readFooter, readHead, readSegment];
    for (const [bytes, why] of [
      [body.subarray(0, body.length - 3), 'damaged'],
      [body.subarray(0, 10), 'damaged'],
      [bucket.bytes(second.name), 'its name does not say'],
    ] as const) {
      await bucket.put(ref.name, bytes);
      for (const read of readers) {
        await expect(read(bucket.place, bucket.runtime, ref)).rejects.toThrow(ref.name);
        await expect(read(bucket.place, bucket.runtime, ref)).rejects.toThrow(why);
      }
    }
    await bucket.put(ref.name, new Uint8Array());
    const [empty] = await listSegments(bucket.place, bucket.runtime);
    for (const read of readers) await expect(read(bucket.place, bucket.runtime, empty ?? ref)).rejects.toThrow(`${ref.name} is damaged`);
    await bucket.remove(ref.name);
    for (const read of readers) await expect(read(bucket.place, bucket.runtime, ref)).rejects.toThrow(`${ref.name} is missing.`);
  });

  test('takes bytes that S3 finds changed for damage, and those that another segment does not name', async () => {
    const bucket = new LogBucket();
    await bucket.fill(1, 20);
    const [ref] = await listSegments(bucket.place, bucket.runtime);
    if (ref === undefined) throw new Error('no segment');
    await expect(readSegment(bucket.place, bucket.runtime, ref, { sha256: 'another' })).rejects.toThrow('SHA-256');
    await expect(readSegment(bucket.place, bucket.runtime, ref, { sha256: bucket.segments[0]?.sha256 ?? '' })).resolves.toMatchObject({
      sha256: bucket.segments[0]?.sha256,
    });
    bucket.flipBit(ref.name, 77);
    await expect(readSegment(bucket.place, bucket.runtime, ref)).rejects.toThrow(`${ref.name} is damaged`);
  });
});

describe('the changes of a log', () => {
  test('come in their order, those of the range alone', async () => {
    const bucket = new LogBucket();
    await bucket.fill(4, 10);
    await bucket.fill(4, 10, 40, { shard: 'shard-0', parent: 'shard-1' });
    const found: number[] = [];
    for await (const { sequence } of changes(bucket.place, bucket.runtime, { fromMs: AT + 15_000, toMs: AT + 62_000 }))
      found.push(Number(sequence) - 1_000_000);
    expect(found).toEqual(Array.from({ length: 48 }, (_, i) => 15 + i));
  });

  test('of chosen segments say where each is', async () => {
    const bucket = new LogBucket();
    await bucket.fill(3, 2);
    const segments = (await listSegments(bucket.place, bucket.runtime)).slice(1, 2);
    const found: LoggedChange[] = [];
    for await (const one of changes(bucket.place, bucket.runtime, { segments })) found.push(one);
    expect(found).toMatchObject([
      { sequence: '1000002', label: LABEL, shard: 'shard-1', segment: bucket.segments[1]?.name, keys: key('k2') },
      { sequence: '1000003', segment: bucket.segments[1]?.name },
    ]);
  });
});

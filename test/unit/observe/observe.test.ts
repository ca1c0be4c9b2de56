import { beforeEach, describe, expect, it } from 'vitest';
import { lostAnswer } from '../../../lib/adapters/memory/call.ts';
import type { Item } from '../../../lib/core/attribute.ts';
import { FormatError } from '../../../lib/core/errors.ts';
import { showPosition } from '../../../lib/core/formats/position.ts';
import { SEAT_KEY, shardKey } from '../../../lib/core/formats/rows.ts';
import { metaOf } from '../../../lib/core/formats/seal.ts';
import { SEGMENT_RECORDS_MAX, sha256Base64 } from '../../../lib/core/formats/segment.ts';
import { ObserveUnfinishedError, ShardUncertainError } from '../../../lib/observe/observe.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import type { StreamRecord } from '../../../lib/ports/stream.ts';
import { growMark } from '../../../lib/replicate/shards.ts';
import { item, key, World } from '../../flows/support/world.ts';
import { bucketOf, faults, segments, shardRow } from './support/log.ts';

let world: World;
beforeEach(async () => {
  world = await World.create();
});

/** Writes keys k0, k1 … at a member, over and over: each write is one record. */
async function write(count: number, member = world.primary): Promise<void> {
  for (let i = 0; i < count; i += 1) await world.put(item(`k${i % 7}`, 1, { n: { N: String(world.clock.now() + i) } }), member);
}

const refuse = (kind: 'denied' | 'throttled'): never => {
  throw new RemoteError(kind, kind === 'denied' ? 'AccessDenied' : 'SlowDown', 'not now');
};

describe('a batch', () => {
  it('becomes a segment that ends where the row of its shard says, and the next one names it', async () => {
    await write(5);
    const records = world.records();
    const first = await world.observeOf(records.slice(0, 3));
    const shard = first.shard as string;
    const [segment] = segments(world);
    expect(first).toMatchObject({ records: 3, segments: [segment?.name] });
    expect(segment?.head).toMatchObject({
      set: 'test',
      member: world.primary,
      shard,
      stream: records[0]?.streamArn,
      tableId: (await world.seat(world.primary)).tableId,
    });
    expect(segment?.head.previous).toBeUndefined();
    expect(await shardRow(world, shard)).toMatchObject({
      seen: { sequence: records[2]?.sequence, at: records[2]?.createdMs },
      tail: { first: records[0]?.sequence, firstAt: records[0]?.createdMs, sha256: segment?.sha256 },
    });
    await world.observeOf(records.slice(3));
    expect(segments(world)[1]?.head.previous).toEqual({
      shard,
      first: records[0]?.sequence,
      firstAt: records[0]?.createdMs,
      last: records[2]?.sequence,
      sha256: segment?.sha256,
    });
    expect(faults(world, records)).toEqual([]);
    expect(Object.fromEntries(world.counted)).toMatchObject({ LogRecords: 5, LogSegments: 2 });
    expect(world.counted.get('LogBytes')).toBeGreaterThan(500);
    expect(world.counted.has('LogHole')).toBe(false);
  });

  it('without records, or of records that are archived, asks nothing of the bucket', async () => {
    await write(4);
    await world.observeOf(world.records());
    let asked = 0;
    world.cloud.hook = (call) => {
      if (call.service === 's3') asked += 1;
    };
    expect(await world.observeOf([])).toEqual({ records: 0, segments: [] });
    for (const [from, to] of [
      [0, 4],
      [0, 1],
      [2, 3],
    ] as const)
      expect((await world.observeOf(world.records().slice(from, to))).records).toBe(0);
    expect(asked).toBe(0);
    expect(segments(world)).toHaveLength(1);
  });

  it('that comes again from the horizon with more goes on after what is archived', async () => {
    await write(6);
    const records = world.records();
    await world.observeOf(records.slice(0, 4));
    expect(await world.observeOf(records)).toMatchObject({ records: 2 });
    expect(faults(world, records)).toEqual([]);
    expect(segments(world).map(({ head }) => head.records)).toEqual([4, 2]);
  });

  it('of more records than a segment takes becomes several, in one call', async () => {
    await write(1);
    const [one] = world.records() as [StreamRecord];
    const records = Array.from({ length: SEGMENT_RECORDS_MAX + 500 }, (_, i): StreamRecord => ({ ...one, sequence: String(BigInt(one.sequence) + BigInt(i)) }));
    expect(await world.observeOf(records)).toMatchObject({ records: records.length, segments: { length: 2 } });
    expect(faults(world, records)).toEqual([]);
  });

  it('is archived before init, too: without an epoch nothing has a position', async () => {
    await world.clock.run(world.table(world.primary).delete(world.control(world.primary), SEAT_KEY));
    await write(2);
    await world.observeOf(world.records());
    const [segment] = segments(world);
    expect(segment?.head.tableId).toBeUndefined();
    expect(segment?.records.map(({ origin, position }) => [origin, position])).toEqual([
      ['local', undefined],
      ['local', undefined],
    ]);
  });

  it('whose shard is not certain is refused, and nothing is stored or marked', async () => {
    const { stream } = world.cloud.region(world.primary).tableNamed(world.items(world.primary));
    stream?.split((await world.clock.run(world.cloud.region(world.primary).stream.shards(stream.arn)))[0]?.id as string, world.clock.now());
    await write(3);
    const failed = world.observeOf(world.records().slice(0, 1));
    await expect(failed).rejects.toThrow(ShardUncertainError);
    await expect(failed).rejects.toThrow(/tumbling window/);
    expect(segments(world)).toEqual([]);
  });
});

describe('copies at a secondary', () => {
  it('are the applier’s, with the positions of the primary’s log; writes by hand are local', async () => {
    for (let i = 0; i < 4; i += 1) await world.put(item(`k${i}`, 1, { n: { N: '1' } }));
    await world.remove(key('k3'));
    await world.drain();
    await world.put(item('k9', 1), world.secondary);
    await world.observeOf(world.records());
    await world.observeOf(world.records(world.secondary), world.secondary);
    const positions = segments(world).flatMap(({ records }) => records.map(({ position }) => position && showPosition(position)));
    const copies = segments(world, world.secondary).flatMap(({ records }) => records);
    const hand = copies.at(-1);
    expect([hand?.keys, hand?.origin, hand?.position]).toEqual([key('k9'), 'local', undefined]);
    expect(copies.slice(0, -1).map(({ origin }) => origin)).toEqual(copies.slice(0, -1).map(() => 'applier'));
    const placed = copies.filter(({ event, origin }) => event !== 'REMOVE' && origin === 'applier');
    expect(placed.length).toBeGreaterThanOrEqual(3);
    for (const { position } of placed) expect(positions).toContain(position && showPosition(position));
    expect(placed.every(({ newImage }) => metaOf(newImage as never).seal !== undefined)).toBe(true);
    expect(faults(world, world.records(world.secondary), world.secondary)).toEqual([]);
  });
});

describe('an attempt that ends early', () => {
  let records: readonly StreamRecord[];
  beforeEach(async () => {
    await write(8);
    records = world.records();
    await world.observeOf(records.slice(0, 2));
  });

  /** The mark is never written: the process died after the put. */
  const die = (): void => {
    world.cloud.hook = (call) => (call.op === 'update' ? refuse('denied') : undefined);
  };

  it.each([
    ['the same', 5, [2, 3, 3]],
    ['a shorter', 4, [2, 3, 3]],
    ['a longer', 7, [2, 3, 2, 1]],
  ])('between put and mark, then %s batch: the stored segment counts', async (_, to, sizes) => {
    die();
    await expect(world.observeOf(records.slice(2, 5))).rejects.toThrow(RemoteError);
    world.cloud.hook = undefined;
    await world.observeOf(records.slice(2, to));
    for (let at = to; at < 8; at = 8) await world.observeOf(records.slice(at, 8));
    expect(segments(world).map(({ head }) => head.records)).toEqual(sizes);
    expect(faults(world, records)).toEqual([]);
  });

  it('between put and mark, and whose records never come again: the next one goes on after what is stored, and has no doubt of it', async () => {
    die();
    await expect(world.observeOf(records.slice(2, 5))).rejects.toThrow(RemoteError);
    world.cloud.hook = undefined;
    const [first] = segments(world);
    // Fan-out has moved the stored ones: by the rows alone they would be missing for certain.
    const moved = records[4] as StreamRecord;
    await world.clock.run(
      growMark(world.table(world.primary), world.control(world.primary), first?.head.shard as string, 'sent', moved.sequence, moved.createdMs),
    );
    expect(await world.observeOf(records.slice(5))).toMatchObject({ records: 3 });
    expect(faults(world, records)).toEqual([]);
    expect(segments(world).map(({ head }) => head.doubt)).toEqual([undefined, undefined, undefined]);
    expect(world.counted.has('LogHole')).toBe(false);
  });

  it('with the answer of the put lost: repeated, it meets itself', async () => {
    let lost = 0;
    world.cloud.hook = (call) => (call.op === 'put' && call.service === 's3' && lost++ === 0 ? { lost: lostAnswer() } : undefined);
    expect(await world.observeOf(records.slice(2))).toMatchObject({ records: 6, segments: { length: 1 } });
    expect(faults(world, records)).toEqual([]);
    expect(world.counted.get('LogRecords')).toBe(8);
  });

  it('while another does the same with another cut: both end, and the log has one line', async () => {
    await Promise.all([world.observeOf(records.slice(2, 6)), world.observeOf(records.slice(2, 4))]);
    await world.observeOf(records.slice(4));
    expect(faults(world, records)).toEqual([]);
  });

  it('frozen before its put, and going on when others are far ahead, adds nothing', async () => {
    let woken = false;
    world.cloud.hook = async (call) => {
      if (call.op !== 'put' || call.service !== 's3' || woken) return;
      woken = true;
      world.cloud.hook = undefined;
      await world.observeOf(records.slice(2, 3));
      await world.observeOf(records.slice(3, 6));
    };
    await world.observeOf(records.slice(2, 5));
    const row = await shardRow(world, segments(world)[0]?.head.shard as string);
    expect(row?.seen?.sequence).toBe(records[5]?.sequence);
    expect(row?.tail?.first).toBe(records[3]?.sequence);
    await world.observeOf(records.slice(6));
    expect(faults(world, records)).toEqual([]);
  });

  it('frozen before its mark, and going on when others are far ahead, does not set the mark back', async () => {
    world.cloud.hook = async (call) => {
      if (call.op !== 'update') return;
      world.cloud.hook = undefined;
      await world.observeOf(records.slice(2));
    };
    await world.observeOf(records.slice(2, 5));
    const row = await shardRow(world, segments(world)[0]?.head.shard as string);
    expect([row?.seen?.sequence, row?.tail?.first]).toEqual([records[7]?.sequence, records[5]?.sequence]);
    expect(faults(world, records)).toEqual([]);
  });

  it('after more segments than one attempt passes: what was passed is marked, and the next one ends', async () => {
    await write(70);
    records = world.records();
    const control = world.control(world.primary);
    const row = (await world.clock.run(world.table(world.primary).get(control, shardKey(segments(world)[0]?.head.shard as string)))) as Item;
    for (let i = 2; i < records.length; i += 1) await world.observeOf(records.slice(i, i + 1));
    // As if none of their marks had been written.
    await world.clock.run(world.table(world.primary).put(control, row));
    await expect(world.observeOf(records.slice(2))).rejects.toThrow(ObserveUnfinishedError);
    expect(await world.observeOf(records.slice(2))).toMatchObject({ records: 0 });
    expect((await shardRow(world, segments(world)[0]?.head.shard as string))?.seen?.sequence).toBe(records.at(-1)?.sequence);
    expect(faults(world, records)).toEqual([]);
  });

  it.each(['denied', 'throttled'] as const)('because S3 says %s: nothing is marked, and a refusal is said loudly', async (kind) => {
    world.cloud.hook = (call) => (call.op === 'put' && call.service === 's3' ? refuse(kind) : undefined);
    await expect(world.observeOf(records.slice(2))).rejects.toThrow(RemoteError);
    expect((await shardRow(world, segments(world)[0]?.head.shard as string))?.seen?.sequence).toBe(records[1]?.sequence);
    expect(world.logged.filter(({ level }) => level === 'error').map(({ fields }) => fields?.['bucket'])).toEqual(kind === 'denied' ? [bucketOf(world)] : []);
    world.cloud.hook = undefined;
    await world.observeOf(records.slice(2));
    expect(faults(world, records)).toEqual([]);
  });

  it('beside a damaged segment of the same name: the error names it', async () => {
    die();
    await expect(world.observeOf(records.slice(2, 5))).rejects.toThrow(RemoteError);
    world.cloud.hook = undefined;
    const name = segments(world)[1]?.name as string;
    const { buckets } = world.cloud.region(world.primary);
    const cut = buckets.bytes(bucketOf(world), name).slice(0, -1);
    buckets.put(bucketOf(world), name, cut, { sha256: sha256Base64(cut) });
    await expect(world.observeOf(records.slice(2))).rejects.toThrow(FormatError);
    await expect(world.observeOf(records.slice(2))).rejects.toThrow(name);
  });
});

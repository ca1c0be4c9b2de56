import { beforeEach, describe, expect, it } from 'vitest';
import { encodeShard, sequenceValue, shardKey } from '../../../lib/core/formats/rows.ts';
import { noteKept } from '../../../lib/observe/kept.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import { memberContext } from '../../../lib/replicate/context.ts';
import { item, World } from '../../flows/support/world.ts';
import { bucketOf, faults, segments, shardRow } from './support/log.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;

let world: World;
let writes = 0;
beforeEach(async () => {
  world = await World.create();
  writes = 0;
});

const stream = () =>
  world.cloud.region(world.primary).tableNamed(world.items(world.primary)).streams.at(-1) as never as {
    readonly arn: string;
    roll(nowMs: number): void;
    split(id: string, nowMs: number): void;
    read(shard: string, after: string | undefined, limit: number, nowMs: number): ReturnType<World['records']>;
    shardIds(nowMs: number): readonly string[];
  };

async function write(count = 1): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    writes += 1;
    await world.put(item(`k${i}`, 1, { n: { N: String(writes) } }));
  }
}

/** The observer reads what is new of each shard, parents first. */
async function observeAll(): Promise<void> {
  const now = world.clock.now();
  for (const shard of stream().shardIds(now)) {
    const { seen } = (await shardRow(world, shard)) ?? {};
    await world.observeOf(stream().read(shard, seen?.sequence, 1_000, now), world.primary, shard);
  }
}

const doubts = (): readonly (string | undefined)[] => segments(world).map(({ head }) => head.doubt);

/** The shard that each record was read from. */
const shardOf = (sequence: string): string => segments(world).find(({ records }) => records.some((r) => r.sequence === sequence))?.head.shard ?? 'none';

describe('a line of shards', () => {
  it('goes on over splits and shards without records: a child names its parent’s, or its nearest ancestor’s, newest segment', async () => {
    await write(6);
    await observeAll();
    stream().split(stream().shardIds(world.clock.now())[0] as string, world.clock.now());
    stream().roll(world.clock.now());
    await write(20);
    await observeAll();
    stream().roll(world.clock.now());
    await write(20);
    await observeAll();
    const heads = segments(world).map(({ head }) => head);
    expect(heads).toHaveLength(5);
    expect(heads.map(({ previous }) => heads.findIndex(({ shard }) => shard === previous?.shard))).toEqual([-1, 0, 0, 1, 2]);
    expect(doubts()).toEqual([undefined, undefined, undefined, undefined, undefined]);
    expect(faults(world, world.records(), world.primary, ({ sequence }) => shardOf(sequence))).toEqual([]);
  });

  it('goes on when the rows of its shards are gone: the bucket says where', async () => {
    await write(3);
    await observeAll();
    const [first] = segments(world);
    const shard = first?.head.shard as string;
    await world.clock.run(world.table(world.primary).delete(world.control(world.primary), shardKey(shard)));
    // All of it comes again: it is known to be archived, and marked anew.
    expect(await world.observeOf(world.records(), world.primary, shard)).toMatchObject({ records: 0 });
    expect((await shardRow(world, shard))?.tail?.sha256).toBe(first?.sha256);
    await world.clock.run(world.table(world.primary).delete(world.control(world.primary), shardKey(shard)));
    stream().roll(world.clock.now());
    await write(2);
    await observeAll();
    expect(segments(world)[1]?.head.previous?.sha256).toBe(first?.sha256);
    expect(doubts()).toEqual([undefined, undefined]);
  });

  it('does not go on where nothing is known of it: the first segment of a shard in a young archive has no doubt', async () => {
    await write(3);
    await observeAll();
    // A shard of the same stream of which the description names no ancestor that was archived.
    expect(await world.observeOf(world.records(), world.primary, 'shardId-other')).toMatchObject({ records: 3 });
    expect(segments(world)[1]?.head.previous).toBeUndefined();
    expect(doubts()).toEqual([undefined, undefined]);
  });
});

describe('a hole is reported', () => {
  it('skipped: fan-out has moved a record that the observer never sees', async () => {
    await write(5);
    const records = world.records();
    const { shard } = await world.observeOf(records.slice(0, 2));
    await world.fanoutOf(records.slice(2, 3));
    expect(await world.observeOf(records.slice(3))).toMatchObject({ doubt: 'skipped' });
    expect(doubts()).toEqual([undefined, 'skipped']);
    expect(world.counted.get('LogHole')).toBe(1);
    expect(world.logged.filter(({ level }) => level === 'error')).toMatchObject([{ fields: { why: 'skipped', shard, after: records[1]?.sequence } }]);
    // Said once: what follows is whole again.
    await write(1);
    await world.fanoutOf(world.records());
    await observeAll();
    expect(doubts()).toEqual([undefined, 'skipped', undefined]);
  });

  it('once, also when the attempt that reported it died before its mark', async () => {
    await write(6);
    const records = world.records();
    await world.observeOf(records.slice(0, 2));
    await world.fanoutOf(records.slice(2, 3));
    world.cloud.hook = (call) => (call.op === 'update' ? { refuse: new RemoteError('denied', 'Test', 'not now') } : undefined);
    await expect(world.observeOf(records.slice(3, 4))).rejects.toThrow();
    expect(world.counted.get('LogHole')).toBe(1);
    world.cloud.hook = undefined;
    await world.observeOf(records.slice(3));
    expect(doubts()).toEqual([undefined, 'skipped', undefined]);
  });

  it('trimmed: the observer comes back when records were about to be dropped', async () => {
    await write(1);
    await observeAll();
    for (let hours = 0; hours < 30; hours += 1) {
      await world.clock.advance(HOUR);
      await write(1);
    }
    await observeAll();
    expect(doubts()).toEqual([undefined, 'trimmed']);
  });

  it('silence: it comes back after a day in which nobody saw it keep up', async () => {
    await write(1);
    await observeAll();
    await world.clock.advance(MINUTE);
    await write(1);
    await world.clock.advance(25 * HOUR);
    await write(1);
    await observeAll();
    expect(doubts()).toEqual([undefined, 'silence']);
    expect(segments(world)[1]?.head.previous?.last).toBe(segments(world)[0]?.head.last);
  });

  it('not for a first batch, however old its records', async () => {
    await write(1);
    await world.clock.advance(23.9 * HOUR);
    await write(1);
    await observeAll();
    expect(doubts()).toEqual([undefined]);
  });
});

describe('an idle table', () => {
  /** The minute run looks, every ten minutes. */
  async function pass(hours: number): Promise<void> {
    const { table } = world.cloud.region(world.primary);
    const { tables } = memberContext(world.config, world.member(0));
    for (const end = world.clock.now() + hours * HOUR; world.clock.now() < end; ) {
      await world.clock.advance(10 * MINUTE);
      const shards = await Promise.all(
        stream()
          .shardIds(world.clock.now())
          .map((id) => shardRow(world, id)),
      );
      await world.clock.run(
        noteKept(
          shards.flatMap((s) => (s === undefined ? [] : [s])),
          table,
          tables.control,
          world.runtime,
          Number.POSITIVE_INFINITY,
        ),
      );
    }
  }

  it('has no doubt when the observer was seen to keep up', async () => {
    await write(2);
    await world.fanoutOf(world.records());
    await observeAll();
    await pass(40);
    await write(1);
    await observeAll();
    expect(doubts()).toEqual([undefined, undefined]);
  });

  it('has none when its shards were described no more either', async () => {
    await write(2);
    await world.fanoutOf(world.records());
    await observeAll();
    for (let i = 0; i < 12; i += 1) {
      await pass(4);
      stream().roll(world.clock.now());
    }
    await write(1);
    await observeAll();
    expect(doubts()).toEqual([undefined, undefined]);
  });

  it('has one when fan-out had something that the observer had not', async () => {
    await write(2);
    await observeAll();
    await world.clock.advance(MINUTE);
    await write(1);
    await world.fanoutOf(world.records());
    await pass(25);
    await write(1);
    await world.fanoutOf(world.records().slice(-1));
    await observeAll();
    expect(doubts()).toEqual([undefined, 'silence']);
  });

  it('writes its note hourly, not at each look', async () => {
    let notes = 0;
    world.cloud.hook = (call) => {
      if (call.op === 'put' && call.service === 'dynamodb') notes += 1;
    };
    await pass(10);
    expect(notes).toBe(10);
  });
});

it('a row of a shard keeps its tail as it was written', async () => {
  await write(1);
  await observeAll();
  const [segment] = segments(world);
  const row = await shardRow(world, segment?.head.shard as string);
  expect(row).toEqual({
    id: segment?.head.shard,
    seen: { sequence: segment?.head.last, at: segment?.head.toMs },
    tail: { first: segment?.head.first, firstAt: segment?.head.firstAt, sha256: segment?.sha256 },
  });
  expect(encodeShard(row as never)['tail']).toEqual({
    M: { first: sequenceValue(segment?.head.first as string), firstAt: { N: String(segment?.head.firstAt) }, sha256: { S: segment?.sha256 } },
  });
  expect(bucketOf(world)).toBe(memberContext(world.config, world.member(0)).bucket);
});

import { describe, expect, it } from 'vitest';
import type { Item } from '../../lib/core/attribute.ts';
import { rev } from '../../lib/core/formats/rev.ts';
import { metaOf, metaValue, verifySeal, withoutMeta } from '../../lib/core/formats/seal.ts';
import { readTombstone } from '../../lib/core/formats/tombstone.ts';
import { keyText } from '../../lib/core/key.ts';
import { Watch } from './support/watch.ts';
import { item, KEY, key, World } from './support/world.ts';

/** Every type of DynamoDB, at the edges. */
const EVERY_TYPE: Item = item('every type', 1, {
  empty: { S: '' },
  unicode: { S: 'Žižkov 🚋 \u0000 "quoted"' },
  digits38: { N: '12345678901234567890123456789012345678' },
  tiny: { N: '-0.0000000000000000000000000000000000000123' },
  huge: { N: `${'9'.repeat(38)}${'0'.repeat(88)}` },
  binary: { B: Buffer.from([0, 255, 1, 254]).toString('base64') },
  noBytes: { B: '' },
  yes: { BOOL: true },
  nothing: { NULL: true },
  strings: { SS: ['b', 'a', 'ü'] },
  numbers: { NS: ['3', '1.5', '-2'] },
  binaries: { BS: ['AA==', 'AQ=='] },
  list: { L: [{ S: 'x' }, { L: [{ N: '1' }, { M: { deep: { NULL: true } } }] }, { L: [] }] },
  map: { M: { a: { M: { b: { L: [{ B: 'AAE=' }] } } }, ' ': { S: 'a name of one space' } } },
});

describe('the pipeline', () => {
  it('copies puts, updates and deletes, bit for bit, to every replica', async () => {
    const world = await World.create({ members: ['eu-west-1', 'us-east-1', 'ap-south-1'] });
    const watch = new Watch(world);
    await world.put(EVERY_TYPE);
    for (let i = 0; i < 50; i += 1) await world.put(item('many', i, { n: { N: String(i) } }));
    await world.drain();
    for (let i = 0; i < 50; i += 2) await world.remove(key('many', i));
    for (let i = 1; i < 50; i += 2) await world.put(item('many', i, { n: { N: String(i * 1_000) } }));
    await world.drain();
    for (const member of ['us-east-1', 'ap-south-1']) {
      expect(world.content(member)).toEqual(world.content(world.primary));
      const copy = (await world.get(key('every type', 1), member)) as Item;
      const original = (await world.get(key('every type', 1), world.primary)) as Item;
      expect(withoutMeta(copy)).toEqual(withoutMeta(original));
    }
    expect(world.content(world.primary).size).toBe(26);
    expect(watch.violations).toEqual([]);
    expect(watch.states).toBeGreaterThan(3);
  });

  it('seals copies with the position of their change and carries the rev along', async () => {
    const world = await World.create();
    const r = rev(1, 1_700_000_000_000, 7);
    await world.put({ ...item('a', 1), _s: metaValue(r, undefined) });
    await world.drain();
    const copy = (await world.get(key('a', 1))) as Item;
    const seat = await world.seat(world.secondary);
    const seal = verifySeal(metaOf(copy).seal, seat.tableId, keyText(copy, KEY));
    expect(seal?.kind).toBe('lane');
    expect(metaOf(copy).rev?.equals(r)).toBe(true);
    await world.remove(key('a', 1));
    await world.drain();
    expect(await world.get(key('a', 1))).toBeUndefined();
    const [grave] = world.cloud.region(world.secondary).items(world.tombstones(world.secondary));
    const tombstone = readTombstone(grave as Item, seat.tableId, keyText(key('a', 1), KEY));
    expect(tombstone?.of?.equals(r)).toBe(true);
  });

  it('sends nothing from a secondary: a hand write there is not fanned out, and the primary stays as it is', async () => {
    const world = await World.create();
    await world.put(item('by hand', 1), world.secondary);
    await world.drain();
    expect(await world.get(key('by hand', 1), world.primary)).toBeUndefined();
    expect(world.cloud.region(world.secondary).messages(world.queue(world.secondary, world.primary).queue)).toEqual([]);
  });

  it('does not send back what it replicated (I9)', async () => {
    const world = await World.create();
    await world.put(item('a', 1));
    await world.drain();
    expect(world.records(world.secondary)).toHaveLength(1);
    const result = await world.fanoutOf(world.records(world.secondary), world.secondary);
    expect(result).toMatchObject({ images: 0, resyncs: 0, skipped: 1 });
  });

  it('leaves DynamoDB’s own expiry to each member', async () => {
    const world = await World.create();
    await world.put(item('a', 1));
    await world.drain();
    const record = {
      ...(world.records()[0] as typeof world.records extends () => readonly (infer R)[] ? R : never),
      eventName: 'REMOVE' as const,
      byTtl: true,
    };
    expect(await world.fanoutOf([record])).toMatchObject({ images: 0, resyncs: 0, skipped: 1 });
  });

  it('notes a marker’s arrival, so that an idle link differs from a stalled one', async () => {
    const world = await World.create();
    expect((await world.link()).mark).toBeUndefined();
    await world.minute();
    await world.drain();
    const { mark } = await world.link();
    expect(mark?.sent).toBeGreaterThan(0);
    expect(mark?.arrived).toBeGreaterThanOrEqual(mark?.sent ?? Number.POSITIVE_INFINITY);
  });

  it('grows the shard’s mark and never lets it shrink', async () => {
    const world = await World.create();
    for (let i = 0; i < 3; i += 1) await world.put(item('a', i));
    await world.pumpFanout();
    const rows = async (): Promise<string[]> =>
      (
        await world.clock.run(world.table(world.primary).query({ table: world.control(world.primary), partition: { name: 'pk', value: { S: 'shard' } } }))
      ).items.map((r) => JSON.stringify(r['sent']));
    const after = await rows();
    expect(after).toHaveLength(1);
    await world.fanoutOf(world.records().slice(0, 1));
    expect(await rows()).toEqual(after);
  });

  it('waits, and loses nothing, while the set has no seats', async () => {
    const world = await World.create();
    await world.put(item('a', 1));
    await world.clock.run(world.table(world.primary).delete(world.control(world.primary), { pk: { S: 'self' }, sk: { S: 'seat' } }));
    await expect(world.pumpFanout()).rejects.toThrow(/has no seat yet/);
    expect(world.consumed.get(world.primary) ?? 0).toBe(0);
  });
});

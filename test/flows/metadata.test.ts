import { describe, expect, it } from 'vitest';
import type { Item } from '../../lib/core/attribute.ts';
import { position } from '../../lib/core/formats/position.ts';
import { rev } from '../../lib/core/formats/rev.ts';
import { metaValue, sealBytes, withoutMeta } from '../../lib/core/formats/seal.ts';
import { keyText } from '../../lib/core/key.ts';
import { itemBytes } from '../../lib/core/size.ts';
import { item, KEY, key, World } from './support/world.ts';

/** An item of exactly that many bytes, by DynamoDB's rules. */
function ofBytes(pk: string, bytes: number): Item {
  const bare = item(pk, 1, { text: { S: '' } });
  return item(pk, 1, { text: { S: 'x'.repeat(bytes - itemBytes(bare)) } });
}
const LIMIT = 400 * 1_024;

describe('foreign metadata', () => {
  it('replicates an item that was copied at the primary with our metadata in it', async () => {
    const world = await World.create();
    await world.put(item('a', 1, { n: { N: '1' } }));
    await world.drain();
    // A user copies the replica's whole item to another key, and back to the primary, seal and all.
    const copy = (await world.get(key('a'))) as Item;
    await world.put({ ...copy, ...key('b') });
    await world.put({ ...copy, n: { N: '2' } });
    await world.drain();
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
    await world.put(item('b', 1, { n: { N: '3' } }));
    await world.remove(key('a'));
    await world.drain();
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
  });

  it('is not blocked by an item copied by hand at a secondary with a high position', async () => {
    for (const many of [false, true]) {
      const world = await World.create();
      const seat = await world.seat(world.secondary);
      const far = position(1, 10n ** 39n);
      // The seal of another key: its key check does not verify here.
      const seal = sealBytes(seat.tableId, keyText(key('elsewhere'), KEY), far, 'lane', undefined);
      await world.put({ ...item('a', 1, { n: { N: '0' } }), _s: metaValue(rev(1, 1, 1), seal) }, world.secondary);
      await world.put(item('a', 1, { n: { N: '1' } }));
      if (many) for (let i = 0; i < 20; i += 1) await world.put(item(`other ${i}`, 1));
      await world.drain();
      expect(world.content(world.secondary)).toEqual(world.content(world.primary));
      await world.remove(key('a'));
      await world.drain();
      expect(await world.get(key('a'))).toBeUndefined();
    }
  });

  it('takes anything in the reserved attribute for nothing', async () => {
    const world = await World.create();
    for (const [i, junk] of [{ S: 'x' }, { M: {} }, { M: { p: { S: 'x' }, r: { N: '1' } } }, { M: { p: { B: 'AAAA' }, r: { B: '' } } }, { L: [] }].entries()) {
      await world.put({ ...item(`k${i}`, 1), _s: junk as never });
      await world.put({ ...item(`k${i}`, 1), _s: junk as never }, world.secondary);
    }
    await world.drain();
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
  });
});

describe('what the target refuses', () => {
  it('isolates a poison record among 1,000: one dead letter with its reason, then a refused key; the rest arrives and the lane goes on', async () => {
    // The replicas' own index wants a number where one item has a text.
    const world = await World.create({ lanes: 4, indexes: [{ name: 'by-rank', key: [{ name: 'rank', type: 'N' }] }] });
    for (let i = 0; i < 1_000; i += 1) await world.put(item(`k${i}`, 1, { rank: i === 500 ? { S: 'first' } : { N: String(i) } }));
    await world.drain();
    expect(world.content(world.secondary).size).toBe(999);
    expect(world.deadLetters()).toHaveLength(1);
    expect(world.deadLetters()[0]?.attributes['reason']).toMatch(/ValidationException/);
    expect(await world.refused()).toEqual([]);
    // Its lane goes on.
    for (let i = 0; i < 1_000; i += 1) await world.put(item(`k${i}`, 2, { rank: { N: String(i) } }));
    await world.drain();
    expect(world.content(world.secondary).size).toBe(1_999);

    const run = await world.minute();
    expect(run.links[world.secondary]?.deadLetters).toMatchObject({ redriven: 1, keys: 1, unreadable: 0 });
    await world.drain();
    expect(world.deadLetters()).toEqual([]);
    const [refused] = await world.refused();
    expect(refused).toMatchObject({ key: key('k500'), link: world.primary, reason: expect.stringMatching(/ValidationException/) });

    // Fixed at the source: the change itself arrives at once, and the hourly retry removes the row.
    await world.put(item('k500', 1, { rank: { N: '500' } }));
    await world.drain();
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
    expect((await world.minute()).links[world.secondary]?.refusedRetried).toBe(0);
    await world.drain();
    expect(await world.refused()).toHaveLength(1);
    await world.clock.advance(3_600_000);
    expect((await world.minute()).links[world.secondary]?.refusedRetried).toBe(1);
    await world.drain();
    expect(await world.refused()).toEqual([]);
  });

  it('tries a refused key again each hour, and keeps since when it is refused', async () => {
    const world = await World.create();
    await world.put(ofBytes('big', LIMIT - 10));
    await world.drain();
    await world.minute();
    await world.drain();
    const [first] = await world.refused();
    await world.clock.advance(3_600_000);
    await world.minute();
    await world.drain();
    const [again] = await world.refused();
    expect(again?.since).toBe(first?.since);
    expect(again?.tried).toBeGreaterThan(first?.tried ?? 0);
    await world.remove(key('big'));
    await world.clock.advance(3_600_000);
    await world.minute();
    await world.drain();
    expect(await world.refused()).toEqual([]);
  });

  it('refuses the record that is too large with metadata, and takes the largest that is not', async () => {
    const world = await World.create();
    // "_s" and its seal without a rev: 2 + 3 + 1 + 1 + 37 bytes (see docs/formats.md).
    await world.put(ofBytes('fits', LIMIT - 44));
    await world.put(ofBytes('too large', LIMIT - 43));
    await world.drain();
    expect(await world.get(key('fits'))).toBeDefined();
    expect(await world.get(key('too large'))).toBeUndefined();
    expect(world.deadLetters()).toHaveLength(1);
    await world.minute();
    await world.drain();
    expect((await world.refused()).map((r) => r.key)).toEqual([key('too large')]);
    expect(withoutMeta((await world.get(key('fits'))) as Item)).toEqual(ofBytes('fits', LIMIT - 44));
  });
});

describe('resync', () => {
  it('refuses a source that is not the registered table, and deletes nothing', async () => {
    const world = await World.create({ lanes: 1 });
    await world.put(item('a', 1));
    await world.drain();
    await world.clock.advance(120_000);
    const region = world.cloud.region(world.primary);
    const seat = await world.seat(world.primary);
    region.deleteTable(world.items(world.primary));
    region.createTable({ name: world.items(world.primary), key: KEY, stream: true });
    // A record of the new stream goes as resync; the source is now empty of "a".
    await world.clock.run(world.table(world.primary).put(world.items(world.primary), item('a', 1)));
    await world.clock.run(world.table(world.primary).delete(world.items(world.primary), key('a')));
    const fresh = world.records().filter((r) => r.streamArn !== seat.stream);
    expect(await world.fanoutOf(fresh)).toMatchObject({ images: 0, resyncs: 2 });
    await world.pumpApply();
    expect(await world.get(key('a'))).toBeDefined();
    expect((await world.link()).failing?.why).toContain('TableId');
  });
});

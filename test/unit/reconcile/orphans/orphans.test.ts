import { describe, expect, test } from 'vitest';
import type { Orphan } from '../../../../lib/core/formats/orphan-row.ts';
import { withoutMeta } from '../../../../lib/core/formats/seal.ts';
import { heldNow, reapply } from '../../../../lib/reconcile/orphans/reapply.ts';
import type { OrphanFilter } from '../../../../lib/reconcile/orphans/rows.ts';
import { decide, listOrphans, readOrphan } from '../../../../lib/reconcile/orphans/rows.ts';
import { recordOf } from '../../../../lib/reconcile/orphans/value.ts';
import type { MemberReach } from '../../../../lib/reconcile/ports.ts';
import { item, KEY, key } from '../../../flows/support/world.ts';
import { Rig } from '../check/rig.ts';

/** A set of two, and a hand at the second. */
class Hand {
  readonly rig: Rig;
  readonly there: MemberReach;
  constructor(rig: Rig) {
    this.rig = rig;
    this.there = rig.ports().others.get(rig.world.secondary) as MemberReach;
  }
  static async create(items = 4): Promise<Hand> {
    return new Hand(await Rig.create(items));
  }
  get place() {
    return { table: this.there.table, control: this.there.member.tables.control };
  }
  list(filter: OrphanFilter = {}, limit = 100) {
    return this.rig.beside(listOrphans(this.place, this.rig.world.runtime, KEY, filter, limit));
  }
  record(orphan: Orphan) {
    return this.rig.beside(recordOf(this.there.place, this.rig.world.runtime, orphan));
  }
  held(orphan: Orphan) {
    return this.rig.beside(heldNow(this.rig.ports().own, this.rig.world.runtime, orphan));
  }
  async reapply(orphan: Orphan, read?: Awaited<ReturnType<typeof heldNow>>) {
    const record = await this.record(orphan);
    if (record === undefined) throw new Error('no record');
    const seat = await this.rig.world.seat(this.rig.world.primary);
    return this.rig.beside(reapply(this.rig.ports().own, this.rig.world.runtime, seat, orphan, record, read));
  }
}

describe('orphans', () => {
  test('are listed with their cause, and lead to what was written', async () => {
    const hand = await Hand.create();
    const { secondary } = hand.rig.world;
    await hand.rig.plant(secondary, [{ put: item('k1', 1, { n: { N: '-1' } }) }, { remove: key('k2') }]);
    const { orphans, more } = await hand.list();
    expect(more).toBe(false);
    expect(orphans.map(({ cause, state, key: of }) => `${(of['pk'] as { S: string }).S} ${cause} ${state}`).sort()).toEqual([
      'k1 hand-write open',
      'k2 hand-delete open',
    ]);
    for (const orphan of orphans) {
      const record = await hand.record(orphan);
      expect(record?.keys).toEqual(orphan.key);
      if (orphan.cause === 'hand-write') expect(withoutMeta(record?.newImage ?? {})).toEqual(item('k1', 1, { n: { N: '-1' } }));
      else expect(record).toMatchObject({ event: 'REMOVE', oldImage: { n: { N: '2' } } });
    }
  });

  test('are filtered and limited', async () => {
    const hand = await Hand.create();
    await hand.rig.plant(hand.rig.world.secondary, [{ put: item('a', 1) }, { put: item('b', 1) }, { remove: key('k2') }]);
    expect((await hand.list({ cause: 'hand-delete' })).orphans).toHaveLength(1);
    expect((await hand.list({ key: key('a') })).orphans).toHaveLength(1);
    expect((await hand.list({ state: 'discarded' })).orphans).toHaveLength(0);
    const limited = await hand.list({}, 2);
    expect({ found: limited.orphans.length, more: limited.more }).toEqual({ found: 2, more: true });
    expect((await hand.list({}, 3)).more).toBe(false);
  });

  test('a re-applied write is the primary’s, and is replicated', async () => {
    const hand = await Hand.create();
    const { world } = hand.rig;
    await hand.rig.plant(world.secondary, [{ put: item('k1', 1, { n: { N: '-1' } }) }]);
    const [orphan] = (await hand.list()).orphans as [Orphan];
    expect(await hand.reapply(orphan, await hand.held(orphan))).toBe('put');
    await hand.rig.pass(10_000);
    expect(withoutMeta((await hand.held(orphan)) ?? {})).toEqual(item('k1', 1, { n: { N: '-1' } }));
    expect(hand.rig.isEqual(world.secondary)).toBe(true);
    expect(await hand.reapply(orphan, await hand.held(orphan))).toBe('already');
  });

  test('a re-applied delete deletes; one of what is not there does nothing', async () => {
    const hand = await Hand.create();
    const { world } = hand.rig;
    await hand.rig.plant(world.secondary, [{ remove: key('k2') }]);
    const [orphan] = (await hand.list()).orphans as [Orphan];
    expect(await hand.reapply(orphan, await hand.held(orphan))).toBe('deleted');
    await hand.rig.pass(10_000);
    expect(world.content(world.primary).size).toBe(3);
    expect(hand.rig.isEqual(world.secondary)).toBe(true);
    expect(await hand.reapply(orphan, undefined)).toBe('already');
  });

  test('⚠ nothing newer at the primary is overwritten', async () => {
    const hand = await Hand.create();
    const { world } = hand.rig;
    await hand.rig.plant(world.secondary, [{ put: item('k1', 1, { n: { N: '-1' } }) }]);
    const [orphan] = (await hand.list()).orphans as [Orphan];
    const seen = await hand.held(orphan);
    await world.put(item('k1', 1, { n: { N: '77' } }));
    await expect(hand.reapply(orphan, seen)).rejects.toMatchObject({ code: 'changed-since' });
    expect(await hand.held(orphan)).toMatchObject({ n: { N: '77' } });
  });

  test('a decision is made once', async () => {
    const hand = await Hand.create();
    await hand.rig.plant(hand.rig.world.secondary, [{ put: item('a', 1) }]);
    const { runtime } = hand.rig.world;
    const [orphan] = (await hand.list()).orphans as [Orphan];
    expect(await hand.rig.beside(decide(hand.place, runtime, orphan, 'discarded', 'ticket 42'))).toMatchObject({ state: 'discarded', note: 'ticket 42' });
    await expect(hand.rig.beside(decide(hand.place, runtime, orphan, 'reapplied', undefined))).rejects.toMatchObject({ code: 'orphan-decided' });
    expect(await hand.rig.beside(readOrphan(hand.place, runtime, orphan.id))).toMatchObject({ state: 'discarded' });
    expect(await hand.rig.beside(readOrphan(hand.place, runtime, 'nobody'))).toBeUndefined();
  });

  test('what the log keeps no more is said to be gone; a damaged segment is named', async () => {
    const hand = await Hand.create();
    await hand.rig.plant(hand.rig.world.secondary, [{ put: item('a', 1) }]);
    const [orphan] = (await hand.list()).orphans as [Orphan];
    await expect(hand.record({ ...orphan, ordinal: 99 })).rejects.toThrow(/no line 99/);
    const { place } = hand.there;
    await hand.rig.beside(place.objects.delete(place.bucket, orphan.segment));
    expect(await hand.record(orphan)).toBeUndefined();
  });
});

import { describe, expect, test } from 'vitest';
import { RemoteError } from '../../../../lib/ports/errors.ts';
import { pullDrift } from '../../../../lib/reconcile/drift/pull.ts';
import type { DriftRow } from '../../../../lib/reconcile/drift/row.ts';
import { decodeDrift, encodeDrift, readDrift, withDrift } from '../../../../lib/reconcile/drift/row.ts';
import type { DriftFlag } from '../../../../lib/reconcile/proof/fold.ts';
import { foldMember } from '../../../../lib/reconcile/proof/fold.ts';
import { item, key } from '../../../flows/support/world.ts';
import { Rig } from '../check/rig.ts';

const until = Number.POSITIVE_INFINITY;

/** The flags that a fold of the secondary's log hears. */
async function flagsOf(rig: Rig): Promise<DriftFlag[]> {
  const { world } = rig;
  const flags: DriftFlag[] = [];
  const reach = rig.ports().others.get(world.secondary);
  if (reach === undefined) throw new Error('no secondary');
  await rig.beside(foldMember(reach, undefined, undefined, world.runtime, until, (flag) => flags.push(flag)));
  return flags;
}

const pull = (rig: Rig, flags: readonly DriftFlag[], repair = true): Promise<void> =>
  rig.beside(pullDrift(rig.ports(), rig.world.runtime, flags, { repair }, until));

async function rowOf(rig: Rig): Promise<DriftRow | undefined> {
  const { own } = rig.ports();
  return rig.beside(readDrift(own.table, own.member.tables.control, rig.world.runtime, until));
}

describe('pullDrift', () => {
  test('repairs what was written, made and deleted by hand at a secondary, and tells each', async () => {
    const rig = await Rig.create(8);
    const { secondary } = rig.world;
    await rig.plant(secondary, [{ put: item('k1', 1, { n: { N: '-1' } }) }, { put: item('made', 1) }, { remove: key('k2') }]);
    expect(rig.isEqual(secondary)).toBe(false);
    const flags = await flagsOf(rig);
    expect(flags).toHaveLength(3);
    await pull(rig, flags);
    await rig.pass(10_000);
    expect(rig.isEqual(secondary)).toBe(true);
    expect(rig.told('Syncline Drift Found').map(({ detail }) => [detail['member'], detail['cause']])).toEqual(
      expect.arrayContaining([
        [secondary, 'hand-write'],
        [secondary, 'hand-delete'],
      ]),
    );
    expect((await rowOf(rig))?.members[secondary]).toEqual({ found: 3, sent: 3, held: 0, over: 0 });
    // What the repairs wrote is an applier's.
    expect((await flagsOf(rig)).length).toBe(3);
  });

  test('only tells, where repairs are not wanted', async () => {
    const rig = await Rig.create(4);
    const { secondary } = rig.world;
    await rig.plant(secondary, [{ remove: key('k2') }]);
    await pull(rig, await flagsOf(rig), false);
    await rig.pass(10_000);
    expect(rig.isEqual(secondary)).toBe(false);
    expect((await rowOf(rig))?.members[secondary]).toEqual({ found: 1, sent: 0, held: 0, over: 0 });
    expect(rig.told('Syncline Drift Found')).toHaveLength(1);
  });

  test('⚠ holds items that only the member has, when they are many, and repairs the rest', async () => {
    const rig = await Rig.create(4);
    const { secondary } = rig.world;
    const made = Array.from({ length: 101 }, (_, i) => ({ put: item('made', i) }));
    await rig.plant(secondary, [...made, { put: item('k1', 1, { n: { N: '-1' } }) }]);
    await pull(rig, await flagsOf(rig));
    await rig.pass(10_000);
    expect((await rowOf(rig))?.members[secondary]).toEqual({ found: 102, sent: 1, held: 101, over: 0 });
    expect(rig.world.content(secondary).size).toBe(4 + 101);
    expect([...rig.world.content(rig.world.primary)].every(([name, text]) => rig.world.content(secondary).get(name) === text)).toBe(true);
  });

  test('a hand write that a real one has overtaken meanwhile is left alone', async () => {
    const rig = await Rig.create(4);
    const { primary, secondary } = rig.world;
    await rig.plant(secondary, [{ put: item('k1', 1, { n: { N: '-1' } }) }]);
    const flags = await flagsOf(rig);
    await rig.world.put(item('k1', 1, { n: { N: '99' } }), primary);
    await rig.pass(10_000);
    await pull(rig, flags);
    await rig.pass(10_000);
    expect(rig.isEqual(secondary)).toBe(true);
  });

  test('what could not be sent is thrown, so that it is heard again', async () => {
    const rig = await Rig.create(4);
    const { secondary } = rig.world;
    await rig.plant(secondary, [{ remove: key('k2') }]);
    const flags = await flagsOf(rig);
    const ports = rig.ports();
    const queue = { ...ports.queue, sendBatch: async () => Promise.reject(new RemoteError('transient', 'ServiceUnavailable', 'not now')) };
    const work = pullDrift({ ...ports, queue }, rig.world.runtime, flags, { repair: true }, until);
    await expect(rig.beside(work)).rejects.toMatchObject({ code: 'ServiceUnavailable' });
    expect(await rowOf(rig)).toBeUndefined();
  });

  test('what is not read in time is left to the proof', async () => {
    const rig = await Rig.create(4);
    const { secondary } = rig.world;
    await rig.plant(secondary, [{ remove: key('k1') }, { remove: key('k2') }]);
    const flags = await flagsOf(rig);
    const { clock, runtime } = rig.world;
    const over = clock.elapsed();
    await rig.beside(pullDrift(rig.ports(), runtime, flags, { repair: true }, over));
    expect((await rowOf(rig))?.members[secondary]).toEqual({ found: 2, sent: 0, held: 0, over: 2 });
  });

  test('a member that is no primary any more sends nothing', async () => {
    const rig = await Rig.create(2);
    const { secondary, primary } = rig.world;
    await rig.plant(secondary, [{ remove: key('k1') }]);
    const flags = await flagsOf(rig);
    await rig.beside(pullDrift(rig.ports(undefined, secondary), rig.world.runtime, flags, { repair: true }, until));
    await rig.pass(5_000);
    expect(rig.world.content(secondary).size).toBe(1);
    expect(rig.world.content(primary).size).toBe(2);
  });
});

describe('the row', () => {
  const counts = { found: 3, sent: 2, held: 1, over: 0 };

  test('is read as it was written', () => {
    const row = { since: 5, at: 9, members: { a: counts } };
    expect(decodeDrift(encodeDrift(row))).toEqual(row);
  });

  test('counts a day, and begins anew', () => {
    const day = 24 * 3_600_000;
    const first = withDrift(undefined, new Map([['a', counts]]), 1_000);
    expect(withDrift(first, new Map([['a', counts]]), 1_000 + day - 1)).toEqual({
      since: 1_000,
      at: 1_000 + day - 1,
      members: { a: { found: 6, sent: 4, held: 2, over: 0 } },
    });
    expect(withDrift(first, new Map([['b', counts]]), 1_000 + day)).toEqual({
      since: 1_000 + day,
      at: 1_000 + day,
      members: { b: counts },
    });
  });
});

import { describe, expect, it } from 'vitest';
import { readCheck } from '../../../../lib/reconcile/check/job.ts';
import { reconcilePart } from '../../../../lib/reconcile/part.ts';
import { encodeProof, PROOF_KEY } from '../../../../lib/reconcile/proof/row.ts';
import { item } from '../../../flows/support/world.ts';
import { Rig } from './rig.ts';

/** The member becomes a secondary: another one has the fence. */
async function depose(rig: Rig): Promise<void> {
  const { table, member } = rig.ports().own;
  const key = { pk: { S: 'self' }, sk: { S: 'seat' } };
  const seat = await rig.beside(table.get(member.tables.control, key));
  expect(seat?.['fence']).toBeDefined();
  await rig.beside(table.update(member.tables.control, key, { set: { fence: { N: '9' } } }));
}

describe('a member that is not the primary any more', () => {
  it('ends the checks that it has begun, whatever they are at, and forgets what it knew of the links', async () => {
    const rig = await Rig.create(4);
    const { world } = rig;
    const { own } = rig.ports();
    const { control } = own.member.tables;
    await rig.plant(world.secondary, [{ put: item('k1', 1, { n: { N: '-1' } }) }]);
    const waiting = await rig.start({ action: 'ask' });
    expect((await rig.run(waiting.id)).phase).toBe('preview');
    const fresh = await rig.start({ action: 'repair' });
    const driven = await rig.start({ action: 'repair' });
    await rig.beside(own.table.put(control, encodeProof({ at: 1, links: {}, members: {}, v: 1 })));
    await depose(rig);
    // One that a command drives ends there.
    expect(await rig.run(driven.id)).toMatchObject({ phase: 'done', failed: expect.stringContaining('primary') });
    const run = () => rig.beside(reconcilePart(rig.ports(), { repair: 'auto' }, world.runtime, world.clock.elapsed() + 25_000));
    expect(await run()).toEqual({ tasks: expect.anything() });
    for (const { id } of [waiting, fresh]) {
      expect(await rig.beside(readCheck(own.table, control, world.runtime, id))).toMatchObject({
        phase: 'done',
        failed: expect.stringContaining('is not the primary any more'),
      });
      const { result, links } = await rig.report(id);
      expect(result).toBe('failed');
      for (const { keys, verified, divergent, unverified } of links) expect(verified + divergent + unverified).toBe(keys);
    }
    expect(await rig.beside(own.table.get(control, PROOF_KEY))).toBeUndefined();
    // It is told once.
    const told = rig.events.events.length;
    await run();
    expect(rig.events.events).toHaveLength(told);
    expect(rig.isEqual(world.secondary)).toBe(false);
  });
});

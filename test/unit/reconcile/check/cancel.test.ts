import { describe, expect, test } from 'vitest';
import { cancelCheck } from '../../../../lib/reconcile/check/cancel.ts';
import { item } from '../../../flows/support/world.ts';
import { Rig } from './rig.ts';

const cancel = (rig: Rig, id: string) => rig.beside(cancelCheck(rig.ports(), rig.world.runtime, id, 'somebody'));

describe('cancelCheck', () => {
  test('ends a check that waits, and nothing of it is repaired', async () => {
    const rig = await Rig.create(4);
    const { secondary } = rig.world;
    await rig.plant(secondary, [{ put: item('k1', 1, { n: { N: '-1' } }) }]);
    const { id } = await rig.start({ action: 'ask' });
    expect((await rig.run(id)).phase).toBe('preview');
    const job = await cancel(rig, id);
    expect(job).toMatchObject({ phase: 'done', failed: 'It was cancelled by somebody.' });
    const report = await rig.report(id);
    expect(report).toMatchObject({ result: 'failed', links: [{ divergent: 1, repaired: 0 }] });
    for (const { keys, verified, divergent, unverified } of report.links) expect(verified + divergent + unverified).toBe(keys);
    await rig.run(id);
    expect(rig.isEqual(secondary)).toBe(false);
  });

  test('what was not looked at yet is unverified', async () => {
    const rig = await Rig.create(4);
    const { id } = await rig.start({ action: 'report' });
    await cancel(rig, id);
    expect((await rig.report(id)).links[0]).toMatchObject({ verified: 0, divergent: 0, why: 'It was cancelled by somebody.' });
  });

  test('one that is over, and one that there is not, are named', async () => {
    const rig = await Rig.create(2);
    const { id } = await rig.start({ action: 'report' });
    await cancel(rig, id);
    await expect(cancel(rig, id)).rejects.toMatchObject({ code: 'not-under-way' });
    await expect(cancel(rig, 'nobody')).rejects.toMatchObject({ code: 'unknown-check' });
  });
});

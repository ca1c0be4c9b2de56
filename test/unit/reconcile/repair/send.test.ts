import { describe, expect, it } from 'vitest';
import { linkKey, stringValue } from '../../../../lib/core/formats/rows.ts';
import { RemoteError } from '../../../../lib/ports/errors.ts';
import type { RepairsSent } from '../../../../lib/reconcile/repair/send.ts';
import { sendRepairs } from '../../../../lib/reconcile/repair/send.ts';
import type { Divergence, DivergenceKind } from '../../../../lib/reconcile/verdict/suspicion.ts';
import { item, key, World } from '../../../flows/support/world.ts';
import { checkPorts } from '../verdict/support.ts';

const found = (world: World, pk: string, kind: DivergenceKind, target = world.secondary): Divergence => ({ key: key(pk), target, kind, at: 0 });

async function repair(
  world: World,
  divergences: readonly Divergence[],
  held: readonly string[] = [],
  untilMs = world.clock.elapsed() + 20_000,
): Promise<RepairsSent> {
  return world.clock.run(sendRepairs(checkPorts(world), world.runtime, divergences, { job: 'check-1/repair-1', held: new Set(held) }, untilMs));
}

describe('repairs that are sent', () => {
  it('make changed, missing and extra keys of several targets equal; one that is equal by then is left alone', async () => {
    const world = await World.create({ members: ['eu-west-1', 'us-east-1', 'ap-south-1'] });
    const [b, c] = [world.member(1).name, world.member(2).name];
    for (const pk of ['a', 'm', 'same']) await world.put(item(pk, 1, { n: { N: '1' } }));
    await world.drain();
    await world.put(item('a', 1, { n: { N: '2' } }), b);
    await world.remove(key('m'), c);
    await world.put(item('e', 1), c);
    const came = await repair(world, [
      found(world, 'a', 'changed', b),
      found(world, 'm', 'missing', c),
      found(world, 'e', 'extra', c),
      found(world, 'same', 'changed', b),
    ]);
    expect(came).toEqual({ sent: 4, held: [], closed: 0, left: 0 });
    await world.drain();
    for (const name of [b, c]) expect(world.content(name)).toEqual(world.content(world.primary));
    expect(world.counted.get('KeysResynced')).toBe(3);
  });

  it('hold back what would be deleted at a target where nothing is to be deleted, and send the rest', async () => {
    const world = await World.create();
    const divergences = [found(world, 'x', 'extra'), found(world, 'a', 'missing')];
    const came = await repair(world, divergences, [world.secondary]);
    expect(came).toEqual({ sent: 1, held: [divergences[0]], closed: 0, left: 0 });
    expect(await repair(world, divergences, ['another'])).toEqual({ sent: 2, held: [], closed: 0, left: 0 });
  });

  it('go to open links only, and are left for later while a queue is long, refuses, or the time is over', async () => {
    const world = await World.create();
    const one = [found(world, 'a', 'changed')];
    expect(await repair(world, [found(world, 'a', 'changed', 'nobody')])).toEqual({ sent: 0, held: [], closed: 1, left: 0 });
    expect(await repair(world, one, [], world.clock.elapsed())).toEqual({ sent: 0, held: [], closed: 0, left: 1 });
    world.cloud.hook = async (call) => {
      if (call.op === 'sendBatch') throw new RemoteError('throttled', 'RequestThrottled', 'later');
    };
    expect(await repair(world, one)).toEqual({ sent: 0, held: [], closed: 0, left: 1 });
    world.cloud.hook = undefined;
    for (let i = 0; i < 200; i += 1) await world.put(item(`k${i}`, 1));
    await world.pumpFanout(world.primary, 1);
    expect(await repair(world, one)).toEqual({ sent: 0, held: [], closed: 0, left: 1 });
    await world.drain();
    expect(await repair(world, one)).toMatchObject({ sent: 1 });
    await world.clock.run(world.table(world.primary).update(world.control(world.primary), linkKey(world.secondary), { set: { state: stringValue('paused') } }));
    expect(await repair(world, one)).toEqual({ sent: 0, held: [], closed: 1, left: 0 });
  });

  it('are sent by the primary alone', async () => {
    const world = await World.create();
    await world.setSeat(world.primary, { fence: 2 });
    await expect(repair(world, [found(world, 'a', 'changed')])).rejects.toMatchObject({ code: 'not-primary' });
  });
});

import { describe, expect, it } from 'vitest';
import { RemoteError } from '../../../../lib/ports/errors.ts';
import { isOpen, listChecks, readCheck } from '../../../../lib/reconcile/check/job.ts';
import type { ReconcilePartResult } from '../../../../lib/reconcile/part.ts';
import { reconcilePart } from '../../../../lib/reconcile/part.ts';
import { encodeProof, PROOF_KEY } from '../../../../lib/reconcile/proof/row.ts';
import { scanKind } from '../../../../lib/reconcile/scan/kind.ts';
import { freshScan, scanTaskId } from '../../../../lib/reconcile/scan/task.ts';
import type { CheckSettings } from '../../../../lib/reconcile/schedule/settings.ts';
import { askTask } from '../../../../lib/reconcile/tasks/work.ts';
import { item, key } from '../../../flows/support/world.ts';
import { Rig } from './rig.ts';

const SET = ['eu-west-1', 'us-east-1', 'ap-southeast-2'] as const;
const HOUR_MS = 3_600_000;

/** The minute runs of all members, one after the other. */
async function minutes(rig: Rig, settings: CheckSettings, count: number, until?: () => Promise<boolean>): Promise<Map<string, ReconcilePartResult>> {
  const results = new Map<string, ReconcilePartResult>();
  for (let minute = 0; minute < count; minute += 1) {
    for (const { name } of rig.world.config.members) {
      const { clock, runtime } = rig.world;
      results.set(name, await rig.beside(reconcilePart(rig.ports(undefined, name), settings, runtime, clock.elapsed() + 45_000)));
    }
    await rig.pass(20_000);
    if (until !== undefined && (await until())) return results;
  }
  return results;
}

const open = async (rig: Rig): Promise<number> => {
  const { own } = rig.ports();
  return (await rig.beside(listChecks(own.table, own.member.tables.control, rig.world.runtime))).filter(isOpen).length;
};

describe('the checker’s part of the minute run', () => {
  it('begins the sweep that is due, and carries it to its end by the members’ own runs', async () => {
    const rig = await Rig.create(20, { members: SET });
    const [one = '', two = ''] = rig.targets;
    // A scan takes from the log what is in its newest segments.
    await rig.idle(10);
    await rig.world.put(item('later', 1));
    await rig.idle(10);
    rig.corrupt(one, [{ put: item('k1', 1, { n: { S: 'other' } }) }, { remove: key('k2') }]);
    rig.corrupt(two, [{ put: item('extra', 1) }]);
    const settings: CheckSettings = { sweepEveryMs: 24 * HOUR_MS, repair: 'auto' };
    const first = await minutes(rig, settings, 1);
    expect(first.get(rig.world.primary)?.sweep).toMatchObject({ did: 'begun' });
    const id = first.get(rig.world.primary)?.sweep?.check ?? '';
    expect(first.get(one)).toEqual({ tasks: expect.objectContaining({ worked: 0 }) });
    await minutes(rig, settings, 25, async () => (await open(rig)) === 0);
    expect(await rig.report(id)).toMatchObject({
      result: 'repaired',
      links: [
        { target: one, keys: 21, divergent: 2, repaired: 2 },
        { target: two, keys: 22, divergent: 1, repaired: 1 },
      ],
    });
    expect([rig.isEqual(one), rig.isEqual(two)]).toEqual([true, true]);
  });

  it('finds by itself what somebody writes at a secondary, and mends it', async () => {
    const rig = await Rig.create(20);
    const [target = ''] = rig.targets;
    const settings: CheckSettings = { sweepEveryMs: 24 * HOUR_MS, repair: 'auto' };
    await minutes(rig, settings, 10, async () => (await open(rig)) === 0);
    await rig.plant(target, [{ put: item('k1', 1, { n: { S: 'other' } }) }, { remove: key('k2') }, { put: item('extra', 1) }]);
    expect(rig.isEqual(target)).toBe(false);
    await minutes(rig, settings, 30, async () => rig.isEqual(target));
    expect(rig.isEqual(target)).toBe(true);
  });

  it('asks once: while a check of what the proof suspects waits for a word, no other one is begun', async () => {
    const rig = await Rig.create(20);
    const [target = ''] = rig.targets;
    const settings: CheckSettings = { sweepEveryMs: 24 * HOUR_MS, repair: 'ask' };
    await minutes(rig, settings, 10, async () => (await open(rig)) === 0);
    for (const n of [1, 2, 3]) {
      await rig.plant(target, [{ put: item(`k${n}`, 1, { n: { S: 'other' } }) }]);
      await minutes(rig, settings, 15);
      expect(await open(rig)).toBe(1);
    }
    expect(rig.isEqual(target)).toBe(false);
  });

  it('gives a check its turn each minute, also while the primary’s own table is scanned', async () => {
    const rig = await Rig.create(300);
    const { world } = rig;
    await rig.idle(12);
    const { own } = rig.ports();
    // Half a second a request: the proof takes long, too.
    const objects = new Proxy(own.place.objects, {
      get: (port, name) => {
        const call = Reflect.get(port, name) as (...args: unknown[]) => Promise<unknown>;
        return async (...args: unknown[]) => {
          await world.clock.sleep(500);
          return call.apply(port, args);
        };
      },
    });
    const ports = { ...rig.ports(), own: { ...own, place: { ...own.place, objects } } };
    const scan = freshScan({ id: scanTaskId(world.runtime), by: 'a test', asked: world.clock.now(), itemsPerS: 1 });
    await rig.beside(askTask(own, world.runtime, scanKind, scan));
    const { id } = await rig.start({ mode: 'keys', keys: [key('k1')], action: 'repair' });
    const isDone = async (): Promise<boolean> => (await rig.beside(readCheck(own.table, own.member.tables.control, world.runtime, id)))?.done !== undefined;
    for (let minute = 0; minute < 15 && !(await isDone()); minute += 1) {
      // The function gives the checker so much (ms).
      const { tasks } = await rig.beside(reconcilePart(ports, { repair: 'auto' }, world.runtime, world.clock.elapsed() + 25_000));
      expect(tasks).toMatchObject({ open: 1, worked: 1 });
      await rig.pass(30_000);
    }
    expect(await isDone()).toBe(true);
  });

  it('throws nothing, whatever fails, counts it, and the next run goes on', async () => {
    const rig = await Rig.create(5);
    const { world } = rig;
    const settings: CheckSettings = { sweepEveryMs: 24 * HOUR_MS, repair: 'auto' };
    let calls = 0;
    world.cloud.hook = () => {
      calls += 1;
      if (calls > 4) throw new RemoteError('denied', 'AccessDenied', 'no');
    };
    const ports = rig.ports();
    await world.clock.run(reconcilePart(ports, settings, world.runtime, world.clock.elapsed() + 45_000));
    expect(world.counted.get('ReconcilePartFailed')).toBeGreaterThan(0);
    world.cloud.hook = undefined;
    expect((await minutes(rig, settings, 1)).get(world.primary)?.sweep).toMatchObject({ did: 'begun' });
  });

  it('does nothing by itself where it is switched off, and in no time', async () => {
    const rig = await Rig.create(2);
    const { world } = rig;
    const { table, member } = rig.ports().own;
    // What was known before is not told for ever.
    await world.clock.run(table.put(member.tables.control, encodeProof({ at: 1, links: {}, members: {}, v: 1 })));
    const off = await minutes(rig, { sweepEveryMs: 1, repair: 'off' }, 1);
    expect(await world.clock.run(table.get(member.tables.control, PROOF_KEY))).toBeUndefined();
    expect(off.get(world.primary)).toEqual({ tasks: expect.anything(), checks: { worked: 0, done: 0 } });
    expect(await rig.beside(reconcilePart(rig.ports(), { repair: 'auto' }, world.runtime, world.clock.elapsed() + 100))).toEqual({});
  });
});

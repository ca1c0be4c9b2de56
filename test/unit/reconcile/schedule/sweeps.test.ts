import { describe, expect, it } from 'vitest';
import { RemoteError } from '../../../../lib/ports/errors.ts';
import type { CheckJob } from '../../../../lib/reconcile/check/job.ts';
import { cancelledText, isOpen, listChecks } from '../../../../lib/reconcile/check/job.ts';
import { CHECKS_OPEN_MAX } from '../../../../lib/reconcile/check/limits.ts';
import { reconcilePart } from '../../../../lib/reconcile/part.ts';
import { readProof } from '../../../../lib/reconcile/proof/row.ts';
import type { SweepsRow } from '../../../../lib/reconcile/schedule/row.ts';
import { decodeSweeps, encodeSweeps, monthOf, readSweeps } from '../../../../lib/reconcile/schedule/row.ts';
import type { CheckSettings } from '../../../../lib/reconcile/schedule/settings.ts';
import { checkSettingsSchema } from '../../../../lib/reconcile/schedule/settings.ts';
import type { SweepLook } from '../../../../lib/reconcile/schedule/sweeps.ts';
import { afterSweep, dueSweep, judgeSweep } from '../../../../lib/reconcile/schedule/sweeps.ts';
import { item, key } from '../../../flows/support/world.ts';
import { LINK } from '../check/link.ts';
import { Rig } from '../check/rig.ts';

const DAY_MS = 86_400_000;
/** Noon of 30 January 2026, UTC. */
const LATE_JANUARY = 1_769_774_400_000;

async function rowOf(rig: Rig): Promise<SweepsRow | undefined> {
  const { own } = rig.ports();
  return rig.beside(readSweeps(own.table, own.member.tables.control, rig.world.runtime));
}

describe('the schedule of sweeps', () => {
  it('begins one when the last is a period old, and knows what the month has left (table)', () => {
    const settings = { sweepEveryMs: DAY_MS, monthlyUsd: 10 };
    const row = { last: LATE_JANUARY, month: '2026-01', spent: 8 };
    expect(judgeSweep(undefined, {}, LATE_JANUARY)).toEqual({ do: 'off' });
    expect(judgeSweep(undefined, settings, LATE_JANUARY)).toEqual({ do: 'begin', month: '2026-01', spent: 0, leftUsd: 10 });
    expect(judgeSweep(row, settings, LATE_JANUARY + DAY_MS - 1)).toEqual({ do: 'idle' });
    expect(judgeSweep(row, settings, LATE_JANUARY + DAY_MS)).toEqual({ do: 'begin', month: '2026-01', spent: 8, leftUsd: 2 });
    expect(judgeSweep(row, settings, LATE_JANUARY + 2 * DAY_MS)).toEqual({ do: 'begin', month: '2026-02', spent: 0, leftUsd: 10 });
    expect(judgeSweep(row, { sweepEveryMs: 1 }, LATE_JANUARY + DAY_MS)).toMatchObject({ leftUsd: Number.POSITIVE_INFINITY });
    expect(monthOf(LATE_JANUARY)).toBe('2026-01');
  });

  it('makes one that failed again before its period is over, of the members that it failed for (table)', () => {
    const settings = { sweepEveryMs: DAY_MS };
    const row = { last: LATE_JANUARY, month: '2026-01', spent: 8, failed: { times: 1, again: LATE_JANUARY + 5, targets: ['b'] } };
    expect(judgeSweep(row, settings, LATE_JANUARY + 4)).toEqual({ do: 'idle' });
    expect(judgeSweep(row, settings, LATE_JANUARY + 5)).toMatchObject({ do: 'begin', targets: ['b'] });
    expect(judgeSweep(row, settings, LATE_JANUARY + DAY_MS)).not.toHaveProperty('targets');
  });

  it('notes how one has ended: the wait for the next doubles, up to the period, and is over with the first that succeeds (table)', () => {
    const begun = { check: 'c', at: 10, usd: 2, before: 3 };
    const row: SweepsRow = { v: 1, last: 10, month: '2026-01', spent: 5, begun };
    const { begun: _, ...ended } = row;
    const link = { ...LINK, target: 'b', stage: 'ended' as const };
    const tasks = ['a', 'b'].map((member) => ({ member, id: member, objects: 0, since: 1, done: true }));
    const job = (more: Partial<CheckJob>): CheckJob => ({
      ...{ id: 'c', set: 'test', source: 'a', phase: 'done', started: 10, since: 10, done: 100, links: [link], tasks, v: 1 },
      request: { mode: 'sweep', targets: ['b', 'd'], action: 'repair', by: 'the schedule' },
      ...{ made: 0, next: 0, active: [], round: 0, findings: 0, parts: 0, told: 0 },
      ...more,
    });
    const outcome = (times: number, more: Partial<CheckJob>): SweepsRow => {
      const before = times === 0 ? row : { ...row, failed: { times, again: 5, targets: ['b'] } };
      return afterSweep(before, job(more), DAY_MS, 200);
    };
    const silent = {
      links: [
        { ...link, why: 'b does not answer' },
        { ...link, target: 'd' },
      ],
    };
    expect([0, 1, 2, 9].map((times) => outcome(times, silent).failed)).toEqual([
      { times: 1, again: 100 + 1_800_000, targets: ['b'] },
      { times: 2, again: 100 + 3_600_000, targets: ['b'] },
      { times: 3, again: 100 + 7_200_000, targets: ['b'] },
      { times: 10, again: 100 + DAY_MS, targets: ['b'] },
    ]);
    expect(outcome(0, { failed: 'damaged' }).failed?.targets).toEqual(['b', 'd']);
    expect(outcome(3, {})).toEqual(ended);
    expect(outcome(0, { failed: cancelledText('ada') })).toEqual(ended);
    // A link that was closed when it began had no scan, and one is no help.
    expect(outcome(0, { links: [link, { ...link, target: 'd', why: 'the link is paused' }] })).toEqual(ended);
    const { done: __, ...open } = job({});
    expect(afterSweep(row, open, DAY_MS, 200)).toBe(row);
    // One that was never made has cost nothing; it may still be made for a while.
    expect(afterSweep(row, undefined, DAY_MS, 200)).toBe(row);
    expect(afterSweep(row, undefined, DAY_MS, 400_000)).toEqual({ ...ended, last: 3, spent: 3 });
  });

  it('begins one again that failed since a member was away, once, and of that member alone', async () => {
    const rig = await Rig.create(5, { members: ['eu-west-1', 'us-east-1', 'ap-south-1'] });
    const { world } = rig;
    const settings: CheckSettings = { sweepEveryMs: 7 * DAY_MS, repair: 'auto' };
    const [away = ''] = rig.targets;
    await rig.idle(12);
    rig.away.add(away);
    const begun: [number, string][] = [];
    for (let m = 0; m < 70; m += 1) {
      if (m === 15) rig.away.delete(away);
      for (const { name } of world.config.members.filter((member) => !rig.away.has(member.name))) {
        const { sweep } = await rig.beside(reconcilePart(rig.ports(undefined, name), settings, world.runtime, world.clock.elapsed() + 45_000));
        if (sweep?.did === 'begun') begun.push([m, sweep.check ?? '']);
      }
      await rig.idle(1);
    }
    expect(begun).toHaveLength(2);
    const [[, first = ''] = [], [at = 0, second = ''] = []] = begun;
    expect((await rig.report(first)).links.map(({ target, why }) => [target, why !== undefined])).toEqual(rig.targets.map((one) => [one, one === away]));
    expect(at).toBeGreaterThan(30);
    expect((await rig.report(second)).links).toMatchObject([{ target: away, result: 'equal' }]);
    expect(await rowOf(rig)).not.toHaveProperty('failed');
  });

  it('comes to a base after an upgrade that brings an expiry attribute: the first sweep fails on the older log, the next does not', async () => {
    const rig = await Rig.create(5);
    const { world } = rig;
    const settings: CheckSettings = { sweepEveryMs: 7 * DAY_MS, repair: 'auto' };
    let n = 0;
    const live = async (rounds: number, upgraded: boolean): Promise<void> => {
      for (let i = 0; i < rounds; i += 1) {
        n += 1;
        await world.put(item(`live${n % 3}`, 1, { n: { N: String(n) } }));
        for (const { name } of upgraded ? world.config.members : []) {
          await rig.beside(reconcilePart(rig.ports(undefined, name), settings, world.runtime, world.clock.elapsed() + 45_000));
        }
        await rig.pass(30_000);
      }
    };
    await live(12, false);
    Object.assign(world.config, { expiry: 'local', expiryAttribute: 'exp' });
    await live(110, true);
    const { own } = rig.ports();
    const proof = await rig.beside(readProof(own.table, own.member.tables.control, world.runtime));
    expect(Object.values(proof?.members ?? {}).map(({ base }) => base !== undefined)).toEqual([true, true]);
  });

  it('does not count one for which there is no room, or that could not be begun', async () => {
    const rig = await Rig.create(5);
    const settings: CheckSettings = { sweepEveryMs: 7 * DAY_MS, monthlyUsd: 1, repair: 'ask' };
    const [target = ''] = rig.targets;
    const { own } = rig.ports();
    // The check's row cannot be written, as long as this fails.
    const table = new Proxy(own.table, {
      get: (port, name) => {
        const method = Reflect.get(port, name) as (...args: unknown[]) => unknown;
        return (...args: unknown[]) => {
          if (name === 'put' && JSON.stringify(args).includes('check#')) throw new RemoteError('denied', 'AccessDenied', 'no');
          return method.apply(port, args);
        };
      },
    });
    await expect(rig.beside(dueSweep({ ...rig.ports(), own: { ...own, table } }, settings, rig.world.runtime))).rejects.toThrow('no');
    const row = await rowOf(rig);
    expect(row).toMatchObject({ spent: 0 });
    expect(row).not.toHaveProperty('last');
    for (let i = 0; i < CHECKS_OPEN_MAX; i += 1) await rig.start({ mode: 'keys', keys: [key(`k${i % 5}`)], targets: [target], action: 'ask' });
    expect(await rig.beside(dueSweep(rig.ports(), settings, rig.world.runtime))).toEqual({ did: 'no-room' });
    expect(await rowOf(rig)).toEqual(row);
  });

  it('keeps its row as it was written, and refuses one that says no amount', () => {
    const begun = { check: 'c', at: 4, usd: 0.125, before: 1 };
    const row = { v: 2, last: 5, begun, failed: { times: 2, again: 9, targets: ['b'] }, month: '2026-01', spent: 0.25, told: '2026-01' };
    expect(decodeSweeps(encodeSweeps(row))).toEqual(row);
    expect(decodeSweeps(encodeSweeps({ v: 1, month: '2026-01', spent: 0 }))).toEqual({ v: 1, month: '2026-01', spent: 0 });
    expect(() => decodeSweeps({ ...encodeSweeps(row), spentUsd: { S: 'much' } })).toThrow(/no amount/);
    expect(() => decodeSweeps({ ...encodeSweeps(row), begun: { S: '{}' } })).toThrow(/"begun"/);
  });

  it('asks for one sweep at a time, and for the next a period after the last began', async () => {
    const rig = await Rig.create(10);
    const settings: CheckSettings = { sweepEveryMs: DAY_MS, repair: 'auto' };
    const look = (): Promise<SweepLook> => rig.beside(dueSweep(rig.ports(), settings, rig.world.runtime));
    const first = await look();
    expect(first).toMatchObject({ did: 'begun' });
    expect(await look()).toEqual({ did: 'idle' });
    await rig.world.clock.advance(DAY_MS);
    expect(await look()).toEqual({ did: 'under-way', check: first.check });
    expect((await rig.run(first.check ?? '')).done).toBeGreaterThan(0);
    expect(await look()).toMatchObject({ did: 'begun' });
    const { own } = rig.ports();
    const checks = await rig.beside(listChecks(own.table, own.member.tables.control, rig.world.runtime));
    expect(checks.filter(isOpen)).toHaveLength(1);
    expect(checks[0]?.request).toMatchObject({ mode: 'sweep', action: 'repair', by: 'the schedule' });
  });

  it('waits when the month’s budget does not cover it, and tells it once a month', async () => {
    const rig = await Rig.create(10);
    const settings: CheckSettings = { sweepEveryMs: DAY_MS, monthlyUsd: 1e-9, repair: 'auto' };
    const look = (): Promise<SweepLook> => rig.beside(dueSweep(rig.ports(), settings, rig.world.runtime));
    for (let i = 0; i < 3; i += 1) expect(await look()).toMatchObject({ did: 'waits' });
    expect(rig.world.counted.get('SweepsOverBudget')).toBe(1);
    await rig.world.clock.advance(40 * DAY_MS);
    expect(await look()).toMatchObject({ did: 'waits' });
    expect(rig.world.counted.get('SweepsOverBudget')).toBe(2);
  });

  it('reads its settings strictly', () => {
    expect(checkSettingsSchema.parse({ repair: 'ask' })).toEqual({ repair: 'ask' });
    expect(checkSettingsSchema.safeParse({ repair: 'never' }).success).toBe(false);
    expect(checkSettingsSchema.safeParse({ repair: 'auto', sweepEvery: 1 }).success).toBe(false);
  });
});

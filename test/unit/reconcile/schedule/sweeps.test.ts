import { describe, expect, it } from 'vitest';
import { isOpen, listChecks } from '../../../../lib/reconcile/check/job.ts';
import { decodeSweeps, encodeSweeps, monthOf } from '../../../../lib/reconcile/schedule/row.ts';
import type { CheckSettings } from '../../../../lib/reconcile/schedule/settings.ts';
import { checkSettingsSchema } from '../../../../lib/reconcile/schedule/settings.ts';
import type { SweepLook } from '../../../../lib/reconcile/schedule/sweeps.ts';
import { dueSweep, judgeSweep } from '../../../../lib/reconcile/schedule/sweeps.ts';
import { Rig } from '../check/rig.ts';

const DAY_MS = 86_400_000;
/** Noon of 30 January 2026, UTC. */
const LATE_JANUARY = 1_769_774_400_000;

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

  it('keeps its row as it was written, and refuses one that says no amount', () => {
    const row = { v: 2, last: 5, month: '2026-01', spent: 0.25, told: '2026-01' };
    expect(decodeSweeps(encodeSweeps(row))).toEqual(row);
    expect(decodeSweeps(encodeSweeps({ v: 1, month: '2026-01', spent: 0 }))).toEqual({ v: 1, month: '2026-01', spent: 0 });
    expect(() => decodeSweeps({ ...encodeSweeps(row), spentUsd: { S: 'much' } })).toThrow(/no amount/);
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

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CheckLoad } from '../../../lib/cost/check-model.ts';
import { checkCostOf, LOOK_REQUESTS } from '../../../lib/cost/check-model.ts';
import { MONTH_S } from '../../../lib/cost/model.ts';
import { pricesOf } from '../../../lib/cost/prices.ts';
import { reconcilePart } from '../../../lib/reconcile/part.ts';
import { scanCost } from '../../../lib/reconcile/scan/cost.ts';
import { Rig } from '../reconcile/check/rig.ts';

/** What it costs to know that the replicas agree. */

const prices = pricesOf('us-east-1', {});
const WEEK_H = 168;
const load = (change: Partial<CheckLoad> = {}): CheckLoad => ({
  writesPerS: 20,
  sizeKb: 1,
  replicas: 1,
  items: 100_000_000,
  sweepEveryH: WEEK_H,
  handWrites: 1_000,
  ...change,
});
const loads = fc.record({
  writesPerS: fc.double({ min: 0.001, max: 100_000, noNaN: true }),
  sizeKb: fc.double({ min: 0.1, max: 400, noNaN: true }),
  replicas: fc.integer({ min: 1, max: 15 }),
  items: fc.integer({ min: 1, max: 10_000_000_000 }),
  sweepEveryH: fc.integer({ min: 1, max: 8_784 }),
  handWrites: fc.integer({ min: 0, max: 1_000_000 }),
});

describe('checkCostOf', () => {
  it('adds up: the parts are the whole, and a month has its sweeps', () => {
    fc.assert(
      fc.property(loads, (of) => {
        const { proof, sweeps, drift, perMonth, perSweep } = checkCostOf(of, prices);
        const parts = [...Object.values(proof), ...Object.values(sweeps)];
        for (const part of parts) expect(part).toBeGreaterThan(0);
        expect(parts.reduce((all, part) => all + part, drift) / perMonth).toBeCloseTo(1, 9);
        // The runs that are kept are a cost of the month, not of one sweep.
        expect(perSweep * (MONTH_S / 3_600 / of.sweepEveryH)).toBeLessThan(Object.values(sweeps).reduce((all, part) => all + part, 0));
      }),
    );
  });

  it('says of the table of 100 million items what the documentation says', () => {
    const [busy, quiet] = [checkCostOf(load({ writesPerS: 1_000 }), prices), checkCostOf(load(), prices)];
    expect([busy.perMonth, quiet.perMonth].map((usd) => Math.round(usd * 10) / 10)).toEqual([37.5, 30.5]);
    expect(quiet.sweeps.reads / quiet.perMonth).toBeGreaterThan(0.85);
    expect(Math.round(quiet.sweepHours)).toBe(11);
  });

  it('is by the changes for the proof, and by the table for a sweep', () => {
    const base = checkCostOf(load(), prices);
    expect(checkCostOf(load({ items: 1_000 }), prices).proof).toEqual(base.proof);
    expect(checkCostOf(load({ writesPerS: 1_000 }), prices).sweeps).toEqual(base.sweeps);
    expect(checkCostOf(load({ items: 200_000_000 }), prices).perSweep / base.perSweep).toBeCloseTo(2, 3);
    const { sweepEveryH: _, ...never } = load();
    expect(checkCostOf(never, prices).sweeps).toEqual({ reads: 0, storage: 0, lambda: 0, rows: 0 });
  });

  it('reckons the reads of a sweep as the budget of a month does', () => {
    const bytes = 1_000_000 * 4_096;
    const { usd } = scanCost({ itemCount: 1_000_000, bytes });
    const { sweeps } = checkCostOf(load({ items: 1_000_000, sizeKb: 4, sweepEveryH: MONTH_S / 3_600 }), prices);
    expect(sweeps.reads).toBeCloseTo(2 * usd, 9);
  });

  it('counts the requests that a minute’s look makes', async () => {
    const rig = await Rig.create(5);
    const { world } = rig;
    const names = world.config.members.map(({ name }) => name);
    const settings = { sweepEveryMs: 24 * 3_600_000, repair: 'auto' } as const;
    const run = (name: string) => reconcilePart(rig.ports(undefined, name), settings, world.runtime, world.clock.elapsed() + 50_000);
    await rig.idle(3);
    // The first sweep ends, and its bases are there.
    for (let minute = 0; minute < 25; minute += 1) {
      for (const name of names) await rig.beside(run(name));
      await rig.idle(1);
    }
    const calls: Record<string, number> = {};
    world.cloud.hook = ({ service, op }) => {
      if (service === 's3') calls[op] = (calls[op] ?? 0) + 1;
    };
    for (const name of names) await world.clock.run(run(name));
    world.cloud.hook = undefined;
    expect(calls).toEqual(Object.fromEntries(Object.entries(LOOK_REQUESTS).map(([op, count]) => [op, names.length * count])));
  });
});

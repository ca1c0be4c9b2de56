import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logChart } from '../../../cli/views/chart.ts';
import type { Load } from '../../../lib/cost/model.ts';
import { CURVE_RATES, costOf } from '../../../lib/cost/model.ts';
import { pricesOf } from '../../../lib/cost/prices.ts';
import { World } from './world.ts';

const prices = pricesOf('us-east-1', {});
const load = (change: Partial<Load> = {}): Load => ({ writesPerS: 20, sizeKb: 1, replicas: 1, latency: 'low', newKeys: 0, ...change });
const loads = fc.record({
  writesPerS: fc.double({ min: 0.001, max: 100_000, noNaN: true }),
  sizeKb: fc.double({ min: 0.1, max: 400, noNaN: true }),
  replicas: fc.integer({ min: 1, max: 15 }),
  latency: fc.constantFrom('low' as const, 'cheap' as const),
  newKeys: fc.double({ min: 0, max: 1, noNaN: true }),
});

describe('costOf', () => {
  /** What DESIGN.md says ("What it costs"), and how far the model may be from it. */
  it.each([
    [1_000, 1.45, 0.03],
    [20, 3.7, 0.03],
  ])('agrees with the design at %d writes/s: $%d', (writesPerS, expected, share) => {
    const { perMillion, parts } = costOf(load({ writesPerS }), prices);
    expect(Math.abs((perMillion - parts.archive) / expected - 1)).toBeLessThan(share);
  });

  it('agrees with the design at one write in five seconds, the checkpoints on top', () => {
    const { perMillion, parts } = costOf(load({ writesPerS: 0.2 }), prices);
    expect(Math.abs((perMillion - parts.checkpoints - parts.archive) / 5.7 - 1)).toBeLessThan(0.03);
  });

  it('agrees with the design on Global Tables, and on what an idle set of three costs', () => {
    expect(costOf(load(), prices).globalTables).toBeCloseTo(1.27, 2);
    expect(Math.abs(costOf(load({ replicas: 2 }), prices).idlePerMonth / 3 - 1)).toBeLessThan(0.1);
  });

  it('adds up: the parts are the whole, and a month has its writes and the idle cost', () => {
    fc.assert(
      fc.property(loads, (l) => {
        const c = costOf(l, prices);
        for (const part of Object.values(c.parts)) expect(part).toBeGreaterThan(0);
        expect(Object.values(c.parts).reduce((a, b) => a + b, 0)).toBeCloseTo(c.perMillion, 9);
        expect((c.perMonth - c.idlePerMonth) / (c.globalTablesPerMonth / c.globalTables)).toBeCloseTo(c.perMillion, 6);
      }),
    );
  });

  it('never gets dearer by gathering, nor by a higher rate within one shard', () => {
    fc.assert(
      fc.property(loads, (l) => {
        const low = costOf({ ...l, latency: 'low' }, prices).perMillion;
        expect(costOf({ ...l, latency: 'cheap' }, prices).perMillion).toBeLessThanOrEqual(low * 1.001);
      }),
    );
    const rates = CURVE_RATES.filter((r) => r <= 1_000);
    for (const latency of ['low', 'cheap'] as const) {
      const curve = rates.map((writesPerS) => costOf(load({ writesPerS, latency }), prices).perMillion);
      expect([...curve].sort((a, b) => b - a)).toEqual(curve);
    }
  });

  it('comes down to the capacity and the transfer at high rates: what is shared costs nothing any more', () => {
    const { parts, perMillion } = costOf(load({ writesPerS: 10_000 }), prices);
    const own = parts.source + parts.copies + parts.guard + parts.transfer + parts.archive;
    expect(perMillion / own).toBeLessThan(1.07);
  });

  it('charges a larger item by its units', () => {
    const [one, four] = [costOf(load({ sizeKb: 1 }), prices), costOf(load({ sizeKb: 4.01 }), prices)];
    expect(four.parts.source / one.parts.source).toBeCloseTo(5, 9);
    expect(four.parts.guard / one.parts.guard).toBeCloseTo(2, 9);
  });
});

describe('pricesOf', () => {
  it('refuses a region without prices, unless all are given', () => {
    expect(() => pricesOf('mars-1', { write: 1 })).toThrow(/--price read=DOLLARS/);
    const own = { write: 1, read: 1, invocation: 1, gbSecond: 1, queueRequest: 1, transferGb: 1 };
    expect(pricesOf('mars-1', own)).toEqual(own);
    expect(pricesOf('us-east-1', { write: 2 })).toMatchObject({ write: 2, read: 0.125 });
  });
});

describe('logChart', () => {
  const flat = {
    mark: '-',
    points: [
      { x: 1, y: 1 },
      { x: 100, y: 1 },
    ],
  };
  const falling = {
    mark: '#',
    points: [
      { x: 1, y: 10 },
      { x: 100, y: 1 },
    ],
  };

  it('draws a falling curve from the upper left to the lower right, over the whole width', () => {
    const lines = logChart([flat, falling], 40, 5);
    expect(lines).toHaveLength(7);
    expect(lines[0]).toMatch(/^ {5}10 ┤#+$/);
    expect(lines[4]).toMatch(/^ {6}1 ┤-+#+$/);
    expect(lines[6]?.trim()).toMatch(/^1 +10 +100$/);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(40);
  });

  it('draws a single level', () => {
    expect(logChart([flat], 30, 3)[2]).toContain('---');
  });
});

describe('syncline cost', () => {
  it('needs no set and no cloud, and says the price date and the sources', async () => {
    const world = new World();
    const { code, json } = await world.run('cost', '--writes', '20', '--size', '1', '--replicas', '2', '--latency', 'cheap', '--json');
    expect(code).toBe(0);
    expect(json).toMatchObject({
      region: 'us-east-1',
      priceDate: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      load: { writesPerS: 20, replicas: 2, latency: 'cheap' },
    });
    expect(json.sources.every((s: string) => s.startsWith('https://aws.amazon.com/'))).toBe(true);
    expect(json.curve.map((c: { writesPerS: number }) => c.writesPerS)).toEqual(CURVE_RATES);
    expect(json.at.perMillion).toBeLessThan(json.curve[0].perMillion);
    const text = await world.run('cost');
    expect(text.stdout).toContain('GLOBAL TABLES');
    expect(text.stdout).toContain('┤');
    expect(text.stdout).toContain(json.priceDate);
  });

  it('takes prices of one’s own', async () => {
    const { json } = await new World().run('cost', '--price', 'write=1', '--price', 'read=0', '--json');
    expect(json.prices).toMatchObject({ write: 1, read: 0, invocation: 0.2 });
    expect(json.curve[0].parts).toMatchObject({ source: 1, guard: 0 });
  });

  it('refuses what makes no sense', async () => {
    const wrong = [
      ['--writes', '0'],
      ['--writes', 'many'],
      ['--size', '401'],
      ['--replicas', '0'],
      ['--replicas', '1.5'],
      ['--new-keys', '2'],
      ['--price', 'gold=1'],
      ['--price', 'write=-1'],
      ['--region', 'mars-1'],
      ['--latency', 'none'],
    ];
    for (const args of wrong)
      expect(await new World().run('cost', ...args, '--json')).toMatchObject({ code: 2, json: { error: { code: expect.any(String) } } });
  });
});

describe('syncline cost --items', () => {
  it('adds what checks cost a month, part by part, and how long a sweep takes', async () => {
    const of = ['cost', '--writes', '20', '--items', '100000000'] as const;
    const { stdout, json } = { ...(await new World().run(...of)), json: (await new World().run(...of, '--json')).json };
    expect(json.checks).toMatchObject({ items: 100_000_000, sweepEveryH: 168, handWrites: 1_000, proof: { transfer: expect.any(Number) } });
    expect(stdout).toMatch(/sweeps, one in 168 h: reads of all tables +27\.18/);
    expect(stdout).toContain('read a table for about 11 h');
    const never = (await new World().run(...of, '--sweep-every', 'off', '--json')).json;
    expect(never.checks).toMatchObject({ sweeps: { reads: 0 } });
    expect(never.checks).not.toHaveProperty('sweepEveryH');
  });

  it.each([
    [['--items', '5'], 'bad-options'],
    [['--writes', '1', '--items', '-5'], 'bad-number'],
    [['--writes', '1', '--items', '5', '--sweep-every', 'never'], 'bad-number'],
    [['--writes', '1', '--items', '5', '--sweep-every', '0'], 'bad-number'],
  ])('refuses %j', async (words, code) => {
    expect((await new World().run('cost', ...words, '--json')).json).toMatchObject({ error: { code } });
  });
});

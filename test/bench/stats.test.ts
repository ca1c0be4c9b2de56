import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bestConcurrency } from '../../bench/raw.ts';
import { figure, median, quantile, ratios } from '../../bench/stats.ts';

describe('figure', () => {
  it('is the median with its range', () => {
    expect(figure([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3, repeats: 3 });
    expect(figure([4, 1, 3, 2]).median).toBe(2.5);
  });

  it('refuses to speak of nothing', () => {
    expect(() => figure([])).toThrow(/nothing was measured/);
  });

  it('lies between its ends, whatever the values and their order', () => {
    // A sort takes −0 and 0 for one value, so which of them stands in the middle depends on the order.
    const values = fc.array(
      fc.double({ noNaN: true, min: -1e9, max: 1e9 }).map((value) => value + 0),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(values, (list) => {
        const { median: middle, min, max } = figure(list);
        expect(middle).toBeGreaterThanOrEqual(min);
        expect(middle).toBeLessThanOrEqual(max);
        expect(median(list.toReversed())).toBe(middle);
      }),
    );
  });
});

describe('quantile', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);

  it('is the nearest rank', () => {
    expect(quantile(hundred, 0.5)).toBe(50);
    expect(quantile(hundred, 0.99)).toBe(99);
    expect(quantile(hundred, 1)).toBe(100);
    expect(quantile([7], 0.01)).toBe(7);
  });

  it('is exceeded by no more than the rest', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), fc.integer({ min: 1, max: 100 }), (list, percent) => {
        const limit = quantile(list, percent / 100);
        expect(list.filter((v) => v > limit).length).toBeLessThanOrEqual(list.length * (1 - percent / 100) + 1e-9);
      }),
    );
  });
});

describe('ratios', () => {
  it('pairs the rounds, and leaves out those that lack either', () => {
    expect(ratios([2, 9, undefined, 8], [4, 3, 1, undefined])).toEqual([0.5, 3]);
    expect(ratios([1], [0])).toEqual([]);
  });
});

describe('the best concurrency of raw', () => {
  it('is the one with the highest median over all rounds, not the highest single value', () => {
    const rounds = [
      new Map([
        [1, [10]],
        [2, [30]],
        [4, [90]],
      ]),
      new Map([
        [1, [11]],
        [2, [31]],
        [4, [5]],
      ]),
      new Map([
        [1, [12]],
        [2, [32]],
        [4, [6]],
      ]),
    ];
    expect(bestConcurrency(rounds)).toBe(2);
  });
});

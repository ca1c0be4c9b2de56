import { describe, expect, it } from 'vitest';
import { shareOf } from '../../bench/cpu.ts';
import { renderJson, renderText } from '../../bench/render.ts';
import { figureText, GOALS, goalText, number, type Row, reached } from '../../bench/rows.ts';
import { figure } from '../../bench/stats.ts';
import { heapFlags } from '../../bench/workers.ts';

const FACTS = { node: '24.0.0', processors: 2, quick: false, seconds: 12, rawConcurrency: 4 };
const raw: Row = { group: 'raw', name: 'raw', unit: 'items/s', value: figure([9_000, 10_000, 11_000]) };
const apply: Row = {
  group: 'apply',
  name: 'apply',
  unit: 'items/s',
  value: figure([6_000, 7_000]),
  ratio: figure([0.5, 0.75, 1]),
  ratioTo: 'raw',
  goal: GOALS.apply,
  note: 'a remark',
};

describe('a goal', () => {
  it('is reached or missed by the median of what it compares', () => {
    expect(reached(apply)).toBe(true);
    expect(reached({ ...apply, ratio: figure([0.6, 0.64]) })).toBe(false);
    expect(reached({ ...raw, unit: 'ms', value: figure([300]), goal: GOALS.lagHalfP50 })).toBe(true);
    expect(reached({ ...raw, unit: 'ms', value: figure([301]), goal: GOALS.lagHalfP50 })).toBe(false);
    expect(reached({ ...raw, unit: 'MiB', value: figure([256]), goal: GOALS.memory })).toBe(false);
  });

  it('is neither when there is none, or nothing to compare', () => {
    expect(reached(raw)).toBeUndefined();
    expect(reached({ ...raw, goal: GOALS.apply })).toBeUndefined();
  });

  it('is shown with what it is about', () => {
    expect(goalText(apply)).toBe('≥ 0.65 × raw');
    expect(goalText({ ...raw, unit: 'ms', goal: GOALS.lagHalfP99 })).toBe('≤ 1,000 ms');
    expect(goalText(raw)).toBe('');
  });
});

describe('numbers', () => {
  it('are short', () => {
    expect([12_345.6, 123.4, 12.345, 0.6489, 0].map(number)).toEqual(['12,346', '123', '12.3', '0.649', '0']);
    expect(figureText(figure([1_000, 1_200, 1_100]))).toBe('1,100 (1,000–1,200)');
    expect(figureText(figure([1_000]))).toBe('1,000');
  });
});

describe('the table', () => {
  it('shows median, range, ratio, goal and remark of each row', () => {
    const text = renderText([raw, apply], FACTS);
    for (const part of ['10,000 (9,000–11,000)', '0.75 (0.5–1) × raw', '≥ 0.65 × raw', '✓', 'apply [1]', '[1] a remark', 'raw was best with 4 calls in flight'])
      expect(text).toContain(part);
    expect(text).not.toContain('--quick');
  });

  it('says of a quick run that it is one, and of a missed goal that it is missed', () => {
    const text = renderText([{ ...apply, ratio: figure([0.1]) }], { ...FACTS, quick: true });
    expect(text).toContain('--quick');
    expect(text).toContain('✗');
  });

  it('numbers equal remarks once', () => {
    const text = renderText([apply, { ...apply, name: 'other' }], FACTS);
    expect(text.match(/a remark/g)).toHaveLength(1);
    expect(text).toContain('other [1]');
  });

  it('is one line of JSON, with what was reached', () => {
    const json = renderJson([raw, apply], FACTS);
    expect(json).not.toContain('\n');
    expect(JSON.parse(json)).toMatchObject({ processors: 2, rows: [{ name: 'raw' }, { name: 'apply', reached: true, goal: { limit: 0.65 } }] });
  });
});

describe('shares of a list', () => {
  it('are the whole list, in order, whatever its length', () => {
    for (const length of [0, 3, 10, 16]) {
      const list = Array.from({ length }, (_, i) => i);
      expect(Array.from({ length: 10 }, (_, i) => shareOf(list, i, 10)).flat()).toEqual(list);
    }
  });
});

describe('the heap’s bounds', () => {
  it('are those of Lambda’s runtime: a tenth for new objects in two halves, the rest for old ones', () => {
    expect(heapFlags(512)).toEqual(['--max-semi-space-size=25', '--max-old-space-size=461']);
    expect(heapFlags(256)).toEqual(['--max-semi-space-size=12', '--max-old-space-size=231']);
  });
});

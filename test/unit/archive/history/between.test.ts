import { describe, expect, it } from 'vitest';
import { missingBetween } from '../../../../lib/archive/history/between.ts';
import type { Item } from '../../../../lib/core/attribute.ts';
import type { LogRecord } from '../../../../lib/core/formats/log-record.ts';
import type { Step } from './story.ts';
import { story } from './story.ts';

const item = (name: string): Item => ({ id: { S: 'a' }, name: { S: name } });
const record = ({ at, before, after }: Step, i: number): LogRecord => ({
  sequence: String(i),
  at,
  event: before === undefined ? 'INSERT' : after === undefined ? 'REMOVE' : 'MODIFY',
  origin: 'local',
  keys: { id: { S: 'a' } },
  ...(before && { oldImage: before }),
  ...(after && { newImage: after }),
});
const ALL = story([1_000, item('a')], [2_000, item('b')], [3_000, undefined], [4_000, item('c')], [5_000, item('d')]).map(record);

describe('Changes that are missing from a history', () => {
  it('are none where each change finds what the one before it left', () => {
    expect(missingBetween(ALL)).toEqual([]);
    expect(missingBetween([])).toEqual([]);
    expect(missingBetween(ALL.slice(2, 3))).toEqual([]);
  });

  it.each([1, 2, 3])('show when change %i is left out, with the times between which it was', (gone) => {
    const left = ALL.filter((_, i) => i !== gone);
    expect(missingBetween(left)).toMatchObject([{ kind: 'hole', fromMs: gone * 1_000, toMs: (gone + 2) * 1_000, what: expect.stringContaining('is missing') }]);
  });

  it('do not show at the ends: nothing was asked of what lies beyond', () => {
    expect(missingBetween(ALL.slice(1))).toEqual([]);
    expect(missingBetween(ALL.slice(0, -1))).toEqual([]);
  });

  it('count changes of our own metadata, too, and not another spelling of a number', () => {
    const meta = (r: string): Item => ({ ...item('a'), n: { N: '1.0' }, _s: { M: { r: { B: r } } } });
    const [first, second] = story([1_000, meta('AA==')], [2_000, item('b')]).map(record) as [LogRecord, LogRecord];
    expect(missingBetween([first, { ...second, oldImage: { ...meta('AA=='), n: { N: '1' } } }])).toEqual([]);
    expect(missingBetween([first, { ...second, oldImage: meta('AQ==') }])).toHaveLength(1);
  });

  it('cannot be told of a stream without images', () => {
    const bare = ALL.map(({ newImage: _, oldImage: __, ...rest }) => rest);
    expect(missingBetween([bare[0] as LogRecord, bare[1] as LogRecord])).toEqual([]);
    expect(missingBetween([bare[0] as LogRecord, bare[3] as LogRecord])).toEqual([]);
  });
});

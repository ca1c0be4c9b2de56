import { describe, expect, it } from 'vitest';
import { CliError } from '../../../cli/errors.ts';
import { readStretch, readTime } from '../../../cli/times.ts';

const NOW = Date.parse('2026-11-24T12:00:00Z');

describe('A time at the command line', () => {
  it.each([
    ['2026-11-24T10:15:03Z', '2026-11-24T10:15:03.000Z'],
    ['2026-11-24T10:15:03.25+02:00', '2026-11-24T08:15:03.250Z'],
    ['-90s', '2026-11-24T11:58:30.000Z'],
    ['-15m', '2026-11-24T11:45:00.000Z'],
    ['-15min', '2026-11-24T11:45:00.000Z'],
    ['-1.5h', '2026-11-24T10:30:00.000Z'],
    ['-7d', '2026-11-17T12:00:00.000Z'],
    ['now', '2026-11-24T12:00:00.000Z'],
  ])('%s is read', (text, expected) => {
    expect(new Date(readTime(text, '--since', NOW)).toISOString()).toBe(expected);
  });

  it.each(['', '1h', '-1', '-1w', '- 1h', '-1e3s', 'yesterday', '2026-11-24', '2026-11-24T10:15:03', '2026-02-30T10:15:03Z', '-99999d', '1795515304000'])(
    '%j is refused, and what works is said',
    (text) => {
      expect(() => readTime(text, '--since', NOW)).toThrow(CliError);
      expect(() => readTime(text, '--since', NOW)).toThrow(/--since takes a time such as 2026-11-24T10:15:03Z/);
    },
  );

  it('a stretch begins with a whole second, and one that ends before it begins is refused', () => {
    expect(readStretch('-1h', 'now', NOW)).toEqual({ fromMs: NOW - 3_600_000, toMs: NOW });
    expect(readStretch('2026-11-24T10:15:03.9Z', '2026-11-24T10:15:04.9Z', NOW)).toEqual({
      fromMs: Date.parse('2026-11-24T10:15:03Z'),
      toMs: Date.parse('2026-11-24T10:15:04.9Z'),
    });
    expect(() => readStretch('-1h', '-2h', NOW)).toThrow('--since -1h is later than --until -2h');
  });
});

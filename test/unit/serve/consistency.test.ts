import { describe, expect, it } from 'vitest';
import { InputError } from '../../../lib/core/errors.ts';
import { rev, revText } from '../../../lib/core/formats/rev.ts';
import { consistencyText, parseConsistency, parseConsistencyOfMany } from '../../../lib/serve/consistency.ts';

const REV = rev(3, 1_767_225_600_000, 7);

describe('the consistency that is asked for', () => {
  it.each([
    [undefined, { level: 'eventual' }],
    ['eventual', { level: 'eventual' }],
    [' Strong ', { level: 'strong' }],
    [`at-least=${revText(REV)}`, { level: 'at-least', rev: REV }],
    [`At-Least = "${revText(REV)}"`, { level: 'at-least', rev: REV }],
  ])('%s', (header, expected) => {
    expect(parseConsistency(header)).toEqual(expected);
  });

  it.each(['', 'weak', 'strong, eventual', 'at-least', 'at-least=', 'at-least=x', 'at-least=AAAA', `at-least=${'A'.repeat(1_000)}`, revText(REV)])(
    'is not %j',
    (header) => {
      expect(() => parseConsistency(header)).toThrow(InputError);
    },
  );

  it('is said again as it was asked', () => {
    for (const text of ['eventual', 'strong', `at-least=${revText(REV)}`]) expect(consistencyText(parseConsistency(text))).toBe(text);
  });

  it('of many items has no single revision', () => {
    expect(parseConsistencyOfMany('strong')).toEqual({ level: 'strong' });
    expect(() => parseConsistencyOfMany(`at-least=${revText(REV)}`)).toThrow(/single item/);
  });
});

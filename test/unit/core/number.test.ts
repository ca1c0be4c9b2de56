import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../lib/core/errors.ts';
import { canonicalNumber, compareCanonicalNumbers } from '../../../lib/core/number.ts';
import { exact, numberText } from './support/arbitrary.ts';

const sign = (n: bigint): number => (n < 0n ? -1 : n > 0n ? 1 : 0);

describe('canonicalNumber', () => {
  test.each([
    ['0', '0'],
    ['-0', '0'],
    ['0.00', '0'],
    ['0e99', '0'],
    ['1', '1e0'],
    ['1.0', '1e0'],
    ['+1', '1e0'],
    ['001', '1e0'],
    ['.5', '5e-1'],
    ['5.', '5e0'],
    ['10', '1e1'],
    ['-1200', '-12e2'],
    ['12.3400', '1234e-2'],
    ['1E10', '1e10'],
    ['-1.0000E-5', '-1e-5'],
    ['12345678901234567890123456789012345678', '12345678901234567890123456789012345678e0'],
    ['-0.12345678901234567890123456789012345678', '-12345678901234567890123456789012345678e-38'],
    ['1E-130', '1e-130'],
    ['9.9999999999999999999999999999999999999E+125', '99999999999999999999999999999999999999e88'],
    [`1${'0'.repeat(125)}`, '1e125'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalNumber(text)).toBe(canonical);
  });

  test.each(['', ' ', '-', '.', 'e1', '1e', '1e1.5', '0x10', 'NaN', 'Infinity', '1_000', '1,5', '١', '--1', '1 2', '1e9999999'])('%j is no number', (text) => {
    expect(() => canonicalNumber(text)).toThrow(InputError);
  });

  test.each(['1E126', '-1E126', '1E-131', '123456789012345678901234567890123456789'])('%s is out of range', (text) => {
    expect(() => canonicalNumber(text)).toThrow(InputError);
  });

  test('a number that is refused is not echoed whole', () => {
    expect(() => canonicalNumber('x'.repeat(100_000))).toThrow(/^.{1,200}$/);
  });

  test('two texts are equal exactly when their exact decimal values are', () => {
    // Half of the pairs are spellings of one value, or nothing would ever be equal.
    const pair = fc.oneof(
      fc.tuple(numberText, numberText),
      numberText.map((n): [string, string] => [n, canonicalNumber(n).replace('e', '.0e')]),
      numberText.map((n): [string, string] => [n, n.includes('.') || /e/i.test(n) ? n : `${n}0e-1`]),
    );
    fc.assert(
      fc.property(pair, ([a, b]) => {
        expect(canonicalNumber(a) === canonicalNumber(b)).toBe(exact(a) === exact(b));
      }),
      { numRuns: 700 },
    );
  });

  test('the canonical text has the same exact value, and is its own canonical text', () => {
    fc.assert(
      fc.property(numberText, (n) => {
        const canonical = canonicalNumber(n);
        expect(exact(canonical)).toBe(exact(n));
        expect(canonicalNumber(canonical)).toBe(canonical);
      }),
      { numRuns: 700 },
    );
  });

  test('never throws anything but InputError', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-+\d.eE ]{0,12}$/)), (text) => {
        try {
          canonicalNumber(text);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
    );
  });
});

test('compareCanonicalNumbers orders by exact value', () => {
  fc.assert(
    fc.property(numberText, numberText, (a, b) => {
      expect(compareCanonicalNumbers(canonicalNumber(a), canonicalNumber(b))).toBe(sign(exact(a) - exact(b)));
    }),
    { numRuns: 700 },
  );
});

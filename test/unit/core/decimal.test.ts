import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addNumbers, plainNumber } from '../../../lib/core/decimal.ts';
import { InputError } from '../../../lib/core/errors.ts';
import { canonicalNumber, NUMBER_DIGITS_MAX } from '../../../lib/core/number.ts';
import { exact, numberText } from './support/arbitrary.ts';

/** Significant digits of an exact sum. */
const digitsOf = (value: bigint): number => String(value).replace('-', '').replace(/0+$/, '').length;

describe('addition', () => {
  it('is exact, or refused where the sum has more digits than DynamoDB holds', () => {
    let refused = 0;
    fc.assert(
      fc.property(numberText, numberText, (a, b) => {
        const sum = exact(a) + exact(b);
        if (digitsOf(sum) <= NUMBER_DIGITS_MAX) expect(exact(addNumbers(a, b))).toBe(sum);
        else {
          refused += 1;
          expect(() => addNumbers(a, b)).toThrow(InputError);
        }
      }),
      { numRuns: 1_000, seed: 1 },
    );
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThan(1_000);
  });

  it('has an order of no importance', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 36n), max: 10n ** 36n }), fc.bigInt({ min: -(10n ** 36n), max: 10n ** 36n }), (a, b) => {
        expect(addNumbers(String(a), String(b))).toBe(String(a + b));
        expect(addNumbers(String(b), String(a))).toBe(String(a + b));
      }),
    );
  });

  it.each([
    ['0.1', '0.2', '0.3'],
    ['1', '-1', '0'],
    ['-0', '0', '0'],
    ['99999999999999999999999999999999999999', '1', '1E38'],
    ['9.9E125', '0', '9.9E125'],
    ['1E-130', '-1E-130', '0'],
    ['1.50', '0', '1.5'],
    ['1200', '0.05', '1200.05'],
    ['-0.001', '0.0001', '-0.0009'],
  ])('%s + %s = %s', (a, b, sum) => {
    expect(canonicalNumber(addNumbers(a, b))).toBe(canonicalNumber(sum));
  });

  it.each([
    ['9.9E125', '9.9E125'],
    ['1E38', '0.1'],
    ['1E125', '1E-130'],
    ['-1E125', '1E-130'],
    ['x', '1'],
  ])('refuses %s + %s', (a, b) => {
    expect(() => addNumbers(a, b)).toThrow(InputError);
  });
});

describe('the usual spelling of a number', () => {
  it('has the same value, and no exponent where it needs none', () => {
    fc.assert(
      fc.property(numberText, (text) => {
        const plain = plainNumber(canonicalNumber(text));
        expect(exact(plain)).toBe(exact(text));
        expect(plain).toMatch(/^-?(0|[1-9]\d*)(\.\d*[1-9])?(E-?\d+)?$/);
      }),
    );
  });

  it.each([
    ['12e2', '1200'],
    ['-5e-2', '-0.05'],
    ['125e-1', '12.5'],
    ['1e125', '1E125'],
    ['1e-130', '1E-130'],
    ['0', '0'],
  ])('%s is %s', (canonical, plain) => {
    expect(plainNumber(canonical)).toBe(plain);
  });
});

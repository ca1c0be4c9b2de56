import { canonicalNumber } from './number.ts';

/**
 * Exact addition of DynamoDB numbers. The sum has at most 38 significant digits, as every number; DynamoDB refuses what
 * needs more, and so does this. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
 */

/** A number as digits × 10^exponent. */
interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
}

/** a + b, as a number's text. @throws InputError "invalid-number" when one is no number, or the sum is out of range or needs more digits. */
export function addNumbers(a: string, b: string): string {
  const x = decimalOf(a);
  const y = decimalOf(b);
  if (x.digits === 0n) return plainNumber(canonicalNumber(b));
  if (y.digits === 0n) return plainNumber(canonicalNumber(a));
  const exponent = Math.min(x.exponent, y.exponent);
  // Exponents differ by 293 at most (magnitudes from 1E-130 to 1E+125, 38 digits), so the integers stay small.
  const sum = x.digits * 10n ** BigInt(x.exponent - exponent) + y.digits * 10n ** BigInt(y.exponent - exponent);
  return plainNumber(canonicalNumber(`${sum}e${exponent}`));
}

function decimalOf(text: string): Decimal {
  const canonical = canonicalNumber(text);
  if (canonical === '0') return { digits: 0n, exponent: 0 };
  const e = canonical.indexOf('e');
  return { digits: BigInt(canonical.slice(0, e)), exponent: Number.parseInt(canonical.slice(e + 1), 10) };
}

/** Digits before which a number is written out, as DynamoDB writes it; beyond it has an exponent. */
const WRITTEN_OUT_MAX = 38;

/** A canonical number in its usual spelling: 1200, not 12e2; −0.05, not −5e-2. Very large and very small ones keep an exponent. */
export function plainNumber(canonical: string): string {
  if (canonical === '0') return '0';
  const negative = canonical.startsWith('-');
  const e = canonical.indexOf('e');
  const digits = canonical.slice(negative ? 1 : 0, e);
  const exponent = Number.parseInt(canonical.slice(e + 1), 10);
  const sign = negative ? '-' : '';
  if (exponent >= 0 && digits.length + exponent <= WRITTEN_OUT_MAX) return `${sign}${digits}${'0'.repeat(exponent)}`;
  const point = digits.length + exponent;
  if (exponent < 0 && point > 0) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
  if (exponent < 0 && digits.length - point <= WRITTEN_OUT_MAX) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${digits}E${exponent}`;
}

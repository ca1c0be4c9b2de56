import { canonicalNumber } from '../../core/number.ts';

/** The common case: a whole number as it is shown, surely within the range. */
const WHOLE = /^(?:0|-?[1-9]\d{0,36})$/;

/**
 * A number as DynamoDB shows it when it is read back: decimal digits without an exponent, without leading and
 * trailing zeros. "1.0" → "1", "-1.0000E-5" → "-0.00001", "1E3" → "1000".
 *
 * @throws InputError for a text that is no number or is out of range.
 */
export function displayNumber(text: string): string {
  if (WHOLE.test(text)) return text;
  const canonical = canonicalNumber(text);
  if (canonical === '0') return '0';
  const sign = canonical.startsWith('-') ? '-' : '';
  const e = canonical.indexOf('e');
  const digits = canonical.slice(sign.length, e);
  const exponent = Number.parseInt(canonical.slice(e + 1), 10);
  if (exponent >= 0) return `${sign}${digits}${'0'.repeat(exponent)}`;
  const point = digits.length + exponent;
  if (point > 0) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
  return `${sign}0.${'0'.repeat(-point)}${digits}`;
}

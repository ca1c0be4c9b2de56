import { InputError } from './errors.ts';

/**
 * DynamoDB numbers, as text from end to end: up to 38 significant digits, magnitudes from 1E-130 to 9.99…E+125.
 * No number ever becomes a JavaScript number here.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
 */

const NUMBER = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?\s*$/;
const PLAIN = /^[1-9]\d{0,36}$/;

/** Most significant digits of a number. */
export const NUMBER_DIGITS_MAX = 38;

/**
 * One text for all spellings of a number that DynamoDB calls equal: sign, digits without leading and trailing
 * zeros, "e", exponent of the last digit. Examples: "1.0" → "1e0", "-1200" → "-12e2", "0.00" → "0".
 *
 * @throws InputError for a text that is no number or is out of DynamoDB's range.
 */
export function canonicalNumber(text: string): string {
  // The common case: a positive integer that does not end in zero.
  if (PLAIN.test(text) && text.charCodeAt(text.length - 1) !== 48) return `${text}e0`;
  const match = NUMBER.exec(text);
  const whole = match?.[2] ?? '';
  const fraction = match?.[3] ?? '';
  if (match === null || (whole === '' && fraction === '')) {
    throw new InputError('invalid-number', `Not a number: ${JSON.stringify(text.slice(0, 80))}. Write decimal digits, as in "-12.5" or "1E10".`);
  }
  const all = whole + fraction;
  let first = 0;
  while (first < all.length && all.charCodeAt(first) === 48) first += 1;
  if (first === all.length) return '0';
  let last = all.length;
  while (all.charCodeAt(last - 1) === 48) last -= 1;
  const digits = all.slice(first, last);
  const exponent = Number.parseInt(match[4] ?? '0', 10) - fraction.length + (all.length - last);
  const magnitude = exponent + digits.length - 1;
  if (digits.length > NUMBER_DIGITS_MAX) {
    throw new InputError('invalid-number', `A number has at most ${NUMBER_DIGITS_MAX} significant digits; got ${digits.length}.`);
  }
  if (magnitude > 125 || magnitude < -130) {
    throw new InputError('invalid-number', `A number's magnitude lies between 1E-130 and 9.99E+125; got ${JSON.stringify(text.slice(0, 80))}.`);
  }
  return `${match[1] === '-' ? '-' : ''}${digits}e${exponent}`;
}

/** −1, 0 or 1: the order of two canonical numbers by value, as DynamoDB sorts number keys. */
export function compareCanonicalNumbers(a: string, b: string): number {
  const x = parts(a);
  const y = parts(b);
  if (x.sign !== y.sign) return x.sign < y.sign ? -1 : 1;
  if (x.sign === 0) return 0;
  const magnitude = x.magnitude - y.magnitude;
  if (magnitude !== 0) return magnitude < 0 === x.sign > 0 ? -1 : 1;
  const width = Math.max(x.digits.length, y.digits.length);
  const p = x.digits.padEnd(width, '0');
  const q = y.digits.padEnd(width, '0');
  if (p === q) return 0;
  return p < q === x.sign > 0 ? -1 : 1;
}

function parts(text: string): { sign: number; digits: string; magnitude: number } {
  if (text === '0') return { sign: 0, digits: '', magnitude: 0 };
  const sign = text.startsWith('-') ? -1 : 1;
  const e = text.indexOf('e');
  const digits = text.slice(sign < 0 ? 1 : 0, e);
  return { sign, digits, magnitude: Number.parseInt(text.slice(e + 1), 10) + digits.length - 1 };
}

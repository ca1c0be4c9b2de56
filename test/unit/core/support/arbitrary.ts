import fc from 'fast-check';
import type { AttributeValue, Item } from '../../../../lib/core/attribute.ts';

/** Values of every type of DynamoDB, and the same values written in another order. */

/** A number as a caller may spell it: sign, leading and trailing zeros, point, exponent; always within DynamoDB's range. */
export const numberText: fc.Arbitrary<string> = fc
  .record({
    sign: fc.constantFrom('', '-', '+'),
    zeros: fc.constantFrom('', '0', '000'),
    whole: fc.stringMatching(/^\d{0,18}$/),
    fraction: fc.option(fc.stringMatching(/^\d{0,18}$/), { nil: undefined }),
    exponent: fc.option(fc.integer({ min: -80, max: 80 }), { nil: undefined }),
    e: fc.constantFrom('e', 'E'),
  })
  .filter(({ whole, fraction }) => whole !== '' || (fraction ?? '') !== '')
  .map(({ sign, zeros, whole, fraction, exponent, e }) => {
    const head = whole === '' ? '' : zeros + whole;
    return `${sign}${head}${fraction === undefined ? '' : `.${fraction}`}${exponent === undefined ? '' : `${e}${exponent}`}`;
  });

const textValue = fc.string({ unit: 'grapheme', maxLength: 12 });
const bytesValue = fc.uint8Array({ maxLength: 12 }).map((b) => Buffer.from(b).toString('base64'));
const unique = <T extends string>(of: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.uniqueArray(of, { minLength: 1, maxLength: 4 });

/** Integers below 2^53 as text: spelled in one way only, so that set members differ by value when they differ as text. */
const integerText = fc.maxSafeInteger().map(String);

/** Any value, at most four levels deep. */
export const attributeValue: fc.Arbitrary<AttributeValue> = fc.letrec<{ value: AttributeValue; map: Item }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 4 },
    textValue.map((S) => ({ S })),
    numberText.map((N) => ({ N })),
    bytesValue.map((B) => ({ B })),
    fc.boolean().map((BOOL) => ({ BOOL })),
    fc.constant({ NULL: true as const }),
    unique(textValue).map((SS) => ({ SS })),
    unique(integerText).map((NS) => ({ NS })),
    unique(bytesValue).map((BS) => ({ BS })),
    fc.array(tie('value'), { maxLength: 3 }).map((L) => ({ L })),
    tie('map').map((M) => ({ M })),
  ),
  map: fc.dictionary(fc.string({ maxLength: 6 }), tie('value'), { maxKeys: 4 }),
})).value;

/** Any map of attributes. */
export const anyItem: fc.Arbitrary<Item> = fc.dictionary(fc.string({ minLength: 1, maxLength: 6 }), attributeValue, { maxKeys: 5 });

/** The same value with all sets and maps in reverse order, deep. */
export function reordered(value: AttributeValue): AttributeValue {
  if ('SS' in value) return { SS: [...value.SS].reverse() };
  if ('NS' in value) return { NS: [...value.NS].reverse() };
  if ('BS' in value) return { BS: [...value.BS].reverse() };
  if ('L' in value) return { L: value.L.map(reordered) };
  if ('M' in value) return { M: reorderedMap(value.M) };
  return value;
}

/** The same map with its entries, and all sets and maps inside, in reverse order. */
export const reorderedMap = (map: Item): Item =>
  Object.fromEntries(
    Object.entries(map)
      .reverse()
      .map(([name, value]) => [name, reordered(value)]),
  );

/** Whether DynamoDB would call two values equal, by the simplest means: a deliberately dumb second opinion. */
export function sameValue(a: AttributeValue, b: AttributeValue): boolean {
  const [type] = Object.keys(a);
  if (type === undefined || Object.keys(b)[0] !== type) return false;
  const x = (a as Record<string, unknown>)[type];
  const y = (b as Record<string, unknown>)[type];
  switch (type) {
    case 'N':
      return exact(x as string) === exact(y as string);
    case 'SS':
    case 'BS':
      return sameMembers(x as string[], y as string[]);
    case 'NS':
      return sameMembers((x as string[]).map(String), (y as string[]).map(String));
    case 'L': {
      const [l, m] = [x as AttributeValue[], y as AttributeValue[]];
      return l.length === m.length && l.every((v, i) => sameValue(v, m[i] as AttributeValue));
    }
    case 'M':
      return sameMap(x as Item, y as Item);
    default:
      return x === y;
  }
}

/** As sameValue, for maps. */
export function sameMap(a: Item, b: Item): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((n) => Object.hasOwn(b, n) && sameValue(a[n] as AttributeValue, b[n] as AttributeValue));
}

const sameMembers = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((m) => b.includes(m));

/** The exact value of a decimal text, times 10^200: below any fraction that the generator makes. */
export function exact(text: string): bigint {
  const [mantissa = '', exponent = '0'] = text.trim().toLowerCase().split('e');
  const negative = mantissa.startsWith('-');
  const [whole = '', fraction = ''] = mantissa.replace(/^[+-]/, '').split('.');
  const value = BigInt(`0${whole}${fraction}`) * 10n ** BigInt(200 + Number(exponent) - fraction.length);
  return negative ? -value : value;
}

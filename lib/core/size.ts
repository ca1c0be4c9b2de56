import type { AttributeValue, Item } from './attribute.ts';
import { typeNames } from './attribute.ts';
import { InvariantError } from './errors.ts';
import { canonicalNumber } from './number.ts';

/**
 * Sizes as DynamoDB counts them, for its 400 KB limit and its capacity units. Names and strings count their UTF-8
 * bytes, binaries their raw bytes, Booleans and nulls one byte; lists and maps three, and one more a member.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 */

/** Overhead of a list or map, and of each of its members (bytes). */
const CONTAINER_BYTES = 3;
const MEMBER_BYTES = 1;

/** The size of an item: its attributes' names and values (bytes). @throws InvariantError for what is no attribute value; InputError for an invalid number. */
export function itemBytes(item: Item): number {
  let bytes = 0;
  for (const name in item) bytes += Buffer.byteLength(name, 'utf8') + valueBytes(item[name] as AttributeValue);
  return bytes;
}

/** The size of one value (bytes). @throws InvariantError, InputError as itemBytes. */
export function valueBytes(value: AttributeValue): number {
  for (const type in value) {
    const v = (value as Record<string, unknown>)[type];
    switch (type) {
      case 'S':
        return Buffer.byteLength(v as string, 'utf8');
      case 'N':
        return numberBytes(v as string);
      case 'B':
        return base64Bytes(v as string);
      case 'BOOL':
      case 'NULL':
        return 1;
      case 'SS':
        return sum(v as readonly string[], (s) => Buffer.byteLength(s, 'utf8'));
      case 'NS':
        return sum(v as readonly string[], numberBytes);
      case 'BS':
        return sum(v as readonly string[], base64Bytes);
      case 'L':
        return CONTAINER_BYTES + sum(v as readonly AttributeValue[], (member) => MEMBER_BYTES + valueBytes(member));
      case 'M':
        return CONTAINER_BYTES + MEMBER_BYTES * Object.keys(v as Item).length + itemBytes(v as Item);
      default:
        break;
    }
  }
  throw new InvariantError('not an attribute value', { seen: typeNames(value) });
}

/** The size of a number: a byte for two significant digits, one more, and one for the sign of a negative one. @throws InputError */
export function numberBytes(text: string): number {
  const canonical = canonicalNumber(text);
  if (canonical === '0') return 1;
  const negative = canonical.charCodeAt(0) === 45;
  const digits = canonical.indexOf('e') - (negative ? 1 : 0);
  return Math.ceil(digits / 2) + 1 + (negative ? 1 : 0);
}

/** Raw bytes of a padded base64 text, without decoding it. */
export function base64Bytes(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}

function sum<T>(members: readonly T[], of: (member: T) => number): number {
  let total = 0;
  for (const member of members) total += of(member);
  return total;
}

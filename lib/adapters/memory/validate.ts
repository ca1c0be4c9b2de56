import type { AttributeValue, Item, Key } from '../../core/attribute.ts';
import { ITEM_BYTES_MAX } from '../../core/constants.ts';
import { InputError } from '../../core/errors.ts';
import type { KeyAttribute } from '../../core/key.ts';
import { canonicalNumber } from '../../core/number.ts';
import { itemBytes } from '../../core/size.ts';
import { RemoteError } from '../../ports/errors.ts';
import { displayNumber } from './number.ts';

/**
 * What DynamoDB refuses in an item or key, and how it normalises what it takes. Everything that comes out is new and
 * frozen, so that nobody changes a stored item from outside.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
 */

/** Levels of nesting of lists and maps. */
const NESTING_MAX = 32;
/** Longest key attributes (bytes). */
const PARTITION_KEY_BYTES_MAX = 2_048;
const SORT_KEY_BYTES_MAX = 1_024;

/** Most bytes of a UTF-16 unit in UTF-8, so that short texts need no count. */
const UTF8_BYTES_MAX = 3;
/** Most bytes of a number. */
const NUMBER_BYTES_MAX = 22;
/** Most bytes that a list or map, and each of its members, has beside its content. */
const CONTAINER_BYTES_MAX = 4;

/** Padded base64, if its length is a multiple of four. */
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
/** The last digits before "==" and "=" whose bits beyond the last byte are 0. */
const LAST_OF_ONE = 'AQgw';
const LAST_OF_TWO = 'AEIMQUYcgkosw048';

/** An index that a table declares: only its key attributes matter here. */
export interface IndexSchema {
  readonly name: string;
  readonly key: readonly KeyAttribute[];
}

/** The error of a request that is itself at fault. */
export const invalid = (message: string, code = 'ValidationException'): RemoteError => new RemoteError('invalid', code, message);

const PARAMETERS = 'One or more parameter values were invalid';

/** Counts at least as many bytes as the values that were looked at have: an item that is small by it needs no exact size. */
interface Bound {
  bytes: number;
}

/** Checks and normalises a whole item. @param key the key's attributes, the partition key first. @throws RemoteError invalid, as DynamoDB refuses it. */
export function checkedItem(item: Item, key: readonly KeyAttribute[], indexes: readonly IndexSchema[]): Item {
  for (const { name } of key) {
    if (item[name] === undefined) throw invalid(`${PARAMETERS}: Missing the key ${name} in the item`);
  }
  const bound = { bytes: 0 };
  const out = normalMap(item, 0, bound);
  for (let i = 0; i < key.length; i += 1) {
    const attribute = key[i] as KeyAttribute;
    checkKeyValue(out[attribute.name] as AttributeValue, attribute, i === 0 ? PARTITION_KEY_BYTES_MAX : SORT_KEY_BYTES_MAX);
  }
  for (const index of indexes) checkIndexKey(out, index);
  if (bound.bytes > ITEM_BYTES_MAX && itemBytes(out) > ITEM_BYTES_MAX) throw invalid('Item size has exceeded the maximum allowed size');
  return out;
}

/** Checks and normalises a key: exactly the key's attributes. @throws RemoteError invalid */
export function checkedKey(given: Key, key: readonly KeyAttribute[]): Key {
  let names = 0;
  for (const _ in given) names += 1;
  if (names !== key.length) throw mismatch();
  for (const { name } of key) if (given[name] === undefined) throw mismatch();
  const out = normalMap(given, 0, { bytes: 0 });
  for (let i = 0; i < key.length; i += 1) {
    const attribute = key[i] as KeyAttribute;
    const value = out[attribute.name] as AttributeValue;
    if (!(attribute.type in value)) throw mismatch();
    checkKeyValue(value, attribute, i === 0 ? PARTITION_KEY_BYTES_MAX : SORT_KEY_BYTES_MAX);
  }
  return out;
}

const mismatch = (): RemoteError => invalid('The provided key element does not match the schema');

/** Checks and normalises one value, as it stands in a condition or an update. @throws RemoteError invalid */
export const checkedValue = (value: AttributeValue): AttributeValue => normal(value, 1, { bytes: 0 });

function checkKeyValue(value: AttributeValue, { name, type }: KeyAttribute, bytesMax: number): void {
  const found = (value as Record<string, unknown>)[type];
  if (typeof found !== 'string') throw invalid(`${PARAMETERS}: Type mismatch for key ${name} expected: ${type} actual: ${Object.keys(value)[0]}`);
  if (found === '') {
    throw invalid(
      `One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty ${type === 'B' ? 'binary' : 'string'} value. Key: ${name}`,
    );
  }
  if (isLonger(found, type, bytesMax)) {
    throw invalid(
      `${PARAMETERS}: Size of ${bytesMax === PARTITION_KEY_BYTES_MAX ? 'hashkey' : 'rangekey'} has exceeded the maximum size limit of ${bytesMax} bytes`,
    );
  }
}

/** Whether a string or binary has more than so many bytes. */
const isLonger = (text: string, type: KeyAttribute['type'], bytesMax: number): boolean =>
  type !== 'N' && text.length * UTF8_BYTES_MAX > bytesMax && Buffer.byteLength(text, type === 'B' ? 'base64' : 'utf8') > bytesMax;

function checkIndexKey(item: Item, index: IndexSchema): void {
  index.key.forEach(({ name, type }, i) => {
    const value = item[name];
    if (value === undefined) return;
    const found = (value as Record<string, unknown>)[type];
    if (typeof found !== 'string') {
      throw invalid(`${PARAMETERS}: Type mismatch for Index Key ${name} Expected: ${type} Actual: ${Object.keys(value)[0]} IndexName: ${index.name}`);
    }
    if (found === '') {
      throw invalid(
        `One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: ${index.name}, IndexKey: ${name}`,
      );
    }
    const limit = i === 0 ? PARTITION_KEY_BYTES_MAX : SORT_KEY_BYTES_MAX;
    if (isLonger(found, type, limit)) {
      throw invalid(`${PARAMETERS}: Size of an index key has exceeded the maximum size limit of ${limit} bytes. IndexName: ${index.name}, IndexKey: ${name}`);
    }
  });
}

function normalMap(map: Item, depth: number, bound: Bound): Item {
  const out: Record<string, AttributeValue> = {};
  const names = Object.keys(map);
  for (let i = 0; i < names.length; i += 1) {
    const name = names[i] as string;
    if (name === '') throw invalid('Empty attribute name');
    bound.bytes += name.length * UTF8_BYTES_MAX + CONTAINER_BYTES_MAX;
    const value = normal(map[name] as AttributeValue, depth + 1, bound);
    // `__proto__` is a name like any other: defined, not assigned, which would set what the map inherits.
    if (name === '__proto__') Object.defineProperty(out, name, { value, enumerable: true, writable: false, configurable: false });
    else out[name] = value;
  }
  return Object.freeze(out);
}

/** @param depth level of this value: an item's attributes are at level 1. */
function normal(value: AttributeValue, depth: number, bound: Bound): AttributeValue {
  const type = onlyType(value);
  const v = (value as unknown as Record<string, unknown>)[type];
  switch (type) {
    case 'S': {
      const text = stringValue(v);
      bound.bytes += text.length * UTF8_BYTES_MAX;
      return Object.freeze({ S: text });
    }
    case 'N':
      bound.bytes += NUMBER_BYTES_MAX;
      return Object.freeze({ N: numberText(v) });
    case 'B': {
      const bytes = binary(v);
      bound.bytes += bytes.length;
      return Object.freeze({ B: bytes });
    }
    case 'BOOL':
      if (typeof v !== 'boolean') throw serialization();
      return Object.freeze({ BOOL: v });
    case 'NULL':
      if (v !== true) throw invalid(`${PARAMETERS}: Null attribute value types must have the value of true`);
      return Object.freeze({ NULL: true });
    case 'SS':
      return Object.freeze({ SS: set(v, stringValue, (s) => s, 'string', bound) });
    case 'NS':
      return Object.freeze({ NS: set(v, numberText, canonicalNumber, 'number', bound) });
    case 'BS':
      return Object.freeze({ BS: set(v, binary, (b) => b, 'binary', bound) });
    case 'L':
      if (!Array.isArray(v)) throw serialization();
      checkDepth(depth);
      bound.bytes += CONTAINER_BYTES_MAX * (1 + v.length);
      return Object.freeze({ L: Object.freeze(v.map((member) => normal(member as AttributeValue, depth + 1, bound))) });
    case 'M':
      if (v === null || typeof v !== 'object') throw serialization();
      checkDepth(depth);
      bound.bytes += CONTAINER_BYTES_MAX;
      return Object.freeze({ M: normalMap(v as Item, depth, bound) });
    default:
      throw invalid('Supplied AttributeValue is empty, must contain exactly one of the supported datatypes');
  }
}

/** The one type that a value names. @throws RemoteError invalid */
function onlyType(value: AttributeValue): string {
  let type: string | undefined;
  if (value !== null && typeof value === 'object') {
    for (const name in value) {
      if (type !== undefined) throw invalid('Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes');
      type = name;
    }
  }
  if (type === undefined) throw invalid('Supplied AttributeValue is empty, must contain exactly one of the supported datatypes');
  return type;
}

function checkDepth(depth: number): void {
  if (depth >= NESTING_MAX) throw invalid('Nesting Levels have exceeded supported limits');
}

const serialization = (): RemoteError => invalid('Unexpected value type in payload', 'SerializationException');

function stringValue(v: unknown): string {
  if (typeof v !== 'string') throw serialization();
  return v;
}

function numberText(v: unknown): string {
  if (typeof v !== 'string') throw serialization();
  if (v.trim() !== v) throw invalid('A value provided cannot be converted into a number');
  try {
    return displayNumber(v);
  } catch (error) {
    if (error instanceof InputError) throw invalid(`The parameter cannot be converted to a numeric value, or is out of range: ${v}`);
    throw error;
  }
}

function binary(v: unknown): string {
  if (typeof v !== 'string' || v.length % 4 !== 0 || !BASE64.test(v)) throw serialization();
  if (!v.endsWith('=')) return v;
  const whole = v.endsWith('==') ? LAST_OF_ONE.includes(v.charAt(v.length - 3)) : LAST_OF_TWO.includes(v.charAt(v.length - 2));
  // Bits beyond the last byte are not kept: "BBB=" reads "BBA=".
  return whole ? v : Buffer.from(v, 'base64').toString('base64');
}

function set(v: unknown, member: (m: unknown) => string, identity: (m: string) => string, what: string, bound: Bound): readonly string[] {
  if (!Array.isArray(v)) throw serialization();
  if (v.length === 0) throw invalid(`${PARAMETERS}: An ${what} set may not be empty`);
  const members = v.map(member);
  if (new Set(members.map(identity)).size !== members.length) throw invalid(`${PARAMETERS}: Input collection contains duplicates.`);
  for (const text of members) bound.bytes += text.length * UTF8_BYTES_MAX + NUMBER_BYTES_MAX;
  return Object.freeze(members);
}

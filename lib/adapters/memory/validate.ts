import type { AttributeValue, Item, Key } from '../../core/attribute.ts';
import { ITEM_BYTES_MAX } from '../../core/constants.ts';
import { InputError } from '../../core/errors.ts';
import type { KeyAttribute, KeySchema } from '../../core/key.ts';
import { keyAttributes } from '../../core/key.ts';
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

/** Padded base64. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** An index that a table declares: only its key attributes matter here. */
export interface IndexSchema {
  readonly name: string;
  readonly key: readonly KeyAttribute[];
}

/** The error of a request that is itself at fault. */
export const invalid = (message: string, code = 'ValidationException'): RemoteError => new RemoteError('invalid', code, message);

const PARAMETERS = 'One or more parameter values were invalid';

/** Checks and normalises a whole item. @throws RemoteError invalid, as DynamoDB refuses it. */
export function checkedItem(item: Item, schema: KeySchema, indexes: readonly IndexSchema[]): Item {
  for (const { name } of keyAttributes(schema)) {
    if (item[name] === undefined) throw invalid(`${PARAMETERS}: Missing the key ${name} in the item`);
  }
  const out = normalMap(item, 0);
  keyAttributes(schema).forEach((attribute, i) => {
    checkKeyValue(out[attribute.name] as AttributeValue, attribute, i === 0 ? PARTITION_KEY_BYTES_MAX : SORT_KEY_BYTES_MAX);
  });
  for (const index of indexes) checkIndexKey(out, index);
  const bytes = itemBytes(out);
  if (bytes > ITEM_BYTES_MAX) throw invalid('Item size has exceeded the maximum allowed size');
  return out;
}

/** Checks and normalises a key: exactly the key's attributes. @throws RemoteError invalid */
export function checkedKey(key: Key, schema: KeySchema): Key {
  const attributes = keyAttributes(schema);
  const names = Object.keys(key);
  if (names.length !== attributes.length || attributes.some(({ name }) => key[name] === undefined)) {
    throw invalid('The provided key element does not match the schema');
  }
  const out = normalMap(key, 0);
  attributes.forEach((attribute, i) => {
    const value = out[attribute.name] as AttributeValue;
    if (!(attribute.type in value)) throw invalid('The provided key element does not match the schema');
    checkKeyValue(value, attribute, i === 0 ? PARTITION_KEY_BYTES_MAX : SORT_KEY_BYTES_MAX);
  });
  return out;
}

/** Checks and normalises one value, as it stands in a condition or an update. @throws RemoteError invalid */
export const checkedValue = (value: AttributeValue): AttributeValue => normal(value, 1);

function checkKeyValue(value: AttributeValue, { name, type }: KeyAttribute, bytesMax: number): void {
  const found = (value as Record<string, unknown>)[type];
  if (typeof found !== 'string') throw invalid(`${PARAMETERS}: Type mismatch for key ${name} expected: ${type} actual: ${Object.keys(value)[0]}`);
  if (found === '') {
    throw invalid(
      `One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty ${type === 'B' ? 'binary' : 'string'} value. Key: ${name}`,
    );
  }
  if (type !== 'N' && Buffer.byteLength(found, type === 'B' ? 'base64' : 'utf8') > bytesMax) {
    throw invalid(
      `${PARAMETERS}: Size of ${bytesMax === PARTITION_KEY_BYTES_MAX ? 'hashkey' : 'rangekey'} has exceeded the maximum size limit of ${bytesMax} bytes`,
    );
  }
}

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
    if (type !== 'N' && Buffer.byteLength(found, type === 'B' ? 'base64' : 'utf8') > limit) {
      throw invalid(`${PARAMETERS}: Size of an index key has exceeded the maximum size limit of ${limit} bytes. IndexName: ${index.name}, IndexKey: ${name}`);
    }
  });
}

function normalMap(map: Item, depth: number): Item {
  const out: Record<string, AttributeValue> = {};
  for (const name of Object.keys(map)) {
    if (name === '') throw invalid('Empty attribute name');
    // `__proto__` is a name like any other: defined, never assigned.
    Object.defineProperty(out, name, { value: normal(map[name] as AttributeValue, depth + 1), enumerable: true, writable: false, configurable: false });
  }
  return Object.freeze(out);
}

/** @param depth level of this value: an item's attributes are at level 1. */
function normal(value: AttributeValue, depth: number): AttributeValue {
  const types = value === null || typeof value !== 'object' ? [] : Object.keys(value);
  if (types.length !== 1)
    throw invalid(
      types.length === 0
        ? 'Supplied AttributeValue is empty, must contain exactly one of the supported datatypes'
        : 'Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes',
    );
  const type = types[0] as string;
  const v = (value as unknown as Record<string, unknown>)[type];
  switch (type) {
    case 'S':
      return Object.freeze({ S: stringValue(v) });
    case 'N':
      return Object.freeze({ N: numberText(v) });
    case 'B':
      return Object.freeze({ B: binary(v) });
    case 'BOOL':
      if (typeof v !== 'boolean') throw serialization();
      return Object.freeze({ BOOL: v });
    case 'NULL':
      if (v !== true) throw invalid(`${PARAMETERS}: Null attribute value types must have the value of true`);
      return Object.freeze({ NULL: true });
    case 'SS':
      return Object.freeze({ SS: set(v, stringValue, (s) => s, 'string') });
    case 'NS':
      return Object.freeze({ NS: set(v, numberText, canonicalNumber, 'number') });
    case 'BS':
      return Object.freeze({ BS: set(v, binary, (b) => b, 'binary') });
    case 'L':
      if (!Array.isArray(v)) throw serialization();
      checkDepth(depth);
      return Object.freeze({ L: Object.freeze(v.map((member) => normal(member as AttributeValue, depth + 1))) });
    case 'M':
      if (v === null || typeof v !== 'object') throw serialization();
      checkDepth(depth);
      return Object.freeze({ M: normalMap(v as Item, depth) });
    default:
      throw invalid('Supplied AttributeValue is empty, must contain exactly one of the supported datatypes');
  }
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
  if (typeof v !== 'string' || !BASE64.test(v)) throw serialization();
  // Bits beyond the last byte are not kept: "BBB=" reads "BBA=".
  return Buffer.from(v, 'base64').toString('base64');
}

function set(v: unknown, member: (m: unknown) => string, identity: (m: string) => string, what: string): readonly string[] {
  if (!Array.isArray(v)) throw serialization();
  if (v.length === 0) throw invalid(`${PARAMETERS}: An ${what} set may not be empty`);
  const members = v.map(member);
  if (new Set(members.map(identity)).size !== members.length) throw invalid(`${PARAMETERS}: Input collection contains duplicates.`);
  return Object.freeze(members);
}

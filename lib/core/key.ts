import type { AttributeValue, Item, Key } from './attribute.ts';
import { typeNames } from './attribute.ts';
import { sha256 } from './canonical.ts';
import { InputError, InvariantError } from './errors.ts';
import { canonicalNumber } from './number.ts';

/** One attribute of a table's key. */
export interface KeyAttribute {
  readonly name: string;
  readonly type: 'S' | 'N' | 'B';
}

/** A table's key schema: the partition key and, where there is one, the sort key. */
export interface KeySchema {
  readonly partition: KeyAttribute;
  readonly sort?: KeyAttribute;
}

/** The key's attributes, the partition key first. */
export const keyAttributes = (schema: KeySchema): readonly KeyAttribute[] => (schema.sort === undefined ? [schema.partition] : [schema.partition, schema.sort]);

/** The key of an item. @throws InvariantError when the item lacks a key attribute or has one of another type. */
export function keyOf(item: Item, schema: KeySchema): Key {
  const key: Record<string, AttributeValue> = {};
  for (const { name, type } of keyAttributes(schema)) {
    const value = item[name];
    if (typeof value !== 'object' || value === null || !(type in value))
      throw new InvariantError('an item without its key', { name, type, seen: typeNames(value) });
    key[name] = value;
  }
  return key;
}

/**
 * The canonical text of a key: values only, in schema order, numbers by value. Two keys are the same key exactly when
 * their texts are equal. Part of the format: lanes, key checks and file indexes are hashes of it.
 */
export function keyText(item: Item, schema: KeySchema): string {
  const partition = part(item, schema.partition);
  return schema.sort === undefined ? partition : `${partition}|${part(item, schema.sort)}`;
}

function part(item: Item, { name, type }: KeyAttribute): string {
  const value = (item[name] as Record<string, string> | undefined)?.[type];
  if (typeof value !== 'string') throw new InvariantError('an item without its key', { name, type, seen: typeNames(item[name]) });
  if (type === 'N') return `N${canonicalNumber(value)}`;
  return `${type}${value.length}:${value}`;
}

/** Length of a key hash (bytes). */
export const KEY_HASH_BYTES = 16;

/** The key hash: the first 16 bytes of SHA-256 over the key's canonical text. */
export const keyHash = (key: string): Buffer => sha256(key).subarray(0, KEY_HASH_BYTES);

/**
 * Reads a key given as DynamoDB JSON by a caller.
 *
 * @throws InputError naming the attribute that is missing, of another type, or not part of the key.
 */
export function parseKey(input: Item, schema: KeySchema): Key {
  const attributes = keyAttributes(schema);
  const expected = attributes.map((a) => `${a.name} (${a.type})`).join(', ');
  for (const name of Object.keys(input)) {
    if (!attributes.some((a) => a.name === name)) {
      throw new InputError('invalid-key', `"${name}" is not part of the key. The table's key is ${expected}.`, name);
    }
  }
  const key: Record<string, AttributeValue> = {};
  for (const attribute of attributes) key[attribute.name] = keyValue(input[attribute.name], attribute, expected);
  return key;
}

/** Longest partition and sort key (bytes). https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html */
const KEY_BYTES_MAX = { partition: 2_048, sort: 1_024 } as const;

/** Checks one key attribute of an item. @throws InputError */
function keyValue(value: AttributeValue | undefined, { name, type }: KeyAttribute, expected: string): AttributeValue {
  if (value === undefined) throw new InputError('invalid-key', `The key attribute "${name}" is missing. The table's key is ${expected}.`, name);
  // A caller's JSON may hold null where a value is expected.
  const found = (value as Record<string, string> | null)?.[type];
  if (typeof found !== 'string') {
    throw new InputError('invalid-key', `The key attribute "${name}" must be of type ${type}; got ${typeNames(value).join(', ') || 'nothing'}.`, name);
  }
  if (Object.keys(value).length > 1) {
    throw new InputError('invalid-key', `The key attribute "${name}" must have one type, ${type}; got ${typeNames(value).join(', ')}.`, name);
  }
  if (found === '') throw new InputError('invalid-key', `The key attribute "${name}" must not be empty.`, name);
  if (type === 'N') canonicalNumber(found);
  return value;
}

/** Checks the key attributes within a whole item, lengths included. @throws InputError */
export function checkKeyOf(item: Item, schema: KeySchema): Key {
  const attributes = keyAttributes(schema);
  const expected = attributes.map((a) => `${a.name} (${a.type})`).join(', ');
  const key: Record<string, AttributeValue> = {};
  attributes.forEach((attribute, i) => {
    const value = keyValue(item[attribute.name], attribute, expected);
    const limit = i === 0 ? KEY_BYTES_MAX.partition : KEY_BYTES_MAX.sort;
    const raw = (value as Record<string, string>)[attribute.type] ?? '';
    const bytes = attribute.type === 'N' ? 0 : Buffer.byteLength(raw, attribute.type === 'B' ? 'base64' : 'utf8');
    if (bytes > limit)
      throw new InputError('invalid-key', `The key attribute "${attribute.name}" has ${bytes} bytes; at most ${limit} are allowed.`, attribute.name);
    key[attribute.name] = value;
  });
  return key;
}

import type { AttributeValue, Item, Key } from './attribute.ts';
import { ATTRIBUTE_TYPES, RESERVED } from './attribute.ts';
import { ITEM_BYTES_MAX } from './constants.ts';
import { InputError } from './errors.ts';
import { REV_BYTES } from './formats/rev.ts';
import { metaValue, SEAL_BYTES } from './formats/seal.ts';
import type { KeySchema } from './key.ts';
import { checkKeyOf } from './key.ts';
import { canonicalNumber } from './number.ts';
import { itemBytes } from './size.ts';

/**
 * A caller's item, checked. What comes out is DynamoDB JSON that DynamoDB takes and that every member can hold: the
 * largest item leaves room for the metadata of a replica. Strings stay as they are; binaries are in canonical base64;
 * numbers keep their text, unless its form is one that only some parsers take. Nothing becomes a JavaScript number.
 *
 * DynamoDB's own limits: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
 */

/** Levels of nesting: an item's attributes are level 1, so a list or map may stand at level 31 at the deepest. */
export const NESTING_MAX = 32;
/** Longest attribute name (bytes). https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html */
export const NAME_BYTES_MAX = 65_535;
/** What the reserved attribute takes at a replica: a rev and a seal (bytes). */
export const META_BYTES = itemBytes({ [RESERVED]: metaValue(Buffer.alloc(REV_BYTES), Buffer.alloc(SEAL_BYTES)) });
/** The largest item that a caller may write (bytes, by DynamoDB's rules). */
export const INPUT_ITEM_BYTES_MAX = ITEM_BYTES_MAX - META_BYTES;

/** Longest piece of input in a message (characters). */
const SHOWN_MAX = 60;
const show = (value: unknown): string => {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, SHOWN_MAX));
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`;
};

const fail = (message: string, path: string): InputError => new InputError('invalid-item', message, path);

/**
 * Checks a caller's item: strict DynamoDB JSON, one known type a value, within DynamoDB's limits and ours, the key
 * attributes there and of the right type, the reserved attribute not there. Depth- and size-bounded; names such as
 * `__proto__` are names like any other.
 *
 * @throws InputError "invalid-item", "invalid-key", "invalid-number", "reserved-attribute" or "item-too-large", with the path.
 */
export function parseItem(json: unknown, schema: KeySchema): Item {
  if (!isObject(json)) throw fail(`The body must be one item in DynamoDB JSON, an object such as {"id":{"S":"a"}}; got ${show(json)}.`, 'item');
  if (Object.hasOwn(json, RESERVED)) {
    throw new InputError(
      'reserved-attribute',
      `The attribute "${RESERVED}" is Syncline's own. Leave it out: it is never shown, and set by each write.`,
      `item.${RESERVED}`,
    );
  }
  const item = parseMap(json, 'item', 1);
  checkItemKey(item, schema);
  checkItemBytes(item);
  return item;
}

/**
 * Checks one value that a caller gave by itself, by the same rules as those of an item.
 *
 * @param path where it stands, for messages.
 * @throws InputError "invalid-item" or "invalid-number".
 */
export const parseAttribute = (json: unknown, path: string): AttributeValue => parseValue(json, path, 1);

/**
 * Checks that an item whose values are checked already, but which was put together from parts, is not nested too deep.
 *
 * @throws InputError "invalid-item"
 */
export function checkNesting(item: Item): void {
  const check = (value: AttributeValue, level: number): void => {
    const inner = 'L' in value ? value.L : 'M' in value ? Object.values(value.M) : undefined;
    if (inner === undefined) return;
    checkLevel(level, 'item');
    for (const member of inner) check(member, level + 1);
  };
  for (const value of Object.values(item)) check(value, 1);
}

/**
 * Checks the size of an item that is to be written.
 *
 * @throws InputError "item-too-large"
 */
export function checkItemBytes(item: Item): void {
  const bytes = itemBytes(item);
  if (bytes > INPUT_ITEM_BYTES_MAX) {
    throw new InputError(
      'item-too-large',
      `The item has ${bytes} bytes by DynamoDB's rules; at most ${INPUT_ITEM_BYTES_MAX} are allowed (DynamoDB's ${ITEM_BYTES_MAX}, less ${META_BYTES} for a replica's metadata).`,
      'item',
    );
  }
}

/** checkKeyOf, with paths as they are in an item. @throws InputError */
function checkItemKey(item: Item, schema: KeySchema): Key {
  try {
    return checkKeyOf(item, schema);
  } catch (error) {
    if (error instanceof InputError && error.path !== undefined) throw new InputError(error.code, error.message, member('item', error.path));
    throw error;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

const SIMPLE = /^[A-Za-z_$][\w$-]{0,63}$/;
/** The path of a map's member; names that are not plain words are quoted. */
const member = (path: string, name: string): string => (SIMPLE.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name.slice(0, SHOWN_MAX))}]`);

function parseMap(map: Record<string, unknown>, path: string, level: number): Item {
  const out: Record<string, AttributeValue> = {};
  for (const name of Object.keys(map)) {
    const at = member(path, name);
    if (name === '') throw fail('An attribute has an empty name. Names have 1 to 65,535 bytes.', at);
    if (!name.isWellFormed()) throw fail('An attribute name is not well-formed Unicode (it has half of a surrogate pair).', at);
    if (name.length > NAME_BYTES_MAX / 3 && Buffer.byteLength(name, 'utf8') > NAME_BYTES_MAX)
      throw fail(`An attribute name has more than ${NAME_BYTES_MAX} bytes.`, at);
    // Defined, not assigned: assigning to `__proto__` would set the prototype.
    Object.defineProperty(out, name, { value: parseValue(map[name], at, level), enumerable: true, writable: true, configurable: true });
  }
  return out;
}

/** @param level of this value: an item's attributes are at level 1. */
function parseValue(value: unknown, path: string, level: number): AttributeValue {
  if (!isObject(value)) throw fail(`Expected a value in DynamoDB JSON, such as {"S":"text"}; got ${show(value)}.`, path);
  const types = Object.keys(value);
  const type = types[0];
  if (type === undefined || types.length > 1) {
    throw fail(
      `A value has exactly one type; got ${
        type === undefined
          ? 'none'
          : types
              .slice(0, 5)
              .map((t) => JSON.stringify(t.slice(0, SHOWN_MAX)))
              .join(' and ')
      }.`,
      path,
    );
  }
  const v = value[type];
  const at = `${path}.${type}`;
  switch (type) {
    case 'S':
      return { S: stringIn(v, at) };
    case 'N':
      return { N: numberIn(v, at) };
    case 'B':
      return { B: binaryIn(v, at) };
    case 'BOOL':
      if (typeof v !== 'boolean') throw fail(`BOOL takes true or false; got ${show(v)}.`, at);
      return { BOOL: v };
    case 'NULL':
      if (v !== true) throw fail(`NULL takes true; got ${show(v)}.`, at);
      return { NULL: true };
    case 'SS':
      return { SS: setIn(v, at, stringIn, (s) => s) };
    case 'NS':
      return { NS: setIn(v, at, numberIn, canonicalNumber) };
    case 'BS':
      return { BS: setIn(v, at, binaryIn, (s) => s) };
    case 'L':
      if (!Array.isArray(v)) throw fail(`L takes a list of values; got ${show(v)}.`, at);
      checkLevel(level, at);
      return { L: v.map((entry, i) => parseValue(entry, `${at}[${i}]`, level + 1)) };
    case 'M':
      if (!isObject(v)) throw fail(`M takes an object of values; got ${show(v)}.`, at);
      checkLevel(level, at);
      return { M: parseMap(v, at, level + 1) };
    default:
      throw fail(`Unknown attribute type ${JSON.stringify(type.slice(0, SHOWN_MAX))}. The types are ${ATTRIBUTE_TYPES.join(', ')}.`, path);
  }
}

function checkLevel(level: number, path: string): void {
  if (level >= NESTING_MAX) throw fail(`Lists and maps are nested more than ${NESTING_MAX} levels deep.`, shorten(path));
}

/** A deep path's two ends. */
const shorten = (path: string): string => (path.length > 200 ? `${path.slice(0, 100)}…${path.slice(-100)}` : path);

function stringIn(v: unknown, path: string): string {
  if (typeof v !== 'string') throw fail(`Expected text; got ${show(v)}.`, path);
  // DynamoDB stores UTF-8: half of a surrogate pair would come back as another character, and two keys could become one.
  if (!v.isWellFormed()) throw fail('The text is not well-formed Unicode: it has half of a surrogate pair.', path);
  return v;
}

/** Number texts that every parser reads alike. */
const COMMON_NUMBER = /^-?\d{1,200}(?:\.\d{1,200})?(?:[eE][+-]?\d{1,3})?$/;

/**
 * A caller's number as it is sent on: as given where every parser reads it alike, else in a plain form of the same
 * value; "0" for every zero, since "0e999" is out of range for some.
 *
 * @throws InputError "invalid-number"
 */
export function numberText(given: string): string {
  const canonical = canonicalNumber(given);
  if (canonical === '0') return '0';
  return COMMON_NUMBER.test(given) ? given : canonical;
}

function numberIn(v: unknown, path: string): string {
  if (typeof v !== 'string') throw fail(`Numbers are given as text, as in {"N":"12.5"}; got ${show(v)}.`, path);
  try {
    return numberText(v);
  } catch (error) {
    if (error instanceof InputError) throw new InputError(error.code, error.message, path);
    throw error;
  }
}

/** With a length that is a multiple of four, this is base64 with padding. */
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

function binaryIn(v: unknown, path: string): string {
  if (typeof v !== 'string') throw fail(`Binaries are given as base64 text; got ${show(v)}.`, path);
  if (v.length % 4 !== 0 || !BASE64.test(v)) throw fail(`Not base64 with padding (A–Z, a–z, 0–9, "+", "/", "="): ${show(v)}.`, path);
  return v.endsWith('=') ? Buffer.from(v, 'base64').toString('base64') : v;
}

function setIn(v: unknown, path: string, read: (v: unknown, path: string) => string, identity: (s: string) => string): readonly string[] {
  if (!Array.isArray(v)) throw fail(`A set is a list of texts; got ${show(v)}.`, path);
  if (v.length === 0) throw fail('A set must not be empty. Leave the attribute out instead.', path);
  const seen = new Set<string>();
  return v.map((entry, i) => {
    const at = `${path}[${i}]`;
    const text = read(entry, at);
    const id = identity(text);
    if (seen.has(id)) throw fail(`The set has ${show(text)} twice.`, at);
    seen.add(id);
    return text;
  });
}

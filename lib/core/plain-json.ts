import type { AttributeValue, Item } from './attribute.ts';
import { InputError, InvariantError } from './errors.ts';
import { parseJson } from './json.ts';

/**
 * Items as plain JSON, without loss: `{"id":"a","n":1.50}` for `{"id":{"S":"a"},"n":{"N":"1.50"}}`.
 *
 * | plain JSON | DynamoDB |
 * |---|---|
 * | string, number, true, false, null, array, object | S, N, BOOL, NULL, L, M |
 * | `{"$binary": base64}` | B |
 * | `{"$stringSet": […]}`, `{"$numberSet": […]}`, `{"$binarySet": [base64, …]}` | SS, NS, BS |
 * | `{"$map": {…}}` | M, where its one name begins with `$`, so that it would be taken for one of these |
 *
 * Numbers keep the digits that they were written with: they are read as source text and written raw, and never become
 * JavaScript numbers. Runs in a browser.
 */

/** A number, as its source text. */
export class PlainNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Plain JSON with its numbers as text. */
export type PlainJson = string | boolean | null | PlainNumber | readonly PlainJson[] | { readonly [name: string]: PlainJson };

const BINARY = '$binary';
const STRING_SET = '$stringSet';
const NUMBER_SET = '$numberSet';
const BINARY_SET = '$binarySet';
const MAP = '$map';

/** Lists and maps within each other that are read; DynamoDB takes 32. One more than that, since a tag is a map, too. */
const DEPTH_MAX = 64;

/** Writes a number as its text: https://github.com/tc39/proposal-json-parse-with-source */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): object };

/**
 * Reads JSON text, its numbers as their source.
 *
 * @throws InputError "malformed-json", with the place.
 */
export const parsePlain = (text: string): PlainJson =>
  parseJson(text, (_name, value, { source }) => (typeof value === 'number' ? sourceOf(source) : value)) as PlainJson;

/** @throws InvariantError where JSON.parse does not give the source of numbers: digits would be lost in silence. */
function sourceOf(source: string | undefined): PlainNumber {
  if (source === undefined) throw new InvariantError('JSON.parse gives no source text here: Node 22 or a newer browser is needed');
  return new PlainNumber(source);
}

const wrong = (message: string, path: string): InputError => new InputError('invalid-item', message, path);

/**
 * A value in DynamoDB JSON. It is not checked beyond its form: `parseItem` does that, and knows the limits.
 *
 * @param path where it stands, for messages.
 * @throws InputError "invalid-item" for a tag that does not hold what it says, and for what is nested too deep.
 */
export function fromPlain(json: PlainJson, path: string, depth = 0): AttributeValue {
  if (typeof json === 'string') return { S: json };
  if (typeof json === 'boolean') return { BOOL: json };
  if (json === null) return { NULL: true };
  if (json instanceof PlainNumber) return { N: json.text };
  // Numbers of JavaScript, too: their digits may be lost already.
  if (typeof json !== 'object') throw wrong(`Not plain JSON as parsePlain reads it: a value of type ${typeof json}.`, path);
  if (depth > DEPTH_MAX) throw wrong('Lists and maps are nested too deep.', path.slice(0, 100));
  if (isList(json)) return { L: json.map((member, i) => fromPlain(member, `${path}[${i}]`, depth + 1)) };
  return tagged(json, path, depth) ?? { M: mapFromPlain(json, path, depth + 1) };
}

const isList = (json: PlainJson): json is readonly PlainJson[] => Array.isArray(json);

/** An item, or a map's members. @throws InputError */
export function mapFromPlain(json: { readonly [name: string]: PlainJson }, path: string, depth = 0): Item {
  const map: Record<string, AttributeValue> = {};
  for (const name of Object.keys(json)) {
    const value = fromPlain(json[name] as PlainJson, `${path}.${name.slice(0, 60)}`, depth);
    Object.defineProperty(map, name, { value, enumerable: true, writable: true, configurable: true });
  }
  return map;
}

/** What an object with one name that begins with "$" stands for; undefined for any other object. @throws InputError for an unknown or wrong one */
function tagged(json: { readonly [name: string]: PlainJson }, path: string, depth: number): AttributeValue | undefined {
  const names = Object.keys(json);
  const [name] = names;
  if (names.length !== 1 || name === undefined || !name.startsWith('$')) return undefined;
  const held = json[name] as PlainJson;
  switch (name) {
    case BINARY:
      if (typeof held !== 'string') throw wrong(`"${BINARY}" takes base64 text.`, path);
      return { B: held };
    case STRING_SET:
      return { SS: members(held, name, path, (m) => (typeof m === 'string' ? m : undefined)) };
    case NUMBER_SET:
      return { NS: members(held, name, path, (m) => (m instanceof PlainNumber ? m.text : undefined)) };
    case BINARY_SET:
      return { BS: members(held, name, path, (m) => (typeof m === 'string' ? m : undefined)) };
    case MAP:
      if (typeof held !== 'object' || held === null || isList(held) || held instanceof PlainNumber) throw wrong(`"${MAP}" takes an object.`, path);
      return { M: mapFromPlain(held, path, depth + 1) };
    default:
      throw wrong(
        `An object whose only name begins with "$" must be one of ${[BINARY, STRING_SET, NUMBER_SET, BINARY_SET, MAP].join(', ')}; got ${JSON.stringify(name.slice(0, 60))}. A map with this name is written as {"${MAP}": {…}}.`,
        path,
      );
  }
}

const MEMBERS: Readonly<Record<string, string>> = { [STRING_SET]: 'texts', [NUMBER_SET]: 'numbers', [BINARY_SET]: 'base64 texts' };

function members(held: PlainJson, tag: string, path: string, read: (member: PlainJson) => string | undefined): string[] {
  const list = isList(held) ? held.map(read) : [undefined];
  if (list.includes(undefined)) throw wrong(`"${tag}" takes a list of ${MEMBERS[tag] ?? 'texts'}.`, path);
  return list as string[];
}

/** A value as JSON that `JSON.stringify` writes without touching its numbers. */
export function toPlain(value: AttributeValue): unknown {
  if ('S' in value) return value.S;
  if ('N' in value) return rawNumber(value.N);
  if ('BOOL' in value) return value.BOOL;
  if ('NULL' in value) return null;
  if ('B' in value) return { [BINARY]: value.B };
  if ('L' in value) return value.L.map(toPlain);
  if ('SS' in value) return { [STRING_SET]: value.SS };
  if ('NS' in value) return { [NUMBER_SET]: value.NS.map(rawNumber) };
  if ('BS' in value) return { [BINARY_SET]: value.BS };
  const map = mapToPlain(value.M);
  const names = Object.keys(value.M);
  return names.length === 1 && names[0]?.startsWith('$') === true ? { [MAP]: map } : map;
}

/** An item as JSON that `JSON.stringify` writes without touching its numbers. */
export function mapToPlain(map: Item): Readonly<Record<string, unknown>> {
  const plain: Record<string, unknown> = {};
  for (const name of Object.keys(map)) {
    Object.defineProperty(plain, name, { value: toPlain(map[name] as AttributeValue), enumerable: true, writable: true, configurable: true });
  }
  return plain;
}

/** A value's plain JSON text. */
export const toPlainText = (value: AttributeValue): string => JSON.stringify(toPlain(value));

/** An item's plain JSON text. An item is never written as a tag, even if its one name begins with "$". */
export const itemToPlainText = (item: Item): string => JSON.stringify(mapToPlain(item));

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** A number's text as JSON. DynamoDB's own texts are all JSON; callers' may have a sign, zeros or a point too many. */
function rawNumber(text: string): object {
  if (JSON_NUMBER.test(text)) return rawJSON(text);
  const match = /^\s*([+-]?)0*(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?\s*$/.exec(text);
  const fraction = match?.[3] ?? '';
  const exponent = match?.[4];
  return rawJSON(`${match?.[1] === '-' ? '-' : ''}${match?.[2] || '0'}${fraction === '' ? '' : `.${fraction}`}${exponent === undefined ? '' : `e${exponent}`}`);
}

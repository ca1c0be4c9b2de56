import { z } from 'zod';
import type { Item, Key } from '../lib/core/attribute.ts';
import { InputError } from '../lib/core/errors.ts';
import type { KeyAttribute, KeySchema } from '../lib/core/key.ts';
import { checkKeyOf, keyAttributes, parseKey } from '../lib/core/key.ts';
import { canonicalNumber } from '../lib/core/number.ts';

/** Keys as people write and read them at a command line. Pure. */

const keyJson = z.record(z.string(), z.record(z.string(), z.string()));

const shape = (schema: KeySchema): string =>
  keyAttributes(schema)
    .map((a) => `${a.name}=${a.type === 'S' ? 'text' : a.type === 'N' ? 'number' : 'base64'}`)
    .join(',');

/**
 * Reads a key: DynamoDB JSON ({"country":{"S":"DE"},"cityId":{"N":"5"}}), or the shorthand country=DE,cityId=5, whose
 * values are typed by the schema.
 *
 * @throws InputError that says what was seen and what is expected.
 */
export function readKey(text: string, schema: KeySchema): Key {
  const input = text.trimStart().startsWith('{') ? fromJson(text, schema) : fromShorthand(text, schema);
  checkNumbers(input, schema);
  const key: Record<string, Item[string]> = { ...checkKeyOf(parseKey(input, schema), schema) };
  for (const { name, type } of keyAttributes(schema)) {
    if (type === 'B') key[name] = { B: base64(name, (key[name] as { B: string }).B) };
  }
  return key;
}

/** A number that is none is told with the attribute's name, as every other mistake of a key. @throws InputError */
function checkNumbers(input: Item, schema: KeySchema): void {
  for (const { name, type } of keyAttributes(schema)) {
    const text = type === 'N' ? (input[name] as { readonly N?: unknown } | undefined)?.N : undefined;
    try {
      if (typeof text === 'string') canonicalNumber(text);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw new InputError('invalid-key', `The key attribute "${name}" must be a number. ${error.message}`, name);
    }
  }
}

function fromJson(text: string, schema: KeySchema): Item {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new InputError(
      'invalid-key',
      `The key ${JSON.stringify(text)} is not JSON: ${error instanceof Error ? error.message : String(error)}. The shorthand ${shape(schema)} works, too.`,
    );
  }
  const parsed = keyJson.safeParse(json);
  if (!parsed.success) {
    const example = JSON.stringify(Object.fromEntries(keyAttributes(schema).map((a) => [a.name, { [a.type]: '…' }])));
    throw new InputError('invalid-key', `The key ${JSON.stringify(text)} is not a key in DynamoDB JSON. Write ${example}, or ${shape(schema)}.`);
  }
  return parsed.data as Item;
}

/** The text is cut at the attributes' own names, so that values may hold commas and equal signs. */
function fromShorthand(text: string, schema: KeySchema): Item {
  const attributes = keyAttributes(schema);
  const wrong = (why: string): InputError =>
    new InputError('invalid-key', `The key ${JSON.stringify(text)} ${why}. Write ${shape(schema)}, or the key in DynamoDB JSON.`);
  const first = attributes.find((a) => text.startsWith(`${a.name}=`));
  if (first === undefined) throw wrong(`does not begin with ${attributes.map((a) => `"${a.name}="`).join(' or ')}`);
  const second = attributes.find((a) => a !== first);
  const rest = text.slice(first.name.length + 1);
  if (second === undefined) return { [first.name]: typed(first, rest) };
  const cut = `,${second.name}=`;
  const at = rest.indexOf(cut);
  if (at < 0) throw wrong(`has no "${second.name}="`);
  if (rest.indexOf(cut, at + 1) >= 0) throw wrong(`has "${second.name}=" twice, so it can be read in two ways`);
  return { [first.name]: typed(first, rest.slice(0, at)), [second.name]: typed(second, rest.slice(at + cut.length)) };
}

const typed = ({ type }: KeyAttribute, text: string): Item[string] => ({ [type]: text }) as Item[string];

/** DynamoDB answers with padded base64; another spelling of the same bytes would be another key to us. @throws InputError */
export function base64(name: string, text: string): string {
  const plain = text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/');
  const bytes = Buffer.from(plain, 'base64');
  if (!/^[A-Za-z0-9+/]+$/.test(plain) || bytes.toString('base64').replace(/=+$/, '') !== plain) {
    throw new InputError('invalid-key', `The key attribute "${name}" must be base64; got ${JSON.stringify(text)}.`, name);
  }
  return bytes.toString('base64');
}

/** A key as `readKey` reads it: the shorthand, unless that could be read in another way. */
export function showKey(key: Key, schema: KeySchema): string {
  const texts = keyAttributes(schema).map(({ name, type }) => `${name}=${(key[name] as Record<string, string> | undefined)?.[type] ?? ''}`);
  const short = texts.join(',');
  // Control characters, and anything that a shell or a reader would mistake, go as JSON.
  const plain = ![...short].some((c) => c < ' ' || c === '\u007f');
  try {
    if (plain && JSON.stringify(readKey(short, schema)) === JSON.stringify(inOrder(key, schema))) return short;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
  }
  return JSON.stringify(key);
}

const inOrder = (key: Key, schema: KeySchema): Key =>
  Object.fromEntries(keyAttributes(schema).flatMap(({ name }) => (key[name] === undefined ? [] : [[name, key[name]]])));

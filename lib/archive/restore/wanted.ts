import type { Item, Key } from '../../core/attribute.ts';
import { text } from '../../core/attribute.ts';
import { InputError } from '../../core/errors.ts';
import type { KeySchema } from '../../core/key.ts';
import { keyAttributes, keyHash, keyText } from '../../core/key.ts';

/** Which keys a restore is about. */
export interface Wanted {
  test(key: Item): boolean;
  /** The hashes of the keys, hex, where they are known beforehand. */
  readonly hashes?: ReadonlySet<string>;
  /** The keys, where they are known beforehand. */
  readonly keys?: readonly Key[];
}

/** These keys, and no others. */
export function wantedKeys(keys: readonly Key[], schema: KeySchema): Wanted {
  const texts = new Map(keys.map((key) => [keyText(key, schema), key]));
  const hashes = new Set([...texts.keys()].map((key) => keyHash(key).toString('hex')));
  return { test: (item) => texts.has(keyText(item, schema)), hashes, keys: [...texts.values()] };
}

/** Keys of which one attribute begins with a text. */
export interface WantedPrefix extends Wanted {
  /** Of the key attribute. */
  readonly name: string;
  readonly prefix: string;
}

/**
 * Keys of which one attribute begins with a text. `TEXT` is about the partition key, `NAME=TEXT` about that key attribute.
 *
 * @throws InputError "invalid-prefix" when that attribute is no string, or NAME is no key attribute: a slip of the pen would
 *   else restore nothing.
 */
export function wantedPrefix(given: string, schema: KeySchema): WantedPrefix {
  const attributes = keyAttributes(schema);
  const named = attributes.find(({ name }) => given.startsWith(`${name}=`));
  if (named === undefined && given.includes('=')) {
    const names = attributes.map(({ name }) => `"${name}"`).join(' and ');
    throw new InputError(
      'invalid-prefix',
      `${JSON.stringify(given.slice(0, given.indexOf('=')))} is no key attribute; the key has ${names}. For a text with "=" in it, name the attribute: ${JSON.stringify(`${schema.partition.name}=${given}`)}.`,
    );
  }
  const { name, type } = named ?? schema.partition;
  const prefix = named === undefined ? given : given.slice(name.length + 1);
  if (prefix === '') throw new InputError('invalid-prefix', 'The prefix is empty; leave the option out to restore every key.');
  if (type !== 'S')
    throw new InputError('invalid-prefix', `A prefix is of text; the key attribute "${name}" is of type ${type}. Name the keys with --key instead.`);
  return { name, prefix, test: (item) => text(item[name], 'S')?.startsWith(prefix) === true };
}

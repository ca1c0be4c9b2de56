import type { AttributeValue, Key } from '../core/attribute.ts';
import { canonicalText, sha256 } from '../core/canonical.ts';
import { InputError } from '../core/errors.ts';
import type { KeySchema } from '../core/key.ts';
import { checkKeyOf } from '../core/key.ts';
import type { SortCondition } from '../ports/table.ts';

/**
 * Where the next page of a query begins, as a text that means nothing to callers: base64url of
 *
 * | bytes | |
 * |---|---|
 * | 1 | version, 1 |
 * | 8 | check: the start of SHA-256 over what is asked (partition, sort condition, direction) and over the sort key |
 * | rest | the sort key of the last item that was judged: UTF-8 of an S or N, the bytes of a B; nothing in a table without one |
 *
 * The check makes a cursor of another query a mistake, and not a page from the wrong place. It is no secret: whoever may
 * send the query may begin it anywhere. The filter is not part of it, and may change between pages.
 */

const VERSION = 1;
const CHECK_BYTES = 8;
/** Longest cursor (characters): a sort key has at most 1,024 bytes, a number's text at most about 200. */
export const CURSOR_TEXT_MAX = 2_048;

/** The part of a query that a cursor is bound to. */
export interface Stretch {
  readonly partition: AttributeValue;
  readonly sort?: SortCondition;
  readonly descending?: boolean;
}

/** The cursor after a key of the query's partition. Pure. */
export function cursorAfter(key: Key, query: Stretch, schema: KeySchema): string {
  const sort = schema.sort === undefined ? undefined : key[schema.sort.name];
  const raw = sort === undefined ? Buffer.alloc(0) : rawOf(sort);
  return Buffer.concat([Buffer.from([VERSION]), checkOf(query, raw), raw]).toString('base64url');
}

/**
 * The key after which the next page begins.
 *
 * @throws InputError "invalid-cursor" for a cursor that is damaged, of another version, or of another query.
 */
export function keyOfCursor(cursor: string, query: Stretch, schema: KeySchema): Key {
  const bytes = Buffer.from(cursor.slice(0, CURSOR_TEXT_MAX), 'base64url');
  if (bytes.toString('base64url') !== cursor || bytes.length < 1 + CHECK_BYTES) throw invalid('it is damaged');
  if (bytes[0] !== VERSION) throw invalid(`it is of version ${bytes[0]}, and only version ${VERSION} is known here`);
  const raw = bytes.subarray(1 + CHECK_BYTES);
  if (!checkOf(query, raw).equals(bytes.subarray(1, 1 + CHECK_BYTES))) throw invalid('it is damaged, or of a query with another partition, sort or direction');
  const key: Key = {
    [schema.partition.name]: query.partition,
    ...(schema.sort !== undefined && { [schema.sort.name]: sortValue(raw, schema.sort.type) }),
  };
  try {
    return checkKeyOf(key, schema);
  } catch (error) {
    // The check is no secret, so a cursor can be made up whose key is none.
    if (error instanceof InputError) throw invalid('it holds no key of this table');
    throw error;
  }
}

const invalid = (why: string): InputError =>
  new InputError('invalid-cursor', `The cursor cannot be used: ${why}. Give "next" of the page before, with the same query; or leave "after" out.`, 'after');

const rawOf = (value: AttributeValue): Buffer =>
  'B' in value ? Buffer.from(value.B, 'base64') : Buffer.from('N' in value ? value.N : (value as { readonly S: string }).S, 'utf8');

function sortValue(raw: Buffer, type: 'S' | 'N' | 'B'): AttributeValue {
  if (type === 'B') return { B: raw.toString('base64') };
  return type === 'N' ? { N: raw.toString('utf8') } : { S: raw.toString('utf8') };
}

function checkOf({ partition, sort, descending }: Stretch, raw: Buffer): Buffer {
  const asked = `${canonicalText(partition)}|${sort === undefined ? '' : sortText(sort)}|${descending === true ? 'down' : 'up'}|${raw.toString('base64')}`;
  return sha256(asked).subarray(0, CHECK_BYTES);
}

function sortText(sort: SortCondition): string {
  if ('prefix' in sort) return `begins-with ${canonicalText({ S: sort.prefix })}`;
  if ('from' in sort) return `between ${canonicalText(sort.from)} ${canonicalText(sort.to)}`;
  return `${sort.op} ${canonicalText(sort.value)}`;
}

import { sha256 } from '../core/canonical.ts';
import { InputError } from '../core/errors.ts';

/**
 * Where a next page begins, as a text that means nothing to callers: base64url of
 *
 * | bytes | |
 * |---|---|
 * | 1 | version, 1 |
 * | 8 | check: the start of SHA-256 over what the pages are of, and the rest |
 * | rest | UTF-8: fields, with a line feed between |
 *
 * The check makes a cursor of something else a mistake, and not a page from the wrong place. It is no secret: whoever may
 * read the pages may begin them anywhere, so a cursor can be made up.
 */

const VERSION = 1;
const CHECK_BYTES = 8;
/** Longest cursor (characters): names and numbers in it are short. */
export const CURSOR_MAX = 512;

/** What the pages are of. */
export interface Paged {
  /** Tells it from all others. */
  readonly id: string;
  /** "the history of another key": what a cursor that does not fit may be of. */
  readonly other: string;
  /** What a caller gives with the cursor: "with the same key". */
  readonly same: string;
}

/** The cursor of a place. Pure. @param fields without line feeds */
export function textCursor({ id }: Paged, fields: readonly string[]): string {
  const raw = fields.join('\n');
  return Buffer.concat([Buffer.from([VERSION]), checkOf(id, raw), Buffer.from(raw, 'utf8')]).toString('base64url');
}

/** Its fields. @throws InputError "invalid-cursor" for a cursor that is damaged, of another version, or of something else */
export function fieldsOfCursor(cursor: string, paged: Paged): readonly string[] {
  const bytes = Buffer.from(cursor.slice(0, CURSOR_MAX), 'base64url');
  if (bytes.toString('base64url') !== cursor || bytes.length < 1 + CHECK_BYTES) throw badCursor(paged, 'it is damaged');
  if (bytes[0] !== VERSION) throw badCursor(paged, `it is of version ${bytes[0]}, and only version ${VERSION} is known here`);
  const raw = bytes.subarray(1 + CHECK_BYTES).toString('utf8');
  if (!checkOf(paged.id, raw).equals(bytes.subarray(1, 1 + CHECK_BYTES))) throw badCursor(paged, `it is damaged, or of ${paged.other}`);
  return raw.split('\n');
}

/** What a caller is told of a cursor that cannot be used. */
export const badCursor = ({ same }: Paged, why: string): InputError =>
  new InputError('invalid-cursor', `The cursor cannot be used: ${why}. Give "next" of the page before, with ${same}; or leave the cursor out.`, 'cursor');

const checkOf = (id: string, raw: string): Buffer => sha256(`${id}\n${raw}`).subarray(0, CHECK_BYTES);

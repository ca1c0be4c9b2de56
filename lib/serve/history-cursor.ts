import type { Key } from '../core/attribute.ts';
import { sha256 } from '../core/canonical.ts';
import { InputError } from '../core/errors.ts';
import type { KeySchema } from '../core/key.ts';
import { keyText } from '../core/key.ts';

/**
 * Where the next page of a key's history begins, as a text that means nothing to callers: base64url of
 *
 * | bytes | |
 * |---|---|
 * | 1 | version, 1 |
 * | 8 | check: the start of SHA-256 over the key and the rest |
 * | rest | UTF-8: the member, the time (ms), and where a change was shown its stream's label and sequence number, with a line feed between |
 *
 * The check makes a cursor of another key a mistake, and not a page from the wrong place. It is no secret: whoever may
 * read a key's history may begin it anywhere.
 */

const VERSION = 1;
const CHECK_BYTES = 8;
/** Longest cursor (characters): names and numbers in it are short. */
export const HISTORY_CURSOR_MAX = 512;

/** A place in a member's log of a key. Older changes come after it. */
export interface HistoryPlace {
  readonly member: string;
  /** Changes of this time, and older ones, are still to be shown (ms since 1970). */
  readonly atMs: number;
  /** The last change that was shown, of that time; absent when the page ended between two changes. */
  readonly shown?: { readonly label: string; readonly sequence: string };
}

/** The cursor of a place. Pure. */
export function historyCursor(place: HistoryPlace, key: Key, schema: KeySchema): string {
  const raw = [place.member, String(place.atMs), ...(place.shown === undefined ? [] : [place.shown.label, place.shown.sequence])].join('\n');
  return Buffer.concat([Buffer.from([VERSION]), checkOf(raw, key, schema), Buffer.from(raw, 'utf8')]).toString('base64url');
}

/** @throws InputError "invalid-cursor" for a cursor that is damaged, of another version, or of another key. */
export function placeOfCursor(cursor: string, key: Key, schema: KeySchema): HistoryPlace {
  const bytes = Buffer.from(cursor.slice(0, HISTORY_CURSOR_MAX), 'base64url');
  if (bytes.toString('base64url') !== cursor || bytes.length < 1 + CHECK_BYTES) throw invalid('it is damaged');
  if (bytes[0] !== VERSION) throw invalid(`it is of version ${bytes[0]}, and only version ${VERSION} is known here`);
  const raw = bytes.subarray(1 + CHECK_BYTES).toString('utf8');
  if (!checkOf(raw, key, schema).equals(bytes.subarray(1, 1 + CHECK_BYTES))) throw invalid('it is damaged, or of the history of another key');
  const [member, at, label, sequence, ...more] = raw.split('\n');
  const atMs = Number(at);
  const numbers = at !== undefined && /^\d{1,15}$/.test(at) && (sequence === undefined || /^\d{1,40}$/.test(sequence));
  // The check is no secret, so a cursor can be made up.
  if (member === undefined || !numbers || (label === undefined) !== (sequence === undefined) || more.length > 0) throw invalid('it holds no place');
  return { member, atMs, ...(label !== undefined && sequence !== undefined && { shown: { label, sequence } }) };
}

const invalid = (why: string): InputError =>
  new InputError('invalid-cursor', `The cursor cannot be used: ${why}. Give "next" of the page before, with the same key; or leave the cursor out.`, 'cursor');

const checkOf = (raw: string, key: Key, schema: KeySchema): Buffer => sha256(`${keyText(key, schema)}\n${raw}`).subarray(0, CHECK_BYTES);

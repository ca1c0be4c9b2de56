import type { Key } from '../core/attribute.ts';
import type { KeySchema } from '../core/key.ts';
import { keyText } from '../core/key.ts';
import type { Paged } from './text-cursor.ts';
import { badCursor, CURSOR_MAX, fieldsOfCursor, textCursor } from './text-cursor.ts';

/**
 * Where the next page of a key's history begins: a cursor (text-cursor.ts) of the member, the time (ms), and where a change
 * was shown its stream's label and sequence number.
 */

/** Longest cursor (characters). */
export const HISTORY_CURSOR_MAX = CURSOR_MAX;

/** A place in a member's log of a key. Older changes come after it. */
export interface HistoryPlace {
  readonly member: string;
  /** Changes of this time, and older ones, are still to be shown (ms since 1970). */
  readonly atMs: number;
  /** The last change that was shown, of that time; absent when the page ended between two changes. */
  readonly shown?: { readonly label: string; readonly sequence: string };
}

const pagesOf = (key: Key, schema: KeySchema): Paged => ({ id: keyText(key, schema), other: 'the history of another key', same: 'the same key' });

/** The cursor of a place. Pure. */
export const historyCursor = ({ member, atMs, shown }: HistoryPlace, key: Key, schema: KeySchema): string =>
  textCursor(pagesOf(key, schema), [member, String(atMs), ...(shown === undefined ? [] : [shown.label, shown.sequence])]);

/** @throws InputError "invalid-cursor" for a cursor that is damaged, of another version, or of another key. */
export function placeOfCursor(cursor: string, key: Key, schema: KeySchema): HistoryPlace {
  const paged = pagesOf(key, schema);
  const [member, at, label, sequence, ...more] = fieldsOfCursor(cursor, paged);
  const atMs = Number(at);
  const numbers = at !== undefined && /^\d{1,15}$/.test(at) && (sequence === undefined || /^\d{1,40}$/.test(sequence));
  if (member === undefined || !numbers || (label === undefined) !== (sequence === undefined) || more.length > 0) throw badCursor(paged, 'it holds no place');
  return { member, atMs, ...(label !== undefined && sequence !== undefined && { shown: { label, sequence } }) };
}

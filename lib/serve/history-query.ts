import type { Key } from '../core/attribute.ts';
import { timeOfIso } from '../core/calendar.ts';
import { InputError } from '../core/errors.ts';
import type { HistoryOption } from '../core/history-query.ts';
import { HISTORY_OPTIONS, historyParameter } from '../core/history-query.ts';
import type { KeySchema } from '../core/key.ts';
import { keyAttributes } from '../core/key.ts';
import type { HistoryPlace } from './history-cursor.ts';
import { placeOfCursor } from './history-cursor.ts';
import { keyFromQuery } from './key-query.ts';

/** The query string of `GET /items/history`: a key, and what of its history is wanted. */

/** Changes of a page: most, and by default. */
export const HISTORY_LIMIT_MAX = 100;
export const HISTORY_LIMIT_DEFAULT = 20;

/** What is asked. */
export interface HistoryIntent {
  readonly key: Key;
  /** Both inclusive (ms since 1970). */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly limit: number;
  /** Whether the whole items before and after each change are wanted. */
  readonly images: boolean;
  /** Whose log; the asked member's own when absent. */
  readonly member?: string;
  readonly place?: HistoryPlace;
}

/** The names of the options' parameters, for a table. */
export const historyNames = (schema: KeySchema): Readonly<Record<HistoryOption, string>> => {
  const keys = keyAttributes(schema).map((a) => a.name);
  return Object.fromEntries(HISTORY_OPTIONS.map((option) => [option, historyParameter(option, keys)])) as Record<HistoryOption, string>;
};

/**
 * Reads the query.
 *
 * @param members names of the set's members.
 * @throws InputError "invalid-query", "invalid-key", "invalid-cursor"
 */
export function historyIntent(query: ReadonlyMap<string, readonly string[]>, schema: KeySchema, members: readonly string[]): HistoryIntent {
  const names = historyNames(schema);
  const beside = Object.values(names);
  const key = keyFromQuery(new Map([...query].filter(([name]) => !beside.includes(name))), schema, beside);
  const wrong = (option: HistoryOption, message: string): InputError =>
    new InputError('invalid-query', `The query parameter "${names[option]}" ${message}`, names[option]);
  const given = (option: HistoryOption): string | undefined => {
    const values = query.get(names[option]) ?? [];
    if (values.length > 1) throw wrong(option, `was given ${values.length} times. Give it once.`);
    return values[0];
  };
  const time = (option: 'since' | 'until'): number | undefined => {
    const text = given(option);
    if (text === undefined) return undefined;
    // "+" in a query means a space, so an offset that was not percent-encoded arrives with one.
    const ms = timeOfIso(text.replaceAll(' ', '+'));
    if (ms === undefined) throw wrong(option, `must be a time such as 2026-11-24T10:15:03Z (RFC 3339); got ${JSON.stringify(text.slice(0, 60))}.`);
    return ms;
  };
  const [sinceMs, untilMs, member, limit, cursor, images] = [
    time('since'),
    time('until'),
    given('member'),
    given('limit') ?? String(HISTORY_LIMIT_DEFAULT),
    given('cursor'),
    given('images') ?? 'false',
  ];
  if (sinceMs !== undefined && untilMs !== undefined && sinceMs > untilMs)
    throw wrong('since', `is later than "${names.until}". Give the earlier of the two times as "${names.since}", the later one as "${names.until}".`);
  if (!/^[1-9]\d{0,2}$/.test(limit) || Number(limit) > HISTORY_LIMIT_MAX) throw wrong('limit', `must be a whole number from 1 to ${HISTORY_LIMIT_MAX}.`);
  if (images !== 'true' && images !== 'false') throw wrong('images', 'must be "true" or "false".');
  const known = (name: string): boolean => members.includes(name);
  if (member !== undefined && !known(member)) throw wrong('member', `names no member of this set. Its members are ${members.join(', ')}.`);
  const place = cursor === undefined ? undefined : placeOfCursor(cursor, key, schema);
  if (place !== undefined && (!known(place.member) || (member ?? place.member) !== place.member))
    throw new InputError(
      'invalid-cursor',
      'The cursor is of the log of another member than the one that is asked for. Leave one of the two out.',
      names.cursor,
    );
  return {
    key,
    limit: Number(limit),
    images: images === 'true',
    // Changes have whole seconds: the whole second that the time begins in is part of it.
    ...(sinceMs !== undefined && { sinceMs: Math.floor(sinceMs / 1_000) * 1_000 }),
    ...(untilMs !== undefined && { untilMs }),
    ...((place?.member ?? member) !== undefined && { member: place?.member ?? (member as string) }),
    ...(place !== undefined && { place }),
  };
}

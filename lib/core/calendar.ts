/**
 * Times as calendars write them. No clock is read here: a time is an argument, in ms since 1970, and only its writing changes.
 */

// biome-ignore lint/style/noRestrictedGlobals: it converts the number that it is given; it is never asked for the time.
const Calendar = Date;

/** Earliest and latest time that can be written (ms since 1970): the years 1970 to 9999. */
const LATEST_MS = 253_402_300_799_999;

/** Whether a number is a time that can be written. */
export const isTime = (ms: number): boolean => Number.isFinite(ms) && ms >= 0 && ms <= LATEST_MS;

/** ISO 8601 in UTC with whole seconds, "2026-11-24T10:15:03Z"; a fraction is cut off. @throws RangeError for what is no time */
export function isoSeconds(ms: number): string {
  if (!isTime(ms)) throw new RangeError(`not a time: ${ms}`);
  return `${new Calendar(ms).toISOString().slice(0, 19)}Z`;
}

/** The first whole second (ms) that is not before a time: changes and restores have whole seconds. */
export const wholeSecondFrom = (ms: number): number => Math.ceil(ms / 1_000) * 1_000;

/** Reads "2026-11-24T10:15:03Z" (fraction and offset as RFC 3339 allows) as ms since 1970; undefined for another text, and for a day that no calendar has. */
export function timeOfIso(text: string): number | undefined {
  const parts = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (parts === null) return undefined;
  const [, day, time, , zone] = parts;
  // JavaScript reads 31 February as 3 March: what it writes back must be what was given.
  const plain = Calendar.parse(`${day}T${time}Z`);
  if (Number.isNaN(plain) || !isTime(plain) || isoSeconds(plain) !== `${day}T${time}Z`) return undefined;
  const ms = Calendar.parse(text);
  return Number.isNaN(ms) || !isTime(ms) || zone === undefined ? undefined : ms;
}

import { timeOfIso } from '../lib/core/calendar.ts';
import { CliError } from './errors.ts';

/** Times as people write them at a command line. Pure. */

/** ms of the units of a time before now. */
const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Reads a time: RFC 3339 ("2026-11-24T10:15:03Z", also with an offset), a time before now ("-1h"; s, m, h, d), or "now".
 *
 * @param nowMs wall clock (ms since 1970).
 * @returns ms since 1970.
 * @throws CliError (usage) "bad-time"
 */
export function readTime(text: string, option: string, nowMs: number): number {
  if (text === 'now') return nowMs;
  const [, number, unit] = /^-(\d{1,9}(?:\.\d{1,3})?)(s|m|min|h|d)$/.exec(text) ?? [];
  const back = unit === undefined ? undefined : nowMs - Number(number) * (UNITS[unit] as number);
  const time = back ?? timeOfIso(text);
  if (time !== undefined && time >= 0) return Math.floor(time);
  throw new CliError(
    'usage',
    'bad-time',
    `${option} takes a time such as 2026-11-24T10:15:03Z, a time before now such as -90s, -15m, -1h or -7d, or "now"; got ${JSON.stringify(text)}.`,
  );
}

/** DynamoDB tells the time of a change in whole seconds: the whole second that a stretch begins in is part of it. */
export const wholeSecond = (ms: number): number => Math.floor(ms / 1_000) * 1_000;

/**
 * A stretch of time, both ends of it said. It begins with a whole second.
 *
 * @throws CliError (usage) "bad-time" when it ends before it begins.
 */
export function readStretch(since: string, until: string, nowMs: number): { readonly fromMs: number; readonly toMs: number } {
  const [fromMs, toMs] = [readTime(since, '--since', nowMs), readTime(until, '--until', nowMs)];
  if (fromMs > toMs) throw new CliError('usage', 'bad-time', `--since ${since} is later than --until ${until}. Give the earlier time with --since.`);
  return { fromMs: wholeSecond(fromMs), toMs };
}

/** Commander takes "-1h" behind an option as its value, since no option of ours begins with a digit; that is the form to show. */
export const TIME_HELP = 'RFC 3339, a time before now (-90s, -15m, -1h, -7d), or "now"';

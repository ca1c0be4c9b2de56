/**
 * What the picture reads out of an event's text. Everything else that it shows comes from fields; these few facts have
 * none, so the words are kept in one place, and a text that does not have them is shown all the same, only without its
 * extent or its colour.
 */

/** Units of a duration in a text, by their first letters (ms). */
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const UNIT = '(ms|s|seconds?|min|minutes?|h|hours?|d|days?)';

/** "for 12 s", "for 3,000 ms", "for 1.5 days", "lags by 20 min": how long something lasts. */
const LASTS = new RegExp(`\\b(?:for|by|lasting|during)\\s+(\\d[\\d,_]*(?:\\.\\d+)?)\\s*${UNIT}\\b`, 'i');
/** "until 12 s": the time of the run at which something is over. */
const UNTIL = new RegExp(`\\b(?:until|till)\\s+(\\d[\\d,_]*(?:\\.\\d+)?)\\s*${UNIT}\\b`, 'i');

function milliseconds(match: RegExpExecArray | null): number | undefined {
  if (match === null) return undefined;
  const name = (match[2] ?? '').toLowerCase();
  const unit = UNIT_MS[name === 'ms' ? name : name.charAt(0)];
  return unit === undefined ? undefined : Number((match[1] ?? '').replaceAll(/[,_]/g, '')) * unit;
}

/**
 * When something that began at `t` is over, by its text.
 * @returns virtual ms since the run's start; undefined when the text names no duration, or one that ended before it began.
 */
export function endOf(text: string, t: number): number | undefined {
  const lasts = milliseconds(LASTS.exec(text));
  const end = lasts === undefined ? milliseconds(UNTIL.exec(text)) : t + lasts;
  return end === undefined || end <= t ? undefined : end;
}

/** How an invocation ended. */
export type Ending = 'done' | 'failed' | 'killed';

/** An invocation's end by its text: killed (it never answered), failed (it threw), or done. */
export function endingOf(text: string): Ending {
  // A thrown error may tell of something else that timed out.
  if (/^(?:threw|throws|fails|failed)\b/i.test(text)) return 'failed';
  if (/\b(?:killed|crash(?:ed)?|died|given up|timed out)\b/i.test(text)) return 'killed';
  return 'done';
}

/** What a change of a seat says of its member. */
export interface Role {
  readonly epoch: number;
  /** Undefined when the text does not say. */
  readonly primary: boolean | undefined;
}

function numberAfter(word: string, text: string): number | undefined {
  const match = new RegExp(`\\b${word}\\W{0,3}(\\d+)`, 'i').exec(text);
  return match === null ? undefined : Number(match[1]);
}

/**
 * A member's role by the text of a change of its seat: "is primary in epoch 2", "own 2, fence 2", "fence 3". A member is
 * primary exactly when its own epoch is its fence (DESIGN.md, Vocabulary).
 * @returns undefined when the text names no epoch.
 */
export function roleOf(text: string): Role | undefined {
  const own = numberAfter('own', text);
  const fence = numberAfter('fence', text);
  const epoch = Math.max(fence ?? 0, own ?? 0, numberAfter('epoch', text) ?? 0);
  if (epoch === 0) return undefined;
  if (own !== undefined && fence !== undefined) return { epoch, primary: own === fence };
  if (/\b(?:secondary|deposed|fenced|not primary)\b/i.test(text)) return { epoch, primary: false };
  return { epoch, primary: /\bprimary\b/i.test(text) ? true : fence !== undefined && own === undefined ? false : undefined };
}

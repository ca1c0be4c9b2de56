const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A length of time for a person: "850 ms", "12.3 s", "4 min", "3 h 20 min", "5 d 3 h". At most two units, rounded down. */
export function span(ms: number): string {
  const whole = Math.max(0, Math.floor(ms));
  if (whole < SECOND) return `${whole} ms`;
  if (whole < MINUTE) return `${(Math.floor(whole / 100) / 10).toString()} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min`;
  if (whole < DAY) return pair(whole, HOUR, 'h', MINUTE, 'min');
  return pair(whole, DAY, 'd', HOUR, 'h');
}

function pair(ms: number, big: number, bigUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((ms % big) / small);
  return `${Math.floor(ms / big)} ${bigUnit}${rest === 0 ? '' : ` ${rest} ${smallUnit}`}`;
}

/** The time from `then` to `now`, never negative: clocks of two hosts may differ. */
export const ago = (now: number, then: number): string => span(Math.max(0, now - then));

/** "4 min ago"; "just now" for less than a second, and for what lies ahead: a snapshot's end has a margin for clocks. */
export const agoText = (now: number, then: number): string => (now - then < SECOND ? 'just now' : `${span(now - then)} ago`);

/** Scales, ticks and times: plain functions of numbers. */

/** The two ways to lay events out: by virtual time, or evenly by their order (a run may be days of silence around a busy second). */
export type Axis = 'time' | 'order';

/** A part of an axis: virtual ms, or places in the order. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Smallest part of an axis that the view may show: virtual ms, and places. */
const SPAN_MIN: Readonly<Record<Axis, number>> = { time: 0.05, order: 4 };

/** Columns that `suggestAxis` sorts events into: about the pixels of a narrow chart. */
const COLUMNS = 1_000;
/** When half of the events share fewer columns than this, a time axis shows them as a blot. */
const COLUMNS_OF_HALF_MIN = 25;
/** Of few events, half may share as many columns as an eighth of their number. */
const SHARE_OF_FEW = 1 / 8;
/** Fewer events are laid out by time: there is little to spread. */
const EVENTS_TO_SPREAD_MIN = 16;

/** The pixel of a place. Places outside the range give pixels outside the width. */
export function toPixel(range: Range, width: number, place: number): number {
  return ((place - range.from) / (range.to - range.from)) * width;
}

/** The place of a pixel: the inverse of `toPixel`. */
export function toPlace(range: Range, width: number, pixel: number): number {
  return range.from + (pixel / width) * (range.to - range.from);
}

/** Keeps a range inside `whole`, not narrower than the axis allows, and moves it rather than cuts it. */
export function within(axis: Axis, whole: Range, wanted: Range): Range {
  const all = Math.max(whole.to - whole.from, SPAN_MIN[axis]);
  const span = Math.min(Math.max(wanted.to - wanted.from, SPAN_MIN[axis]), all);
  const from = Math.min(Math.max(wanted.from, whole.from), whole.from + all - span);
  return { from, to: from + span };
}

/** Zooms by `factor` (below 1: in) so that the place `around` stays where it is, as far as `whole` allows. */
export function zoom(axis: Axis, whole: Range, range: Range, around: number, factor: number): Range {
  const span = Math.min(Math.max((range.to - range.from) * factor, SPAN_MIN[axis]), Math.max(whole.to - whole.from, SPAN_MIN[axis]));
  const share = (around - range.from) / (range.to - range.from);
  return within(axis, whole, { from: around - share * span, to: around + (1 - share) * span });
}

/** Moves a range so that `place` is inside it, with a margin of a tenth; a range that has it stays. */
export function reveal(axis: Axis, whole: Range, range: Range, place: number): Range {
  const span = range.to - range.from;
  if (place >= range.from + span * 0.02 && place <= range.to - span * 0.02) return range;
  const from = place < range.from + span * 0.02 ? place - span * 0.1 : place - span * 0.9;
  return within(axis, whole, { from, to: from + span });
}

/** Steps of a time axis above a second (ms): those that people count in. */
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800].map((s) => s * 1_000);

/** The smallest step of 1, 2 or 5 times a power of ten that is not below `least`. */
function decimalStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5, 10].find((m) => m * power >= least * (1 - 1e-9)) ?? 10) * power;
}

/** Distance between two ticks, so that at most `most` of them are in the range. */
export function tickStep(axis: Axis, range: Range, most: number): number {
  const least = (range.to - range.from) / Math.max(1, most);
  if (axis === 'order') return Math.max(1, decimalStep(least));
  if (least <= 500) return decimalStep(least);
  return TIME_STEPS.find((s) => s >= least) ?? Math.ceil(least / 604_800_000) * 604_800_000;
}

/** The ticks of a range, at whole multiples of their step. */
export function ticks(axis: Axis, range: Range, most: number): { readonly step: number; readonly places: readonly number[] } {
  const step = tickStep(axis, range, most);
  const first = Math.ceil(range.from / step - 1e-9);
  const last = Math.floor(range.to / step + 1e-9);
  const places: number[] = [];
  for (let i = first; i <= last && places.length <= most + 1; i += 1) places.push(i * step);
  return { step, places };
}

const two = (n: number): string => String(n).padStart(2, '0');

/**
 * A virtual time for people: "12.345 s", "3:12.345", "1:03:12.345", "2 d 01:03:12.345".
 * @param step what it must tell apart (ms): zeros below it are left out. Default: a thousandth of a ms, as a trace has it.
 */
export function formatTime(ms: number, step = 0.001): string {
  const decimals = step >= 1_000 ? 0 : Math.min(6, Math.max(0, Math.ceil(3 - Math.log10(step) - 1e-9)));
  const unit = 10 ** decimals;
  const total = Math.round((Math.abs(ms) / 1_000) * unit);
  const fraction = decimals === 0 ? '' : `.${String(total % unit).padStart(decimals, '0')}`;
  const shown = step === 0.001 && decimals === 6 ? fraction.replace(/000$/, '') : fraction;
  const seconds = Math.floor(total / unit);
  const sign = ms < 0 && total > 0 ? '−' : '';
  const [s, m, h, d] = [seconds % 60, Math.floor(seconds / 60) % 60, Math.floor(seconds / 3_600) % 24, Math.floor(seconds / 86_400)];
  if (d > 0) return `${sign}${d} d ${two(h)}:${two(m)}:${two(s)}${shown}`;
  if (h > 0) return `${sign}${h}:${two(m)}:${two(s)}${shown}`;
  if (m > 0) return `${sign}${m}:${two(s)}${shown}`;
  return `${sign}${s}${shown} s`;
}

/** A duration for people, to three digits or so: "320 µs", "12.3 ms", "4.56 s", "3 min 12 s", "2 h 5 min", "3 d 4 h". */
export function formatSpan(ms: number): string {
  const short = (value: number): string => String(Number(value.toPrecision(3)));
  if (ms < 0.9995) return ms <= 0 ? '0 ms' : `${short(ms * 1_000)} µs`;
  if (ms < 999.5) return `${short(ms)} ms`;
  if (ms < 59_950) return `${short(ms / 1_000)} s`;
  const s = Math.round(ms / 1_000);
  const pair = (big: number, bigUnit: string, small: number, smallUnit: string): string =>
    small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
  if (s < 3_600) return pair(Math.floor(s / 60), 'min', s % 60, 's');
  if (s < 86_400) return pair(Math.floor(s / 3_600), 'h', Math.floor(s / 60) % 60, 'min');
  return pair(Math.floor(s / 86_400), 'd', Math.floor(s / 3_600) % 24, 'h');
}

/** Order when half of the events would share very few columns of a time axis, else time. */
export function suggestAxis(times: readonly number[], endMs: number): Axis {
  if (times.length < EVENTS_TO_SPREAD_MIN || endMs <= 0) return 'time';
  const columns = new Float64Array(COLUMNS);
  for (const t of times) {
    const column = Math.min(COLUMNS - 1, Math.max(0, Math.floor((t / endMs) * COLUMNS)));
    columns[column] = (columns[column] ?? 0) + 1;
  }
  let left = times.length / 2;
  const ofHalf = columns
    .sort()
    .reverse()
    .findIndex((count) => {
      left -= count;
      return left <= 0;
    });
  return ofHalf + 1 < Math.min(COLUMNS_OF_HALF_MIN, times.length * SHARE_OF_FEW) ? 'order' : 'time';
}

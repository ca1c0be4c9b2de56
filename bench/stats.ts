/** What is said of a handful of measured values. Pure. */

/** Median and range of repeated measurements of one thing. */
export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly repeats: number;
}

/** The figure of some values. @throws Error when there are none: a measurement that did not happen has no figure. */
export function figure(values: readonly number[]): Figure {
  if (values.length === 0) throw new Error('A figure of no values: nothing was measured.');
  return { median: median(values), min: Math.min(...values), max: Math.max(...values), repeats: values.length };
}

/** The middle value, or the mean of the two middle ones. NaN for no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[(sorted.length >> 1) - 1] ?? Number.NaN)) / 2;
}

/** Arithmetic mean. NaN for no values. */
export const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

/** The value that a part `q` of all values does not exceed (nearest rank). NaN for no values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

/**
 * Ratios of values to a limit that was measured in the same round, round by round: noise of the machine then hits both.
 * Rounds that lack either are left out.
 */
export const ratios = (values: readonly (number | undefined)[], limits: readonly (number | undefined)[]): number[] =>
  values.flatMap((value, i) => {
    const limit = limits[i];
    return value === undefined || limit === undefined || limit === 0 ? [] : [value / limit];
  });

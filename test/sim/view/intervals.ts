/** The index of a row: intervals sorted by their start, searched by halving. */

/** Index of the first number that is at least `value`; the length when there is none. `sorted` must not fall. */
export function lowerBound(sorted: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? Number.POSITIVE_INFINITY) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Intervals of one row on one axis. */
export interface Intervals {
  /** Starts, sorted. */
  readonly starts: Float64Array;
  /** For each interval, the largest end of it and all before it: it never falls, so it can be searched. */
  readonly reach: Float64Array;
}

/** Builds the index of intervals that are sorted by their start. */
export function intervals(starts: readonly number[], ends: readonly number[]): Intervals {
  const reach = new Float64Array(starts.length);
  let furthest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < starts.length; i += 1) {
    furthest = Math.max(furthest, ends[i] ?? Number.NEGATIVE_INFINITY);
    reach[i] = furthest;
  }
  return { starts: Float64Array.from(starts), reach };
}

/**
 * Which intervals may touch [from, to]: those from the first answer to before the second. None outside of it does; a
 * few inside may end before `from` (they began before a longer one).
 */
export function touching(index: Intervals, from: number, to: number): readonly [number, number] {
  const first = lowerBound(index.reach, from);
  let last = lowerBound(index.starts, to);
  while (last < index.starts.length && index.starts[last] === to) last += 1;
  return [first, Math.max(first, last)];
}

/**
 * Gives each interval a slot, so that those of one slot do not overlap: the first that is free. When all of `most` slots
 * are taken, it shares the one that is free first.
 * @param starts sorted.
 * @returns the slots, and how many there are (at least 1).
 */
export function pack(starts: readonly number[], ends: readonly number[], most: number): { readonly slots: readonly number[]; readonly count: number } {
  const busyUntil: number[] = [];
  const slots = starts.map((start, i) => {
    let slot = busyUntil.findIndex((until) => until <= start);
    if (slot < 0 && busyUntil.length < most) slot = busyUntil.length;
    if (slot < 0) slot = busyUntil.indexOf(Math.min(...busyUntil));
    busyUntil[slot] = Math.max(busyUntil[slot] ?? Number.NEGATIVE_INFINITY, ends[i] ?? start);
    return slot;
  });
  return { slots, count: Math.max(1, busyUntil.length) };
}

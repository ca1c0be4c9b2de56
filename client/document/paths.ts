import type { DocumentPath } from './reader.ts';

/** Paths of one update, as DynamoDB relates them to each other. Pure. */

/**
 * Whether two paths may not stand in one update, as DynamoDB judges it: they are one, or one lies within the other
 * ("overlap"), or one takes for a map what the other takes for a list ("conflict").
 */
export function overlap(a: DocumentPath, b: DocumentPath): boolean {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) if (a[i] !== b[i]) return typeof a[i] !== typeof b[i];
  return true;
}

/** The order by names and indexes, step by step: total, so that a sort may rely on it. */
export function comparePaths(a: DocumentPath, b: DocumentPath): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const [x, y] = [a[i] as string | number, b[i] as string | number];
    if (x === y) continue;
    if (typeof x === 'number' && typeof y === 'number') return x - y;
    return String(x) < String(y) ? -1 : 1;
  }
  return a.length - b.length;
}

/**
 * A path as it is after others have been removed: each removed member of a list moves those behind it. An index beyond the
 * end of a list appends, before as after, since it moves by no more than there are indexes below it.
 */
export function afterRemoval(path: DocumentPath, removed: readonly DocumentPath[]): DocumentPath {
  const [first, ...rest] = path;
  const moved = rest.map((step, i) => {
    if (typeof step !== 'number') return step;
    // The parents are compared as they were: the removed ones are written so, too.
    const before = removed.filter((gone) => {
      const last = gone[i + 1];
      return gone.length === i + 2 && typeof last === 'number' && last < step && path.slice(0, i + 1).every((part, j) => part === gone[j]);
    });
    return step - before.length;
  });
  return [first, ...moved];
}

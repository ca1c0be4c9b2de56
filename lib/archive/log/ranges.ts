/** Bytes of an object: from the one, up to the other, exclusive. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** One read, and the parts that lie in it. */
export interface JoinedRange<P> extends ByteRange {
  readonly parts: readonly P[];
}

/**
 * The reads by which to get some parts of an object: a request costs more than a few bytes that nobody needs. Pure.
 *
 * @param parts in any order; some may be the same, or overlap.
 * @param gapMax parts with at most so many bytes between them are read together,
 * @param bytesMax as long as that takes no more bytes than this. A part is never cut.
 */
export function inRanges<P extends ByteRange>(parts: readonly P[], gapMax: number, bytesMax: number): JoinedRange<P>[] {
  const joined: { from: number; to: number; parts: P[] }[] = [];
  for (const part of [...parts].sort((a, b) => a.from - b.from || a.to - b.to)) {
    const last = joined.at(-1);
    const isIn = last !== undefined && part.to <= last.to;
    if (last !== undefined && (isIn || (part.from - last.to <= gapMax && part.to - last.from <= bytesMax))) {
      last.to = Math.max(last.to, part.to);
      last.parts.push(part);
    } else joined.push({ from: part.from, to: part.to, parts: [part] });
  }
  return joined;
}

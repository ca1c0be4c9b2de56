import type { Hit } from './hits.ts';
import type { ByteRange, JoinedRange } from './ranges.ts';
import { inRanges } from './ranges.ts';

/** Frames of a segment are read together when at most so many bytes lie between them, up to so many bytes. */
const FRAMES_GAP_BYTES = 256 * 1_024;
const FRAMES_BYTES_MAX = 2 * 1_024 * 1_024;

/** A frame of a segment, and the lines of it that are wanted, by the places of their keys. */
export interface WantedFrame extends ByteRange {
  readonly segment: Hit['segment'];
  readonly lines: Map<number, readonly Hit[]>;
}

/** The reads of the frames that hold the newest line of each key, and the lines that are left then. Pure. */
export function framesOf(lines: ReadonlyMap<number, readonly Hit[]>): {
  readonly reads: readonly { readonly name: string; readonly range: JoinedRange<WantedFrame> }[];
  readonly rest: Map<number, readonly Hit[]>;
} {
  const segments = new Map<string, Map<number, WantedFrame>>();
  const rest = new Map<number, readonly Hit[]>();
  for (const [i, hits] of lines) {
    const { segment, offset, bytes } = hits.at(-1) as Hit;
    const isThere = (hit: Hit): boolean => hit.segment.name === segment.name && hit.offset === offset;
    const older = hits.filter((hit) => !isThere(hit));
    if (older.length > 0) rest.set(i, older);
    const frames = segments.get(segment.name) ?? new Map<number, WantedFrame>();
    segments.set(segment.name, frames);
    const frame = frames.get(offset) ?? { segment, from: offset, to: offset + bytes, lines: new Map<number, readonly Hit[]>() };
    frames.set(offset, frame);
    frame.lines.set(i, hits.filter(isThere));
  }
  const reads = [...segments].flatMap(([name, frames]) => inRanges([...frames.values()], FRAMES_GAP_BYTES, FRAMES_BYTES_MAX).map((range) => ({ name, range })));
  return { reads, rest };
}

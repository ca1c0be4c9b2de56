import type { Key } from '../../core/attribute.ts';
import { FormatError } from '../../core/errors.ts';
import type { LogRecord } from '../../core/formats/log-record.ts';
import { linesBefore } from '../../core/formats/rollup-encode.ts';
import { decodeFrame } from '../../core/formats/segment.ts';
import type { SegmentFooter } from '../../core/formats/segment-footer.ts';
import { keyText } from '../../core/key.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { ArchivePlace } from '../place.ts';
import type { LoggedChange } from './changes.ts';
import type { SegmentRef } from './list.ts';
import { compareFirst } from './list.ts';
import { decoded, readRange } from './read.ts';

/** A line of the log that an index names for a key. */
export interface Hit {
  readonly segment: Pick<SegmentRef, 'name' | 'label' | 'shard' | 'first' | 'firstAtMs'>;
  /** The frame that holds the line: bytes of the object. */
  readonly offset: number;
  readonly bytes: number;
  /** The line within the frame, from 0. */
  readonly line: number;
  /** When the change was made (ms). */
  readonly at: number;
  /** Whether the index has the whole key hash: then another key's line there is damage. */
  readonly exact: boolean;
}

/** The lines of a key in a segment, by its footer. */
export function hitsOf(segment: Hit['segment'], { head, index }: Pick<SegmentFooter, 'head' | 'index'>, hash: Uint8Array): Hit[] {
  const before = linesBefore(head);
  return index.find(hash).map(({ ordinal, frame, at }) => {
    const place = head.frames[frame];
    if (place === undefined) throw new FormatError(`${segment.name} is damaged: its index names the frame ${frame} of ${head.frames.length}.`);
    return { segment, offset: place.offset, bytes: place.bytes, line: ordinal - (before[frame] as number), at, exact: true };
  });
}

/**
 * The order of a key's changes. A key is in one shard at a time and goes from a shard to its child, of which every segment
 * begins with a larger sequence number: so the segments' first numbers order it, whatever shards they are of.
 */
export const hitOrder = (a: Hit, b: Hit): number =>
  (a.segment.label < b.segment.label ? -1 : a.segment.label > b.segment.label ? 1 : 0) ||
  compareFirst(a.segment.first, b.segment.first) ||
  a.offset - b.offset ||
  a.line - b.line;

/** Reads the frame of some hits that share it, by a range. @throws FormatError naming the segment · RemoteError */
export async function readHits(place: ArchivePlace, runtime: Runtime, hits: readonly Hit[], key: Key): Promise<LoggedChange[]> {
  const [first] = hits;
  if (first === undefined) return [];
  const { segment, offset, bytes } = first;
  const frame = await readRange(place, runtime, segment.name, { from: offset, to: offset + bytes });
  return changesIn(place, recordsOf(segment, frame), hits, key);
}

/** The records of a frame. @throws FormatError naming the segment */
export const recordsOf = ({ name }: Hit['segment'], frame: Uint8Array): readonly LogRecord[] => decoded(name, () => decodeFrame(frame));

/**
 * The changes of a key that some hits name within a frame's records, in the order of the hits. What is another key's is left out where only
 * the beginning of the key hash is known.
 *
 * @throws FormatError naming the segment, when an index names what is not there
 */
export function changesIn(place: ArchivePlace, records: readonly LogRecord[], hits: readonly Hit[], key: Key): LoggedChange[] {
  const wanted = keyText(key, place.key);
  return hits.flatMap(({ line, exact, segment }): LoggedChange[] => {
    const record = records[line];
    if (record !== undefined && isOf(record, wanted, place)) return [{ ...record, label: segment.label, shard: segment.shard, segment: segment.name }];
    if (record !== undefined && !exact) return [];
    throw new FormatError(`${segment.name} is damaged: its index names a line that is not there, or is of another key.`);
  });
}

const isOf = (record: LogRecord, wanted: string, { key }: ArchivePlace): boolean => keyText(record.keys, key) === wanted;

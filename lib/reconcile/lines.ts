import type { SegmentRef } from '../archive/log/list.ts';
import { decoded, readRange } from '../archive/log/read.ts';
import type { ArchivePlace } from '../archive/place.ts';
import { FormatError } from '../core/errors.ts';
import type { LogRecord } from '../core/formats/log-record.ts';
import { linesBefore } from '../core/formats/rollup-encode.ts';
import { decodeFrame } from '../core/formats/segment.ts';
import type { SegmentFooter } from '../core/formats/segment-footer.ts';
import type { IndexEntry } from '../core/formats/segment-index.ts';
import { keyHash, keyText } from '../core/key.ts';
import type { Runtime } from '../ports/runtime.ts';

/** The record of an index entry: reads the frame that holds it. @throws FormatError naming the segment · RemoteError */
export async function readLine(place: ArchivePlace, runtime: Runtime, ref: SegmentRef, footer: SegmentFooter, entry: IndexEntry): Promise<LogRecord> {
  const [record] = await readLines(place, runtime, ref, footer, [entry]);
  return record as LogRecord;
}

/** The same for entries of one frame, which is read once. @throws FormatError naming the object · RemoteError */
export async function readLines(
  place: ArchivePlace,
  runtime: Runtime,
  ref: SegmentRef,
  { head }: SegmentFooter,
  entries: readonly IndexEntry[],
): Promise<readonly LogRecord[]> {
  const at = entries[0]?.frame ?? 0;
  const frame = head.frames[at];
  if (frame === undefined) throw new FormatError(`${ref.name} is damaged: its index names the frame ${at} of ${head.frames.length}.`);
  const before = linesBefore(head)[at] ?? 0;
  const bytes = await readRange(place, runtime, ref.name, { from: frame.offset, to: frame.offset + frame.bytes });
  const records = decoded(ref.name, () => decodeFrame(bytes));
  return entries.map((entry) => {
    const record = entry.frame === at ? records[entry.ordinal - before] : undefined;
    if (record === undefined || !keyHash(keyText(record.keys, place.key)).equals(entry.keyHash))
      throw new FormatError(`${ref.name} is damaged: its index names a line that is not there, or is of another key.`);
    return record;
  });
}

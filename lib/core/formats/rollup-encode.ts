import { crc32, zstdCompressSync } from 'node:zlib';
import { assert, FormatError } from '../errors.ts';
import { rollupName, streamLabel } from './archive-names.ts';
import type { RollupHead } from './rollup.ts';
import { AT, BUCKET_BYTES, bucketBits, bucketOf, ENTRY_BYTES, FORMAT, HASH_BYTES, LENGTHS_BYTES, MAGIC, ROLLUP_SEGMENTS, SUM_BYTES, sumOf } from './rollup.ts';
import type { SegmentFooter } from './segment-footer.ts';

/** Lines of a frame that an entry can name. */
const LINES_MAX = 0xffff;

/** A segment that goes into a roll-up. */
export interface RolledSegment extends SegmentFooter {
  /** Of the whole object. */
  readonly bytes: number;
}

/** The object of a roll-up. @param segments 1 to ROLLUP_SEGMENTS of one shard, each the next one of the one before. */
export function encodeRollup(segments: readonly RolledSegment[]): { readonly name: string; readonly body: Buffer } {
  const [first] = segments;
  assert(first !== undefined && segments.length <= ROLLUP_SEGMENTS, 'segments of a roll-up', { segments: segments.length });
  const { set, member, stream, shard, previous } = first.head;
  const total = segments.reduce((n, { index }) => n + index.length, 0);
  const bits = bucketBits(total);
  const { entries, ends } = inBuckets(segments, total, bits);
  const fanOut = Buffer.alloc(ends.length * BUCKET_BYTES);
  ends.forEach((end, bucket) => {
    const bytes = entries.subarray((ends[bucket - 1] ?? 0) * ENTRY_BYTES, end * ENTRY_BYTES);
    sortEntries(bytes);
    fanOut.writeUInt32BE(end, bucket * BUCKET_BYTES);
    fanOut.writeUInt32BE(crc32(bytes), bucket * BUCKET_BYTES + 4);
  });
  const label = streamLabel(stream);
  const head: RollupHead = {
    ...{ set, member, label, shard, entries: total },
    ...(previous !== undefined && { previous: { shard: previous.shard, first: previous.first } }),
    segments: segments.map(({ head: h, bytes }) => ({ first: h.first, firstAt: h.firstAt, fromMs: h.fromMs, toMs: h.toMs, records: h.records, bytes })),
  };
  const packed = zstdCompressSync(Buffer.from(JSON.stringify(head), 'utf8'));
  const name = rollupName({ label, shard, first: first.head.first, firstAtMs: first.head.firstAt });
  return { name, body: Buffer.concat([entries, endOf(fanOut, packed)]) };
}

/** All entries, bucket after bucket, and the number of the entry at which each bucket ends. Nothing is made for each of them: there may be 640,000. */
function inBuckets(segments: readonly RolledSegment[], total: number, bits: number): { readonly entries: Buffer; readonly ends: Uint32Array } {
  const ends = new Uint32Array(2 ** bits);
  for (const { index } of segments) {
    for (let i = 0; i < index.length; i += 1) {
      const bucket = bucketOf(index.keyHashAt(i), bits);
      ends[bucket] = (ends[bucket] as number) + 1;
    }
  }
  let begin = 0;
  // Where the next entry of each bucket is written: at the end that is where the bucket ends.
  ends.forEach((count, bucket) => {
    ends[bucket] = begin;
    begin += count;
  });
  const entries = Buffer.alloc(total * ENTRY_BYTES);
  segments.forEach(({ head, index }, number) => {
    const before = linesBefore(head);
    for (let i = 0; i < index.length; i += 1) {
      const entry = index.entry(i);
      const place = head.frames[entry.frame];
      const line = entry.ordinal - (before[entry.frame] ?? 0);
      if (place === undefined || line < 0 || line > LINES_MAX)
        throw new FormatError(`an index that names the line ${entry.ordinal} in the frame ${entry.frame}`);
      const bucket = bucketOf(entry.keyHash, bits);
      const at = (ends[bucket] as number) * ENTRY_BYTES;
      ends[bucket] = (ends[bucket] as number) + 1;
      entry.keyHash.copy(entries, at, 0, HASH_BYTES);
      entries[at + AT.segment] = number;
      entries.writeUInt32BE(place.offset, at + AT.offset);
      entries.writeUIntBE(place.bytes, at + AT.bytes, 3);
      entries.writeUInt16BE(line, at + AT.line);
      entries.writeUInt32BE(entry.at - head.fromMs, at + AT.time);
    }
  });
  return { entries, ends };
}

/** Sorts the entries of a bucket, as bytes, where they are. */
function sortEntries(bytes: Buffer): void {
  const entries = Array.from({ length: bytes.length / ENTRY_BYTES }, (_, i) => bytes.subarray(i * ENTRY_BYTES, (i + 1) * ENTRY_BYTES));
  Buffer.concat(entries.sort(Buffer.compare)).copy(bytes);
}

/** Of each frame of a segment, the number of lines in the frames before it. */
export function linesBefore({ frames }: Pick<SegmentFooter['head'], 'frames'>): readonly number[] {
  let lines = 0;
  return frames.map(({ records }) => {
    lines += records;
    return lines - records;
  });
}

function endOf(fanOut: Buffer, packed: Buffer): Buffer {
  const summed = Buffer.concat([fanOut, packed, Buffer.from([FORMAT])]);
  const lengths = Buffer.alloc(LENGTHS_BYTES);
  lengths.writeUInt32BE(packed.length, 0);
  lengths.writeUInt32BE(summed.length + SUM_BYTES + LENGTHS_BYTES + MAGIC.length, 4);
  return Buffer.concat([summed, sumOf(summed), lengths, MAGIC]);
}

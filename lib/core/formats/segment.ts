import { hash as cryptoHash } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { FormatError } from '../errors.ts';
import { segmentName, streamLabel } from './archive-names.ts';
import type { LogRecord } from './log-record.ts';
import { decodeLine, encodeLine } from './log-record.ts';
import type { SegmentFooter, SegmentHead } from './segment-footer.ts';
import { decodeFooter, encodeFooter, footerLength } from './segment-footer.ts';
import type { FoundRecord, IndexEntry } from './segment-index.ts';
import { encodeIndex, INDEX_FORMAT, indexEntry } from './segment-index.ts';

/**
 * A segment of the log: what one batch of one shard of a member's stream showed.
 *
 * | bytes | |
 * |---|---|
 * | zstd frames (RFC 8878) | the records, one JSON line each (log-record.ts). A frame holds about FRAME_RAW_BYTES, so that a single change is read by a range |
 * | one zstd frame | the footer (segment-footer.ts): index and head, as one more line, without a sequence number |
 */

/** Raw bytes of lines at which a frame is closed. */
const FRAME_RAW_BYTES = 64 * 1_024;
/** A frame never unpacks to more (bytes): its last line may be two images of 400 KB, each up to six times as long as JSON. */
const FRAME_UNPACKED_MAX = 8 * 1_024 * 1_024;
/** Most records in a segment: Lambda's largest batch. https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html */
export const SEGMENT_RECORDS_MAX = 10_000;

/** What a segment is of. */
export interface SegmentAbout
  extends Pick<SegmentHead, 'set' | 'member' | 'stream' | 'shard' | 'key'>,
    Pick<Partial<SegmentHead>, 'tableId' | 'expiryAttribute' | 'previous' | 'doubt'> {}

/** A segment as it is stored. */
export interface EncodedSegment {
  /** The object's name. */
  readonly name: string;
  readonly body: Buffer;
  /** SHA-256 of the body, base64. */
  readonly sha256: string;
  readonly head: SegmentHead;
}

/** SHA-256 of bytes, base64: as S3 takes and keeps it. */
export const sha256Base64 = (bytes: Uint8Array): string => cryptoHash('sha256', bytes, 'base64');

/**
 * Encodes records of one shard, in their order. The same records and the same `about` give the same bytes, but for drift.
 *
 * @param records 1 to SEGMENT_RECORDS_MAX. What was found out of one beside its line is not stored but in the index.
 * @throws FormatError for no or too many records, InvariantError for a record without its key.
 */
export function encodeSegment(about: SegmentAbout, records: readonly FoundRecord[]): EncodedSegment {
  const first = records[0];
  const last = records.at(-1);
  if (first === undefined || last === undefined || records.length > SEGMENT_RECORDS_MAX) {
    throw new FormatError(`a segment has 1 to ${SEGMENT_RECORDS_MAX} records; got ${records.length}`);
  }
  const parts: Buffer[] = [];
  const frames: { offset: number; bytes: number; records: number }[] = [];
  const entries: IndexEntry[] = [];
  let lines = '';
  let held = 0;
  let offset = 0;
  let rawBytes = 0;
  const close = (): void => {
    if (held === 0) return;
    const raw = Buffer.from(lines, 'utf8');
    const packed = zstdCompressSync(raw);
    frames.push({ offset, bytes: packed.length, records: held });
    parts.push(packed);
    offset += packed.length;
    rawBytes += raw.length;
    lines = '';
    held = 0;
  };
  let fromMs = first.at;
  let toMs = first.at;
  records.forEach((record, ordinal) => {
    // Text is counted in UTF-16 units here: a frame's size is an aim, not a limit.
    if (lines.length >= FRAME_RAW_BYTES) close();
    lines += `${encodeLine(record)}\n`;
    held += 1;
    entries.push(indexEntry(record, about, { ordinal, frame: frames.length }));
    fromMs = Math.min(fromMs, record.at);
    toMs = Math.max(toMs, record.at);
  });
  close();
  const data = Buffer.concat(parts);
  const head: SegmentHead = {
    format: INDEX_FORMAT,
    ...about,
    first: first.sequence,
    last: last.sequence,
    records: records.length,
    firstAt: first.at,
    fromMs,
    toMs,
    frames,
    dataBytes: data.length,
    rawBytes,
    dataSha256: sha256Base64(data),
  };
  const body = Buffer.concat([data, encodeFooter(head, encodeIndex(entries, fromMs))]);
  const name = segmentName({ label: streamLabel(about.stream), shard: about.shard, first: first.sequence, firstAtMs: first.at });
  return { name, body, sha256: sha256Base64(body), head };
}

/** The records of one frame. @throws FormatError for damaged bytes. */
export function decodeFrame(bytes: Uint8Array): LogRecord[] {
  let raw: string;
  try {
    raw = zstdDecompressSync(bytes, { maxOutputLength: FRAME_UNPACKED_MAX }).toString('utf8');
  } catch (error) {
    throw new FormatError('a frame of a segment cannot be unpacked', { cause: error });
  }
  if (!raw.endsWith('\n')) throw new FormatError('a frame of a segment does not end with a line');
  return raw.slice(0, -1).split('\n').map(decodeLine);
}

/** A segment, read whole and checked. */
export interface DecodedSegment {
  readonly footer: SegmentFooter;
  readonly records: readonly LogRecord[];
}

/**
 * Reads a whole segment and checks all that can be checked: the sums of footer and data, the frames, and that head and
 * index are those of the lines.
 *
 * @throws FormatError saying what does not agree.
 */
export function decodeSegment(body: Uint8Array): DecodedSegment {
  const length = footerLength(body);
  const footer = decodeFooter(body);
  const { head } = footer;
  if (body.length !== head.dataBytes + length) throw new FormatError(`a segment of ${body.length} bytes; its footer says ${head.dataBytes + length}`);
  const data = body.subarray(0, head.dataBytes);
  if (sha256Base64(data) !== head.dataSha256) throw new FormatError('the data of a segment are not those that its footer has the SHA-256 of');
  const records = head.frames.flatMap(({ offset, bytes, records: count }) => {
    const found = decodeFrame(data.subarray(offset, offset + bytes));
    if (found.length !== count) throw new FormatError(`a frame of ${found.length} records; the footer says ${count}`);
    return found;
  });
  const again = encodedAgain(footer, records);
  if (again !== undefined) throw new FormatError(`the footer of a segment does not agree with its lines: ${again}`);
  return { footer, records };
}

/** What of a footer is not what its lines give; undefined when all is. */
function encodedAgain({ head, index }: SegmentFooter, records: readonly LogRecord[]): string | undefined {
  if (records.length !== head.records) return `${records.length} records, ${head.records} in the head`;
  const starts = new Set<number>();
  let at = 0;
  for (const frame of head.frames) {
    starts.add(at);
    at += frame.records;
  }
  let frame = -1;
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = Number.NEGATIVE_INFINITY;
  const entries = records.map((record, ordinal) => {
    if (starts.has(ordinal)) frame += 1;
    fromMs = Math.min(fromMs, record.at);
    toMs = Math.max(toMs, record.at);
    // What the observer has found out beside the record is in the index alone.
    return indexEntry(record, head, { ordinal, frame });
  });
  const [first, last] = [records[0], records.at(-1)];
  if (first?.sequence !== head.first || last?.sequence !== head.last) return 'first or last sequence number';
  if (first.at !== head.firstAt || fromMs !== head.fromMs || toMs !== head.toMs) return 'times';
  return index.agreesWith(entries) ? undefined : 'index';
}

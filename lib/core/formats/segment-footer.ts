import { hash as cryptoHash } from 'node:crypto';
import { z } from 'zod';
import { FormatError } from '../errors.ts';
import { SegmentIndex } from './segment-index.ts';

/**
 * The footer of a segment: one zstd skippable frame (RFC 8878, 3.1.2), which every zstd decompressor passes over.
 *
 * | bytes | |
 * |---|---|
 * | 4 | 0x184D2A5E, little-endian: a skippable frame |
 * | 4 | bytes that follow, little-endian |
 * | 1 | format, 0x01 |
 * | n | the index (segment-index.ts) |
 * | m | the head, JSON |
 * | 32 | SHA-256 of format, index and head |
 * | 4 | m, big-endian |
 * | 4 | bytes of the whole footer, big-endian |
 * | 8 | "SYNCLOG1" |
 *
 * The head stands near the end, so that the last HEAD_TAIL_BYTES of an object mostly show it without the index.
 */
const SKIPPABLE = 0x184d2a5e;
const FORMAT = 0x01;
const MAGIC = Buffer.from('SYNCLOG1', 'latin1');
const SUM_BYTES = 32;
const TRAILER_BYTES = 4 + 4 + MAGIC.length;
/** Bytes before the index: the skippable frame's header, and the format. */
const LEAD_BYTES = 9;
/** Bytes of a footer without index and head. */
const FIXED_BYTES = LEAD_BYTES + SUM_BYTES + TRAILER_BYTES;
/** Largest footer (bytes): an index of 10,000 records and a head with all frames have less than 1 MB. */
const FOOTER_BYTES_MAX = 4 * 1_024 * 1_024;

/** How much of an object's end is read to have its footer (bytes): that of about 1,800 records. */
export const FOOTER_TAIL_BYTES = 64 * 1_024;
/** How much of an object's end is read to have its head alone (bytes). */
export const HEAD_TAIL_BYTES = 4 * 1_024;

/** The segment before, or the last one of the parent shard. */
export interface Predecessor {
  readonly shard: string;
  /** Sequence number of its first record, and when that was made (ms): its name. */
  readonly first: string;
  readonly firstAt: number;
  /** Sequence number of its last record. */
  readonly last: string;
  /** SHA-256 of the whole object, base64. */
  readonly sha256: string;
}

/**
 * Why records may be missing before a segment.
 *
 * `skipped`: fan-out has moved a record in between that the observer never saw: they are missing. `trimmed`: its oldest record
 * was about to be trimmed when it was read, so older ones may have been. `silence`: for longer than a stream keeps records
 * nothing came, and nothing shows that there was nothing.
 */
export const DOUBTS = ['skipped', 'trimmed', 'silence'] as const;
export type Doubt = (typeof DOUBTS)[number];

const sequence = z.string().regex(/^\d{1,40}$/);
const time = z.int().min(0);
const whole = z.int().min(0);
const sum = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);
const keyAttribute = z.strictObject({ name: z.string(), type: z.enum(['S', 'N', 'B']) });

const headSchema = z.strictObject({
  format: z.literal(1),
  set: z.string(),
  member: z.string(),
  /** TableId of the member's table; absent before `syncline init`. */
  tableId: z.string().exactOptional(),
  /** ARN of the stream. */
  stream: z.string(),
  shard: z.string(),
  /** The table's key. */
  key: z.strictObject({ partition: keyAttribute, sort: keyAttribute.exactOptional() }),
  /** Absent on the first segment of a stream that was archived. */
  previous: z.strictObject({ shard: z.string(), first: sequence, firstAt: time, last: sequence, sha256: sum }).exactOptional(),
  doubt: z.enum(DOUBTS).exactOptional(),
  /** Sequence numbers of its first and last record. */
  first: sequence,
  last: sequence,
  records: z.int().min(1),
  /** When its first record was made (ms), and the earliest and latest such time of all. */
  firstAt: time,
  fromMs: time,
  toMs: time,
  /** Where each zstd frame begins, its bytes, and its records. */
  frames: z.array(z.strictObject({ offset: whole, bytes: whole, records: z.int().min(1) })).min(1),
  /** Bytes of all frames, packed and unpacked. */
  dataBytes: whole,
  rawBytes: whole,
  /** SHA-256 of all frames, base64. */
  dataSha256: sum,
});

/** What a footer says of its segment. */
export type SegmentHead = z.infer<typeof headSchema>;

/** A footer that was read and whose sum is right. */
export interface SegmentFooter {
  readonly head: SegmentHead;
  readonly index: SegmentIndex;
}

/** The bytes of a footer. */
export function encodeFooter(head: SegmentHead, index: Uint8Array): Buffer {
  const json = Buffer.from(JSON.stringify(head), 'utf8');
  const length = FIXED_BYTES + index.length + json.length;
  const lead = Buffer.alloc(LEAD_BYTES);
  lead.writeUInt32LE(SKIPPABLE, 0);
  lead.writeUInt32LE(length - 8, 4);
  lead[8] = FORMAT;
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt32BE(json.length, 0);
  trailer.writeUInt32BE(length, 4);
  MAGIC.copy(trailer, 8);
  const summed = Buffer.concat([lead.subarray(8), index, json]);
  return Buffer.concat([lead.subarray(0, 8), summed, sumOf(summed), trailer]);
}

const sumOf = (bytes: Uint8Array): Buffer => Buffer.from(cryptoHash('sha256', bytes, 'hex'), 'hex');

/** The lengths at the end of an object's last bytes. @throws FormatError when there is no footer. */
function lengths(tail: Uint8Array): { readonly head: number; readonly footer: number } {
  const end = Buffer.from(tail.buffer, tail.byteOffset, tail.length).subarray(-TRAILER_BYTES);
  if (end.length < TRAILER_BYTES || !end.subarray(8).equals(MAGIC)) throw new FormatError('no footer at the end: it was cut off, or is no segment');
  const [head, footer] = [end.readUInt32BE(0), end.readUInt32BE(4)];
  if (footer > FOOTER_BYTES_MAX || head + FIXED_BYTES > footer) throw new FormatError(`a footer of ${footer} bytes with a head of ${head}`);
  return { head, footer };
}

/** Bytes of the footer, counted from the object's end. @param tail the last bytes of the object, at least 16. @throws FormatError */
export const footerLength = (tail: Uint8Array): number => lengths(tail).footer;

/**
 * The head, from an object's last bytes; undefined when there are too few of them. ⚠ Its sum is not checked: that needs
 * the whole footer.
 *
 * @throws FormatError
 */
export function decodeHead(tail: Uint8Array): SegmentHead | undefined {
  const { head } = lengths(tail);
  const end = tail.length - TRAILER_BYTES - SUM_BYTES;
  return end < head ? undefined : readHead(tail.subarray(end - head, end));
}

function readHead(json: Uint8Array): SegmentHead {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.length).toString('utf8'));
  } catch (error) {
    throw new FormatError('the head of a segment is not JSON', { cause: error });
  }
  const found = headSchema.safeParse(value);
  if (found.success) return found.data;
  const problems = found.error.issues.slice(0, 3).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new FormatError(`the head of a segment is not one of format 1: ${problems.join('; ')}`);
}

/** The footer, from an object's last bytes. @param tail at least `footerLength` bytes. @throws FormatError when it is damaged, or not all there. */
export function decodeFooter(tail: Uint8Array): SegmentFooter {
  const { head: headBytes, footer: length } = lengths(tail);
  if (tail.length < length) throw new FormatError(`${tail.length} bytes of a footer of ${length}`);
  const all = Buffer.from(tail.buffer, tail.byteOffset, tail.length).subarray(tail.length - length);
  if (all.readUInt32LE(0) !== SKIPPABLE || all.readUInt32LE(4) !== length - 8) throw new FormatError('a footer that is no skippable frame of its length');
  if (all[8] !== FORMAT) throw new FormatError(`a footer of format ${all[8]}; this version reads format ${FORMAT}`);
  const summed = all.subarray(8, length - TRAILER_BYTES - SUM_BYTES);
  const kept = all.subarray(length - TRAILER_BYTES - SUM_BYTES, length - TRAILER_BYTES);
  if (!sumOf(summed).equals(kept)) throw new FormatError('a footer whose sum is wrong: it is damaged');
  const head = readHead(summed.subarray(summed.length - headBytes));
  const index = new SegmentIndex(summed.subarray(1, summed.length - headBytes), head.fromMs);
  if (index.length !== head.records) throw new FormatError(`an index of ${index.length} entries for ${head.records} records`);
  return { head, index };
}

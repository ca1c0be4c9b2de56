import { hash as cryptoHash } from 'node:crypto';
import { z } from 'zod';
import { assert, FormatError } from '../errors.ts';
import { INDEX_FORMATS, SegmentIndex } from './segment-index.ts';

/**
 * The footer of a segment: one zstd frame of raw blocks (RFC 8878, 3.1.1) that holds one line of JSON, so that every tool
 * which reads the file as zstd JSON lines reads it too, as a line without a sequence number. (A skippable frame would be
 * passed over by most, but the decompressor of Trino, and so of Athena, fails on it: docs/decisions/0007-segment-footer.md.)
 *
 * | bytes | |
 * |---|---|
 * | 9 | the frame's header: 0xFD2FB528 little-endian, 0xA0 (a single segment), bytes of the line, little-endian |
 * | 3 | header of a raw block; as many blocks as the first part of the line needs |
 * | i | `{"format":1,"index":"`, the index (segment-index.ts) in base64, `","head":` |
 * | 3 | header of the last block |
 * | m | the head, JSON |
 * | 52 | `,"sum":"`, SHA-256 over the index and the head in base64 |
 * | 36 | `","end":"`, m and the bytes of the whole frame in 8 hexadecimal digits each, `SYNCLOG1"}`, a line feed |
 *
 * The head stands near the end, whole within the last block, so that the last HEAD_TAIL_BYTES of an object mostly show it without the index.
 */
const FRAME_MAGIC = 0xfd2fb528;
/** A frame header descriptor: a single segment, its size in four bytes, no checksum, no dictionary. */
const DESCRIPTOR = 0xa0;
export const FRAME_HEADER_BYTES = 9;
export const BLOCK_HEADER_BYTES = 3;
/** Most bytes of a block. */
export const BLOCK_BYTES_MAX = 128 * 1_024;
export const BEFORE_INDEX = '{"format":1,"index":"';
const BEFORE_HEAD = '","head":';
const BEFORE_SUM = ',"sum":"';
const BEFORE_END = '","end":"';
const AFTER_END = 'SYNCLOG1"}\n';
/** Base64 of 32 bytes. */
const SUM_CHARACTERS = 44;
const LENGTH_DIGITS = 8;
const TRAILER_BYTES = 2 * LENGTH_DIGITS + AFTER_END.length;
/** Bytes after the head. */
const AFTER_HEAD = BEFORE_SUM.length + SUM_CHARACTERS + BEFORE_END.length + TRAILER_BYTES;
/** Largest footer (bytes): that of 10,000 records has half of a megabyte. */
const FOOTER_BYTES_MAX = 4 * 1_024 * 1_024;

/** How much of an object's end is read to have its footer (bytes): that of about 1,300 records. */
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
  /** Of the index (segment-index.ts). */
  format: z.literal(INDEX_FORMATS),
  set: z.string(),
  member: z.string(),
  /** TableId of the member's table; absent before `syncline init`. */
  tableId: z.string().exactOptional(),
  /** ARN of the stream. */
  stream: z.string(),
  shard: z.string(),
  /** The table's key. */
  key: z.strictObject({ partition: keyAttribute, sort: keyAttribute.exactOptional() }),
  /** The TTL attribute by which the days in the index were made; absent where nothing expires, and in format 1. */
  expiryAttribute: z.string().exactOptional(),
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

/** The bytes of a footer. @throws InvariantError for a head larger than a block: it has one entry a frame. */
export const encodeFooter = (head: SegmentHead, index: Uint8Array): Buffer => footerFrame(Buffer.from(JSON.stringify(head), 'utf8'), index);

function footerFrame(headText: Uint8Array, index: Uint8Array): Buffer {
  const first = Buffer.from(`${BEFORE_INDEX}${Buffer.from(index).toString('base64')}${BEFORE_HEAD}`, 'latin1');
  const blocks = Math.ceil(first.length / BLOCK_BYTES_MAX) + 1;
  const lineBytes = first.length + headText.length + AFTER_HEAD;
  const length = FRAME_HEADER_BYTES + blocks * BLOCK_HEADER_BYTES + lineBytes;
  const hex = (n: number): string => n.toString(16).padStart(LENGTH_DIGITS, '0');
  const last = Buffer.concat([
    headText,
    Buffer.from(`${BEFORE_SUM}${sumOf(index, headText)}${BEFORE_END}${hex(headText.length)}${hex(length)}${AFTER_END}`, 'latin1'),
  ]);
  assert(last.length <= BLOCK_BYTES_MAX, 'the head of a segment is larger than a block', { bytes: headText.length });
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32LE(FRAME_MAGIC, 0);
  header[4] = DESCRIPTOR;
  header.writeUInt32LE(lineBytes, 5);
  const parts: Buffer[] = [header];
  for (let at = 0; at < first.length; at += BLOCK_BYTES_MAX) parts.push(...rawBlock(first.subarray(at, at + BLOCK_BYTES_MAX), false));
  return Buffer.concat([...parts, ...rawBlock(last, true)]);
}

/** A raw block and its header: the last one's mark in bit 0, the type (0) in bits 1 and 2, the size in the rest; little-endian. */
function rawBlock(bytes: Buffer, last: boolean): [Buffer, Buffer] {
  const header = Buffer.alloc(BLOCK_HEADER_BYTES);
  header.writeUIntLE(bytes.length * 8 + (last ? 1 : 0), 0, BLOCK_HEADER_BYTES);
  return [header, bytes];
}

const sumOf = (index: Uint8Array, head: Uint8Array): string => cryptoHash('sha256', Buffer.concat([index, head]), 'base64');

/** The lengths at the end of an object's last bytes. @throws FormatError when there is no footer. */
function lengths(tail: Uint8Array): { readonly head: number; readonly footer: number } {
  const end = Buffer.from(tail.buffer, tail.byteOffset, tail.length).subarray(-TRAILER_BYTES).toString('latin1');
  const digits = end.slice(0, 2 * LENGTH_DIGITS);
  if (!end.endsWith(AFTER_END) || !/^[0-9a-f]{16}$/.test(digits)) throw new FormatError('no footer at the end: it was cut off, or is no segment');
  const [head, footer] = [Number.parseInt(digits.slice(0, LENGTH_DIGITS), 16), Number.parseInt(digits.slice(LENGTH_DIGITS), 16)];
  if (footer > FOOTER_BYTES_MAX || head + AFTER_HEAD > footer) throw new FormatError(`a footer of ${footer} bytes with a head of ${head}`);
  return { head, footer };
}

/** Bytes of the footer, counted from the object's end. @param tail the last bytes of the object, at least 32. @throws FormatError */
export const footerLength = (tail: Uint8Array): number => lengths(tail).footer;

/**
 * The head, from an object's last bytes; undefined when there are too few of them. ⚠ Its sum is not checked: that needs
 * the whole footer.
 *
 * @throws FormatError
 */
export function decodeHead(tail: Uint8Array): SegmentHead | undefined {
  const { head } = lengths(tail);
  const end = tail.length - AFTER_HEAD;
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
  throw new FormatError(`the head of a segment is not one of the formats ${INDEX_FORMATS.join(' and ')}: ${problems.join('; ')}`);
}

/** The footer, from an object's last bytes. @param tail at least `footerLength` bytes. @throws FormatError when it is damaged, or not all there. */
export function decodeFooter(tail: Uint8Array): SegmentFooter {
  const { head: headBytes, footer: length } = lengths(tail);
  if (tail.length < length) throw new FormatError(`${tail.length} bytes of a footer of ${length}`);
  const kept = Buffer.from(tail.buffer, tail.byteOffset, tail.length).subarray(tail.length - length);
  const headEnd = length - AFTER_HEAD;
  const headText = kept.subarray(headEnd - headBytes, headEnd);
  const head = readHead(headText);
  const index = indexBytes(kept.subarray(FRAME_HEADER_BYTES, headEnd - headBytes));
  const found = new SegmentIndex(index, head.fromMs, head.format);
  if (found.length !== head.records) throw new FormatError(`an index of ${found.length} entries for ${head.records} records`);
  // What was read is written again: so the sum, and every byte that holds the parts together, is compared at once.
  if (!footerFrame(headText, index).equals(kept)) throw new FormatError('a footer whose sum or frame is wrong: it is damaged');
  return { head, index: found };
}

/** The index within the blocks before the last one. @throws FormatError */
function indexBytes(blocks: Buffer): Buffer {
  const parts: Buffer[] = [];
  // The header of the last block stands at the end.
  const end = blocks.length - BLOCK_HEADER_BYTES;
  for (let at = 0; at < end; at += BLOCK_HEADER_BYTES + BLOCK_BYTES_MAX) {
    parts.push(blocks.subarray(at + BLOCK_HEADER_BYTES, Math.min(at + BLOCK_HEADER_BYTES + BLOCK_BYTES_MAX, end)));
  }
  const line = Buffer.concat(parts).toString('latin1');
  if (!line.startsWith(BEFORE_INDEX) || !line.endsWith(BEFORE_HEAD)) throw new FormatError('a footer without an index: it is damaged');
  return Buffer.from(line.slice(BEFORE_INDEX.length, -BEFORE_HEAD.length), 'base64');
}

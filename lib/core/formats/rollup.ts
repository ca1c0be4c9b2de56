import { hash as cryptoHash } from 'node:crypto';
import { crc32, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { FormatError } from '../errors.ts';
import type { FirstRecord } from './archive-names.ts';

/**
 * A roll-up: the indexes of up to ROLLUP_SEGMENTS segments of a shard that follow one another, in one object. It only makes
 * reading quicker: what it says is in the segments' footers. The same footers give the same bytes.
 *
 * | bytes | |
 * |---|---|
 * | e × 22 | the entries, sorted as bytes. Each: 8 of the key hash · 1 segment · 4 where its frame begins in the segment · 3 bytes of the frame · 2 line within the frame · 4 when it was made, as ms after the segment's `fromMs` |
 * | b × 8 | the fan-out: of each bucket (the first bits of the key hash; b is a power of two) the number of the entry at which it ends, and the CRC-32 of its entries |
 * | h | the head: JSON, packed by zstd |
 * | 1 | format, 0x01 |
 * | 32 | SHA-256 of fan-out, head and format |
 * | 4, 4 | h, and bytes from the fan-out to the end |
 * | 8 | "SYNCROLL" |
 *
 * So a key costs two small reads: of the end, and of one bucket.
 */
export const ENTRY_BYTES = 22;
export const HASH_BYTES = 8;
export const AT = { segment: 8, offset: 9, bytes: 13, line: 16, time: 18 } as const;
export const BUCKET_BYTES = 8;
export const FORMAT = 0x01;
export const SUM_BYTES = 32;
export const MAGIC = Buffer.from('SYNCROLL', 'latin1');
export const LENGTHS_BYTES = 8;
const TRAILER_BYTES = 1 + SUM_BYTES + LENGTHS_BYTES + MAGIC.length;
/** Entries that a bucket has on average, at most, while there are fewer buckets than BUCKET_BITS_MAX allows. */
const BUCKET_ENTRIES = 128;
const BUCKET_BITS_MAX = 10;
/** A head never unpacks to more (bytes): 64 segments have less than 20 KB. */
const HEAD_UNPACKED_MAX = 1_024 * 1_024;
/** What a head takes, packed (bytes): an estimate, to read the whole end at once. */
const HEAD_BYTES_MOSTLY = 3 * 1_024;
/** Longest end (bytes): fan-out and head. */
const TAIL_BYTES_MAX = 2 * 1_024 * 1_024;

/** Most segments of a roll-up. */
export const ROLLUP_SEGMENTS = 64;

const sequence = z.string().regex(/^\d{1,40}$/);
const whole = z.int().min(0);
const segmentSchema = z.strictObject({
  /** Sequence number of its first record, and when that was made (ms): its name. */
  first: sequence,
  firstAt: whole,
  /** Earliest and latest time of its records (ms). */
  fromMs: whole,
  toMs: whole,
  /** Number of its records. */
  records: z.int().min(1),
  /** Of the object. */
  bytes: z.int().min(1),
});
const headSchema = z.strictObject({
  set: z.string(),
  member: z.string(),
  label: z.string(),
  shard: z.string(),
  entries: whole,
  /** The segment before the first one, as that names it. */
  previous: z.strictObject({ shard: z.string(), first: sequence }).exactOptional(),
  segments: z.array(segmentSchema).min(1).max(ROLLUP_SEGMENTS),
});

/** What a roll-up says of one of its segments. */
export type RollupSegment = z.infer<typeof segmentSchema>;
/** What a roll-up says of itself. */
export type RollupHead = z.infer<typeof headSchema>;

/** A line that a roll-up names. */
export interface RollupEntry {
  readonly segment: RollupSegment;
  /** The frame that holds it: bytes of the segment's object. */
  readonly offset: number;
  readonly bytes: number;
  /** The line within the frame, from 0. */
  readonly line: number;
  /** ms since 1970. */
  readonly at: number;
}

/** The number of bits that tell buckets apart. */
export function bucketBits(entries: number): number {
  let bits = 0;
  while (bits < BUCKET_BITS_MAX && entries > BUCKET_ENTRIES * 2 ** bits) bits += 1;
  return bits;
}

export const bucketOf = (hash: Uint8Array, bits: number): number => (((hash[0] as number) << 8) | (hash[1] as number)) >> (16 - bits);

/** The sum of fan-out, head and format. */
export const sumOf = (bytes: Uint8Array): Buffer => Buffer.from(cryptoHash('sha256', bytes, 'hex'), 'hex');

/** How much of a roll-up's end is read to have fan-out and head, mostly. @param size of the object (bytes) */
export function rollupTailBytes(size: number): number {
  return Math.min(size, 2 ** bucketBits(Math.ceil(size / ENTRY_BYTES)) * BUCKET_BYTES + HEAD_BYTES_MOSTLY);
}

/** Bytes from the fan-out to the end. @param tail the last bytes of the object. @throws FormatError when it is no roll-up. */
export function rollupTailLength(tail: Uint8Array): number {
  const end = bufferOf(tail).subarray(-(LENGTHS_BYTES + MAGIC.length));
  if (end.length < LENGTHS_BYTES + MAGIC.length || !end.subarray(LENGTHS_BYTES).equals(MAGIC)) throw new FormatError('no roll-up, or it was cut off');
  const length = end.readUInt32BE(4);
  if (length > TAIL_BYTES_MAX || end.readUInt32BE(0) + TRAILER_BYTES > length) throw new FormatError(`a roll-up whose end has ${length} bytes`);
  return length;
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/** Fan-out and head of a roll-up, read from its end. */
export class Rollup {
  readonly head: RollupHead;
  readonly #fanOut: Buffer;
  readonly #bits: number;

  /** @param tail at least `rollupTailLength` bytes. @throws FormatError when it is damaged, or not all there. */
  constructor(tail: Uint8Array) {
    const length = rollupTailLength(tail);
    if (tail.length < length) throw new FormatError(`${tail.length} bytes of the ${length} at a roll-up's end`);
    const end = bufferOf(tail).subarray(tail.length - length);
    const summed = end.subarray(0, length - SUM_BYTES - LENGTHS_BYTES - MAGIC.length);
    if (!sumOf(summed).equals(end.subarray(summed.length, summed.length + SUM_BYTES))) throw new FormatError('a roll-up whose sum is wrong');
    if (summed.at(-1) !== FORMAT) throw new FormatError(`a roll-up of format ${summed.at(-1)}; this version reads format ${FORMAT}`);
    const headBytes = end.readUInt32BE(length - LENGTHS_BYTES - MAGIC.length);
    this.#fanOut = summed.subarray(0, summed.length - 1 - headBytes);
    this.head = readHead(summed.subarray(summed.length - 1 - headBytes, -1));
    this.#bits = bucketBits(this.head.entries);
    if (this.#fanOut.length !== 2 ** this.#bits * BUCKET_BYTES)
      throw new FormatError(`a roll-up of ${this.head.entries} entries whose fan-out has ${this.#fanOut.length} bytes`);
  }

  /** The bytes of the object that hold the bucket of a key; from = to when it is empty. */
  range(hash: Uint8Array): { readonly from: number; readonly to: number } {
    const bucket = bucketOf(hash, this.#bits);
    const end = (i: number): number => (i < 0 ? 0 : this.#fanOut.readUInt32BE(i * BUCKET_BYTES)) * ENTRY_BYTES;
    return { from: end(bucket - 1), to: end(bucket) };
  }

  /**
   * The lines of a key, and seldom of another whose hash begins alike.
   *
   * @param bytes those of `range`. @throws FormatError when they are not what was written.
   */
  find(hash: Uint8Array, bytes: Uint8Array): RollupEntry[] {
    const entries = bufferOf(bytes);
    if (crc32(entries) !== this.#fanOut.readUInt32BE(bucketOf(hash, this.#bits) * BUCKET_BYTES + 4))
      throw new FormatError('a roll-up with a bucket whose sum is wrong');
    const found: RollupEntry[] = [];
    for (let at = 0; at < entries.length; at += ENTRY_BYTES) {
      const entry = entries.subarray(at, at + ENTRY_BYTES);
      if (Buffer.compare(entry.subarray(0, HASH_BYTES), hash.subarray(0, HASH_BYTES)) === 0) found.push(this.#entry(entry));
    }
    return found;
  }

  #entry(entry: Buffer): RollupEntry {
    const segment = this.head.segments[entry[AT.segment] as number];
    if (segment === undefined) throw new FormatError(`a roll-up that names its segment ${entry[AT.segment]} of ${this.head.segments.length}`);
    return {
      segment,
      offset: entry.readUInt32BE(AT.offset),
      bytes: entry.readUIntBE(AT.bytes, 3),
      line: entry.readUInt16BE(AT.line),
      at: segment.fromMs + entry.readUInt32BE(AT.time),
    };
  }
}

function readHead(packed: Uint8Array): RollupHead {
  let value: unknown;
  try {
    value = JSON.parse(zstdDecompressSync(packed, { maxOutputLength: HEAD_UNPACKED_MAX }).toString('utf8'));
  } catch (error) {
    throw new FormatError('a roll-up whose head cannot be unpacked', { cause: error });
  }
  const found = headSchema.safeParse(value);
  if (!found.success) throw new FormatError(`a roll-up whose head is not one of format 1: ${found.error.issues[0]?.path.join('.')}`);
  return found.data;
}

/** The name of one of a roll-up's segments, as archive-names.ts takes it. */
export const rolledRecord = ({ label, shard }: RollupHead, segment: RollupSegment): FirstRecord => ({
  label,
  shard,
  first: segment.first,
  firstAtMs: segment.firstAt,
});

/** Whether two roll-ups say the same. (The packed head may differ by bytes: another version of zstd packs it otherwise.) @throws FormatError */
export function sameRollup(a: Uint8Array, b: Uint8Array): boolean {
  const [one, other] = [new Rollup(a).head, new Rollup(b).head];
  const length = one.entries * ENTRY_BYTES;
  return JSON.stringify(one) === JSON.stringify(other) && bufferOf(a).subarray(0, length).equals(bufferOf(b).subarray(0, length));
}

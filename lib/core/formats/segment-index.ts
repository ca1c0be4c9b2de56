import type { Item } from '../attribute.ts';
import { ITEM_HASH_BYTES, itemHash } from '../canonical.ts';
import { assert, FormatError } from '../errors.ts';
import { DAY_NONE, expiryDay } from '../expiry-day.ts';
import type { KeySchema } from '../key.ts';
import { KEY_HASH_BYTES, keyHash, keyText } from '../key.ts';
import type { LogRecord, Origin } from './log-record.ts';
import { ORIGINS } from './log-record.ts';

/**
 * The index of a segment: one entry a record, sorted by key hash, then by ordinal.
 *
 * | bytes | |
 * |---|---|
 * | 16 | key hash |
 * | 8 | item hash of the new image, its first 8 bytes; zeros for a removal, and for a record without its image |
 * | 4 | ordinal: the line within the segment, from 0; unsigned, big-endian, as all that follow |
 * | 2 | frame, from 0 |
 * | 4 | `at`, as ms after the segment's `fromMs` |
 * | 1 | bits 0–1 origin (0 local, 1 applier, 2 expiry), bit 2 the key was removed, bit 3 drift, bit 4 the old image is known |
 * | 8 | item hash of the old image, its first 8 bytes; zeros where there was none, or it is not known |
 * | 2 | the day on which the new image expires, counted from 1970; 0 for none |
 * | 2 | the same of the old image |
 *
 * Format 1 had the first 35 of these bytes, and no bit 4. The head of a segment says which format its index has.
 */
export const INDEX_FORMAT = 2;
/** The formats that this version reads. */
export const INDEX_FORMATS = [1, 2] as const;
export type IndexFormat = (typeof INDEX_FORMATS)[number];
const ENTRY_BYTES: Readonly<Record<IndexFormat, number>> = { 1: 35, 2: 47 };
/** Bytes of an entry of a format. */
export const entryBytes = (format: IndexFormat): number => ENTRY_BYTES[format];
/** Bytes of an item hash in an index: as many as in a seal. */
export const INDEX_ITEM_HASH_BYTES = 8;
const AT = { item: KEY_HASH_BYTES, ordinal: 24, frame: 28, time: 30, flags: 34, old: 35, day: 43, oldDay: 45 } as const;
const ORIGIN_BITS = 0b0011;
const REMOVED = 0b0100;
const DRIFT = 0b1000;
const OLD_KNOWN = 0b1_0000;
const NO_ITEM = Buffer.alloc(INDEX_ITEM_HASH_BYTES);

/** What the index says of one record. */
export interface IndexEntry {
  readonly keyHash: Buffer;
  /** Of the new image; absent for a removal, and for a record without its image. */
  readonly itemHash?: Buffer;
  /** Of the old image; absent where there was none, or it is not known. */
  readonly oldHash?: Buffer;
  /** Whether the record says what was there before. Not in an index of format 1, nor for a record of a stream without old images. */
  readonly oldKnown: boolean;
  /** The day on which the new image expires, counted from 1970; 0 for none (expiry-day.ts). */
  readonly day: number;
  /** The same of the old image. */
  readonly oldDay: number;
  readonly removed: boolean;
  /** The line within the segment, from 0. */
  readonly ordinal: number;
  /** The frame that holds the line, from 0. */
  readonly frame: number;
  /** ms since 1970. */
  readonly at: number;
  readonly origin: Origin;
  /** A write at a secondary that no applier made. */
  readonly drift: boolean;
}

/** What the observer has found out of a record, so that the index need not do it again. */
export interface Found {
  /** Item hashes of its images: at least INDEX_ITEM_HASH_BYTES. */
  readonly newHash?: Buffer | undefined;
  readonly oldHash?: Buffer | undefined;
  readonly drift?: boolean;
}

/** A record to be stored, with what was found out of it. */
export interface FoundRecord extends LogRecord {
  readonly found?: Found;
}

/** Where a record stands in its segment. */
export interface EntryPlace {
  readonly ordinal: number;
  readonly frame: number;
}

/** What of a table its index needs: its key, and the name of its TTL attribute where members expire their copies by themselves. */
export interface IndexedTable {
  readonly key: KeySchema;
  readonly expiryAttribute?: string;
}

/** The entry of a record. @throws InvariantError when the record lacks its key. */
export function indexEntry(record: FoundRecord, { key, expiryAttribute }: IndexedTable, { ordinal, frame }: EntryPlace): IndexEntry {
  const { newImage, oldImage, found } = record;
  const hash = newImage === undefined ? undefined : shortHash(newImage, found?.newHash);
  const old = oldImage === undefined ? undefined : shortHash(oldImage, found?.oldHash);
  return {
    keyHash: keyHash(keyText(record.keys, key)),
    ...(hash !== undefined && { itemHash: hash }),
    ...(old !== undefined && { oldHash: old }),
    // A stream that has old images leaves one out only where there was none.
    oldKnown: old !== undefined || record.event === 'INSERT',
    day: newImage === undefined ? DAY_NONE : expiryDay(newImage, expiryAttribute),
    oldDay: oldImage === undefined ? DAY_NONE : expiryDay(oldImage, expiryAttribute),
    removed: record.event === 'REMOVE',
    ordinal,
    frame,
    at: record.at,
    origin: record.origin,
    drift: found?.drift ?? false,
  };
}

const shortHash = (image: Item, known: Buffer | undefined): Buffer => (known ?? itemHash(image)).subarray(0, INDEX_ITEM_HASH_BYTES);

const inOrder = (a: IndexEntry, b: IndexEntry): number => Buffer.compare(a.keyHash, b.keyHash) || a.ordinal - b.ordinal;

/** The bytes of an index. @param fromMs earliest `at` of the entries (ms). @param format of another one than the present only to check what was read. */
export function encodeIndex(entries: readonly IndexEntry[], fromMs: number, format: IndexFormat = INDEX_FORMAT): Buffer {
  const step = ENTRY_BYTES[format];
  const bytes = Buffer.alloc(entries.length * step);
  [...entries].sort(inOrder).forEach((entry, i) => {
    const start = i * step;
    bytes.set(entry.keyHash, start);
    bytes.set(entry.itemHash ?? NO_ITEM, start + AT.item);
    bytes.writeUInt32BE(entry.ordinal, start + AT.ordinal);
    bytes.writeUInt16BE(entry.frame, start + AT.frame);
    bytes.writeUInt32BE(entry.at - fromMs, start + AT.time);
    bytes[start + AT.flags] = ORIGINS.indexOf(entry.origin) | (entry.removed ? REMOVED : 0) | (entry.drift ? DRIFT : 0);
    if (format === 1) return;
    bytes[start + AT.flags] = (bytes[start + AT.flags] as number) | (entry.oldKnown ? OLD_KNOWN : 0);
    bytes.set(entry.oldHash ?? NO_ITEM, start + AT.old);
    bytes.writeUInt16BE(entry.day, start + AT.day);
    bytes.writeUInt16BE(entry.oldDay, start + AT.oldDay);
  });
  return bytes;
}

/** An index that was read. It keeps the bytes and makes entries as they are asked for. */
export class SegmentIndex {
  readonly #bytes: Buffer;
  readonly #fromMs: number;
  readonly #format: IndexFormat;
  readonly #step: number;
  /** Number of entries. */
  readonly length: number;

  /** @throws FormatError when the bytes are not whole entries. */
  constructor(bytes: Uint8Array, fromMs: number, format: IndexFormat) {
    this.#format = format;
    this.#step = ENTRY_BYTES[format];
    if (bytes.length % this.#step !== 0) throw new FormatError(`an index of ${bytes.length} bytes; its entries have ${this.#step}`);
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#fromMs = fromMs;
    this.length = bytes.length / this.#step;
  }

  /** The i-th key hash, a view of the index's own bytes. */
  keyHashAt(i: number): Buffer {
    return this.#bytes.subarray(i * this.#step, i * this.#step + KEY_HASH_BYTES);
  }

  /** The i-th entry, in the order of key hashes. @throws FormatError for an origin that this version does not know. */
  entry(i: number): IndexEntry {
    assert(i >= 0 && i < this.length, 'no such entry of an index', { i, length: this.length });
    const start = i * this.#step;
    const flags = this.#bytes[start + AT.flags] as number;
    const origin = ORIGINS[flags & ORIGIN_BITS];
    if (origin === undefined) throw new FormatError(`an entry of an index with the unknown origin ${flags & ORIGIN_BITS}`);
    const known = this.#format !== 1 && (flags & OLD_KNOWN) !== 0;
    const hash = this.#hashAt(start + AT.item);
    const old = known ? this.#hashAt(start + AT.old) : undefined;
    return {
      keyHash: this.keyHashAt(i),
      ...(hash !== undefined && { itemHash: hash }),
      ...(old !== undefined && { oldHash: old }),
      oldKnown: known,
      day: this.#format === 1 ? DAY_NONE : this.#bytes.readUInt16BE(start + AT.day),
      oldDay: this.#format === 1 ? DAY_NONE : this.#bytes.readUInt16BE(start + AT.oldDay),
      removed: (flags & REMOVED) !== 0,
      ordinal: this.#bytes.readUInt32BE(start + AT.ordinal),
      frame: this.#bytes.readUInt16BE(start + AT.frame),
      at: this.#fromMs + this.#bytes.readUInt32BE(start + AT.time),
      origin,
      drift: (flags & DRIFT) !== 0,
    };
  }

  #hashAt(at: number): Buffer | undefined {
    // Looked at as two numbers, which is sooner done than a comparison of buffers.
    const none = this.#bytes.readUInt32BE(at) === 0 && this.#bytes.readUInt32BE(at + 4) === 0;
    return none ? undefined : this.#bytes.subarray(at, at + INDEX_ITEM_HASH_BYTES);
  }

  /** The entries of a key, in the order of their records. */
  find(hash: Uint8Array): IndexEntry[] {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Buffer.compare(this.keyHashAt(middle), hash) < 0) low = middle + 1;
      else high = middle;
    }
    const found: IndexEntry[] = [];
    for (let i = low; i < this.length && this.keyHashAt(i).equals(hash); i += 1) found.push(this.entry(i));
    return found;
  }

  /** Whether the index is that of these entries (drift apart, which the lines do not show). */
  agreesWith(entries: readonly IndexEntry[]): boolean {
    const fromMs = entries.reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY);
    const bytes = encodeIndex(entries, entries.length === 0 ? 0 : fromMs, this.#format);
    if (bytes.length !== this.#bytes.length) return false;
    for (let flags = AT.flags; flags < bytes.length; flags += this.#step) bytes[flags] = (bytes[flags] as number) | ((this.#bytes[flags] as number) & DRIFT);
    return bytes.equals(this.#bytes);
  }
}

assert(INDEX_ITEM_HASH_BYTES <= ITEM_HASH_BYTES && AT.flags + 1 === ENTRY_BYTES[1] && AT.oldDay + 2 === ENTRY_BYTES[2], 'the layout of an index entry');

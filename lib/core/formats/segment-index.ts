import { ITEM_HASH_BYTES, itemHash } from '../canonical.ts';
import { assert, FormatError } from '../errors.ts';
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
 * | 1 | bits 0–1 origin (0 local, 1 applier, 2 expiry), bit 2 the key was removed, bit 3 drift |
 */
export const ENTRY_BYTES = 35;
/** Bytes of an item hash in an index: as many as in a seal. */
export const INDEX_ITEM_HASH_BYTES = 8;
const AT = { item: KEY_HASH_BYTES, ordinal: 24, frame: 28, time: 30, flags: 34 } as const;
const ORIGIN_BITS = 0b0011;
const REMOVED = 0b0100;
const DRIFT = 0b1000;
const NO_ITEM = Buffer.alloc(INDEX_ITEM_HASH_BYTES);

/** What the index says of one record. */
export interface IndexEntry {
  readonly keyHash: Buffer;
  /** Of the new image; absent for a removal, and for a record without its image. */
  readonly itemHash?: Buffer;
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

/** The entry of a record. @throws InvariantError when the record lacks its key. */
export function indexEntry(record: LogRecord, key: KeySchema, ordinal: number, frame: number): IndexEntry {
  const hash = record.newImage === undefined ? undefined : itemHash(record.newImage).subarray(0, INDEX_ITEM_HASH_BYTES);
  return {
    keyHash: keyHash(keyText(record.keys, key)),
    ...(hash !== undefined && { itemHash: hash }),
    removed: record.event === 'REMOVE',
    ordinal,
    frame,
    at: record.at,
    origin: record.origin,
    drift: false,
  };
}

const inOrder = (a: IndexEntry, b: IndexEntry): number => Buffer.compare(a.keyHash, b.keyHash) || a.ordinal - b.ordinal;

/** The bytes of an index. @param fromMs earliest `at` of the entries (ms). */
export function encodeIndex(entries: readonly IndexEntry[], fromMs: number): Buffer {
  const bytes = Buffer.alloc(entries.length * ENTRY_BYTES);
  [...entries].sort(inOrder).forEach((entry, i) => {
    const start = i * ENTRY_BYTES;
    bytes.set(entry.keyHash, start);
    bytes.set(entry.itemHash ?? NO_ITEM, start + AT.item);
    bytes.writeUInt32BE(entry.ordinal, start + AT.ordinal);
    bytes.writeUInt16BE(entry.frame, start + AT.frame);
    bytes.writeUInt32BE(entry.at - fromMs, start + AT.time);
    bytes[start + AT.flags] = ORIGINS.indexOf(entry.origin) | (entry.removed ? REMOVED : 0) | (entry.drift ? DRIFT : 0);
  });
  return bytes;
}

/** An index that was read. It keeps the bytes and makes entries as they are asked for. */
export class SegmentIndex {
  readonly #bytes: Buffer;
  readonly #fromMs: number;
  /** Number of entries. */
  readonly length: number;

  /** @throws FormatError when the bytes are not whole entries. */
  constructor(bytes: Uint8Array, fromMs: number) {
    if (bytes.length % ENTRY_BYTES !== 0) throw new FormatError(`an index of ${bytes.length} bytes; its entries have ${ENTRY_BYTES}`);
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#fromMs = fromMs;
    this.length = bytes.length / ENTRY_BYTES;
  }

  /** The i-th key hash, a view of the index's own bytes. */
  keyHashAt(i: number): Buffer {
    return this.#bytes.subarray(i * ENTRY_BYTES, i * ENTRY_BYTES + KEY_HASH_BYTES);
  }

  /** The i-th entry, in the order of key hashes. @throws FormatError for an origin that this version does not know. */
  entry(i: number): IndexEntry {
    assert(i >= 0 && i < this.length, 'no such entry of an index', { i, length: this.length });
    const start = i * ENTRY_BYTES;
    const flags = this.#bytes[start + AT.flags] as number;
    const origin = ORIGINS[flags & ORIGIN_BITS];
    if (origin === undefined) throw new FormatError(`an entry of an index with the unknown origin ${flags & ORIGIN_BITS}`);
    const hash = this.#bytes.subarray(start + AT.item, start + AT.item + INDEX_ITEM_HASH_BYTES);
    return {
      keyHash: this.keyHashAt(i),
      ...(!hash.equals(NO_ITEM) && { itemHash: hash }),
      removed: (flags & REMOVED) !== 0,
      ordinal: this.#bytes.readUInt32BE(start + AT.ordinal),
      frame: this.#bytes.readUInt16BE(start + AT.frame),
      at: this.#fromMs + this.#bytes.readUInt32BE(start + AT.time),
      origin,
      drift: (flags & DRIFT) !== 0,
    };
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
    const bytes = encodeIndex(entries, entries.length === 0 ? 0 : fromMs);
    if (bytes.length !== this.#bytes.length) return false;
    for (let flags = AT.flags; flags < bytes.length; flags += ENTRY_BYTES) bytes[flags] = (bytes[flags] as number) | ((this.#bytes[flags] as number) & DRIFT);
    return bytes.equals(this.#bytes);
  }
}

assert(INDEX_ITEM_HASH_BYTES <= ITEM_HASH_BYTES && AT.flags + 1 === ENTRY_BYTES, 'the layout of an index entry', { ENTRY_BYTES });

import { hash as cryptoHash } from 'node:crypto';
import { assert, FormatError } from './errors.ts';
import { DAY_MAX, DAY_NONE } from './expiry-day.ts';
import type { IndexEntry } from './formats/segment-index.ts';
import { INDEX_ITEM_HASH_BYTES } from './formats/segment-index.ts';
import { KEY_HASH_BYTES } from './key.ts';

/**
 * A digest of a table that can be kept up by its changes alone: a sum of one element an item, so that a change is "minus the old one, plus the new
 * one", in any order. docs/decisions/0008-digest.md says why this one.
 *
 * The element of an item is SHA-256 over "syncline digest 1", its key hash and its item hash, as a 256-bit number, its lowest byte first; a cell is the sum of its elements
 * modulo 2^256. Items that do not expire are in one of BUCKETS cells, by the first byte of their key hash; those that do are in one cell a day.
 */

/** What a digest and a comparison know of an item. */
export interface Fingerprint {
  /** 16 bytes. */
  readonly keyHash: Buffer;
  /** 8 bytes: as in a segment's index. */
  readonly itemHash: Buffer;
  /** The day on which it expires; DAY_NONE for one that does not. */
  readonly day: number;
}

/** Cells of the items that do not expire. */
export const BUCKETS = 256;
/** 0 to BUCKETS − 1: a bucket; BUCKETS + d: the items that expire on the day d. */
export type CellId = number;

/** A day that begins so soon (ms) is not compared, as one that has begun: clocks of two regions differ. */
const DAY_NEAR_MS = 600_000;
const DAY_MS = 86_400_000;
const DOMAIN = Buffer.from('syncline digest 1', 'latin1');
/** Numbers of 32 bits that an element has, the lowest first. */
const WORDS = 8;
const WORD = 2 ** 32;
/** Format 1 had no counts: a base or a standing state of it is made anew. */
const FORMAT = 2;
const ID_BYTES = 4;
const COUNT_BYTES = 6;
const ENTRY_BYTES = ID_BYTES + COUNT_BYTES + 4 * WORDS;
/** Most cells: all buckets and all days. */
const CELLS_MAX = BUCKETS + DAY_MAX + 1;

/** The cell of an item. Pure. */
export const cellOf = ({ keyHash, day }: Pick<Fingerprint, 'keyHash' | 'day'>): CellId => (day === DAY_NONE ? (keyHash[0] as number) : BUCKETS + day);

/** Whether a cell can be compared now: members remove what has expired by themselves, each at its own time, so a day that has begun cannot. Pure. */
export const isComparable = (cell: CellId, nowMs: number): boolean => cell < BUCKETS || (cell - BUCKETS) * DAY_MS > nowMs + DAY_NEAR_MS;

/** Whether everything in a cell has expired, by the clock of either region: it is no difference where a member has removed it and another has not. Pure. */
export const hasExpired = (cell: CellId, nowMs: number): boolean => cell >= BUCKETS && (cell - BUCKETS + 1) * DAY_MS <= nowMs - DAY_NEAR_MS;

const PREIMAGE = Buffer.alloc(DOMAIN.length + KEY_HASH_BYTES + INDEX_ITEM_HASH_BYTES);
DOMAIN.copy(PREIMAGE);
/** An element, as numbers and as bytes. */
const ELEMENT = new Uint32Array(WORDS);
const ELEMENT_BYTES = Buffer.from(ELEMENT.buffer);
assert(new Uint8Array(Uint32Array.of(1).buffer)[0] === 1, 'a machine whose numbers begin with their lowest byte, as Lambda’s do');

/** The element of an item, in ELEMENT: it is used at once. */
function element(keyHash: Uint8Array, itemHash: Uint8Array): void {
  PREIMAGE.set(keyHash, DOMAIN.length);
  PREIMAGE.set(itemHash, DOMAIN.length + KEY_HASH_BYTES);
  // By way of a text of one byte a character, which is four times quicker than a buffer of OpenSSL's own.
  ELEMENT_BYTES.write(cryptoHash('sha256', PREIMAGE, 'binary'), 'latin1');
}

/** The sum of a cell, and how many items it is of: fewer than none where more was taken away than added so far. */
interface Cell {
  readonly sum: Uint32Array;
  items: number;
}

/** The sums of a table's cells. Cells that are zero are not there. */
export class Digest {
  readonly #cells = new Map<CellId, Cell>();

  /** Adds an item. */
  add(item: Fingerprint): void {
    element(item.keyHash, item.itemHash);
    this.#addTo(cellOf(item), ELEMENT, 1);
  }

  /** Takes an item away that was added, here or in a digest that this one is added to. */
  remove(item: Fingerprint): void {
    element(item.keyHash, item.itemHash);
    // Minus x is: not x, plus one.
    let carry = 1;
    for (let i = 0; i < WORDS; i += 1) {
      const sum = (~(ELEMENT[i] as number) >>> 0) + carry;
      ELEMENT[i] = sum;
      carry = sum >= WORD ? 1 : 0;
    }
    this.#addTo(cellOf(item), ELEMENT, -1);
  }

  /** Adds all that another digest has. */
  merge(other: Digest): void {
    for (const [id, { sum, items }] of other.#cells) this.#addTo(id, sum, items);
  }

  #addTo(id: CellId, words: Uint32Array, items: number): void {
    let cell = this.#cells.get(id);
    if (cell === undefined) {
      cell = { sum: new Uint32Array(WORDS), items: 0 };
      this.#cells.set(id, cell);
    }
    const { sum } = cell;
    cell.items += items;
    let carry = 0;
    let any = 0;
    for (let i = 0; i < WORDS; i += 1) {
      const word = (sum[i] as number) + (words[i] as number) + carry;
      sum[i] = word;
      carry = word >= WORD ? 1 : 0;
      any |= sum[i] as number;
    }
    if (any === 0) this.#cells.delete(id);
  }

  clone(): Digest {
    const copy = new Digest();
    copy.merge(this);
    return copy;
  }

  /** The cells that are not zero, in order. */
  cells(): readonly CellId[] {
    return [...this.#cells.keys()].sort((a, b) => a - b);
  }

  /** How many items are in a cell. */
  itemsIn(id: CellId): number {
    return Math.max(0, this.#cells.get(id)?.items ?? 0);
  }

  /** The cells in which two digests differ, in order. */
  differing(other: Digest): CellId[] {
    const all = new Set([...this.#cells.keys(), ...other.#cells.keys()]);
    const same = (a: Cell | undefined, b: Cell | undefined): boolean => a !== undefined && b !== undefined && a.sum.every((word, i) => word === b.sum[i]);
    return [...all].filter((cell) => !same(this.#cells.get(cell), other.#cells.get(cell))).sort((a, b) => a - b);
  }

  equals(other: Digest): boolean {
    return this.differing(other).length === 0;
  }

  /** The bytes: format 2, then each cell that is not zero, in order: its id (4) and its items (6, signed), big-endian, and its sum (32, the lowest byte first). */
  encode(): Buffer {
    const cells = this.cells();
    const bytes = Buffer.alloc(1 + cells.length * ENTRY_BYTES);
    bytes[0] = FORMAT;
    cells.forEach((cell, n) => {
      const at = 1 + n * ENTRY_BYTES;
      bytes.writeUInt32BE(cell, at);
      const { sum, items } = this.#cells.get(cell) as Cell;
      bytes.writeIntBE(items, at + ID_BYTES, COUNT_BYTES);
      bytes.set(new Uint8Array(sum.buffer), at + ID_BYTES + COUNT_BYTES);
    });
    return bytes;
  }

  /** Reads what `encode` has written. @throws FormatError */
  static decode(from: Uint8Array): Digest {
    const bytes = Buffer.from(from.buffer, from.byteOffset, from.length);
    if (bytes[0] !== FORMAT) throw new FormatError(`a digest of the unknown format ${bytes[0] ?? 'none'}`);
    if ((bytes.length - 1) % ENTRY_BYTES !== 0) throw new FormatError(`a digest of ${bytes.length} bytes: it was cut off`);
    const digest = new Digest();
    let before = -1;
    for (let at = 1; at < bytes.length; at += ENTRY_BYTES) {
      const cell = bytes.readUInt32BE(at);
      if (cell <= before || cell >= CELLS_MAX) throw new FormatError(`a digest whose cell ${cell} comes after ${before}`);
      before = cell;
      const words = new Uint32Array(WORDS);
      new Uint8Array(words.buffer).set(bytes.subarray(at + ID_BYTES + COUNT_BYTES, at + ENTRY_BYTES));
      if (words.every((word) => word === 0)) throw new FormatError(`a digest with an empty cell ${cell}`);
      digest.#cells.set(cell, { sum: words, items: bytes.readIntBE(at + ID_BYTES, COUNT_BYTES) });
    }
    return digest;
  }
}

/**
 * What a record of the log changes in a digest: the old image goes, the new one comes.
 *
 * @throws FormatError when one of the images is not known: a segment of format 1, or a stream without images.
 */
export function applyEntry(digest: Digest, entry: IndexEntry): void {
  const { keyHash } = entry;
  if (!entry.oldKnown) throw new FormatError('an entry of an index that does not say what was there before');
  if (!entry.removed && entry.itemHash === undefined) throw new FormatError('an entry of an index that does not say what is there now');
  if (entry.oldHash !== undefined) digest.remove({ keyHash, itemHash: entry.oldHash, day: entry.oldDay });
  if (entry.itemHash !== undefined) digest.add({ keyHash, itemHash: entry.itemHash, day: entry.day });
}

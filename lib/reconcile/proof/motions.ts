import type { ContentRef } from './window-row.ts';
import { AT, EXPIRY, NEW, OLD, ROW_BYTES, SECOND_MS } from './window-row.ts';

/** Keys of a look are counted in hundreds of thousands: a key is a number here, and all that is known of it stands in arrays of numbers. */

/** No row, and no key. */
const NONE = -1;
/** Places of the table of keys, for each entry: half of them stay free. */
const PLACES_PER_ENTRY = 2;

/**
 * What became of each key within a stretch of a log, by the entries of a window: keys are numbered 0 to `length` − 1, in the order in which the
 * window shows them. Of a key that has changed only before the stretch nothing is known: `isIn` says so. About 40 bytes an entry.
 */
export class Motions {
  readonly #rows: Buffer;
  /** Number of a key at the place that its hash says, or at the next free one. */
  readonly #places: Int32Array;
  /** Of each key: any row of it. */
  readonly #keyRow: Int32Array;
  /** Of each key: rows of its first and last entry within the stretch; the row whose old image was there for the longest time, and how long (ms). */
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #settled: Int32Array;
  readonly #longest: Float64Array;
  #length = 0;

  /**
   * @param rows entries of a window, in the order of replay. @param fromMs the stretch begins here.
   * @param keptFromMs every entry from then on is among them.
   */
  constructor(rows: Buffer, fromMs: number, keptFromMs: number) {
    const entries = rows.length / ROW_BYTES;
    this.#rows = rows;
    this.#places = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(1, PLACES_PER_ENTRY * entries)))).fill(NONE);
    this.#keyRow = new Int32Array(entries);
    this.#first = new Int32Array(entries).fill(NONE);
    this.#last = new Int32Array(entries);
    this.#settled = new Int32Array(entries).fill(NONE);
    this.#longest = new Float64Array(entries).fill(NONE);
    for (let i = 0; i < entries; i += 1) {
      const key = this.#keyOf(i);
      const at = this.#timeOf(i);
      const isFirst = this.#first[key] === NONE;
      // Until its stretch begins, the last row is that of the newest entry before it.
      if (at < fromMs) {
        if (isFirst) this.#last[key] = i;
        continue;
      }
      const before = this.#last[key] as number;
      const stretch = at - (before === NONE ? keptFromMs : this.#timeOf(before));
      if (stretch > (this.#longest[key] as number)) {
        this.#longest[key] = stretch;
        this.#settled[key] = i;
      }
      if (isFirst) this.#first[key] = i;
      this.#last[key] = i;
    }
  }

  get length(): number {
    return this.#length;
  }

  /** Whether the key has changed within the stretch. */
  isIn(key: number): boolean {
    return this.#first[key] !== NONE;
  }

  /** The number of a key of another window that has changed within this one's stretch; −1 for none. */
  find(other: Motions, key: number): number {
    const found = this.#places[this.#placeOf(other.#rows, other.#keyRow[key] as number)] as number;
    return found !== NONE && this.isIn(found) ? found : NONE;
  }

  /** The same for a key hash. */
  findHash(keyHash: Buffer): number {
    const found = this.#places[this.#placeOf(keyHash, 0)] as number;
    return found !== NONE && this.isIn(found) ? found : NONE;
  }

  keyHash(key: number): Buffer {
    const at = (this.#keyRow[key] as number) * ROW_BYTES;
    return this.#rows.subarray(at, at + AT.old);
  }

  /** What the key had before its first entry. */
  first(key: number): ContentRef {
    return { rows: this.#rows, i: this.#first[key] as number, which: OLD };
  }

  /** What it has after its last one. */
  last(key: number): ContentRef {
    return { rows: this.#rows, i: this.#last[key] as number, which: NEW };
  }

  /** What it had for the longest time, of what it had at the beginning or later; that after the last entry apart. */
  settled(key: number): ContentRef {
    return { rows: this.#rows, i: this.#settled[key] as number, which: OLD };
  }

  /** When the last entry was made (ms). */
  untilMs(key: number): number {
    return this.#timeOf(this.#last[key] as number);
  }

  /** Whether DynamoDB’s TTL made the last one. */
  isExpired(key: number): boolean {
    return ((this.#rows[(this.#last[key] as number) * ROW_BYTES + AT.flags] as number) & EXPIRY) !== 0;
  }

  #timeOf(i: number): number {
    return this.#rows.readUInt32BE(i * ROW_BYTES + AT.seconds) * SECOND_MS;
  }

  /** The number of the key of a row; a new one where it has none. */
  #keyOf(i: number): number {
    const place = this.#placeOf(this.#rows, i);
    const found = this.#places[place] as number;
    if (found !== NONE) return found;
    const key = this.#length;
    this.#places[place] = key;
    this.#last[key] = NONE;
    this.#keyRow[key] = i;
    this.#length += 1;
    return key;
  }

  /** Where a row’s key is in the table, or is to be. Key hashes are even, so four bytes of one say where to begin. */
  #placeOf(rows: Buffer, i: number): number {
    const at = i * ROW_BYTES;
    const mask = this.#places.length - 1;
    for (let place = rows.readUInt32LE(at + 4) & mask; ; place = (place + 1) & mask) {
      const key = this.#places[place] as number;
      if (key === NONE) return place;
      const own = (this.#keyRow[key] as number) * ROW_BYTES;
      if (this.#rows.compare(rows, at, at + AT.old, own, own + AT.old) === 0) return place;
    }
  }
}

import { assert, FormatError } from '../../core/errors.ts';
import type { IndexEntry } from '../../core/formats/segment-index.ts';
import { KEEP_ENTRIES_MAX } from './limits.ts';

/**
 * The newest entries of a member's log: which keys are in motion, and between which contents. It is kept as bytes, 44 an entry:
 *
 * | bytes | |
 * |---|---|
 * | 16 | key hash |
 * | 8 + 8 | item hash of the old and of the new image; zeros where the flags say that there is none |
 * | 2 + 2 | expiry day of each; unsigned, big-endian, as all that follow |
 * | 4 | when (s) |
 * | 1 | bit 0 there is an old image, bit 1 there is a new one, bit 2 DynamoDB’s TTL did it |
 * | 3 | zeros |
 */
const ROW_BYTES = 44;
const AT = { old: 16, item: 24, oldDay: 32, day: 34, seconds: 36, flags: 40 } as const;
const OLD = 1;
const NEW = 2;
const EXPIRY = 4;
const SECOND_MS = 1_000;

/** The content of a key: its item hash and expiry day. */
export interface Content {
  readonly itemHash: Buffer;
  readonly day: number;
}

/** What became of a key within a stretch of a log. A content that is absent is that of no item. */
export interface Motion {
  readonly keyHash: Buffer;
  /** Before the first entry, and after the last one. */
  readonly first?: Content;
  readonly last?: Content;
  /** What it had for the longest time, of what it had at the beginning or later; that after the last entry apart. */
  readonly settled?: Content;
  /** When the last entry was made (ms). */
  readonly untilMs: number;
  /** DynamoDB’s TTL made the last one. */
  readonly expired: boolean;
}

/** Entries in the order of replay. */
export class Window {
  #bytes: Buffer;
  #length: number;
  #keptFromMs: number;

  /** @param keptFromMs every entry of the log that was made from then on (ms) is in it. */
  constructor(keptFromMs: number, bytes: Buffer = Buffer.alloc(0)) {
    if (bytes.length % ROW_BYTES !== 0) throw new FormatError(`a window of ${bytes.length} bytes; its entries have ${ROW_BYTES}`);
    this.#bytes = bytes;
    this.#length = bytes.length / ROW_BYTES;
    this.#keptFromMs = keptFromMs;
  }

  get length(): number {
    return this.#length;
  }

  get keptFromMs(): number {
    return this.#keptFromMs;
  }

  /** The entries as bytes; the window's own. */
  encode(): Buffer {
    return this.#bytes.subarray(0, this.#length * ROW_BYTES);
  }

  clone(): Window {
    return new Window(this.#keptFromMs, Buffer.from(this.encode()));
  }

  push(entry: IndexEntry): void {
    const at = this.#length * ROW_BYTES;
    if (at === this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], Math.max(64 * ROW_BYTES, 2 * at));
    const row = this.#bytes.subarray(at, at + ROW_BYTES);
    row.fill(0);
    row.set(entry.keyHash);
    if (entry.oldHash !== undefined) row.set(entry.oldHash, AT.old);
    if (entry.itemHash !== undefined) row.set(entry.itemHash, AT.item);
    row.writeUInt16BE(entry.oldDay, AT.oldDay);
    row.writeUInt16BE(entry.day, AT.day);
    row.writeUInt32BE(Math.floor(entry.at / SECOND_MS), AT.seconds);
    row[AT.flags] = (entry.oldHash === undefined ? 0 : OLD) | (entry.itemHash === undefined ? 0 : NEW) | (entry.origin === 'expiry' ? EXPIRY : 0);
    this.#length += 1;
  }

  /** Drops what was made before (ms), and the oldest ones beyond KEEP_ENTRIES_MAX. */
  trim(beforeMs: number): void {
    let cut = Math.max(this.#keptFromMs, beforeMs);
    if (this.#length > KEEP_ENTRIES_MAX) {
      const times = Uint32Array.from({ length: this.#length }, (_, i) => this.#seconds(i)).sort();
      // The whole second goes: of what is kept, everything is there.
      cut = Math.max(cut, ((times[this.#length - KEEP_ENTRIES_MAX - 1] as number) + 1) * SECOND_MS);
    }
    if (cut === this.#keptFromMs) return;
    let kept = 0;
    for (let i = 0; i < this.#length; i += 1) {
      if (this.#seconds(i) * SECOND_MS < cut) continue;
      if (kept !== i) this.#bytes.copyWithin(kept * ROW_BYTES, i * ROW_BYTES, (i + 1) * ROW_BYTES);
      kept += 1;
    }
    this.#length = kept;
    this.#keptFromMs = cut;
  }

  /** How many entries were made from a time on (ms). */
  countFrom(fromMs: number): number {
    let count = 0;
    for (let i = 0; i < this.#length; i += 1) if (this.#seconds(i) * SECOND_MS >= fromMs) count += 1;
    return count;
  }

  /** What became of each key from a time on (ms), by its hash in hexadecimal digits. */
  motions(fromMs: number): Map<string, Motion> {
    const found = new Map<string, Motion>();
    const longest = new Map<string, number>();
    const earlier = new Map<string, number>();
    for (let i = 0; i < this.#length; i += 1) {
      const at = this.#seconds(i) * SECOND_MS;
      const row = this.#bytes.subarray(i * ROW_BYTES, (i + 1) * ROW_BYTES);
      const name = row.toString('hex', 0, AT.old);
      if (at < fromMs) {
        earlier.set(name, at);
        continue;
      }
      const before = found.get(name);
      const last = contentOf(row, NEW, AT.item, AT.day);
      const old = contentOf(row, OLD, AT.old, AT.oldDay);
      const first = before === undefined ? old : before.first;
      const stretch = at - (before?.untilMs ?? earlier.get(name) ?? this.#keptFromMs);
      const isLongest = stretch > (longest.get(name) ?? -1);
      if (isLongest) longest.set(name, stretch);
      const settled = isLongest ? old : before?.settled;
      found.set(name, {
        keyHash: row.subarray(0, AT.old),
        ...(first && { first }),
        ...(last && { last }),
        ...(settled && { settled }),
        untilMs: at,
        expired: ((row[AT.flags] as number) & EXPIRY) !== 0,
      });
    }
    return found;
  }

  #seconds(i: number): number {
    return this.#bytes.readUInt32BE(i * ROW_BYTES + AT.seconds);
  }
}

function contentOf(row: Buffer, flag: number, hash: number, day: number): Content | undefined {
  return ((row[AT.flags] as number) & flag) === 0 ? undefined : { itemHash: row.subarray(hash, hash + 8), day: row.readUInt16BE(day) };
}

/** Whether two contents are the same, or both none. */
export const sameContent = (a: Content | undefined, b: Content | undefined): boolean =>
  a === undefined || b === undefined ? a === b : a.itemHash.equals(b.itemHash) && a.day === b.day;

assert(AT.flags + 4 === ROW_BYTES, 'the layout of a window’s entry', { ROW_BYTES });

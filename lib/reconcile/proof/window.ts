import { FormatError } from '../../core/errors.ts';
import type { IndexEntry } from '../../core/formats/segment-index.ts';
import { KEEP_ENTRIES_MAX } from './limits.ts';
import { Motions } from './motions.ts';
import { AT, EXPIRY, NEW, OLD, ROW_BYTES, SECOND_MS } from './window-row.ts';

export type { Content } from './window-row.ts';

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

  /** What became of each key from a time on (ms). It looks at this window's bytes: they must not change meanwhile. */
  motions(fromMs: number): Motions {
    return new Motions(this.encode(), fromMs, this.#keptFromMs);
  }

  #seconds(i: number): number {
    return this.#bytes.readUInt32BE(i * ROW_BYTES + AT.seconds);
  }
}

import { INDEX_ITEM_HASH_BYTES } from '../../core/formats/segment-index.ts';
import { KEY_HASH_BYTES } from '../../core/key.ts';
import type { Content } from './window-row.ts';

/** A key in motion: what is taken for its content at either side, absent for no item. It is subtracted from both. */
export interface HotKey {
  readonly keyHash: Buffer;
  readonly source?: Content;
  readonly target?: Content;
}

/** Keys in motion, as they are looked through. */
export interface HotKeyList extends Iterable<HotKey> {
  readonly length: number;
}

/** A content: its item hash, and its expiry day (2 bytes, unsigned, big-endian). */
const CONTENT_BYTES = INDEX_ITEM_HASH_BYTES + 2;
/** Flags (bit 0: the source has an item, bit 1: the target has one), key hash, both contents. */
const ROW_BYTES = 1 + KEY_HASH_BYTES + 2 * CONTENT_BYTES;
const AT = { keyHash: 1, source: 1 + KEY_HASH_BYTES, target: 1 + KEY_HASH_BYTES + CONTENT_BYTES } as const;
const SOURCE = 1;
const TARGET = 2;
const ROWS_FIRST = 64;

/** Keys in motion, kept as bytes (37 each): of a busy table there are hundreds of thousands, and an object of each would be ten times as large. */
export class HotKeys implements HotKeyList {
  #bytes = Buffer.alloc(ROWS_FIRST * ROW_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push({ keyHash, source, target }: HotKey): void {
    const at = this.#length * ROW_BYTES;
    if (at === this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], 2 * at);
    this.#bytes[at] = (source === undefined ? 0 : SOURCE) | (target === undefined ? 0 : TARGET);
    this.#bytes.set(keyHash, at + AT.keyHash);
    this.#put(at + AT.source, source);
    this.#put(at + AT.target, target);
    this.#length += 1;
  }

  #put(at: number, content: Content | undefined): void {
    if (content === undefined) return;
    this.#bytes.set(content.itemHash, at);
    this.#bytes.writeUInt16BE(content.day, at + INDEX_ITEM_HASH_BYTES);
  }

  /** Each in its turn; it looks at these bytes. */
  *[Symbol.iterator](): Generator<HotKey> {
    for (let at = 0; at < this.#length * ROW_BYTES; at += ROW_BYTES) {
      const flags = this.#bytes[at] as number;
      yield {
        keyHash: this.#bytes.subarray(at + AT.keyHash, at + AT.source),
        ...((flags & SOURCE) !== 0 && { source: this.#get(at + AT.source) }),
        ...((flags & TARGET) !== 0 && { target: this.#get(at + AT.target) }),
      };
    }
  }

  #get(at: number): Content {
    return { itemHash: this.#bytes.subarray(at, at + INDEX_ITEM_HASH_BYTES), day: this.#bytes.readUInt16BE(at + INDEX_ITEM_HASH_BYTES) };
  }
}

/** The first ones, at most so many; they can be looked through again. */
export const firstOf = (hotKeys: Iterable<HotKey>, most: number): Iterable<HotKey> => ({
  *[Symbol.iterator]() {
    let n = 0;
    for (const hot of hotKeys) {
      if (n >= most) return;
      yield hot;
      n += 1;
    }
  },
});

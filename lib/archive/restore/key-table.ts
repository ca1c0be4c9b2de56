import { assert } from '../../core/errors.ts';

/** One more than the largest leading 32 bits of a key hash: the end of the last pass. */
export const HASH_END = 2 ** 32;
/** Slots of a new table. A power of two. */
const SLOTS_FIRST = 1_024;
/** Words of a key hash. */
const WORDS = 4;
/** The bit of `flags` that is the table's own: the slot is taken. */
const TAKEN = 0x80;

/** A part of all keys, by the leading 32 bits of their hashes: from `from` to before `to`. */
export interface HashRange {
  readonly from: number;
  readonly to: number;
}

/** The leading 32 bits of a key hash. */
export const leadOf = (hash: Buffer): number => hash.readUInt32BE(0);

/** Whether a key hash is of the range. */
export const isIn = (hash: Buffer, { from, to }: HashRange): boolean => {
  const lead = leadOf(hash);
  return lead >= from && lead < to;
};

/**
 * What is remembered of many keys, in typed arrays: 25 bytes a slot, at most half of them taken. Open addressing with
 * linear probing; the slot comes from other bits of the hash than the range does, so a narrow range fills it evenly.
 */
export class KeyTable {
  #slots = SLOTS_FIRST;
  #hashes = new Uint32Array(SLOTS_FIRST * WORDS);
  #a = new Uint32Array(SLOTS_FIRST);
  #b = new Uint32Array(SLOTS_FIRST);
  #flags = new Uint8Array(SLOTS_FIRST);
  #size = 0;

  /** Keys that are remembered. */
  get size(): number {
    return this.#size;
  }

  /** The slot of a key; -1 when it is not there. Slots are good until the next `put` or `keepBelow`. */
  find(hash: Buffer): number {
    const slot = this.#probe(hash.readUInt32BE(0), hash.readUInt32BE(4), hash.readUInt32BE(8), hash.readUInt32BE(12));
    return this.#flags[slot] === 0 ? -1 : slot;
  }

  /** The slot of a key, made with zeros when it is not there. */
  put(hash: Buffer): number {
    if (this.#size * 2 >= this.#slots) this.#rebuild(this.#slots * 2, HASH_END);
    const words = [hash.readUInt32BE(0), hash.readUInt32BE(4), hash.readUInt32BE(8), hash.readUInt32BE(12)] as const;
    const slot = this.#probe(...words);
    if (this.#flags[slot] === 0) this.#take(slot, words);
    return slot;
  }

  /** Two numbers below 2^32 that a slot holds. */
  a(slot: number): number {
    return this.#a[slot] as number;
  }
  b(slot: number): number {
    return this.#b[slot] as number;
  }
  /** Seven bits that a slot holds. */
  flags(slot: number): number {
    return (this.#flags[slot] as number) & ~TAKEN;
  }

  set(slot: number, a: number, b: number, flags: number): void {
    this.#a[slot] = a;
    this.#b[slot] = b;
    this.#flags[slot] = flags | TAKEN;
  }

  /** Forgets the keys whose leading 32 bits are `bound` or more. */
  keepBelow(bound: number): void {
    this.#rebuild(this.#slots, bound);
  }

  /** The slots that are taken. */
  *slots(): Generator<number> {
    for (let slot = 0; slot < this.#slots; slot += 1) if (this.#flags[slot] !== 0) yield slot;
  }

  /** The key hash of a slot. */
  hash(slot: number): Buffer {
    const bytes = Buffer.alloc(WORDS * 4);
    for (let i = 0; i < WORDS; i += 1) bytes.writeUInt32BE(this.#hashes[slot * WORDS + i] as number, i * 4);
    return bytes;
  }

  #take(slot: number, words: readonly [number, number, number, number]): void {
    this.#hashes.set(words, slot * WORDS);
    this.#flags[slot] = TAKEN;
    this.#size += 1;
  }

  /** The slot of these words, or the free one where they belong. Ends, since at most half of the slots are taken. */
  #probe(w0: number, w1: number, w2: number, w3: number): number {
    const mask = this.#slots - 1;
    for (let slot = w1 & mask; ; slot = (slot + 1) & mask) {
      if (this.#flags[slot] === 0) return slot;
      const at = slot * WORDS;
      if (this.#hashes[at] === w0 && this.#hashes[at + 1] === w1 && this.#hashes[at + 2] === w2 && this.#hashes[at + 3] === w3) return slot;
    }
  }

  #rebuild(slots: number, bound: number): void {
    const [hashes, a, b, flags, before] = [this.#hashes, this.#a, this.#b, this.#flags, this.#slots];
    this.#slots = slots;
    this.#hashes = new Uint32Array(slots * WORDS);
    this.#a = new Uint32Array(slots);
    this.#b = new Uint32Array(slots);
    this.#flags = new Uint8Array(slots);
    this.#size = 0;
    for (let from = 0; from < before; from += 1) {
      if (flags[from] === 0) continue;
      const words = [0, 1, 2, 3].map((i) => hashes[from * WORDS + i] as number) as [number, number, number, number];
      if (words[0] >= bound) continue;
      const slot = this.#probe(...words);
      this.#take(slot, words);
      this.set(slot, a[from] as number, b[from] as number, (flags[from] as number) & ~TAKEN);
    }
  }
}

/**
 * Halves a range, from above, until the table holds no more keys than `max`; what no longer belongs to the range is
 * forgotten, and is for a later pass.
 */
export function fitRange(table: KeyTable, range: HashRange, max: number): HashRange {
  let { to } = range;
  while (table.size > max) {
    const middle = range.from + Math.ceil((to - range.from) / 2);
    assert(middle < to, 'more keys share 32 bits of their hashes than a pass holds', { ...range, max });
    to = middle;
    table.keepBelow(to);
  }
  return { from: range.from, to };
}

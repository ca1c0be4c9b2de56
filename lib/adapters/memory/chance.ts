import type { Chance } from '../../ports/runtime.ts';

/** A nonce has this many parts of six characters, each from one draw: 36^24 is about 2^124. */
const NONCE_PARTS = 4;
const NONCE_PART_CHARACTERS = 6;
const NONCE_PART_VALUES = 36 ** NONCE_PART_CHARACTERS;
const DIGITS = Buffer.from('0123456789abcdefghijklmnopqrstuvwxyz', 'latin1');
/** Where texts are written before they are made: shared, since nothing waits in between. */
const NONCE = Buffer.alloc(NONCE_PARTS * NONCE_PART_CHARACTERS);
const UUID = Buffer.from('00000000-0000-0000-0000-000000000000', 'latin1');
/** Where the 16 groups of two hexadecimal digits stand in a UUID. */
const UUID_PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const;

/**
 * Chance from a seed: the same seed gives the same run. The generator is sfc32 (Chris Doty-Humphrey's "Small Fast
 * Counting" generator of PractRand, 128 bits of state), seeded through splitmix32.
 */
export class SeededChance implements Chance {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed any 32-bit integer. */
  constructor(seed: number) {
    let state = seed | 0;
    const mix = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let t = state ^ (state >>> 16);
      t = Math.imul(t, 0x21f0aaad);
      t ^= t >>> 15;
      t = Math.imul(t, 0x735a2d97);
      return (t ^ (t >>> 15)) | 0;
    };
    this.#a = mix();
    this.#b = mix();
    this.#c = mix();
    for (let i = 0; i < 12; i += 1) this.#next();
  }

  random(): number {
    return this.#next() / 0x1_0000_0000;
  }

  nonce(): string {
    // Written byte by byte: a third of the time of texts put together, and one flat text, as a map's key should be (measured).
    for (let part = 0, at = 0; part < NONCE_PARTS; part += 1) {
      let rest = this.below(NONCE_PART_VALUES);
      for (let i = 0; i < NONCE_PART_CHARACTERS; i += 1, at += 1) {
        const next = Math.floor(rest / 36);
        NONCE[at] = DIGITS[rest - next * 36] as number;
        rest = next;
      }
    }
    return NONCE.toString('latin1');
  }

  /** 128 bits in the form of a UUID, of no version: what AWS names tables and messages by. */
  uuid(): string {
    for (let word = 0, byte = 0; word < 4; word += 1) {
      const bits = this.#next();
      for (let shift = 24; shift >= 0; shift -= 8, byte += 1) {
        const at = UUID_PLACES[byte] as number;
        UUID[at] = DIGITS[(bits >>> (shift + 4)) & 15] as number;
        UUID[at + 1] = DIGITS[(bits >>> shift) & 15] as number;
      }
    }
    return UUID.toString('latin1');
  }

  /** A whole number in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  #next(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return t >>> 0;
  }
}

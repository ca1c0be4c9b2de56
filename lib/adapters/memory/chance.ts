import type { Chance } from '../../ports/runtime.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
/** Length of a nonce (characters): 36^24 is about 2^124. */
const NONCE_LENGTH = 24;

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
    let text = '';
    for (let i = 0; i < NONCE_LENGTH; i += 1) text += LETTERS[this.below(LETTERS.length)];
    return text;
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

import { assert, FormatError } from './errors.ts';

/**
 * What two sets differ in, from a few bytes for each difference and none for what they share: a rateless invertible Bloom lookup table.
 * Yang, Gilad, Alizadeh: "Practical Rateless Set Reconciliation", SIGCOMM 2024 (https://doi.org/10.1145/3651890.3672219).
 *
 * A symbol is an element of a set. A coded symbol (a cell) sums the symbols that map to it: XOR of their bytes, XOR of their checks, their
 * number. Every symbol maps to cell 0, and to cell i with a chance of 1 / (1 + i/2). So the cells of one set, minus those of another, are
 * those of the difference; a cell that holds one symbol gives it away, and it is then taken out of its other cells. About 1.35 to 1.75
 * cells are needed for each difference, and nobody needs to know the number before: the first m cells are the same, however many follow.
 *
 * | bytes | a cell |
 * |---|---|
 * | 24 | XOR of the symbols |
 * | 8 | XOR of their checks |
 * | 4 | how many they are, modulo 2^32, little-endian |
 */
export const SYMBOL_BYTES = 24;
export const CELL_BYTES = 36;
/** Most cells of a sketch: 19 MB, enough for some 300,000 differences. */
export const CELLS_MAX = 524_288;

const SYMBOL_WORDS = SYMBOL_BYTES / 4;
const CELL_WORDS = CELL_BYTES / 4;
const CHECK = SYMBOL_WORDS;
const COUNT = SYMBOL_WORDS + 2;
/** Added to an index before the step to the next one: 1.5 for a chance of 1 / (1 + i/2), as in the paper. */
const STEP_OFFSET = 1.5;
const WORD = 2 ** 32;

/** A whole number mixed so that every bit of it changes about half of the result's (the finaliser of MurmurHash3). */
function mixed(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

const turned = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

/** Where a symbol is and what its check is. One object serves all symbols in turn: a million of them make no garbage. */
class Placed {
  readonly #seed: number;
  check0 = 0;
  check1 = 0;
  #a = 0;
  #b = 0;
  index = 0;

  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  /** Places the symbol whose words begin there, into cell 0. */
  begin(words: Int32Array | Uint32Array, at: number): void {
    let a = this.#seed ^ 0x9e3779b9;
    let b = turned(this.#seed, 16) ^ 0x7f4a7c15;
    for (let i = 0; i < SYMBOL_WORDS; i += 1) {
      const word = words[at + i] as number;
      a = Math.imul(turned(a ^ mixed(word + i), 13) + b, 0xcc9e2d51);
      b = Math.imul(turned(b ^ mixed(word ^ a), 17) + a, 0x1b873593);
    }
    this.check0 = mixed(a ^ turned(b, 7));
    this.check1 = mixed(b ^ turned(a, 19));
    // Of the check, but not the check itself: the state of a generator that must not be zero.
    this.#a = mixed(this.check0 ^ 0x2545f491);
    this.#b = mixed(this.check1 ^ 0x6c078965) | 1;
    this.index = 0;
  }

  /** Goes to its next cell. */
  next(): void {
    // xoroshiro64** of Blackman and Vigna, https://prng.di.unimi.it/xoroshiro64starstar.c
    const a = this.#a;
    const random = Math.imul(turned(Math.imul(a, 0x9e3779bb), 5), 5) >>> 0;
    const b = this.#b ^ a;
    this.#a = turned(a, 26) ^ b ^ (b << 9);
    this.#b = turned(b, 13);
    const step = Math.ceil((this.index + STEP_OFFSET) * (Math.sqrt(WORD / (random + 1)) - 1));
    this.index += Math.max(1, step);
  }
}

/** The first cells of a set. Symbols are put in in any order; putting one in twice takes it out. */
export class Sketch {
  readonly #cells: Int32Array;
  readonly #placed: Placed;
  readonly #symbol = new Uint8Array(SYMBOL_BYTES);
  readonly #words = new Int32Array(this.#symbol.buffer);
  /** Number of cells. */
  readonly length: number;
  readonly seed: number;

  /**
   * @param length number of cells, 1 to CELLS_MAX.
   * @param seed 32 bits: two sketches are comparable only if they have the same. A new one for each pair keeps anybody from choosing items that share their cells.
   */
  constructor(length: number, seed: number) {
    assert(Number.isInteger(length) && length >= 1 && length <= CELLS_MAX, 'the number of cells of a sketch', { length });
    this.#cells = new Int32Array(length * CELL_WORDS);
    this.#placed = new Placed(seed);
    this.length = length;
    this.seed = seed;
  }

  /** Puts a symbol in. @param first its first bytes, and `rest` the others: together SYMBOL_BYTES. */
  add(first: Uint8Array, rest: Uint8Array): void {
    this.#put(first, rest, 1);
  }

  /** Takes a symbol out, in it or not: then it counts as one that the other side has. */
  remove(first: Uint8Array, rest: Uint8Array): void {
    this.#put(first, rest, -1);
  }

  #put(first: Uint8Array, rest: Uint8Array, sign: number): void {
    assert(first.length + rest.length === SYMBOL_BYTES, 'the bytes of a symbol', { bytes: first.length + rest.length });
    this.#symbol.set(first);
    this.#symbol.set(rest, first.length);
    const words = this.#words;
    const cells = this.#cells;
    const placed = this.#placed;
    const [w0, w1, w2, w3, w4, w5] = words as unknown as [number, number, number, number, number, number];
    for (placed.begin(words, 0); placed.index < this.length; placed.next()) {
      const at = placed.index * CELL_WORDS;
      cells[at] = (cells[at] as number) ^ w0;
      cells[at + 1] = (cells[at + 1] as number) ^ w1;
      cells[at + 2] = (cells[at + 2] as number) ^ w2;
      cells[at + 3] = (cells[at + 3] as number) ^ w3;
      cells[at + 4] = (cells[at + 4] as number) ^ w4;
      cells[at + 5] = (cells[at + 5] as number) ^ w5;
      cells[at + CHECK] = (cells[at + CHECK] as number) ^ placed.check0;
      cells[at + CHECK + 1] = (cells[at + CHECK + 1] as number) ^ placed.check1;
      cells[at + COUNT] = (cells[at + COUNT] as number) + sign;
    }
  }

  /** The cells as bytes. */
  encode(): Buffer {
    return Buffer.from(new Uint8Array(this.#cells.buffer.slice(0)));
  }

  /** Reads cells: the first ones of a sketch, or all. @throws FormatError when they are not whole, or too many */
  static decode(bytes: Uint8Array, seed: number): Sketch {
    const length = bytes.length / CELL_BYTES;
    if (!Number.isInteger(length) || length < 1 || length > CELLS_MAX)
      throw new FormatError(`${bytes.length} bytes of a sketch, whose cells have ${CELL_BYTES}`);
    const sketch = new Sketch(length, seed);
    new Uint8Array(sketch.#cells.buffer).set(bytes);
    return sketch;
  }

  /** The sketch of the symbols of either, those in both apart. */
  static joined(some: Sketch, others: Sketch): Sketch {
    assert(some.length === others.length && some.seed === others.seed, 'two sketches that do not belong together', {
      some: some.length,
      others: others.length,
    });
    const sum = new Sketch(some.length, some.seed);
    for (let i = 0; i < sum.#cells.length; i += 1) {
      const [a, b] = [some.#cells[i] as number, others.#cells[i] as number];
      sum.#cells[i] = i % CELL_WORDS === COUNT ? a + b : a ^ b;
    }
    return sum;
  }

  /**
   * What the two sets differ in, by the cells that both have; undefined when these are too few (or some are damaged: then more do not help).
   * What it gives is right but for a chance of 2^-64 a symbol.
   */
  static difference(own: Sketch, other: Sketch): SetDifference | undefined {
    assert(own.seed === other.seed, 'two sketches of different seeds');
    const length = Math.min(own.length, other.length);
    const cells = own.#cells.slice(0, length * CELL_WORDS);
    for (let i = 0; i < cells.length; i += 1) {
      cells[i] = i % CELL_WORDS === COUNT ? (cells[i] as number) - (other.#cells[i] as number) : (cells[i] as number) ^ (other.#cells[i] as number);
    }
    return peeled(cells, length, own.seed);
  }
}

/** Symbols that only one of two sets has. */
export interface SetDifference {
  readonly own: readonly Buffer[];
  readonly other: readonly Buffer[];
}

function peeled(cells: Int32Array, length: number, seed: number): SetDifference | undefined {
  const placed = new Placed(seed);
  const own: Buffer[] = [];
  const other: Buffer[] = [];
  const isPure = (cell: number): boolean => {
    const at = cell * CELL_WORDS;
    const count = cells[at + COUNT];
    if (count !== 1 && count !== -1) return false;
    placed.begin(cells, at);
    return placed.check0 === cells[at + CHECK] && placed.check1 === cells[at + CHECK + 1];
  };
  const waiting: number[] = [];
  for (let cell = length - 1; cell >= 0; cell -= 1) if (isPure(cell)) waiting.push(cell);
  const symbol = new Int32Array(SYMBOL_WORDS);
  for (let cell = waiting.pop(); cell !== undefined; cell = waiting.pop()) {
    // It may have been emptied since by way of another cell.
    if (!isPure(cell)) continue;
    // A cell gives away at most one symbol: more of them are damage.
    if (own.length + other.length >= length) return undefined;
    const from = cell * CELL_WORDS;
    for (let i = 0; i < SYMBOL_WORDS; i += 1) symbol[i] = cells[from + i] as number;
    const sign = cells[from + COUNT] as number;
    (sign === 1 ? own : other).push(Buffer.from(symbol.buffer.slice(0)));
    const taken: number[] = [];
    for (placed.begin(symbol, 0); placed.index < length; placed.next()) {
      const at = placed.index * CELL_WORDS;
      for (let i = 0; i < SYMBOL_WORDS; i += 1) cells[at + i] = (cells[at + i] as number) ^ (symbol[i] as number);
      cells[at + CHECK] = (cells[at + CHECK] as number) ^ placed.check0;
      cells[at + CHECK + 1] = (cells[at + CHECK + 1] as number) ^ placed.check1;
      cells[at + COUNT] = (cells[at + COUNT] as number) - sign;
      taken.push(placed.index);
    }
    for (const index of taken) if (isPure(index)) waiting.push(index);
  }
  return cells.every((word) => word === 0) ? { own, other } : undefined;
}

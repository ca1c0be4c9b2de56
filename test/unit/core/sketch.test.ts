import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CELL_BYTES, CELLS_MAX, Sketch, SYMBOL_BYTES } from '../../../lib/core/sketch.ts';

const SEED = 0x5eed;
const symbol = (name: string): Buffer => createHash('sha256').update(name).digest().subarray(0, SYMBOL_BYTES);
const add = (sketch: Sketch, of: Buffer): void => sketch.add(of.subarray(0, 16), of.subarray(16));

function sketchOf(names: Iterable<string>, cells: number, seed = SEED): Sketch {
  const sketch = new Sketch(cells, seed);
  for (const name of names) add(sketch, symbol(name));
  return sketch;
}

const hex = (symbols: readonly Buffer[]): string[] => symbols.map((one) => one.toString('hex')).sort();
const hexOf = (names: Iterable<string>): string[] => hex([...names].map(symbol));
/** So many names. */
const names = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** Fewest cells that show the difference of two sets. */
function cellsFor(own: Sketch, other: Sketch, seed = SEED): number {
  const [mine, theirs] = [own.encode(), other.encode()];
  const shows = (cells: number): boolean =>
    Sketch.difference(Sketch.decode(mine.subarray(0, cells * CELL_BYTES), seed), Sketch.decode(theirs.subarray(0, cells * CELL_BYTES), seed)) !== undefined;
  let [low, high] = [0, own.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (shows(middle)) high = middle;
    else low = middle;
  }
  return high;
}

describe('a sketch', () => {
  test('gives exactly what any two sets differ in, whatever they share', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(60), fc.nat(60), fc.integer(), (shared, mine, theirs, seed) => {
        const both = names('s', shared);
        const own = sketchOf([...both, ...names('a', mine)], 512, seed);
        const other = sketchOf([...names('b', theirs), ...both.reverse()], 512, seed);
        const found = Sketch.difference(own, other);
        expect(hex(found?.own ?? [])).toEqual(hexOf(names('a', mine)));
        expect(hex(found?.other ?? [])).toEqual(hexOf(names('b', theirs)));
      }),
      { numRuns: 60 },
    );
  });

  test('needs about 1.35 cells for each of many differences, and at most 1.75 for each of a few dozen on the average', () => {
    const of = (count: number, round: number): number =>
      cellsFor(sketchOf(names(`a${round}-`, count / 2), count * 4), sketchOf(names(`b${round}-`, count / 2), count * 4)) / count;
    const many = of(4_000, 0);
    expect(many).toBeGreaterThan(1.2);
    expect(many).toBeLessThan(1.5);
    const few = names('', 40).map((_, round) => of(50, round));
    expect(few.reduce((sum, one) => sum + one, 0) / few.length).toBeLessThan(1.8);
  });

  test('has the same first cells, however many it has', () => {
    const all = names('k', 200);
    const long = sketchOf(all, 1_000).encode();
    expect(sketchOf(all, 100).encode()).toEqual(long.subarray(0, 100 * CELL_BYTES));
  });

  test('does not show a difference for which it has too few cells', () => {
    expect(Sketch.difference(sketchOf(names('a', 100), 60), sketchOf([], 60))).toBeUndefined();
  });

  test('whose bytes were changed is caught: nothing wrong is given', () => {
    const [a, b] = [sketchOf(names('k', 150), 200), sketchOf(names('k', 140), 200)];
    const want = hexOf(names('k', 150).slice(140));
    fc.assert(
      fc.property(fc.nat(200 * CELL_BYTES - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
        const bytes = b.encode();
        bytes[at] = (bytes[at] as number) ^ bits;
        expect(Sketch.difference(a, Sketch.decode(bytes, SEED))).toBeUndefined();
      }),
    );
    expect(hex(Sketch.difference(a, b)?.own ?? [])).toEqual(want);
  });

  test('of random bytes ends without an answer', () => {
    const noise = createHash('shake256', { outputLength: 300 * CELL_BYTES })
      .update('noise')
      .digest();
    // Counts of one, so that every cell is looked at.
    for (let cell = 0; cell < 300; cell += 1) noise.writeInt32LE(1, cell * CELL_BYTES + 32);
    expect(Sketch.difference(sketchOf(names('k', 5), 300), Sketch.decode(noise, SEED))).toBeUndefined();
  });

  test('forgets what is taken out, and the sum of two is that of both sets', () => {
    const whole = sketchOf(names('k', 20), 64);
    const gone = symbol('k3');
    whole.remove(gone.subarray(0, 16), gone.subarray(16));
    const parts = Sketch.joined(sketchOf(names('k', 3), 64), sketchOf(names('k', 20).slice(4), 64));
    expect(whole.encode()).toEqual(parts.encode());
  });

  test('is read only whole, and refuses symbols and sizes of another kind', () => {
    expect(() => Sketch.decode(Buffer.alloc(CELL_BYTES + 1), SEED)).toThrow('bytes of a sketch');
    expect(() => Sketch.decode(Buffer.alloc(0), SEED)).toThrow('bytes of a sketch');
    expect(() => new Sketch(CELLS_MAX + 1, SEED)).toThrow('number of cells');
    expect(() => new Sketch(4, SEED).add(Buffer.alloc(16), Buffer.alloc(7))).toThrow('bytes of a symbol');
  });

  test('has pinned bytes: it is read by members of another version', () => {
    const bytes = sketchOf(names('k', 3), 8, 1).encode();
    expect(createHash('sha256').update(bytes).digest('hex')).toMatchInlineSnapshot(`"4c5f852a60e43fba66f6aacb06968031bab8c574052581a5173fcfde65bae4fe"`);
  });
});

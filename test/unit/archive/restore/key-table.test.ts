import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitRange, HASH_END, isIn, KeyTable, leadOf } from '../../../../lib/archive/restore/key-table.ts';
import { keyHash } from '../../../../lib/core/key.ts';

const hashes = fc.array(
  fc.integer({ min: 0, max: 400 }).map((n) => keyHash(`key ${n}`)),
  { maxLength: 3_000 },
);

describe('KeyTable', () => {
  it('remembers of each key what was set last, however often it grows', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: HASH_END - 1 }), fc.integer({ min: 0, max: 127 })), {
          maxLength: 4_000,
        }),
        (sets) => {
          const table = new KeyTable();
          const model = new Map<number, readonly [number, number]>();
          for (const [n, value, flags] of sets) {
            table.set(table.put(keyHash(`key ${n}`)), value, HASH_END - 1 - value, flags);
            model.set(n, [value, flags]);
          }
          expect(table.size).toBe(model.size);
          for (const [n, [value, flags]] of model) {
            const slot = table.find(keyHash(`key ${n}`));
            expect([table.a(slot), table.b(slot), table.flags(slot)]).toEqual([value, HASH_END - 1 - value, flags]);
          }
          expect(table.find(keyHash('another'))).toBe(-1);
          expect(new Set([...table.slots()].map((slot) => table.hash(slot).toString('hex')))).toEqual(
            new Set([...model.keys()].map((n) => keyHash(`key ${n}`).toString('hex'))),
          );
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is cut to a range that holds no more keys than a pass may, and holds exactly the keys of it', () => {
    fc.assert(
      fc.property(hashes, fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: HASH_END / 2 }), (all, max, from) => {
        const table = new KeyTable();
        const own = all.filter((hash) => leadOf(hash) >= from);
        for (const hash of own) table.put(hash);
        const range = fitRange(table, { from, to: HASH_END }, max);
        expect(table.size).toBeLessThanOrEqual(max);
        expect(range.to).toBeGreaterThan(from);
        for (const hash of own) expect(table.find(hash) >= 0).toBe(isIn(hash, range));
      }),
      { numRuns: 100 },
    );
  });
});

import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Fingerprint } from '../../../lib/core/digest.ts';
import { applyEntry, BUCKETS, cellOf, Digest, hasExpired, isComparable } from '../../../lib/core/digest.ts';
import { FormatError } from '../../../lib/core/errors.ts';
import { DAY_MAX } from '../../../lib/core/expiry-day.ts';
import type { IndexEntry } from '../../../lib/core/formats/segment-index.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map((b) => Buffer.from(b));
/** Few keys and few days, so that cells and items meet. */
const fingerprint: fc.Arbitrary<Fingerprint> = fc.record({
  keyHash: fc.oneof(
    fc.integer({ min: 0, max: 5 }).map((n) => Buffer.alloc(16, n)),
    bytes(16),
  ),
  itemHash: fc.oneof(
    fc.integer({ min: 0, max: 3 }).map((n) => Buffer.alloc(8, n)),
    bytes(8),
  ),
  day: fc.oneof(fc.constant(0), fc.constantFrom(1, 20_000, DAY_MAX)),
});
const items = fc.array(fingerprint, { maxLength: 30 });
const of = (list: readonly Fingerprint[]): Digest => {
  const digest = new Digest();
  for (const item of list) digest.add(item);
  return digest;
};
const hex = (digest: Digest): string => digest.encode().toString('hex');

/** The sum as big numbers: what the words must be. */
function expected(list: readonly Fingerprint[]): Map<number, bigint> {
  const sums = new Map<number, bigint>();
  for (const item of list) {
    const sum = hash('sha256', Buffer.concat([Buffer.from('syncline digest 1'), item.keyHash, item.itemHash]), 'buffer');
    const element = BigInt(`0x${sum.reverse().toString('hex')}`);
    sums.set(cellOf(item), ((sums.get(cellOf(item)) ?? 0n) + element) % 2n ** 256n);
  }
  return sums;
}

describe('a digest', () => {
  test('is pinned', () => {
    const digest = of([
      { keyHash: Buffer.alloc(16, 1), itemHash: Buffer.alloc(8, 2), day: 0 },
      { keyHash: Buffer.alloc(16, 9), itemHash: Buffer.alloc(8, 8), day: 20_000 },
    ]);
    expect(digest.cells()).toEqual([1, BUCKETS + 20_000]);
    expect(hex(digest)).toBe(
      '02' +
        '00000001' +
        '000000000001' +
        hash('sha256', Buffer.concat([Buffer.from('syncline digest 1'), Buffer.alloc(16, 1), Buffer.alloc(8, 2)]), 'hex') +
        '00004f20' +
        '000000000001' +
        hash('sha256', Buffer.concat([Buffer.from('syncline digest 1'), Buffer.alloc(16, 9), Buffer.alloc(8, 8)]), 'hex'),
    );
  });

  test('is the sum of the elements in each cell, modulo 2^256', () => {
    fc.assert(
      fc.property(items, (list) => {
        const encoded = of(list).encode();
        const sums = expected(list);
        let at = 1;
        for (const cell of [...sums.keys()].sort((a, b) => a - b)) {
          expect(encoded.readUInt32BE(at)).toBe(cell);
          expect(
            BigInt(
              `0x${Buffer.from(encoded.subarray(at + 10, at + 42))
                .reverse()
                .toString('hex')}`,
            ),
          ).toBe(sums.get(cell));
          at += 42;
        }
        expect(at).toBe(encoded.length);
      }),
    );
  });

  test('is the same in any order, and with anything added and taken away between', () => {
    const shuffled = fc.tuple(items, items).chain(([list, passing]) =>
      fc.record({
        list: fc.constant(list),
        steps: fc.shuffledSubarray([...list, ...passing].map((item) => ({ item, sign: 1 })).concat(passing.map((item) => ({ item, sign: -1 }))), {
          minLength: list.length + 2 * passing.length,
        }),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ list, steps }) => {
        const digest = new Digest();
        for (const { item, sign } of steps) {
          if (sign === 1) digest.add(item);
          else digest.remove(item);
        }
        expect(hex(digest)).toBe(hex(of(list)));
      }),
    );
  });

  test('says how many items each cell has', () => {
    fc.assert(
      fc.property(items, items, (list, passing) => {
        const digest = of([...list, ...passing]);
        for (const item of passing) digest.remove(item);
        const read = Digest.decode(digest.encode());
        for (const item of [...list, ...passing]) expect(read.itemsIn(cellOf(item))).toBe(list.filter((one) => cellOf(one) === cellOf(item)).length);
      }),
    );
  });

  test('of parts, merged in any order, is that of the whole', () => {
    fc.assert(
      fc.property(items, items, items, (a, b, c) => {
        const [one, other] = [of(a), of(c)];
        one.merge(of(b));
        one.merge(of(c));
        other.merge(of(b));
        other.merge(of(a));
        expect(hex(one)).toBe(hex(of([...a, ...b, ...c])));
        expect(hex(other)).toBe(hex(one));
        expect(one.equals(other)).toBe(true);
      }),
    );
  });

  test('differs in just the cells whose items differ', () => {
    fc.assert(
      fc.property(items, items, (a, b) => {
        const [x, y] = [expected(a), expected(b)];
        const cells = [...new Set([...x.keys(), ...y.keys()])].filter((cell) => x.get(cell) !== y.get(cell)).sort((p, q) => p - q);
        expect(of(a).differing(of(b))).toEqual(cells);
        expect(of(b).differing(of(a))).toEqual(cells);
        expect(of(a).equals(of(b))).toBe(cells.length === 0);
      }),
    );
  });

  test('comes back from its bytes, and a clone is a thing of its own', () => {
    fc.assert(
      fc.property(items, items, (list, taken) => {
        const digest = of(list);
        // Sums below zero, too: a difference of two digests has them.
        for (const item of taken) digest.remove(item);
        const before = hex(digest);
        expect(hex(Digest.decode(digest.encode()))).toBe(before);
        const clone = digest.clone();
        clone.add({ keyHash: Buffer.alloc(16, 3), itemHash: Buffer.alloc(8, 77), day: 0 });
        expect(hex(digest)).toBe(before);
        expect(hex(clone)).not.toBe(before);
      }),
    );
  });

  const good = of([0, 1, 2].map((n) => ({ keyHash: Buffer.alloc(16, n), itemHash: Buffer.alloc(8, 1), day: 0 }))).encode();
  const changed = (change: (copy: Buffer) => void): Buffer => {
    const copy = Buffer.from(good);
    change(copy);
    return copy;
  };
  test.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['another format', changed((copy) => copy.writeUInt8(1, 0))],
    ['a cell cut off', good.subarray(0, -1)],
    ['a byte too many', Buffer.concat([good, Buffer.alloc(1)])],
    ['a cell twice', changed((copy) => copy.writeUInt32BE(0, 1 + 42))],
    ['cells out of order', changed((copy) => copy.writeUInt32BE(9, 1 + 42))],
    ['a cell that there is not', changed((copy) => copy.writeUInt32BE(BUCKETS + DAY_MAX + 1, 1 + 84))],
    ['a cell of zero', changed((copy) => copy.fill(0, 1 + 4, 1 + 42))],
  ])('is refused when its bytes are damaged: %s', (_, damaged) => {
    expect(() => Digest.decode(damaged)).toThrow(FormatError);
  });
});

describe('cells', () => {
  test('are 256 buckets by the first byte of the key hash, and one a day', () => {
    const keyHash = Buffer.from('fe00000000000000000000000000000f', 'hex');
    expect(cellOf({ keyHash, day: 0 })).toBe(254);
    expect(cellOf({ keyHash, day: 1 })).toBe(BUCKETS + 1);
    expect(cellOf({ keyHash, day: DAY_MAX })).toBe(BUCKETS + DAY_MAX);
  });

  test('of days that have begun, or begin within ten minutes, are not compared; buckets always are', () => {
    const begins = 20_000 * 86_400_000;
    expect(isComparable(BUCKETS + 20_000, begins - 600_001)).toBe(true);
    expect(isComparable(BUCKETS + 20_000, begins - 600_000)).toBe(false);
    expect(isComparable(BUCKETS + 20_000, begins)).toBe(false);
    expect(isComparable(BUCKETS + 20_000, begins + 86_400_000)).toBe(false);
    for (const cell of [0, 255]) expect(isComparable(cell, begins)).toBe(true);
  });

  test('of days that have been over for ten minutes hold nothing that has not expired; buckets are never over', () => {
    const ends = 20_001 * 86_400_000;
    expect(hasExpired(BUCKETS + 20_000, ends + 599_999)).toBe(false);
    expect(hasExpired(BUCKETS + 20_000, ends + 600_000)).toBe(true);
    expect(hasExpired(255, ends)).toBe(false);
  });
});

describe('an entry of the log', () => {
  const keyHash = Buffer.alloc(16, 5);
  const entry = (more: Partial<IndexEntry>): IndexEntry => ({
    keyHash,
    oldKnown: true,
    day: 0,
    oldDay: 0,
    removed: false,
    ordinal: 0,
    frame: 0,
    at: 0,
    origin: 'local',
    drift: false,
    ...more,
  });
  const [a, b] = [Buffer.alloc(8, 1), Buffer.alloc(8, 2)];

  test('takes the old image out and puts the new one in: a story of a key leaves what it ends with', () => {
    const digest = new Digest();
    applyEntry(digest, entry({ itemHash: a }));
    applyEntry(digest, entry({ oldHash: a, itemHash: b, day: 7 }));
    expect(hex(digest)).toBe(hex(of([{ keyHash, itemHash: b, day: 7 }])));
    applyEntry(digest, entry({ oldHash: b, oldDay: 7, itemHash: b }));
    expect(hex(digest)).toBe(hex(of([{ keyHash, itemHash: b, day: 0 }])));
    applyEntry(digest, entry({ oldHash: b, removed: true }));
    expect(digest.cells()).toEqual([]);
  });

  test.each<[string, Partial<IndexEntry>]>([
    ['what was there before', { itemHash: a, oldKnown: false }],
    ['what is there now', { oldHash: a }],
  ])('is refused when it does not say %s', (_, more) => {
    expect(() => applyEntry(new Digest(), entry(more))).toThrow(FormatError);
  });
});

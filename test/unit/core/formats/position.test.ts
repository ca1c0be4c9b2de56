import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError, InvariantError } from '../../../../lib/core/errors.ts';
import {
  comparePositions,
  EPOCH_MAX,
  epochOf,
  laterPosition,
  POSITION_BYTES,
  position,
  readPosition,
  sequenceOf,
  showPosition,
} from '../../../../lib/core/formats/position.ts';

const epoch = fc.oneof(fc.integer({ min: 0, max: EPOCH_MAX }), fc.constantFrom(0, 1, EPOCH_MAX));
/** Every width, and the edges of the three words that a sequence number is written in. */
const sequence = fc.oneof(
  fc.bigInt({ min: 0n, max: 10n ** 40n - 1n }),
  fc.bigInt({ min: 0n, max: 1_000n }),
  fc.constantFrom(2n ** 64n - 1n, 2n ** 64n, 2n ** 128n - 1n, 2n ** 128n, 10n ** 40n - 1n),
);
const sign = (n: number | bigint): number => (n < 0 ? -1 : n > 0 ? 1 : 0);

describe('a position', () => {
  test.each([
    [0, '0', `0100000000${'00'.repeat(17)}`],
    [7, '111100000000012345678901234567', '0100000007000000000166fbc41c285b838fd96b4b87'],
    [EPOCH_MAX, '9'.repeat(40), '01ffffffff1d6329f1c35ca4bfabb9f560ffffffffff'],
  ])('(%i, %s) is pinned', (e, q, hex) => {
    expect(position(e, q).toString('hex')).toBe(hex);
    expect(position(e, BigInt(q)).toString('hex')).toBe(hex);
    expect(Buffer.from(hex, 'hex').length).toBe(POSITION_BYTES);
  });

  test('sorts as bytes, by epoch and then by sequence number', () => {
    fc.assert(
      fc.property(epoch, sequence, epoch, sequence, fc.boolean(), (e, q, f, r, sameEpoch) => {
        const g = sameEpoch ? e : f;
        const expected = sign(e - g) || sign(q - r);
        expect(sign(comparePositions(position(e, q), position(g, r)))).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  test('gives back its epoch and sequence number', () => {
    fc.assert(
      fc.property(epoch, sequence, (e, q) => {
        const read = readPosition(position(e, q));
        expect([epochOf(read), sequenceOf(read), showPosition(read)]).toEqual([e, q, `${e}/${q}`]);
      }),
    );
  });

  test('leading zeros of a sequence number mean nothing', () => {
    expect(position(1, '00012')).toEqual(position(1, '12'));
  });

  test.each<[number, string | bigint]>([
    [-1, '1'],
    [1.5, '1'],
    [Number.NaN, '1'],
    [EPOCH_MAX + 1, '1'],
    [1, ''],
    [1, '-1'],
    [1, '1.0'],
    [1, ' 1'],
    [1, '0x1'],
    [1, '1'.repeat(41)],
    [1, -1n],
    [1, 10n ** 40n],
  ])('(%s, %s) is out of range', (e, q) => {
    expect(() => position(e, q)).toThrow(InvariantError);
  });

  test('bytes of another length or format are refused, and what is read is a copy', () => {
    const bytes = position(7, '12');
    for (let cut = 0; cut < POSITION_BYTES; cut += 1) expect(() => readPosition(bytes.subarray(0, cut))).toThrow(FormatError);
    expect(() => readPosition(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(FormatError);
    for (let format = 0; format < 256; format += 1) {
      const other = Buffer.from(bytes);
      other[0] = format;
      if (format !== 1) expect(() => readPosition(other)).toThrow(FormatError);
    }
    const copy = readPosition(bytes);
    bytes[21] = 0xff;
    expect(sequenceOf(copy)).toBe(12n);
  });

  test('the later of two is the greater one; nothing is before everything', () => {
    const [a, b] = [position(1, '9'), position(2, '1')];
    expect(laterPosition(a, b)).toBe(b);
    expect(laterPosition(b, a)).toBe(b);
    expect(laterPosition(a, undefined)).toBe(a);
  });
});

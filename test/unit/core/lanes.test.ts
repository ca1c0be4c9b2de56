import { describe, expect, test } from 'vitest';
import { LANES_DEFAULT, LANES_MAX } from '../../../lib/core/constants.ts';
import { InvariantError } from '../../../lib/core/errors.ts';
import { keyHash } from '../../../lib/core/key.ts';
import { laneGroup, laneOf } from '../../../lib/core/lanes.ts';

describe('the lane of a key', () => {
  // Computed apart from this code: the first four bytes of SHA-256 of the key's text, as a number, modulo the lanes.
  test.each([
    ['a', [0, 2, 2, 18]],
    ['S2:AT|N123e0', [0, 3, 0, 16]],
    ['N1e0', [0, 1, 0, 96]],
    ['B4:AA==', [0, 4, 11, 219]],
  ])('of %s is pinned for 1, 7, 16 and 256 lanes', (key, lanes) => {
    expect([1, 7, 16, 256].map((n) => laneOf(keyHash(key), n))).toEqual(lanes);
  });

  test('is unsigned: the highest bit makes no negative lane', () => {
    expect(laneOf(Buffer.from('ffffffff', 'hex'), 256)).toBe(255);
    expect(laneOf(Buffer.from('80000000', 'hex'), 7)).toBe(0x8000_0000 % 7);
  });

  test.each([0, -1, 1.5, LANES_MAX + 1, Number.NaN])('of %s lanes is a broken invariant', (lanes) => {
    expect(() => laneOf(keyHash('a'), lanes)).toThrow(InvariantError);
  });

  test.each([7, LANES_DEFAULT, 100])('keys that count up are spread evenly over %i lanes', (lanes) => {
    const keys = 5_000;
    const counts = new Array<number>(lanes).fill(0);
    for (let i = 0; i < keys; i += 1) {
      const lane = laneOf(keyHash(`S2:AT|N${i}e0`), lanes);
      counts[lane] = (counts[lane] as number) + 1;
    }
    // Chi-square against the uniform distribution: its mean is lanes − 1, its variance twice that. The keys are fixed, so this cannot flicker.
    const expected = keys / lanes;
    const chiSquare = counts.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    expect(Math.abs(chiSquare - (lanes - 1))).toBeLessThan(4 * Math.sqrt(2 * (lanes - 1)));
  });

  test('its message group is pinned, and is one that SQS takes', () => {
    expect(laneGroup(0)).toBe('lane-0');
    expect(laneGroup(LANES_MAX - 1)).toMatch(/^[A-Za-z0-9-]{1,128}$/);
  });
});

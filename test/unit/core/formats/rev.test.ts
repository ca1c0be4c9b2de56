import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError, InvariantError } from '../../../../lib/core/errors.ts';
import { EPOCH_MAX } from '../../../../lib/core/formats/position.ts';
import type { Rev } from '../../../../lib/core/formats/rev.ts';
import { compareRevs, nextRev, parseRev, REV_BYTES, rev, revFromText, revParts, revText } from '../../../../lib/core/formats/rev.ts';

const COUNTER_MAX = 0xffff;
const WALL_MAX = 2 ** 48 - 1;
const parts = fc.record({
  epoch: fc.oneof(fc.integer({ min: 0, max: EPOCH_MAX }), fc.integer({ min: 0, max: 2 })),
  wallMs: fc.oneof(fc.integer({ min: 0, max: WALL_MAX }), fc.integer({ min: 0, max: 3 })),
  counter: fc.oneof(fc.integer({ min: 0, max: COUNTER_MAX }), fc.constantFrom(0, 1, COUNTER_MAX)),
});
type Parts = { epoch: number; wallMs: number; counter: number };
const make = (p: Parts): Rev => rev(p.epoch, p.wallMs, p.counter);
const sign = (n: number): number => (n < 0 ? -1 : n > 0 ? 1 : 0);

describe('a revision', () => {
  test('is pinned, as bytes and as text', () => {
    const r = rev(7, 1_767_225_600_000, 2);
    expect(r.toString('hex')).toBe('0100000007019b76daa8000002');
    expect(revText(r)).toBe('AQAAAAcBm3baqAAAAg');
    expect(rev(EPOCH_MAX, WALL_MAX, COUNTER_MAX).toString('hex')).toBe(`01${'ff'.repeat(12)}`);
    expect(r.length).toBe(REV_BYTES);
  });

  test('sorts as bytes: by epoch, clock, counter', () => {
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const expected = sign(a.epoch - b.epoch) || sign(a.wallMs - b.wallMs) || sign(a.counter - b.counter);
        expect(sign(compareRevs(make(a), make(b)))).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  test('gives back its parts, through bytes and text', () => {
    fc.assert(
      fc.property(parts, (p) => {
        expect(revParts(make(p))).toEqual(p);
        expect(revFromText(revText(make(p)))).toEqual(make(p));
      }),
    );
  });

  test.each([
    [-1, 0, 0],
    [EPOCH_MAX + 1, 0, 0],
    [0, -1, 0],
    [0, 0.5, 0],
    [0, WALL_MAX + 1, 0],
    [0, 0, -1],
    [0, 0, COUNTER_MAX + 1],
  ])('(%s, %s, %s) is out of range', (e, w, c) => {
    expect(() => rev(e, w, c)).toThrow(InvariantError);
  });

  test('bytes of users that are no revision count as none', () => {
    const r = rev(7, 1_767_225_600_000, 2);
    expect(parseRev(undefined)).toBeUndefined();
    for (let cut = 0; cut < REV_BYTES; cut += 1) expect(parseRev(r.subarray(0, cut))).toBeUndefined();
    expect(parseRev(Buffer.concat([r, Buffer.of(0)]))).toBeUndefined();
    expect(parseRev(Buffer.concat([Buffer.of(2), r.subarray(1)]))).toBeUndefined();
    expect(parseRev(r)).toEqual(r);
  });

  test.each(['', 'AQ', 'AQAAAAcBm3baqAAAAg==', 'AQAAAAcBm3baqAAAA', 'AQAAAAcBm3baqAAAAgA', 'AgAAAAcBm3baqAAAAg', '!', 'A'.repeat(10_000)])(
    '%.30s is no text of a revision',
    (text) => {
      expect(() => revFromText(text)).toThrow(FormatError);
      expect(() => revFromText(text)).toThrow(/^.{1,120}$/);
    },
  );
});

describe('the hybrid logical clock', () => {
  /** Clocks that stand, step back and jump; other writers' revisions now and then. */
  const events = fc.array(
    fc.record({
      nowMs: fc.integer({ min: 0, max: 20 }),
      seen: fc.option(fc.record({ wallMs: fc.integer({ min: 0, max: 25 }), counter: parts.map((p) => p.counter) })),
    }),
    { maxLength: 40 },
  );

  test('each revision is later than the last one and than all that were seen, and never behind the clock', () => {
    fc.assert(
      fc.property(events, (steps) => {
        let last: Rev | undefined;
        for (const { nowMs, seen } of steps) {
          const other = seen === null ? undefined : rev(3, seen.wallMs, seen.counter);
          const made = nextRev(3, nowMs, last, other);
          if (last !== undefined) expect(compareRevs(made, last)).toBeGreaterThan(0);
          if (other !== undefined) expect(compareRevs(made, other)).toBeGreaterThan(0);
          expect(revParts(made).wallMs).toBeGreaterThanOrEqual(nowMs);
          // Nor does it depend on the order in which it hears of them.
          expect(nextRev(3, nowMs, other, last)).toEqual(made);
          last = made;
        }
      }),
    );
  });

  test('runs ahead of the clock by no more than what it has seen, and a full counter', () => {
    let last = rev(1, 10, COUNTER_MAX - 1);
    last = nextRev(1, 10, last);
    expect(revParts(last)).toEqual({ epoch: 1, wallMs: 10, counter: COUNTER_MAX });
    last = nextRev(1, 10, last);
    expect(revParts(last)).toEqual({ epoch: 1, wallMs: 11, counter: 0 });
    expect(revParts(nextRev(1, 12, last))).toEqual({ epoch: 1, wallMs: 12, counter: 0 });
  });

  test('a new epoch is later than every revision of an older one, and begins with the clock', () => {
    const old = rev(1, WALL_MAX, COUNTER_MAX);
    const made = nextRev(2, 5, old);
    expect(revParts(made)).toEqual({ epoch: 2, wallMs: 5, counter: 0 });
    expect(compareRevs(made, old)).toBeGreaterThan(0);
  });

  test('a revision of a later epoch is a broken invariant: its writer is deposed', () => {
    expect(() => nextRev(1, 5, rev(2, 5, 0))).toThrow(InvariantError);
  });
});

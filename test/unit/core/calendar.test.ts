import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isoSeconds, isTime, timeOfIso } from '../../../lib/core/calendar.ts';

describe('times as text', () => {
  test('are whole seconds in UTC, and are read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
        expect(timeOfIso(isoSeconds(seconds * 1_000 + 999))).toBe(seconds * 1_000);
      }),
    );
  });

  test('may have a fraction and an offset', () => {
    expect(timeOfIso('2026-11-24T10:15:03.5Z')).toBe(Date.UTC(2026, 10, 24, 10, 15, 3, 500));
    expect(timeOfIso('2026-11-24T10:15:03+01:00')).toBe(Date.UTC(2026, 10, 24, 9, 15, 3));
  });

  test.each(['', '2026-11-24', '2026-11-24T10:15:03', '2026-11-24 10:15:03Z', '2026-02-30T00:00:00Z', '2026-11-24T25:00:00Z', '1969-12-31T23:59:59Z', 'now'])(
    'that no calendar has, or without a zone, are refused: %j',
    (text) => {
      expect(timeOfIso(text)).toBeUndefined();
    },
  );

  test('beyond the calendar are no times', () => {
    expect(isTime(Number.NaN)).toBe(false);
    expect(() => isoSeconds(-1)).toThrow(RangeError);
  });
});

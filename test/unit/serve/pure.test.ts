import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Item } from '../../../lib/core/attribute.ts';
import { InputError, InvariantError } from '../../../lib/core/errors.ts';
import { compareRevs, rev } from '../../../lib/core/formats/rev.ts';
import type { Seat } from '../../../lib/core/formats/rows.ts';
import { metaValue } from '../../../lib/core/formats/seal.ts';
import type { RemoteErrorKind } from '../../../lib/ports/errors.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import { asRead } from '../../../lib/serve/attempt.ts';
import { RevClock } from '../../../lib/serve/context.ts';
import { etagOf, judge, parseTags } from '../../../lib/serve/etag.ts';
import { keyFromQuery } from '../../../lib/serve/key-query.ts';
import { type PROBLEMS, problemOf, problemResponse } from '../../../lib/serve/problem.ts';
import { mayIssue, routeRead, routeWrite } from '../../../lib/serve/seat.ts';
import { city, EU, KEY, US } from './harness.ts';

describe('entity tags', () => {
  it('are pinned: rev and item hash, base64url', () => {
    const item = city() as Item;
    expect(etagOf(item)).toBe('"-.SVwY2j8jDUV9oE7cCcClHA"');
    expect(etagOf({ ...item, _s: metaValue(rev(1, 1_767_225_600_000, 2), undefined) })).toBe('"AQAAAAEBm3baqAAAAg.SVwY2j8jDUV9oE7cCcClHA"');
  });

  it.each([
    ['*', '*'],
    [' "a" ', [{ weak: false, tag: '"a"' }]],
    [
      '"a",W/"b" , "c,d"',
      [
        { weak: false, tag: '"a"' },
        { weak: true, tag: '"b"' },
        { weak: false, tag: '"c,d"' },
      ],
    ],
    ['""', [{ weak: false, tag: '""' }]],
    ['"a",', [{ weak: false, tag: '"a"' }]],
  ])('reads %s', (header, expected) => {
    expect(parseTags(header, 'If-Match')).toEqual(expected);
  });

  it.each(['', 'a', '"a', '"a" "b"', 'w/"a"', '"a"; "b"', '*, "a"', '"a b"'])('refuses %j', (header) => {
    expect(() => parseTags(header, 'If-Match')).toThrow(InputError);
  });

  it('refuses more tags than it would compare', () => {
    expect(() => parseTags(Array.from({ length: 51 }, (_, i) => `"${i}"`).join(','), 'If-Match')).toThrow(InputError);
  });

  it.each([
    [{}, undefined, 'holds'],
    [{ ifMatch: '*' }, undefined, 'if-match'],
    [{ ifMatch: '*' }, '"a"', 'holds'],
    [{ ifMatch: [{ weak: false, tag: '"a"' }] }, '"a"', 'holds'],
    [{ ifMatch: [{ weak: true, tag: '"a"' }] }, '"a"', 'if-match'],
    [{ ifMatch: [{ weak: false, tag: '"a"' }] }, undefined, 'if-match'],
    [{ ifNoneMatch: '*' }, undefined, 'holds'],
    [{ ifNoneMatch: '*' }, '"a"', 'if-none-match'],
    [{ ifNoneMatch: [{ weak: true, tag: '"a"' }] }, '"a"', 'if-none-match'],
    [{ ifNoneMatch: [{ weak: false, tag: '"b"' }] }, '"a"', 'holds'],
    [{ ifMatch: [{ weak: false, tag: '"b"' }], ifNoneMatch: '*' }, '"a"', 'if-match'],
  ] as const)('judges %j on %s: %s', (expected, tag, outcome) => {
    expect(judge(expected, tag)).toBe(outcome);
  });
});

describe('where a write goes', () => {
  const seat = (more: Partial<Seat>): Seat => ({ fence: 3, own: 0, since: 0, stream: '', tableId: '', v: 1, ...more });
  it.each([
    ['the primary', seat({ own: 3, primary: EU }), { at: 'here', epoch: 3 }],
    ['a deposed primary that knows its successor', seat({ own: 2, primary: US }), { at: 'peer', name: US }],
    ['a deposed primary that does not', seat({ own: 2, primary: EU }), { at: 'nowhere', why: 'unknown' }],
    ['a secondary', seat({ primary: US }), { at: 'peer', name: US }],
    ['a member that was never told', seat({ fence: 0 }), { at: 'nowhere', why: 'unknown' }],
    ['a primary within its lease', seat({ own: 3, until: 15_000 }), { at: 'here', epoch: 3 }],
    ['a primary at the end of its lease', seat({ own: 3, until: 14_999 }), { at: 'nowhere', why: 'lease' }],
  ])('%s', (_, of, expected) => {
    expect(routeWrite(of, EU, 10_000)).toEqual(expected);
  });

  it('a strong read may be answered until the offset of clocks before the lease ends, later than a write is issued', () => {
    expect(routeRead(seat({ own: 3, until: 11_000 }), EU, 10_000)).toEqual({ at: 'here', epoch: 3 });
    expect(routeRead(seat({ own: 3, until: 10_999 }), EU, 10_000)).toEqual({ at: 'nowhere', why: 'lease' });
    expect(routeRead(seat({ primary: US }), EU, 10_000)).toEqual({ at: 'peer', name: US });
  });

  it('may be issued for W after the seat was read, and until R and the margin before the lease ends', () => {
    const view = { seat: seat({ own: 3, until: 20_000 }), readAt: 1_000 };
    expect(mayIssue(view, 15_000, 4_000)).toBe(true);
    expect(mayIssue(view, 15_000, 4_001)).toBe(false);
    expect(mayIssue(view, 15_001, 4_000)).toBe(false);
  });
});

describe('the clock of revs', () => {
  it('always goes on, whatever it is shown and however the wall clock steps', () => {
    const step = fc.record({
      now: fc.integer({ min: 1_000, max: 5_000 }),
      seen: fc.option(fc.tuple(fc.integer({ min: 0, max: 6_000 }), fc.integer({ min: 0, max: 0xffff })), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 30 }), (steps) => {
        const clock = new RevClock();
        let last: Buffer | undefined;
        for (const { now, seen } of steps) {
          const replaced = seen === undefined ? undefined : rev(1, seen[0], seen[1]);
          const made = clock.next(1, now, replaced);
          if (last !== undefined) expect(compareRevs(last, made)).toBeLessThan(0);
          if (replaced !== undefined) expect(compareRevs(replaced, made)).toBeLessThan(0);
          last = made;
        }
      }),
    );
  });
});

describe('the condition that an item is as it was read', () => {
  it('is within DynamoDB’s limits for an item of any width', () => {
    const wide = Object.fromEntries([...Object.entries(city()), ...Array.from({ length: 500 }, (_, i) => [`a${i}`, { S: 'x' }])]) as Item;
    const condition = asRead(wide, KEY, true, 1, 0);
    // 300 operators and functions in an expression: n comparisons are joined by n − 1 ANDs.
    expect('of' in condition && condition.of.length * 2 - 1).toBeLessThan(300);
  });
});

describe('problems', () => {
  const kinds: readonly [RemoteErrorKind, boolean, keyof typeof PROBLEMS][] = [
    ['throttled', true, 'busy'],
    ['transient', true, 'store-unavailable'],
    ['notIssued', true, 'store-unavailable'],
    ['unanswered', false, 'store-unavailable'],
    ['unanswered', true, 'unknown-outcome'],
    ['denied', true, 'store-unavailable'],
    ['missing', false, 'store-unavailable'],
    ['invalid', true, 'refused-by-table'],
  ];
  it.each(kinds)('%s (writing: %s) → %s', (kind, writing, code) => {
    expect(problemOf(new RemoteError(kind, 'C', 'm'), writing).code).toBe(code);
  });

  it('say when to come back, whenever they are 503', () => {
    for (const [kind, writing] of kinds) {
      const response = problemResponse(problemOf(new RemoteError(kind, 'C', 'm'), writing), 'i');
      expect(response.headers['retry-after'] !== undefined).toBe(response.status === 503);
    }
  });

  it('never show what is not the caller’s', () => {
    for (const error of [new InvariantError('secret', { a: 1 }), new TypeError('secret'), 'secret', undefined]) {
      expect(problemResponse(problemOf(error, true), 'i')).toMatchObject({ status: 500, body: expect.not.stringContaining('secret') as unknown });
    }
  });
});

describe('a key in the query', () => {
  it('any text, and any bytes in either alphabet', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 50 }), fc.uint8Array({ minLength: 1, maxLength: 40 }), (text, bytes) => {
        const schema = { partition: { name: 's', type: 'S' }, sort: { name: 'b', type: 'B' } } as const;
        for (const encoding of ['base64', 'base64url'] as const) {
          const key = keyFromQuery(
            new Map([
              ['s', [text]],
              ['b', [Buffer.from(bytes).toString(encoding)]],
            ]),
            schema,
          );
          expect(key).toEqual({ s: { S: text }, b: { B: Buffer.from(bytes).toString('base64') } });
        }
      }),
    );
  });

  it.each(['a', 'abcde', 'a*', '====', '='])('%s is no binary', (b) => {
    expect(() => keyFromQuery(new Map([['b', [b]]]), { partition: { name: 'b', type: 'B' } })).toThrow(InputError);
  });
});

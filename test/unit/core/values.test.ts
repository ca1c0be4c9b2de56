import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttributeValue, Item } from '../../../lib/core/attribute.ts';
import { bytesBeginWith, bytesOf, compareBase64, compareStrings, compareValues, sameItem, sameValue, valueAt } from '../../../lib/core/values.ts';
import { anyItem, attributeValue, sameValue as dumbSame, exact, numberText, reordered, reorderedMap, sameMap } from './support/arbitrary.ts';

const bytes = fc.uint8Array({ maxLength: 9 }).map((b) => Buffer.from(b));
/** Strings of units in which the order of UTF-16 differs from that of UTF-8. */
const text = fc.array(fc.constantFrom('a', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '\u{10ffff}'), { maxLength: 4 }).map((units) => units.join(''));
const sign = (n: number): number => Math.sign(n);

describe('equality', () => {
  it('is that of a second opinion, for any two values', () => {
    fc.assert(
      fc.property(attributeValue, attributeValue, (a, b) => {
        expect(sameValue(a, b)).toBe(dumbSame(a, b));
      }),
    );
  });

  it('does not depend on the order of sets and maps', () => {
    fc.assert(
      fc.property(attributeValue, (a) => {
        expect(sameValue(a, reordered(a))).toBe(true);
      }),
    );
    fc.assert(
      fc.property(anyItem, (a) => {
        expect(sameItem(a, reorderedMap(a))).toBe(true);
      }),
    );
  });

  it('is that of a second opinion for items that differ in one attribute', () => {
    fc.assert(
      fc.property(anyItem, fc.string({ maxLength: 2 }), attributeValue, (a, name, value) => {
        expect(sameItem(a, { ...a, [name]: value })).toBe(sameMap(a, { ...a, [name]: value }));
      }),
    );
  });

  it.each<[AttributeValue, AttributeValue, boolean]>([
    [{ N: '1.0' }, { N: '1' }, true],
    [{ N: '1' }, { S: '1' }, false],
    [{ NS: ['1.0', '2'] }, { NS: ['2', '1'] }, true],
    [{ NS: ['1', '2'] }, { NS: ['1', '3'] }, false],
    [{ SS: ['a'] }, { SS: ['a', 'b'] }, false],
    [{ SS: ['a'] }, { BS: ['a'] }, false],
    [{ L: [{ N: '1' }] }, { L: [{ N: '1.00' }] }, true],
    [{ M: {} }, { M: { a: { NULL: true } } }, false],
    [{ M: { a: { NULL: true } } }, { M: { b: { NULL: true } } }, false],
    [{ NULL: true }, { BOOL: true }, false],
  ])('%j and %j: %s', (a, b, same) => {
    expect(sameValue(a, b)).toBe(same);
    expect(sameValue(b, a)).toBe(same);
  });

  it('does not find names that only every object has', () => {
    expect(sameItem({ toString: { S: 'x' } }, { valueOf: { S: 'x' } })).toBe(false);
  });
});

describe('order', () => {
  it('of strings is that of their UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ unit: 'grapheme', maxLength: 5 })), text, (a, b) => {
        expect(sign(compareStrings(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 500 },
    );
  });

  it('of binaries is that of their unsigned bytes', () => {
    fc.assert(
      fc.property(bytes, bytes, fc.nat({ max: 4 }), (a, b, shared) => {
        const other = Buffer.concat([a.subarray(0, shared), b]);
        expect(sign(compareBase64(a.toString('base64'), other.toString('base64')))).toBe(Buffer.compare(a, other));
      }),
      { numRuns: 500 },
    );
  });

  it('of numbers is that of their values', () => {
    fc.assert(
      fc.property(numberText, numberText, (a, b) => {
        const [x, y] = [exact(a), exact(b)];
        expect(sign(compareValues({ N: a }, { N: b }) ?? Number.NaN)).toBe(x < y ? -1 : x > y ? 1 : 0);
      }),
    );
  });

  it('is none between values of different types, or of types without one', () => {
    expect(compareValues({ S: '1' }, { N: '1' })).toBeUndefined();
    expect(compareValues({ BOOL: true }, { BOOL: false })).toBeUndefined();
    expect(compareValues({ L: [] }, { L: [] })).toBeUndefined();
  });
});

describe('bytes', () => {
  it('are those of the base64', () => {
    fc.assert(
      fc.property(bytes, (b) => {
        expect([...bytesOf(b.toString('base64'))]).toEqual([...b]);
      }),
    );
  });

  it('begin with their own beginnings, and with nothing longer', () => {
    fc.assert(
      fc.property(bytes, fc.nat({ max: 9 }), (b, n) => {
        expect(bytesBeginWith(b, b.subarray(0, n))).toBe(true);
      }),
    );
    expect(bytesBeginWith(Buffer.from([1]), Buffer.from([1, 2]))).toBe(false);
    expect(bytesBeginWith(Buffer.from([1, 2]), Buffer.from([2]))).toBe(false);
  });
});

describe('the value at a path', () => {
  const item: Item = { a: { M: { b: { L: [{ S: 'zero' }, { M: { c: { N: '1' } } }] } } }, s: { S: 'text' } };

  it.each<[readonly (string | number)[], AttributeValue | undefined]>([
    [['s'], { S: 'text' }],
    [['a', 'b', 0], { S: 'zero' }],
    [['a', 'b', 1, 'c'], { N: '1' }],
    [['a', 'b', 2], undefined],
    [['a', 'b', '0'], undefined],
    [['a', 0], undefined],
    [['s', 'x'], undefined],
    [['a', 'b', 0, 'x', 'y'], undefined],
    [[0], undefined],
    [[], undefined],
    [['toString'], undefined],
    [['a', 'constructor'], undefined],
  ])('%j', (path, value) => {
    expect(valueAt(item, path)).toEqual(value);
    expect(valueAt(undefined, path)).toBeUndefined();
  });
});

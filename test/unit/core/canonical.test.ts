import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AttributeValue, Item } from '../../../lib/core/attribute.ts';
import { canonicalItem, canonicalText, ITEM_HASH_BYTES, itemHash } from '../../../lib/core/canonical.ts';
import { InputError, InvariantError } from '../../../lib/core/errors.ts';
import { anyItem, attributeValue, reordered, reorderedMap, sameMap, sameValue } from './support/arbitrary.ts';

/** An item with every type. Its text and hash are pinned: item hashes are stored, and compared between members. */
const EVERY: Item = {
  s: { S: '' },
  n: { N: '-1200' },
  b: { B: 'AAEC' },
  t: { BOOL: true },
  f: { BOOL: false },
  z: { NULL: true },
  ss: { SS: ['b', 'a'] },
  ns: { NS: ['1.0', '1.5'] },
  bs: { BS: ['AQ==', 'AA=='] },
  l: { L: [{ N: '1' }, { S: 'a' }, { L: [] }] },
  m: { M: { x: { NULL: true } } },
  _s: { M: { r: { B: 'AA==' } } },
};

describe('the canonical text', () => {
  test('is pinned for every type', () => {
    expect(canonicalItem(EVERY)).toBe(
      'M{1:b=BAAEC;2:bs=b{AA==,AQ==};1:f=F;1:l=L[N1e0,S1:a,L[]];1:m=M{1:x=0;};1:n=N-12e2;2:ns=n{15e-1,1e0};1:s=S0:;2:ss=s{1:a,1:b};1:t=T;1:z=0;}',
    );
  });

  test('the item hash is pinned, and is without the reserved attribute', () => {
    expect(itemHash(EVERY).toString('hex')).toBe('7ebef0a1cdda4f1e560a77be8f8782f1');
    const { _s: _, ...rest } = EVERY;
    expect(itemHash(rest)).toEqual(itemHash(EVERY));
    expect(itemHash(EVERY).length).toBe(ITEM_HASH_BYTES);
  });

  test('only the reserved attribute of the item itself is left out, not one further inside', () => {
    expect(itemHash({ m: { M: { _s: { S: 'a' } } } })).not.toEqual(itemHash({ m: { M: {} } }));
  });

  test('does not depend on the order of sets and maps', () => {
    fc.assert(
      fc.property(attributeValue, (value) => {
        expect(canonicalText(reordered(value))).toBe(canonicalText(value));
      }),
    );
    fc.assert(
      fc.property(anyItem, (item) => {
        expect(itemHash(reorderedMap(item))).toEqual(itemHash(item));
      }),
    );
  });

  test('two values have the same text exactly when they are equal', () => {
    const pair = fc.oneof(
      fc.tuple(attributeValue, attributeValue),
      attributeValue.map((v): [AttributeValue, AttributeValue] => [v, reordered(v)]),
    );
    fc.assert(
      fc.property(pair, ([a, b]) => {
        expect(canonicalText(a) === canonicalText(b)).toBe(sameValue(a, b));
      }),
      { numRuns: 700 },
    );
  });

  test('a change of one attribute changes the hash', () => {
    fc.assert(
      fc.property(anyItem, attributeValue, (item, value) => {
        const changed = { ...item, added: value };
        expect(itemHash(changed).equals(itemHash(item))).toBe(sameMap(changed, item));
      }),
    );
  });

  test.each<[string, AttributeValue, AttributeValue]>([
    ['a list has an order', { L: [{ S: 'a' }, { S: 'b' }] }, { L: [{ S: 'b' }, { S: 'a' }] }],
    ['a list is not a set', { L: [{ S: 'a' }] }, { SS: ['a'] }],
    ['a string is not a number', { S: '1' }, { N: '1' }],
    ['a string is not a binary', { S: 'AA==' }, { B: 'AA==' }],
    ['no text can be forged by what a string holds', { L: [{ S: 'a,S1:b' }] }, { L: [{ S: 'a' }, { S: 'b' }] }],
    ['nor by what a name holds', { M: { 'a=T;1:b': { BOOL: true } } }, { M: { a: { BOOL: true }, b: { BOOL: true } } }],
    ['an empty map is not an empty list', { M: {} }, { L: [] }],
    ['false is not null', { BOOL: false }, { NULL: true }],
    ['strings differ by unicode form', { S: '\u00e9' }, { S: 'e\u0301' }],
    ['an empty name is a name', { M: { '': { NULL: true } } }, { M: {} }],
  ])('%s', (_, a, b) => {
    expect(canonicalText(a)).not.toBe(canonicalText(b));
  });

  test.each<[string, unknown, string]>([
    ['an empty object', {}, '{"seen":[]}'],
    ['an unknown type', { SECRET: 'secret' }, '{"seen":["?"]}'],
    ['a text', 'secret', '{"seen":["string"]}'],
    ['nothing', null, '{"seen":["null"]}'],
    ['nothing, deep inside', { L: [{ M: { a: { SECRET: 'secret' } } }] }, '{"seen":["?"]}'],
  ])('%s is a broken invariant, and the message says no more than types', (_, value, seen) => {
    expect(() => canonicalText(value as AttributeValue)).toThrow(new InvariantError('not an attribute value', JSON.parse(seen) as Record<string, unknown>));
    expect(() => itemHash({ a: value as AttributeValue })).toThrow(/^(?!.*secret)/i);
  });

  test('a number out of range is refused, never hashed', () => {
    expect(() => itemHash({ n: { N: '1E126' } })).toThrow(InputError);
    expect(() => itemHash({ n: { NS: ['x'] } })).toThrow(InputError);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttributeValue, Item } from '../../../lib/core/attribute.ts';
import { canonicalItem } from '../../../lib/core/canonical.ts';
import { ITEM_BYTES_MAX } from '../../../lib/core/constants.ts';
import { InputError } from '../../../lib/core/errors.ts';
import { position } from '../../../lib/core/formats/position.ts';
import { rev } from '../../../lib/core/formats/rev.ts';
import { metaValue, sealBytes } from '../../../lib/core/formats/seal.ts';
import { INPUT_ITEM_BYTES_MAX, META_BYTES, numberText, parseItem } from '../../../lib/core/item-input.ts';
import { canonicalNumber } from '../../../lib/core/number.ts';
import { itemBytes } from '../../../lib/core/size.ts';

const SCHEMA = { partition: { name: 'id', type: 'S' } } as const;

const base64 = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('base64'));
const number = fc
  .tuple(fc.boolean(), fc.bigInt(0n, 10n ** 38n - 1n), fc.integer({ min: -80, max: 80 }), fc.constantFrom('plain', 'point', 'e'))
  .map(([negative, digits, exponent, form]) => {
    const sign = negative ? '-' : '';
    if (form === 'plain') return `${sign}${digits}`;
    return form === 'point' ? `${sign}0.${digits}` : `${sign}${digits}E${exponent}`;
  });
const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const name = fc
  .oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 }), fc.constantFrom('__proto__', 'constructor', 'toString', 'a.b'))
  .filter((n) => n !== '_s' && n !== 'id');

const { value } = fc.letrec<{ value: AttributeValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ S: text }),
    fc.record({ N: number }),
    fc.record({ B: base64 }),
    fc.record({ BOOL: fc.boolean() }),
    fc.constant({ NULL: true } as const),
    fc.record({ SS: fc.uniqueArray(text, { minLength: 1, maxLength: 5 }) }),
    fc.record({ NS: fc.uniqueArray(number, { minLength: 1, maxLength: 5, selector: canonicalNumber }) }),
    fc.record({ BS: fc.uniqueArray(base64, { minLength: 1, maxLength: 5 }) }),
    fc.record({ L: fc.array(tie('value'), { maxLength: 4 }) }),
    fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }).map((M) => ({ M })),
  ) as fc.Arbitrary<AttributeValue>,
}));
const item: fc.Arbitrary<Item> = fc
  .tuple(fc.string({ minLength: 1, maxLength: 10, unit: 'grapheme' }), fc.array(fc.tuple(name, value), { maxLength: 6 }))
  .map(([id, entries]) => Object.fromEntries([['id', { S: id }], ...entries]) as Item);

describe('parseItem', () => {
  it('takes every valid item, and leaves it what it is', () => {
    fc.assert(
      fc.property(item, (given) => {
        const parsed = parseItem(JSON.parse(JSON.stringify(given)), SCHEMA);
        expect(canonicalItem(parsed)).toBe(canonicalItem(given));
        expect(Object.keys(parsed)).toEqual(Object.keys(given));
      }),
      { numRuns: 500 },
    );
  });

  it('is idempotent', () => {
    fc.assert(
      fc.property(item, (given) => {
        const once = parseItem(given, SCHEMA);
        expect(parseItem(once, SCHEMA)).toEqual(once);
      }),
    );
  });

  it('never throws anything but an InputError, whatever JSON it is given', () => {
    const like = fc.oneof(
      fc.jsonValue(),
      fc.record({ id: fc.constant({ S: 'a' }), a: fc.jsonValue() }),
      fc.dictionary(fc.string(), fc.dictionary(fc.constantFrom('S', 'N', 'B', 'L', 'M', 'SS', 'NULL', 'x', '__proto__'), fc.jsonValue(), { maxKeys: 2 })),
    );
    let refused = 0;
    fc.assert(
      fc.property(like, (json) => {
        try {
          parseItem(JSON.parse(JSON.stringify(json)), SCHEMA);
        } catch (error) {
          refused += 1;
          expect(error).toBeInstanceOf(InputError);
          expect((error as Error).message.length).toBeLessThan(600);
        }
      }),
      { numRuns: 1_000 },
    );
    expect(refused).toBeGreaterThan(500);
  });

  it('gives names that every object has back as names', () => {
    const json = JSON.parse('{"id":{"S":"a"},"__proto__":{"M":{"__proto__":{"S":"x"}}},"constructor":{"NULL":true}}') as unknown;
    const parsed = parseItem(json, SCHEMA);
    expect(Object.keys(parsed)).toEqual(['id', '__proto__', 'constructor']);
    expect(JSON.stringify(parsed)).toBe(JSON.stringify(json));
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)['S']).toBeUndefined();
  });

  it('puts binaries into canonical base64, and odd numbers into a plain form', () => {
    const parsed = parseItem({ id: { S: 'a' }, b: { B: 'YR==' }, n: { N: ' +1. ' }, z: { N: '-0e999' } }, SCHEMA);
    expect(parsed).toEqual({ id: { S: 'a' }, b: { B: 'YQ==' }, n: { N: '1e0' }, z: { N: '0' } });
  });

  it('takes 31 lists within each other, and not 32', () => {
    const nested = (levels: number): unknown => (levels === 0 ? { S: 'x' } : { L: [nested(levels - 1)] });
    expect(() => parseItem({ id: { S: 'a' }, a: nested(31) }, SCHEMA)).not.toThrow();
    expect(() => parseItem({ id: { S: 'a' }, a: nested(32) }, SCHEMA)).toThrow(/levels deep/);
  });
});

describe('sizes', () => {
  it('leaves exactly the room that a replica’s metadata takes', () => {
    const seal = sealBytes('table', 'S1:a', position(1, '1'), 'lane', Buffer.alloc(16));
    expect(META_BYTES).toBe(itemBytes({ _s: metaValue(rev(1, 1, 1), seal) }));
    expect(INPUT_ITEM_BYTES_MAX + META_BYTES).toBe(ITEM_BYTES_MAX);
    const room = INPUT_ITEM_BYTES_MAX - itemBytes({ id: { S: 'a' }, t: { S: '' } });
    const largest = parseItem({ id: { S: 'a' }, t: { S: 'x'.repeat(room) } }, SCHEMA);
    expect(itemBytes({ ...largest, _s: metaValue(rev(1, 1, 1), seal) })).toBe(ITEM_BYTES_MAX);
    expect(() => parseItem({ id: { S: 'a' }, t: { S: 'x'.repeat(room + 1) } }, SCHEMA)).toThrow(/at most/);
  });
});

describe('numberText', () => {
  it('keeps the value', () => {
    fc.assert(
      fc.property(number, (n) => {
        expect(canonicalNumber(numberText(n))).toBe(canonicalNumber(n));
      }),
    );
  });
});

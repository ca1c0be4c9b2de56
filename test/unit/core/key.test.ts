import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AttributeValue, Item } from '../../../lib/core/attribute.ts';
import { InputError, InvariantError } from '../../../lib/core/errors.ts';
import type { KeySchema } from '../../../lib/core/key.ts';
import { checkKeyOf, keyHash, keyOf, keyText, parseKey } from '../../../lib/core/key.ts';
import { exact, numberText } from './support/arbitrary.ts';

const CITY: KeySchema = { partition: { name: 'country', type: 'S' }, sort: { name: 'cityId', type: 'N' } };
const GRAZ: Item = { country: { S: 'AT' }, cityId: { N: '123' }, name: { S: 'Graz' } };

describe('the key text and hash', () => {
  test.each<[KeySchema, Item, string, string]>([
    [CITY, GRAZ, 'S2:AT|N123e0', '23e4a110e1a3da30a7ab81e3931c788a'],
    [{ partition: { name: 'b', type: 'B' } }, { b: { B: 'AAECAwQ=' } }, 'B8:AAECAwQ=', '64da3d010e5750e921d34bd6fffbdb0f'],
    [{ partition: { name: 'n', type: 'N' } }, { n: { N: '-1200.0' } }, 'N-12e2', '09ea492938f81522ae132e63deded0c7'],
    [{ partition: { name: 's', type: 'S' } }, { s: { S: 'Wör' } }, 'S3:Wör', '057a496a1ea00263b7fce1aa2a669591'],
  ])('are pinned %#', (schema, item, text, hash) => {
    expect(keyText(item, schema)).toBe(text);
    expect(keyHash(text).toString('hex')).toBe(hash);
  });

  test('two string keys have the same text exactly when they are the same key, whatever they hold', () => {
    const schema: KeySchema = { partition: { name: 'p', type: 'S' }, sort: { name: 's', type: 'S' } };
    // Texts of the separator's own characters are the likeliest to be confused.
    const part = fc.oneof(fc.string({ maxLength: 5 }), fc.stringMatching(/^[|S:\d]{0,6}$/));
    fc.assert(
      fc.property(part, part, part, part, (p, s, q, t) => {
        const same = p === q && s === t;
        expect(keyText({ p: { S: p }, s: { S: s } }, schema) === keyText({ p: { S: q }, s: { S: t } }, schema)).toBe(same);
      }),
      { numRuns: 700 },
    );
  });

  test('two keys of any types have the same text exactly when they are the same key', () => {
    const schema = (p: 'S' | 'N' | 'B', s: 'S' | 'N' | 'B' | undefined): KeySchema => ({
      partition: { name: 'p', type: p },
      ...(s && { sort: { name: 's', type: s } }),
    });
    const values = {
      S: fc.constantFrom('a', '1', 'AA==', '|', 'a|S1:a', 'é'),
      N: fc.constantFrom('1', '1.0', '10e-1', '-1', '0', '-0'),
      B: fc.constantFrom('AA==', 'AAA=', 'AAAA', 'YQ=='),
    };
    const type = fc.constantFrom('S' as const, 'N' as const, 'B' as const);
    const same = (t: 'S' | 'N' | 'B', a: string, b: string): boolean => (t === 'N' ? exact(a) === exact(b) : a === b);
    const cases = fc
      .tuple(type, fc.option(type, { nil: undefined }))
      .chain(([p, s]) =>
        fc.record({ p: fc.constant(p), s: fc.constant(s), a: fc.tuple(values[p], values[s ?? 'S']), b: fc.tuple(values[p], values[s ?? 'S']) }),
      );
    fc.assert(
      fc.property(cases, ({ p, s, a, b }) => {
        const item = (of: readonly [string, string]): Item => ({ p: { [p]: of[0] }, ...(s && { s: { [s]: of[1] } }) }) as unknown as Item;
        const equal = same(p, a[0], b[0]) && (s === undefined || same(s, a[1], b[1]));
        expect(keyText(item(a), schema(p, s)) === keyText(item(b), schema(p, s))).toBe(equal);
      }),
      { numRuns: 500 },
    );
  });

  test('number keys are the same by value', () => {
    const schema: KeySchema = { partition: { name: 'n', type: 'N' } };
    fc.assert(
      fc.property(numberText, numberText, (a, b) => {
        expect(keyText({ n: { N: a } }, schema) === keyText({ n: { N: b } }, schema)).toBe(exact(a) === exact(b));
      }),
    );
  });

  test('keyOf takes the key alone; an item without it is a broken invariant', () => {
    expect(keyOf(GRAZ, CITY)).toEqual({ country: { S: 'AT' }, cityId: { N: '123' } });
    expect(() => keyOf({ country: { S: 'AT' } }, CITY)).toThrow(InvariantError);
    expect(() => keyOf({ country: { S: 'AT' }, cityId: { S: '123' } }, CITY)).toThrow(InvariantError);
    expect(() => keyText({ country: { S: 'AT' } }, CITY)).toThrow(InvariantError);
    expect(() => keyOf({ country: null as unknown as AttributeValue, cityId: { N: '1' } }, CITY)).toThrow(InvariantError);
    expect(() => keyText({ country: null as unknown as AttributeValue, cityId: { N: '1' } }, CITY)).toThrow(InvariantError);
  });

  test('the message of a broken invariant says types, never what the item holds', () => {
    const item = { country: { SECRET: 'secret' } as unknown as AttributeValue, cityId: { S: 'secret' } };
    for (const read of [keyOf, keyText]) {
      expect(() => read(item, CITY)).toThrow(/"name":"country","type":"S","seen":\["\?"\]/);
      expect(() => read(item, CITY)).toThrow(/^(?!.*secret)/i);
    }
  });
});

describe('a key given by a caller', () => {
  test('is read', () => {
    expect(parseKey({ country: { S: 'AT' }, cityId: { N: '123' } }, CITY)).toEqual({ country: { S: 'AT' }, cityId: { N: '123' } });
  });

  test.each<[string, Item, RegExp]>([
    ['a missing attribute', { country: { S: 'AT' } }, /"cityId" is missing.*country \(S\), cityId \(N\)/],
    ['another type', { country: { S: 'AT' }, cityId: { S: '123' } }, /"cityId" must be of type N; got S/],
    ['an empty value', { country: { S: '' }, cityId: { N: '1' } }, /"country" must not be empty/],
    ['what is not part of the key', { country: { S: 'AT' }, cityId: { N: '1' }, name: { S: 'Graz' } }, /"name" is not part of the key/],
    ['two types', { country: { S: 'AT', N: '1' } as unknown as AttributeValue, cityId: { N: '1' } }, /"country" must have one type, S; got S, N\./],
    ['null', { country: null as unknown as AttributeValue, cityId: { N: '1' } }, /"country" must be of type S; got null/],
    ['no value of DynamoDB', { country: 'AT' as unknown as AttributeValue, cityId: { N: '1' } }, /"country" must be of type S; got string/],
    ['a value that is no text', { country: { S: 'AT' }, cityId: { N: 1 } as unknown as AttributeValue }, /"cityId" must be of type N; got N/],
    ['no number', { country: { S: 'AT' }, cityId: { N: 'x' } }, /Not a number/],
  ])('is refused for %s', (_, input, message) => {
    expect(() => parseKey(input, CITY)).toThrow(InputError);
    expect(() => parseKey(input, CITY)).toThrow(message);
  });

  test('checkKeyOf counts bytes, not characters: 2,048 for the partition key, 1,024 for the sort key', () => {
    const schema: KeySchema = { partition: { name: 'p', type: 'S' }, sort: { name: 's', type: 'B' } };
    const item = (p: number, s: number): Item => ({ p: { S: 'ö'.repeat(p / 2) }, s: { B: Buffer.alloc(s).toString('base64') } });
    expect(Object.keys(checkKeyOf(item(2_048, 1_024), schema))).toEqual(['p', 's']);
    expect(() => checkKeyOf(item(2_050, 1), schema)).toThrow(/"p" has 2050 bytes; at most 2048/);
    expect(() => checkKeyOf(item(2, 1_025), schema)).toThrow(/"s" has 1025 bytes; at most 1024/);
  });
});

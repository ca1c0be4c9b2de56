import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readKey, showKey } from '../../../cli/keys.ts';
import { InputError } from '../../../lib/core/errors.ts';
import type { KeySchema } from '../../../lib/core/key.ts';

const cities: KeySchema = { partition: { name: 'country', type: 'S' }, sort: { name: 'cityId', type: 'N' } };
const single: KeySchema = { partition: { name: 'id', type: 'S' } };
const binary: KeySchema = { partition: { name: 'k', type: 'B' } };

describe('readKey', () => {
  it.each([
    ['country=DE,cityId=5', cities, { country: { S: 'DE' }, cityId: { N: '5' } }],
    ['cityId=5,country=DE', cities, { country: { S: 'DE' }, cityId: { N: '5' } }],
    ['country=a,b=c,cityId=-1.5', cities, { country: { S: 'a,b=c' }, cityId: { N: '-1.5' } }],
    ['{"country":{"S":"DE"},"cityId":{"N":"5"}}', cities, { country: { S: 'DE' }, cityId: { N: '5' } }],
    ['id=a,b,c=d', single, { id: { S: 'a,b,c=d' } }],
    ['k=AQI=', binary, { k: { B: 'AQI=' } }],
    ['k=AQI', binary, { k: { B: 'AQI=' } }],
    ['k=_-8', binary, { k: { B: '/+8=' } }],
  ] as const)('%s', (text, schema, key) => expect(readKey(text, schema)).toEqual(key));

  it.each([
    ['', cities, /does not begin with "country=" or "cityId="/],
    ['DE', cities, /does not begin/],
    ['country=DE', cities, /has no "cityId="/],
    ['country=,cityId=5', cities, /must not be empty/],
    ['country=DE,cityId=five', cities, /"cityId" must be a number\. Not a number: "five"/],
    ['country=DE,cityId=1,cityId=2', cities, /twice/],
    ['{"country":{"S":"DE"}}', cities, /"cityId" is missing/],
    ['{"country":{"S":"DE"},"cityId":{"S":"5"}}', cities, /must be of type N; got S/],
    ['{"country":"DE","cityId":5}', cities, /not a key in DynamoDB JSON/],
    ['{"country":{"S":"DE"},"cityId":{"N":"5"},"name":{"S":"x"}}', cities, /not part of the key/],
    ['{"country":', cities, /not JSON/],
    ['{"country":null}', cities, /not a key/],
    ['k=*', binary, /must be base64/],
    ['k=A', binary, /must be base64/],
    [`id=${'x'.repeat(2_049)}`, single, /2049 bytes/],
  ] as const)('refuses %s', (text, schema, why) => {
    expect(() => readKey(text, schema)).toThrow(InputError);
    expect(() => readKey(text, schema)).toThrow(why);
  });

  it('reads back what showKey writes, for every key', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(name, fc.integer(), (country, id) => {
        const key = { country: { S: country }, cityId: { N: String(id) } };
        expect(readKey(showKey(key, cities), cities)).toEqual(key);
      }),
    );
    for (const country of ['x,cityId=3', '{', ' ', 'a\nb', '=', ',']) {
      const key = { country: { S: country }, cityId: { N: '1' } };
      expect(readKey(showKey(key, cities), cities)).toEqual(key);
    }
  });
});

import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allCities, type City, itemOf, keyOf, spread } from '../../local/demo/cities.ts';
import { type Contents, differences, keyText } from '../../local/demo/compare.ts';
import { plainNumber, sameItem, sameValue } from '../../local/demo/equal.ts';
import { quantile } from '../../local/demo/lag.ts';
import { after, type Change, loadPlan, mixPlan, size } from '../../local/demo/mix.ts';
import { dynamoJson, forSdk } from '../../local/demo/writer.ts';

const city = (n: number, part: Partial<City> = {}): City => ({
  cityId: n,
  name: `City ${n}`,
  altName: 'A, B,A',
  country: 'AT',
  featureCode: 'PPLC',
  adminCode: '09',
  population: 1_000 + n,
  loc: { coordinates: [16.37208, 48.20849] },
  ...part,
});
const cities = (count: number): City[] => Array.from({ length: count }, (_, i) => city(i));

describe('numbers', () => {
  test.each([
    ['1', '1.0'],
    ['0', '-0.00'],
    ['100', '1E2'],
    ['0.00001', '1e-5'],
    ['-12.340', '-0.01234E+3'],
    ['00012.3400', '12.34'],
    ['12345678901234567890123456789012345678', '1.2345678901234567890123456789012345678e37'],
  ])('%s is %s', (a, b) => {
    expect(plainNumber(a)).toBe(plainNumber(b));
  });

  test.each([
    ['1', '-1'],
    ['1', '10'],
    ['12345678901234567890123456789012345678', '12345678901234567890123456789012345679'],
    ['0.1', '0.10000000000000000001'],
  ])('%s is not %s', (a, b) => {
    expect(plainNumber(a)).not.toBe(plainNumber(b));
  });

  test('text that is none is refused', () => {
    for (const text of ['', '.', 'NaN', '1e', '0x10']) expect(() => plainNumber(text)).toThrow('Not a number');
  });
});

describe('the comparator', () => {
  const value: fc.Arbitrary<AttributeValue> = fc.letrec<{ value: AttributeValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.string().map((S): AttributeValue => ({ S })),
      fc.integer().map((n): AttributeValue => ({ N: String(n) })),
      fc.uint8Array().map((B): AttributeValue => ({ B })),
      fc.boolean().map((BOOL): AttributeValue => ({ BOOL })),
      fc.constant<AttributeValue>({ NULL: true }),
      fc.uniqueArray(fc.string(), { minLength: 1 }).map((SS): AttributeValue => ({ SS })),
      fc.uniqueArray(fc.integer().map(String), { minLength: 1 }).map((NS): AttributeValue => ({ NS })),
      fc.array(tie('value')).map((L): AttributeValue => ({ L })),
      fc.dictionary(fc.string(), tie('value')).map((M): AttributeValue => ({ M })),
    ),
  })).value;

  const shuffled = (v: AttributeValue): AttributeValue => {
    if (v.SS !== undefined) return { SS: v.SS.toReversed() };
    if (v.NS !== undefined) return { NS: v.NS.map((n) => `${n}.0`).toReversed() };
    if (v.N !== undefined) return { N: `${v.N}.00` };
    if (v.B !== undefined) return { B: Uint8Array.from(v.B) };
    if (v.L !== undefined) return { L: v.L.map(shuffled) };
    if (v.M !== undefined)
      return {
        M: Object.fromEntries(
          Object.entries(v.M)
            .toReversed()
            .map(([k, x]) => [k, shuffled(x)]),
        ),
      };
    return v;
  };

  test('takes the same value in another spelling as the same', () => {
    fc.assert(
      fc.property(value, (v) => {
        expect(sameValue(v, shuffled(v))).toBe(true);
      }),
    );
  });

  test('tells different values apart, whichever is first', () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(sameValue(a, b)).toBe(sameValue(b, a));
        expect(sameValue({ L: [a, { S: 'x' }] }, { L: [a] })).toBe(false);
        expect(sameValue({ M: { a } }, { M: { b: a } })).toBe(false);
      }),
    );
    const different: AttributeValue[] = [
      { S: '1' },
      { N: '1' },
      { B: Uint8Array.of(1) },
      { BOOL: true },
      { BOOL: false },
      { NULL: true },
      { L: [] },
      { M: {} },
      { SS: ['1'] },
      { NS: ['1'] },
      { BS: [Uint8Array.of(1)] },
      { S: '' },
    ];
    for (const [i, a] of different.entries())
      for (const [j, b] of different.entries()) expect(sameValue(a, b), `${JSON.stringify(a)} ${JSON.stringify(b)}`).toBe(i === j);
  });

  test("ignores Syncline's own attribute, at the top only", () => {
    expect(sameItem({ a: { S: '1' }, _s: { M: {} } }, { a: { S: '1' } })).toBe(true);
    expect(sameItem({ a: { M: { _s: { S: '1' } } } }, { a: { M: {} } })).toBe(false);
  });

  test('finds what is missing, extra and different', () => {
    const table = (...items: [string, string][]): Contents => new Map(items.map(([k, v]) => [k, { v: { S: v } }]));
    expect(differences(table(['a', '1'], ['b', '1'], ['c', '1']), table(['a', '1'], ['b', '2'], ['d', '1']))).toEqual([
      { key: 'b', kind: 'different' },
      { key: 'c', kind: 'missing' },
      { key: 'd', kind: 'extra' },
    ]);
  });

  test('knows a key by its value', () => {
    expect(keyText({ country: { S: 'AT' }, cityId: { N: '1.0' } }, ['country', 'cityId'])).toBe(keyText(keyOf(city(1)), ['country', 'cityId']));
    expect(() => keyText({ country: { S: 'AT' } }, ['country', 'cityId'])).toThrow('"cityId"');
  });
});

describe('the data', () => {
  test('has every type of attribute', () => {
    const types = new Set<string>();
    const collect = (v: AttributeValue): void => {
      types.add(Object.keys(v)[0] ?? '');
      for (const x of v.L ?? Object.values(v.M ?? {})) collect(x);
    };
    for (const c of [city(1), city(2, { altName: '' })]) Object.values(itemOf(c)).forEach(collect);
    expect([...types].sort()).toEqual(['B', 'BOOL', 'BS', 'L', 'M', 'N', 'NS', 'NULL', 'S', 'SS']);
  });

  test('is real, distinct by key, and the same each time', () => {
    const all = allCities();
    expect(all.length).toBeGreaterThan(130_000);
    const { chosen, others } = spread(all, 1_000);
    expect(chosen).toHaveLength(1_000);
    expect(others).toHaveLength(all.length - 1_000);
    expect(new Set(chosen.map((c) => keyText(keyOf(c), ['country', 'cityId']))).size).toBe(1_000);
    expect(new Set(chosen.map((c) => c.country)).size).toBeGreaterThan(100);
    expect(spread(all, 1_000).chosen.map((c) => c.cityId)).toEqual(chosen.map((c) => c.cityId));
    for (const c of chosen)
      for (const set of ['altNames', 'box'] as const) {
        const values = itemOf(c)[set]?.SS ?? itemOf(c)[set]?.NS?.map(plainNumber) ?? [];
        expect(new Set(values).size).toBe(values.length);
      }
  });
});

describe('the plans', () => {
  const keys = ({ ways }: ReturnType<typeof loadPlan>): number[] => [
    ...new Set(
      Object.values(ways)
        .flat()
        .map((c) => c.city.cityId),
    ),
  ];

  test('the load puts every city once, some of them over HTTP by two ways', () => {
    const plan = loadPlan(cities(1_000));
    expect(size(plan)).toBe(1_000);
    expect(keys(plan)).toHaveLength(1_000);
    expect(plan.ways.api).toHaveLength(25);
    expect(plan.ways['secondary-api']).toHaveLength(25);
  });

  test('the mix updates, deletes, makes again and inserts, and ends with what the model says', () => {
    const present = cities(1_000);
    const plan = mixPlan(present, cities(2_000).slice(1_000));
    const changes = Object.values(plan.ways).flat();
    const model = new Map(present.map((c) => [c.cityId, itemOf(c) as ReturnType<typeof itemOf> | undefined]));
    for (const change of changes) model.set(change.city.cityId, after(model.get(change.city.cityId), change));
    const left = [...model.values()].filter((item) => item !== undefined);
    expect(left).toHaveLength(1_000 - 40 + 40);
    expect(left.filter((item) => item['counted'] !== undefined)).toHaveLength(100);
    expect(left.filter((item) => item['note'] !== undefined)).toHaveLength(10);
    expect(plan.ways.api.length).toBeGreaterThan(0);
  });

  test('changes of one key go one way and stay in order', () => {
    const plan = mixPlan(cities(500), cities(1_000).slice(500));
    const ways = Object.values(plan.ways).map((changes) => new Set(changes.map((c) => c.city.cityId)));
    for (const [i, way] of ways.entries()) for (const other of ways.slice(i + 1)) expect([...other].filter((id) => way.has(id))).toEqual([]);
    const { batches, singles } = forSdk(plan.ways.sdk);
    for (const batch of batches) {
      expect(batch.length).toBeLessThanOrEqual(25);
      expect(new Set(batch.map((c) => c.city.cityId)).size).toBe(batch.length);
    }
    const remade = singles.filter((ofKey) => ofKey.length > 1);
    expect(remade.length).toBeGreaterThan(0);
    for (const ofKey of remade) expect(ofKey.map((c: Change) => c.kind)).toEqual(['delete', 'put']);
    expect(batches.flat().length + singles.flat().length).toBe(plan.ways.sdk.length);
  });
});

describe('small parts', () => {
  test('quantiles are of the nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([quantile(values, 0.5), quantile(values, 0.99), quantile([7], 0.5), quantile([], 0.5)]).toEqual([50, 99, 7, 0]);
  });

  test('binary is base64 in DynamoDB JSON', () => {
    expect(dynamoJson({ b: { B: Uint8Array.of(1, 2) }, bs: { BS: [Uint8Array.of(255)] } })).toBe('{"b":{"B":"AQI="},"bs":{"BS":["/w=="]}}');
  });
});

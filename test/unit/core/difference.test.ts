import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttributeValue, Item } from '../../../lib/core/attribute.ts';
import { DIFFERENCES_OF_MAP_MAX, differenceOf } from '../../../lib/core/difference.ts';
import { sameItem, valueAt } from '../../../lib/core/values.ts';

const name = fc.constantFrom('a', 'b', 'c', 'constructor', '__proto__', 'x.y');
const { item } = fc.letrec<{ value: AttributeValue; item: Item }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<AttributeValue>({ S: 'x' }, { S: 'y' }, { N: '1' }, { N: '1.0' }, { BOOL: true }, { NULL: true }, { SS: ['a', 'b'] }, { SS: ['b', 'a'] }),
    tie('item').map((M) => ({ M })),
    fc.array(tie('value'), { maxLength: 2 }).map((L) => ({ L })),
  ),
  item: fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
}));

/** The second image, made of the first one and the differences. */
function applied(before: Item, differences: ReturnType<typeof differenceOf>): Item {
  const result = structuredClone(before) as Record<string, AttributeValue>;
  for (const { path, after } of differences) {
    let map = result;
    for (const step of path.slice(0, -1)) map = (map[step] as { M: Record<string, AttributeValue> }).M;
    const last = path.at(-1) as string;
    if (after === undefined) delete map[last];
    else Object.defineProperty(map, last, { value: after, enumerable: true, configurable: true, writable: true });
  }
  return result;
}

describe('The difference of two images', () => {
  it('says what was added, removed and changed, by name', () => {
    expect(differenceOf({ a: { S: '1' }, b: { N: '2' }, same: { BOOL: true } }, { b: { N: '3' }, c: { NULL: true }, same: { BOOL: true } })).toEqual([
      { path: ['a'], before: { S: '1' } },
      { path: ['b'], before: { N: '2' }, after: { N: '3' } },
      { path: ['c'], after: { NULL: true } },
    ]);
  });

  it('goes into maps, and takes lists and sets as one value', () => {
    const before: Item = { address: { M: { city: { S: 'Ulm' }, zip: { S: '89073' } } }, tags: { L: [{ S: 'a' }] } };
    const after: Item = { address: { M: { city: { S: 'Bonn' }, zip: { S: '89073' } } }, tags: { L: [{ S: 'a' }, { S: 'b' }] } };
    expect(differenceOf(before, after)).toEqual([
      { path: ['address', 'city'], before: { S: 'Ulm' }, after: { S: 'Bonn' } },
      { path: ['tags'], before: { L: [{ S: 'a' }] }, after: { L: [{ S: 'a' }, { S: 'b' }] } },
    ]);
  });

  it('counts neither another spelling of a number nor another order of a set as a change', () => {
    expect(differenceOf({ n: { N: '1.0' }, s: { NS: ['1', '2'] } }, { n: { N: '1' }, s: { NS: ['2', '1.00'] } })).toEqual([]);
  });

  it('leaves our own attribute out, but not one of that name deeper within', () => {
    expect(differenceOf({ _s: { M: {} }, m: { M: { _s: { S: '1' } } } }, { m: { M: { _s: { S: '2' } } } })).toEqual([
      { path: ['m', '_s'], before: { S: '1' }, after: { S: '2' } },
    ]);
  });

  it('takes a map as one value when too many of its members differ, or when the path to them is long', () => {
    const many = (value: string): Item => ({
      m: { M: Object.fromEntries(Array.from({ length: DIFFERENCES_OF_MAP_MAX + 1 }, (_, i) => [`k${i}`, { S: value }])) },
    });
    expect(differenceOf(many('a'), many('b')).map((d) => d.path)).toEqual([['m']]);
    const long = (value: string): Item => ({ ['n'.repeat(201)]: { M: { a: { S: value }, b: { S: value } } } });
    expect(differenceOf(long('a'), long('b')).map((d) => d.path)).toEqual([['n'.repeat(201)]]);
  });

  it('is never much larger than the two images, however these are nested', () => {
    const nested = (depth: number, value: string): AttributeValue =>
      depth === 0 ? { S: value } : { M: { ['n'.repeat(150)]: nested(depth - 1, value), a: { S: value }, b: { S: value } } };
    const [before, after] = [{ m: nested(30, 'x') }, { m: nested(30, 'y') }];
    const size = (json: unknown): number => JSON.stringify(json).length;
    expect(size(differenceOf(before, after))).toBeLessThan(2 * (size(before) + size(after)));
  });

  it('makes the second image of the first one, whatever they are', () => {
    fc.assert(
      fc.property(item, item, (before, after) => {
        const differences = differenceOf(before, after);
        expect(sameItem(applied(before, differences), after)).toBe(true);
        for (const d of differences) expect(valueAt(after, d.path)).toEqual(d.after);
      }),
    );
  });

  it('is empty exactly for equal images, and the other way round it is its mirror', () => {
    fc.assert(
      fc.property(item, item, (a, b) => {
        expect(differenceOf(a, b).length === 0).toBe(sameItem(a, b));
        expect(differenceOf(b, a)).toEqual(
          differenceOf(a, b).map(({ path, before, after }) => ({ path, ...(after && { before: after }), ...(before && { after: before }) })),
        );
      }),
    );
  });
});

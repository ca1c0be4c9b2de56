import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttributeValue, Item } from '../../../../lib/core/attribute.ts';
import { project, projectionOf } from '../../../../lib/core/expression/projection.ts';
import type { Path } from '../../../../lib/core/values.ts';
import { valueAt } from '../../../../lib/core/values.ts';
import { attributes, path } from './support/small.ts';

const select = (item: Item, ...paths: Path[]): Item => project(item, projectionOf(paths));
const ITEM: Item = {
  s: { S: 'Ulm' },
  l: { L: [{ N: '0' }, { M: { a: { N: '1' }, b: { N: '2' } } }, { N: '2' }] },
  m: { M: { a: { M: { x: { NULL: true }, y: { NULL: true } } }, b: { S: 'b' } } },
};

describe('a projection', () => {
  it.each<[Path[], Item]>([
    [[['s']], { s: { S: 'Ulm' } }],
    [[['none'], ['s', 'x'], ['m', 'none'], ['l', 9], ['m', 0], ['l', 'a'], ['toString']], {}],
    [[['m', 'a', 'x']], { m: { M: { a: { M: { x: { NULL: true } } } } } }],
    [
      [
        ['m', 'a', 'x'],
        ['m', 'b'],
      ],
      { m: { M: { a: { M: { x: { NULL: true } } }, b: { S: 'b' } } } },
    ],
    [
      [
        ['l', 2],
        ['l', 0],
      ],
      { l: { L: [{ N: '0' }, { N: '2' }] } },
    ],
    [[['l', 1, 'b']], { l: { L: [{ M: { b: { N: '2' } } }] } }],
    [[['m'], ['m', 'b']], { m: ITEM['m'] as AttributeValue }],
    [[['m', 'b'], ['m']], { m: ITEM['m'] as AttributeValue }],
  ])('%j', (paths, part) => {
    expect(select(ITEM, ...paths)).toEqual(part);
  });

  it('has what the item has at a path of names, and nothing that was not asked for', () => {
    const names = path.filter((of) => of.every((step) => typeof step === 'string'));
    fc.assert(
      fc.property(attributes, fc.array(names, { minLength: 1, maxLength: 3 }), (item, paths) => {
        const part = select(item, ...paths);
        for (const of of paths) expect(valueAt(part, of)).toEqual(valueAt(item, of));
        for (const name of Object.keys(part)) expect(paths.some(([first]) => first === name)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('of a projection is the same projection, but for lists, which have moved together', () => {
    fc.assert(
      fc.property(attributes, fc.array(path, { minLength: 1, maxLength: 3 }), (item, paths) => {
        const part = select(item, ...paths);
        const names = paths.filter((of) => of.every((step) => typeof step === 'string'));
        for (const of of names) expect(valueAt(select(part, ...paths), of)).toEqual(valueAt(part, of));
      }),
    );
  });

  it('keeps names that mean something to JavaScript', () => {
    const item = JSON.parse('{"__proto__":{"S":"x"},"a":{"S":"y"}}') as Item;
    const part = select(item, ['__proto__']);
    expect(Object.entries(part)).toEqual([['__proto__', { S: 'x' }]]);
    expect(Object.getPrototypeOf(part)).toBe(Object.prototype);
  });
});

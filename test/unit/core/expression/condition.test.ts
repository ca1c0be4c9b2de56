import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttributeValue, Item } from '../../../../lib/core/attribute.ts';
import { ATTRIBUTE_TYPES } from '../../../../lib/core/attribute.ts';
import { InputError } from '../../../../lib/core/errors.ts';
import type { ItemCondition } from '../../../../lib/core/expression/condition.ts';
import { CONDITION_DEPTH_MAX, CONDITION_PARTS_MAX, checkCondition, holds } from '../../../../lib/core/expression/condition.ts';
import { attributes, condition, path, scalar } from './support/small.ts';

const base64 = (...bytes: number[]): string => Buffer.from(bytes).toString('base64');
const ITEM: Item = {
  s: { S: 'Ulm' },
  n: { N: '12.50' },
  b: { B: base64(1, 200, 3) },
  t: { BOOL: true },
  o: { NULL: true },
  ss: { SS: ['x', 'y'] },
  ns: { NS: ['1', '2'] },
  bs: { BS: [base64(1)] },
  l: { L: [{ S: 'x' }, { N: '2' }] },
  m: { M: { inner: { S: 'deep' }, l: { L: [{ M: { z: { N: '7' } } }] } } },
};

describe('a condition', () => {
  it.each<[ItemCondition, boolean]>([
    [{ path: ['s'], op: '=', value: { S: 'Ulm' } }, true],
    [{ path: ['n'], op: '=', value: { N: '12.5' } }, true],
    [{ path: ['n'], op: '=', value: { S: '12.50' } }, false],
    [{ path: ['ss'], op: '=', value: { SS: ['y', 'x'] } }, true],
    [{ path: ['none'], op: '=', value: { S: '' } }, false],
    [{ path: ['none'], op: '<>', value: { S: '' } }, true],
    [{ path: ['s'], op: '<>', value: { N: '1' } }, true],
    [{ path: ['s'], op: '<>', value: { S: 'Ulm' } }, false],
    [{ path: ['n'], op: '<', value: { N: '100' } }, true],
    [{ path: ['n'], op: '<=', value: { N: '12.5' } }, true],
    [{ path: ['n'], op: '>', value: { N: '12.5' } }, false],
    [{ path: ['n'], op: '>=', value: { S: '1' } }, false],
    [{ path: ['none'], op: '<', value: { N: '1' } }, false],
    [{ path: ['b'], op: '>', value: { B: base64(1, 100) } }, true],
    [{ path: ['m', 'l', 0, 'z'], op: '=', value: { N: '7' } }, true],
    [{ path: ['m', 'l', 1, 'z'], op: '=', value: { N: '7' } }, false],
    [{ path: ['s'], op: 'begins-with', value: { S: 'Ul' } }, true],
    [{ path: ['s'], op: 'begins-with', value: { S: 'lm' } }, false],
    [{ path: ['b'], op: 'begins-with', value: { B: base64(1, 200) } }, true],
    [{ path: ['b'], op: 'begins-with', value: { B: base64(200) } }, false],
    [{ path: ['b'], op: 'begins-with', value: { S: 'A' } }, false],
    [{ path: ['s'], op: 'contains', value: { S: 'lm' } }, true],
    [{ path: ['s'], op: 'contains', value: { N: '1' } }, false],
    [{ path: ['b'], op: 'contains', value: { B: base64(200, 3) } }, true],
    [{ path: ['b'], op: 'contains', value: { B: base64(3, 200) } }, false],
    [{ path: ['ss'], op: 'contains', value: { S: 'x' } }, true],
    [{ path: ['ns'], op: 'contains', value: { N: '1.0' } }, true],
    [{ path: ['ns'], op: 'contains', value: { S: '1' } }, false],
    [{ path: ['bs'], op: 'contains', value: { B: base64(1) } }, true],
    [{ path: ['l'], op: 'contains', value: { N: '2.0' } }, true],
    [{ path: ['l'], op: 'contains', value: { S: '2' } }, false],
    [{ path: ['m'], op: 'contains', value: { S: 'deep' } }, false],
    [{ path: ['n'], op: 'between', from: { N: '12.5' }, to: { N: '12.5' } }, true],
    [{ path: ['n'], op: 'between', from: { N: '13' }, to: { N: '14' } }, false],
    [{ path: ['s'], op: 'between', from: { N: '1' }, to: { N: '2' } }, false],
    [{ path: ['s'], op: 'in', values: [{ S: 'Bonn' }, { S: 'Ulm' }] }, true],
    [{ path: ['s'], op: 'in', values: [{ S: 'Bonn' }] }, false],
    [{ path: ['o'], op: 'exists' }, true],
    [{ path: ['none'], op: 'exists' }, false],
    [{ path: ['s', 'x'], op: 'not-exists' }, true],
    [{ path: ['toString'], op: 'exists' }, false],
    [{ path: ['m'], op: 'type', type: 'M' }, true],
    [{ path: ['m'], op: 'type', type: 'L' }, false],
    [{ path: ['s'], op: 'size', is: '=', size: 3 }, true],
    [{ path: ['b'], op: 'size', is: '=', size: 3 }, true],
    [{ path: ['bs'], op: 'size', is: '=', size: 1 }, true],
    [{ path: ['l'], op: 'size', is: '>', size: 1 }, true],
    [{ path: ['m'], op: 'size', is: '<=', size: 1 }, false],
    [{ path: ['n'], op: 'size', is: '>=', size: 0 }, false],
    [{ path: ['n'], op: 'size', is: '<>', size: 0 }, true],
    [{ path: ['none'], op: 'size', is: '<>', size: 0 }, true],
    [
      {
        and: [
          { path: ['s'], op: 'exists' },
          { path: ['none'], op: 'exists' },
        ],
      },
      false,
    ],
    [
      {
        or: [
          { path: ['s'], op: 'exists' },
          { path: ['none'], op: 'exists' },
        ],
      },
      true,
    ],
    [{ not: { path: ['none'], op: '=', value: { S: '' } } }, true],
  ])('%j: %s', (of, result) => {
    checkCondition(of, 'if');
    expect(holds(of, ITEM)).toBe(result);
  });

  it('has exactly one type that each value is of', () => {
    for (const name of Object.keys(ITEM)) expect(ATTRIBUTE_TYPES.filter((type) => holds({ path: [name], op: 'type', type }, ITEM))).toHaveLength(1);
  });

  it('obeys the laws of logic', () => {
    fc.assert(
      fc.property(condition, condition, attributes, (a, b, item) => {
        const [x, y] = [holds(a, item), holds(b, item)];
        expect(holds({ not: a }, item)).toBe(!x);
        expect(holds({ and: [a, b] }, item)).toBe(x && y);
        expect(holds({ or: [a, b] }, item)).toBe(x || y);
      }),
    );
  });

  it('holds of no item only where it asks for absence or difference', () => {
    const missing = fc.record({ path, op: fc.constantFrom('=' as const, '<' as const, '>=' as const, 'contains' as const), value: scalar });
    fc.assert(
      fc.property(missing, (of) => {
        expect(holds(of, undefined)).toBe(false);
      }),
    );
    expect(holds({ path: ['a'], op: 'not-exists' }, undefined)).toBe(true);
    expect(holds({ path: ['a'], op: '<>', value: { N: '1' } }, undefined)).toBe(true);
  });
});

describe('the check of a condition', () => {
  const nested = (depth: number): ItemCondition => (depth === 1 ? { path: ['a'], op: 'exists' } : { not: nested(depth - 1) });
  const leaf: ItemCondition = { path: ['a'], op: 'exists' };
  const list: AttributeValue = { L: [] };

  it('takes what is just within the limits', () => {
    expect(() => checkCondition(nested(CONDITION_DEPTH_MAX), 'if')).not.toThrow();
    expect(() => checkCondition({ and: new Array<ItemCondition>(CONDITION_PARTS_MAX - 1).fill(leaf) }, 'if')).not.toThrow();
  });

  it.each<[string, ItemCondition, string, string]>([
    ['levels', nested(CONDITION_DEPTH_MAX + 1), 'levels', 'if'],
    ['parts', { and: new Array<ItemCondition>(CONDITION_PARTS_MAX).fill(leaf) }, 'parts', 'if'],
    ['an order of lists', { or: [leaf, { path: ['a'], op: '<', value: list }] }, 'got L', 'if.or[1].value'],
    ['the beginning of a number', { not: { path: ['a'], op: 'begins-with', value: { N: '1' } } }, 'got N', 'if.not.value'],
    ['ends of two types', { path: ['a'], op: 'between', from: { N: '1' }, to: { S: '1' } }, 'got N and S', 'if.from'],
    ['ends in the wrong order', { path: ['a'], op: 'between', from: { N: '2' }, to: { N: '1' } }, 'smaller one first', 'if.from'],
  ])('refuses %s', (_, of, message, at) => {
    try {
      checkCondition(of, 'if');
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(InputError);
      expect(error).toMatchObject({ code: 'invalid-condition', path: at, message: expect.stringContaining(message) as string });
    }
  });
});

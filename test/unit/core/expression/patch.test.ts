import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttributeValue, Item } from '../../../../lib/core/attribute.ts';
import { InputError } from '../../../../lib/core/errors.ts';
import type { PatchOperation } from '../../../../lib/core/expression/patch.ts';
import { applyPatch } from '../../../../lib/core/expression/patch.ts';
import { sameItem, sameValue, valueAt } from '../../../../lib/core/values.ts';
import { attributes, path, scalar, value } from './support/small.ts';

const KEY: Item = { id: { S: 'k' } };
const ITEM: Item = {
  ...KEY,
  s: { S: 'Ulm' },
  n: { N: '1.50' },
  l: { L: [{ N: '0' }, { N: '1' }] },
  m: { M: { a: { M: {} }, n: { N: '1' } } },
  ss: { SS: ['x', 'y'] },
  ns: { NS: ['1', '2'] },
};
const apply = (...operations: PatchOperation[]): Item => applyPatch(KEY, ITEM, operations);
const added = (more: Item): Item => ({ ...ITEM, ...more });
const refusal = (run: () => unknown): InputError => {
  try {
    run();
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error('it was not refused');
};

describe('a patch', () => {
  it.each<[PatchOperation, Item]>([
    [{ op: 'set', path: ['s'], value: { N: '1' } }, added({ s: { N: '1' } })],
    [{ op: 'set', path: ['new'], value: { L: [] } }, added({ new: { L: [] } })],
    [{ op: 'set', path: ['m', 'a', 'b'], value: { S: 'x' } }, added({ m: { M: { a: { M: { b: { S: 'x' } } }, n: { N: '1' } } } })],
    [{ op: 'set', path: ['l', 0], value: { S: 'x' } }, added({ l: { L: [{ S: 'x' }, { N: '1' }] } })],
    [{ op: 'set', path: ['l', 9], value: { S: 'x' } }, added({ l: { L: [{ N: '0' }, { N: '1' }, { S: 'x' }] } })],
    [{ op: 'set-if-absent', path: ['s'], value: { N: '1' } }, ITEM],
    [{ op: 'set-if-absent', path: ['t'], value: { N: '1' } }, added({ t: { N: '1' } })],
    [{ op: 'remove', path: ['m', 'n'] }, added({ m: { M: { a: { M: {} } } } })],
    [{ op: 'remove', path: ['l', 0] }, added({ l: { L: [{ N: '1' }] } })],
    [{ op: 'remove', path: ['l', 9] }, ITEM],
    [{ op: 'remove', path: ['none', 'x'] }, ITEM],
    [{ op: 'increment', path: ['n'], value: { N: '0.1' } }, added({ n: { N: '1.6' } })],
    [{ op: 'increment', path: ['m', 'n'], value: { N: '-1' } }, added({ m: { M: { a: { M: {} }, n: { N: '0' } } } })],
    [{ op: 'increment', path: ['new'], value: { N: '2' } }, added({ new: { N: '2' } })],
    [{ op: 'append', path: ['l'], value: { L: [{ S: 'x' }, { L: [] }] } }, added({ l: { L: [{ N: '0' }, { N: '1' }, { S: 'x' }, { L: [] }] } })],
    [{ op: 'prepend', path: ['l'], value: { L: [{ S: 'x' }, { S: 'y' }] } }, added({ l: { L: [{ S: 'x' }, { S: 'y' }, { N: '0' }, { N: '1' }] } })],
    [{ op: 'append', path: ['new'], value: { L: [{ S: 'x' }] } }, added({ new: { L: [{ S: 'x' }] } })],
    [{ op: 'add-to-set', path: ['ss'], value: { SS: ['y', 'z'] } }, added({ ss: { SS: ['x', 'y', 'z'] } })],
    [{ op: 'add-to-set', path: ['ns'], value: { NS: ['1.0', '3'] } }, added({ ns: { NS: ['1', '2', '3'] } })],
    [{ op: 'add-to-set', path: ['new'], value: { BS: ['AQ=='] } }, added({ new: { BS: ['AQ=='] } })],
    [{ op: 'remove-from-set', path: ['ns'], value: { NS: ['2.0', '9'] } }, added({ ns: { NS: ['1'] } })],
    [{ op: 'remove-from-set', path: ['new'], value: { SS: ['x'] } }, ITEM],
  ])('%j', (operation, item) => {
    expect(apply(operation)).toEqual(item);
  });

  it('removes a set that becomes empty, since DynamoDB has none', () => {
    const { ss: _, ...rest } = ITEM;
    expect(apply({ op: 'remove-from-set', path: ['ss'], value: { SS: ['y', 'x'] } })).toEqual(rest);
  });

  it('applies its operations in their order, each to what the one before has left', () => {
    expect(
      apply(
        { op: 'set', path: ['o'], value: { M: {} } },
        { op: 'set', path: ['o', 'p'], value: { L: [] } },
        { op: 'append', path: ['o', 'p'], value: { L: [{ N: '1' }, { N: '2' }] } },
        { op: 'increment', path: ['o', 'p', 1], value: { N: '40' } },
        { op: 'remove', path: ['o', 'p', 0] },
      ),
    ).toEqual(added({ o: { M: { p: { L: [{ N: '42' }] } } } }));
  });

  it('makes the item if there is none', () => {
    expect(applyPatch(KEY, undefined, [{ op: 'increment', path: ['n'], value: { N: '1' } }])).toEqual({ ...KEY, n: { N: '1' } });
  });

  it.each<[PatchOperation, string, string]>([
    [{ op: 'set', path: ['id'], value: { S: 'other' } }, 'part of the key', 'id'],
    [{ op: 'remove', path: ['id', 'x'] }, 'part of the key', 'id.x'],
    [{ op: 'set', path: ['_s'], value: { S: 'x' } }, "Syncline's own", '_s'],
    [{ op: 'remove', path: ['_s', 'r'] }, "Syncline's own", '_s.r'],
    [{ op: 'set', path: ['none', 'x'], value: { S: 'x' } }, 'there is nothing. Set "none" first', 'none.x'],
    [{ op: 'set', path: ['m', 'b', 'c'], value: { S: 'x' } }, 'Set "m.b" first', 'm.b.c'],
    [{ op: 'set', path: ['l', 9, 'x'], value: { S: 'x' } }, 'Set "l[9]" first', 'l[9].x'],
    [{ op: 'set-if-absent', path: ['none', 'x'], value: { S: 'x' } }, 'there is nothing', 'none.x'],
    [{ op: 'set', path: ['s', 'x'], value: { S: 'x' } }, 'it holds S', 's.x'],
    [{ op: 'set', path: ['l', 'x'], value: { S: 'x' } }, 'lists have indexes', 'l.x'],
    [{ op: 'set', path: ['m', 0], value: { S: 'x' } }, 'maps have names', 'm[0]'],
    [{ op: 'increment', path: ['s'], value: { N: '1' } }, 'it holds S', 's'],
    [{ op: 'increment', path: ['n'], value: { S: '1' } }, 'got S', 'n'],
    [{ op: 'increment', path: ['n'], value: { N: '1E125' } }, '38 significant digits', 'n'],
    [{ op: 'append', path: ['l'], value: { S: 'x' } }, 'must be a list', 'l'],
    [{ op: 'prepend', path: ['s'], value: { L: [] } }, 'must be a list', 's'],
    [{ op: 'add-to-set', path: ['ss'], value: { NS: ['1'] } }, 'not a set of type NS', 'ss'],
    [{ op: 'add-to-set', path: ['ss'], value: { S: 'x' } }, 'takes a set', 'ss'],
    [{ op: 'remove-from-set', path: ['s'], value: { SS: ['x'] } }, 'holds S', 's'],
  ])('refuses %j, and says why and where', (operation, message, at) => {
    const error = refusal(() => apply(operation));
    expect(error).toMatchObject({ code: 'invalid-patch', path: at });
    expect(error.message).toContain(message);
  });

  it('refuses what no member could hold', () => {
    const deep = (levels: number): AttributeValue => (levels === 0 ? { S: 'x' } : { L: [deep(levels - 1)] });
    expect(apply({ op: 'set', path: ['d'], value: deep(31) })).toBeDefined();
    expect(refusal(() => apply({ op: 'set', path: ['d'], value: deep(30) }, { op: 'append', path: ['d', 0, 0], value: { L: [deep(29)] } })).message).toContain(
      'levels',
    );
    const half: AttributeValue = { S: 'x'.repeat(250_000) };
    expect(refusal(() => apply({ op: 'set', path: ['p'], value: half }, { op: 'set', path: ['q'], value: half })).code).toBe('item-too-large');
  });

  it('changes nothing that it was given', () => {
    const operation = fc.oneof(
      fc.record({ op: fc.constant('set' as const), path, value }),
      fc.record({ op: fc.constant('remove' as const), path }),
      fc.record({ op: fc.constant('append' as const), path, value: fc.array(scalar).map((L) => ({ L })) }),
    );
    fc.assert(
      fc.property(attributes, fc.array(operation, { minLength: 1, maxLength: 4 }), (of, operations) => {
        const item: Item = { ...KEY, ...of };
        const before = structuredClone(item);
        try {
          applyPatch(KEY, item, operations);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
        expect(item).toEqual(before);
      }),
    );
  });

  it('leaves at a path what was set there, and everything beside it as it was', () => {
    fc.assert(
      fc.property(attributes, path, value, (of, at, given) => {
        const item: Item = { ...KEY, ...of };
        let after: Item;
        try {
          after = applyPatch(KEY, item, [{ op: 'set', path: at, value: given }]);
        } catch {
          return;
        }
        // An index beyond the end has become the end.
        const last = at.at(-1);
        const list = valueAt(item, at.slice(0, -1));
        const where = typeof last === 'number' && list !== undefined && 'L' in list ? [...at.slice(0, -1), Math.min(last, list.L.length)] : at;
        expect(sameValue(valueAt(after, where) as AttributeValue, given)).toBe(true);
        const [first] = at as [string];
        const { [first]: _a, ...beside } = item;
        const { [first]: _b, ...besideAfter } = after;
        expect(sameItem(beside, besideAfter)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('adds whole numbers exactly, whatever their size', () => {
    const big = fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n });
    fc.assert(
      fc.property(fc.array(big, { minLength: 1, maxLength: 5 }), (numbers) => {
        const item = applyPatch(
          KEY,
          undefined,
          numbers.map((n) => ({ op: 'increment', path: ['n'], value: { N: String(n) } })),
        );
        expect(item['n']).toEqual({ N: String(numbers.reduce((sum, n) => sum + n, 0n)) });
      }),
    );
  });

  it('keeps names that mean something to JavaScript', () => {
    const item = applyPatch(KEY, undefined, [
      { op: 'set', path: ['__proto__'], value: { M: {} } },
      { op: 'set', path: ['__proto__', 'constructor'], value: { N: '1' } },
    ]);
    expect(Object.keys(item)).toEqual(['id', '__proto__']);
    expect(Object.getPrototypeOf(item)).toBe(Object.prototype);
    expect(valueAt(item, ['__proto__', 'constructor'])).toEqual({ N: '1' });
    const back = applyPatch(KEY, item, [{ op: 'remove', path: ['__proto__'] }]);
    expect(back).toEqual(KEY);
  });

  it('adds to a large set in linear time', () => {
    const members = (from: number): string[] => Array.from({ length: 40_000 }, (_, i) => String(from + i));
    const item = applyPatch(KEY, { ...KEY, n: { NS: members(0) } }, [
      { op: 'add-to-set', path: ['n'], value: { NS: members(20_000) } },
      { op: 'remove-from-set', path: ['n'], value: { NS: members(10_000) } },
    ]);
    expect((item['n'] as { NS: string[] }).NS).toHaveLength(20_000);
  });
});

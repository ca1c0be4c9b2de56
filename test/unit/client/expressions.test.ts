import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { marshalCondition, marshalOperation } from '../../../client/conditions.ts';
import { readCondition } from '../../../client/document/condition.ts';
import { keyCondition } from '../../../client/document/key-condition.ts';
import { readUpdate } from '../../../client/document/update.ts';
import { SynclineError } from '../../../client/errors.ts';
import { NumberValue } from '../../../client/values.ts';
import { holds } from '../../../lib/core/expression/condition.ts';
import { readPatch, readCondition as readSentCondition } from '../../../lib/serve/body.ts';
import { attributes, condition } from '../core/expression/support/small.ts';
import { parts, style, update, Writer } from './written.ts';

const WITH = {
  ExpressionAttributeNames: { '#n': 'a name.with [odd] parts', '#s': 'size' },
  ExpressionAttributeValues: { ':a': 1, ':b': 2, ':t': 'text', ':l': ['x'], ':e': [], ':set': new Set(['x']), ':z': 0, ':type': 'S' },
};
const whyNot = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof SynclineError && error.code === 'invalid-expression') return error.message;
    throw error;
  }
  return 'accepted';
};

describe('condition expressions', () => {
  it.each<[string, unknown]>([
    ['a = :a', { path: ['a'], op: '=', value: 1 }],
    ['a<>:a', { path: ['a'], op: '<>', value: 1 }],
    [':a <= a.b[0].c', { path: ['a', 'b', 0, 'c'], op: '>=', value: 1 }],
    ['#n > :a', { path: ['a name.with [odd] parts'], op: '>', value: 1 }],
    ['a BETWEEN :a AND :b', { path: ['a'], op: 'between', from: 1, to: 2 }],
    ['a in (:a, :b)', { path: ['a'], op: 'in', values: [1, 2] }],
    ['attribute_exists(a)', { path: ['a'], op: 'exists' }],
    ['attribute_not_exists (#s)', { path: ['size'], op: 'not-exists' }],
    ['attribute_type(a, :type)', { path: ['a'], op: 'type', value: 'S' }],
    ['begins_with(a, :t)', { path: ['a'], op: 'begins-with', value: 'text' }],
    ['contains(a, :t)', { path: ['a'], op: 'contains', value: 'text' }],
    ['size(a) >= :a', { path: ['a'], op: 'size', is: '>=', value: 1 }],
    [
      'size(a) BETWEEN :z AND :b',
      {
        and: [
          { path: ['a'], op: 'size', is: '>=', value: 0 },
          { path: ['a'], op: 'size', is: '<=', value: 2 },
        ],
      },
    ],
    ['NOT a = :a', { not: { path: ['a'], op: '=', value: 1 } }],
  ])('%s', (expression, condition) => {
    expect(readCondition(expression, WITH)).toEqual(condition);
  });

  it('binds NOT closest, then AND, then OR; parentheses go first; BETWEEN has an AND of its own', () => {
    const a = { path: ['a'], op: '=', value: 1 };
    const b = { path: ['b'], op: '=', value: 2 };
    const c = { path: ['c'], op: 'between', from: 1, to: 2 };
    expect(readCondition('a = :a OR NOT b = :b AND c BETWEEN :a AND :b', WITH)).toEqual({ or: [a, { and: [{ not: b }, c] }] });
    expect(readCondition('(a = :a OR b = :b) AND c BETWEEN :a AND :b', WITH)).toEqual({ and: [{ or: [a, b] }, c] });
  });

  it.each([
    ['a = b', 'two attributes'],
    ['a =', 'expected'],
    ['a = :missing', ':missing'],
    ['#missing = :a', '#missing'],
    ['a = :a b', 'should end'],
    ['(a = :a', '")" is expected'],
    ['nosuch(a)', 'not known'],
    ['size(a) = :t', 'number'],
    ['size(a) BETWEEN :a OR :b', 'BETWEEN takes'],
    ['contains(a, b)', 'value such as'],
    [':a BETWEEN a AND b', 'comparison is expected'],
    ['attribute_type(a, :t)', 'takes one of'],
    ['a = 1', 'value such as'],
    ['a ! :a', 'unexpected'],
    ['', 'expected'],
    ['('.repeat(40), 'levels'],
    [`a = :a ${'OR a = :a '.repeat(1_000)}`, 'characters'],
  ])('refuses %s', (expression, why) => {
    expect(whyNot(() => readCondition(expression, WITH))).toContain(why);
  });
});

describe('update expressions', () => {
  it.each<[string, unknown]>([
    [
      'SET a = :a, b.c = :t',
      [
        { op: 'set', path: ['a'], value: 1 },
        { op: 'set', path: ['b', 'c'], value: 'text' },
      ],
    ],
    ['set a = a + :a', [{ op: 'increment', path: ['a'], value: 1 }]],
    ['SET a = a - :b', [{ op: 'increment', path: ['a'], value: -2 }]],
    ['SET a = if_not_exists(a, :a)', [{ op: 'set-if-absent', path: ['a'], value: 1 }]],
    [
      'SET a = if_not_exists(a, :b) + :a',
      [
        { op: 'set-if-absent', path: ['a'], value: 2 },
        { op: 'increment', path: ['a'], value: 1 },
      ],
    ],
    ['SET a = if_not_exists(a, :z) - :a', [{ op: 'increment', path: ['a'], value: -1 }]],
    ['SET l[9] = if_not_exists(l[9], :z) + :a', [{ op: 'increment', path: ['l', 9], value: 1 }]],
    ['SET a = list_append(a, :l)', [{ op: 'append', path: ['a'], value: ['x'] }]],
    ['SET a = list_append(if_not_exists(a, :e), :l)', [{ op: 'append', path: ['a'], value: ['x'] }]],
    ['SET a = list_append(:l, a)', [{ op: 'prepend', path: ['a'], value: ['x'] }]],
    [
      'SET a = list_append(if_not_exists(a, :l), :l)',
      [
        { op: 'set-if-absent', path: ['a'], value: ['x'] },
        { op: 'append', path: ['a'], value: ['x'] },
      ],
    ],
    [
      'ADD n :a, tags :set',
      [
        { op: 'increment', path: ['n'], value: 1 },
        { op: 'add-to-set', path: ['tags'], value: new Set(['x']) },
      ],
    ],
    ['DELETE tags :set', [{ op: 'remove-from-set', path: ['tags'], value: new Set(['x']) }]],
    [
      'REMOVE a SET b = :b',
      [
        { op: 'remove', path: ['a'] },
        { op: 'set', path: ['b'], value: 2 },
      ],
    ],
    ['SET a = :a + a', [{ op: 'increment', path: ['a'], value: 1 }]],
    [
      'SET l[7] = :b, l[6] = :a',
      [
        { op: 'set', path: ['l', 6], value: 1 },
        { op: 'set', path: ['l', 7], value: 2 },
      ],
    ],
    [
      'REMOVE l[0], m, l[2]',
      [
        { op: 'remove', path: ['m'] },
        { op: 'remove', path: ['l', 2] },
        { op: 'remove', path: ['l', 0] },
      ],
    ],
    [
      'SET l[3].x = :a, l[1] = :b, o[3] = :a REMOVE l[0], l[2], l[5], n[0]',
      [
        { op: 'remove', path: ['n', 0] },
        { op: 'remove', path: ['l', 5] },
        { op: 'remove', path: ['l', 2] },
        { op: 'remove', path: ['l', 0] },
        { op: 'set', path: ['l', 0], value: 2 },
        { op: 'set', path: ['l', 1, 'x'], value: 1 },
        { op: 'set', path: ['o', 3], value: 1 },
      ],
    ],
    [
      'REMOVE l[0], l[2], l[1].x',
      [
        { op: 'remove', path: ['l', 2] },
        { op: 'remove', path: ['l', 1, 'x'] },
        { op: 'remove', path: ['l', 0] },
      ],
    ],
  ])('%s', (expression, operations) => {
    expect(readUpdate(expression, WITH)).toEqual(operations);
  });

  it('subtracts numbers that JavaScript cannot hold', () => {
    const placeholders = { ExpressionAttributeValues: { ':n': new NumberValue('12345678901234567890123') } };
    expect(String((readUpdate('SET a = a - :n', placeholders)[0] as { value: NumberValue }).value)).toBe('-12345678901234567890123');
  });

  it.each([
    ['SET a = b', 'cannot be worked out from another'],
    ['SET a = a', 'to an attribute'],
    ['SET a = b + :a', 'another attribute'],
    ['SET a = if_not_exists(b, :a)', 'another attribute'],
    ['SET a = :a + :b', 'two values'],
    ['SET a = :a - a', 'subtracted from a value'],
    ['SET a = a + b', 'another attribute'],
    ['SET l[9] = if_not_exists(l[9], :b) + :a', 'member of a list'],
    ['SET l[9] = list_append(if_not_exists(l[9], :l), :l)', 'member of a list'],
    ['SET a = list_append(a, b)', 'a value such as'],
    ['SET a = list_append(:l, :l)', 'two values'],
    ['SET a = list_append(a, :a)', 'joins lists'],
    ['SET a = size(a)', 'not known'],
    ['SET a = :a, a = :b', 'within each other'],
    ['SET a = :a, a.b = :b', 'within each other'],
    ['SET a[0] = :a, a.b = :b', 'within each other'],
    ['SET l = list_append(l, :l) REMOVE l[0]', 'within each other'],
    ['ADD a :t', 'number or a Set'],
    ['SET a = :a SET b = :b', 'twice'],
    ['DELETE tags :a', 'takes a Set'],
    ['', 'changes nothing'],
    ['a = :a', 'SET, REMOVE, ADD or DELETE'],
    ['SET a = a - :t', 'subtracted'],
  ])('refuses %s', (expression, why) => {
    expect(whyNot(() => readUpdate(expression, WITH))).toContain(why);
  });
});

describe('key condition expressions', () => {
  const KEYS = ['pk', 'sk'];
  it.each<[string, unknown]>([
    ['pk = :t', { partition: 'text' }],
    ['pk = :t AND sk BETWEEN :a AND :b', { partition: 'text', sort: { op: 'between', from: 1, to: 2 } }],
    ['begins_with(sk, :t) AND pk = :t', { partition: 'text', sort: { op: 'begins-with', value: 'text' } }],
    [':a < sk AND pk = :t', { partition: 'text', sort: { op: '>', value: 1 } }],
  ])('%s', (expression, result) => {
    expect(keyCondition(expression, WITH, KEYS)).toEqual(result);
  });

  it.each(['sk = :a', 'pk > :a', 'pk = :t OR sk = :a', 'pk = :t AND sk <> :a', 'pk = :t AND other = :a', 'pk = :t AND sk = :a AND sk = :b', 'pk.x = :t'])(
    'refuses %s',
    (expression) => {
      expect(whyNot(() => keyCondition(expression, WITH, KEYS))).toContain('cannot be used');
    },
  );
});

describe('expressions, however they are written', () => {
  it('mean to the API what they say: conditions', () => {
    fc.assert(
      fc.property(condition, style, fc.array(attributes, { minLength: 5, maxLength: 5 }), (of, how, items) => {
        const writer = new Writer(how);
        const text = writer.condition(of);
        const sent: unknown = JSON.parse(JSON.stringify(marshalCondition(readCondition(text, writer.placeholders))));
        const understood = readSentCondition(sent, 'dynamodb');
        for (const item of [undefined, ...items]) expect(holds(understood, item), text).toBe(holds(of, item));
      }),
      { numRuns: 300 },
    );
  });

  it('change what they say, or are refused: updates', () => {
    // expressions.local.test.ts has what they make of it, by DynamoDB's own word.
    let read = 0;
    const names = (path: readonly (string | number)[]): string => path.filter((step) => typeof step === 'string').join('.');
    const related = (a: readonly unknown[], b: readonly unknown[]): boolean => a.slice(0, b.length).join() === b.slice(0, a.length).join();
    fc.assert(
      fc.property(parts, style, (of, how) => {
        const writer = new Writer(how);
        const text = update(of, writer);
        const why = whyNot(() => readUpdate(text, writer.placeholders));
        if (why.includes('a member of a list')) return;
        if (of.some((a, i) => of.slice(i + 1).some((b) => related(a.path, b.path)))) {
          expect(why, text).toContain('within each other');
          return;
        }
        read += 1;
        const operations = readUpdate(text, writer.placeholders).map(marshalOperation);
        const { operations: understood } = readPatch(JSON.parse(JSON.stringify({ operations })), 'dynamodb');
        expect(new Set(understood.map(({ path }) => names(path))), text).toEqual(new Set(of.map(({ path }) => names(path))));
      }),
      { numRuns: 300 },
    );
    expect(read).toBeGreaterThan(50);
  });

  it('end in an answer whatever they are: no text breaks the reader', () => {
    const piece = fc.constantFrom(
      'a',
      '#n',
      ':a',
      ':l',
      'SET',
      'REMOVE',
      'AND',
      'OR',
      'NOT',
      'size',
      '(',
      ')',
      ',',
      '.',
      '[',
      ']',
      '0',
      '=',
      '<>',
      '+',
      '-',
      ' ',
      'é',
      '"',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        for (const reading of [readCondition, readUpdate]) whyNot(() => reading(pieces.join(''), WITH));
      }),
      { numRuns: 1_000 },
    );
  });
});

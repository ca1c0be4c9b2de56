import { describe, expect, it } from 'vitest';
import { readCondition } from '../../../client/document/condition.ts';
import { keyCondition } from '../../../client/document/key-condition.ts';
import { readUpdate } from '../../../client/document/update.ts';
import { SynclineError } from '../../../client/errors.ts';
import { NumberValue } from '../../../client/values.ts';

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
      'SET a = if_not_exists(a, :z) + :a',
      [
        { op: 'set-if-absent', path: ['a'], value: 0 },
        { op: 'increment', path: ['a'], value: 1 },
      ],
    ],
    ['SET a = list_append(a, :l)', [{ op: 'append', path: ['a'], value: ['x'] }]],
    ['SET a = list_append(:l, a)', [{ op: 'prepend', path: ['a'], value: ['x'] }]],
    [
      'SET a = list_append(if_not_exists(a, :e), :l)',
      [
        { op: 'set-if-absent', path: ['a'], value: [] },
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
        { op: 'set', path: ['b'], value: 2 },
        { op: 'remove', path: ['a'] },
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
    ['SET a = a', 'another attribute'],
    ['SET a = b + :a', 'another attribute'],
    ['SET a = if_not_exists(b, :a)', 'another attribute'],
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

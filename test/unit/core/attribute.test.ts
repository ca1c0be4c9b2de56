import { describe, expect, test } from 'vitest';
import type { AttributeValue } from '../../../lib/core/attribute.ts';
import { ATTRIBUTE_TYPES, mapOf, text, typeNames } from '../../../lib/core/attribute.ts';
import { assert, FormatError, InputError, InvariantError } from '../../../lib/core/errors.ts';

describe('attribute values', () => {
  test('text gives what is asked for and nothing else', () => {
    expect([text({ S: 'a' }, 'S'), text({ N: '1' }, 'S'), text(undefined, 'S'), text({ S: '' }, 'S')]).toEqual(['a', undefined, undefined, '']);
    expect(text({ N: 1 } as unknown as AttributeValue, 'N')).toBeUndefined();
  });

  test('mapOf gives the map inside', () => {
    expect([mapOf({ M: { a: { S: 'b' } } }), mapOf({ S: 'a' }), mapOf(undefined)]).toEqual([{ a: { S: 'b' } }, undefined, undefined]);
  });

  test('typeNames says types, never what is inside, and never more than there are', () => {
    expect(typeNames({ S: 'secret', secret: 1 })).toEqual(['S', '?']);
    expect([typeNames('secret'), typeNames(null), typeNames(undefined), typeNames({})]).toEqual([['string'], ['null'], ['undefined'], []]);
    expect(typeNames(Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`secret${i}`, 1])))).toHaveLength(ATTRIBUTE_TYPES.length);
  });
});

describe('errors', () => {
  test('a broken invariant says what was seen, big integers too', () => {
    const error = new InvariantError('a thing', { sequence: 10n ** 30n, epoch: 1 });
    expect(error.message).toBe('a thing {"sequence":"1000000000000000000000000000000","epoch":1}');
    expect([error.name, error.values]).toEqual(['InvariantError', { sequence: 10n ** 30n, epoch: 1 }]);
    expect(() => assert(false, 'a thing')).toThrow(new InvariantError('a thing'));
    expect(() => assert(true, 'a thing')).not.toThrow();
  });

  test('have their own names, and an input’s has its code and path', () => {
    const error = new InputError('invalid-item', 'No.', 'item.a');
    expect([error.name, error.code, error.path, error.message]).toEqual(['InputError', 'invalid-item', 'item.a', 'No.']);
    expect(new FormatError('x', { cause: error })).toMatchObject({ name: 'FormatError', cause: error });
  });
});

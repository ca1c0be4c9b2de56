import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttributeValue, Item } from '../../../lib/core/attribute.ts';
import { InputError } from '../../../lib/core/errors.ts';
import { JSON_DEPTH_MAX } from '../../../lib/core/json.ts';
import type { PlainJson } from '../../../lib/core/plain-json.ts';
import { fromPlain, itemToPlainText, mapFromPlain, PlainNumber, parsePlain, toPlainText } from '../../../lib/core/plain-json.ts';
import { sameItem, sameValue } from '../../../lib/core/values.ts';
import { anyItem, attributeValue, numberText } from './support/arbitrary.ts';

const read = (text: string): AttributeValue => fromPlain(parsePlain(text), 'item');
const readItem = (text: string): Item => mapFromPlain(parsePlain(text) as { readonly [name: string]: PlainJson }, 'item');
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof InputError) return error.code;
    throw error;
  }
  return 'none';
};

/** A number's text as JSON has it, of up to 38 digits. */
const jsonNumber = fc
  .record({
    minus: fc.constantFrom('', '-'),
    whole: fc.stringMatching(/^(0|[1-9]\d{0,20})$/),
    fraction: fc.stringMatching(/^(\.\d{1,17})?$/),
    exponent: fc.stringMatching(/^([eE][+-]?\d{1,2})?$/),
  })
  .map(({ minus, whole, fraction, exponent }) => `${minus}${whole}${fraction}${exponent}`);

describe('plain JSON', () => {
  it('gives back any value that it was given', () => {
    fc.assert(
      fc.property(attributeValue, (value) => {
        expect(sameValue(read(toPlainText(value)), value)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('gives back any item', () => {
    fc.assert(
      fc.property(anyItem, (item) => {
        expect(sameItem(readItem(itemToPlainText(item)), item)).toBe(true);
      }),
    );
  });

  it('keeps every digit of a number, as it was written', () => {
    fc.assert(
      fc.property(jsonNumber, (text) => {
        expect(read(text)).toEqual({ N: text });
        expect(read(` [ ${text} ] `)).toEqual({ L: [{ N: text }] });
        expect(toPlainText({ N: text })).toBe(text);
        expect(read(toPlainText({ NS: [text] }))).toEqual({ NS: [text] });
      }),
    );
  });

  it('writes any spelling of a number as JSON of the same value', () => {
    fc.assert(
      fc.property(numberText, (N) => {
        const text = toPlainText({ N });
        expect(() => JSON.parse(text)).not.toThrow();
        expect(sameValue(read(text), { N })).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it.each<[string, AttributeValue]>([
    ['"a"', { S: 'a' }],
    ['12345678901234567890123456789012345678', { N: '12345678901234567890123456789012345678' }],
    ['-0.10', { N: '-0.10' }],
    ['true', { BOOL: true }],
    ['null', { NULL: true }],
    ['[1,"a"]', { L: [{ N: '1' }, { S: 'a' }] }],
    ['{"a":{}}', { M: { a: { M: {} } } }],
    ['{"$binary":"AQI="}', { B: 'AQI=' }],
    ['{"$stringSet":["a","b"]}', { SS: ['a', 'b'] }],
    ['{"$numberSet":[1,2.50]}', { NS: ['1', '2.50'] }],
    ['{"$binarySet":["AQ=="]}', { BS: ['AQ=='] }],
    ['{"$map":{"$binary":"AQ=="}}', { M: { $binary: { S: 'AQ==' } } }],
    ['{"$map":{"$map":{"$map":{"$set":1}}}}', { M: { $map: { M: { $set: { N: '1' } } } } }],
    ['{"$map":{}}', { M: {} }],
    ['{"$a":1,"$b":2}', { M: { $a: { N: '1' }, $b: { N: '2' } } }],
    ['{"a":[1],"a":2}', { M: { a: { N: '2' } } }],
  ])('reads %s', (text, value) => {
    expect(read(text)).toEqual(value);
  });

  it('keeps names that mean something to JavaScript, or to us', () => {
    for (const name of ['__proto__', 'constructor', 'toString', '$map', '$set', '$binary', '$', '', 'a.b']) {
      const map = Object.defineProperty({}, name, { value: { N: '1' }, enumerable: true, writable: true, configurable: true }) as Item;
      const back = read(toPlainText({ M: map })) as { readonly M: Item };
      expect(Object.entries(back.M)).toEqual([[name, { N: '1' }]]);
      expect(Object.getPrototypeOf(back.M)).toBe(Object.prototype);
      expect(Object.entries(readItem(itemToPlainText(map)))).toEqual([[name, { N: '1' }]]);
    }
  });

  it('reads an item as an item, even if its one name is a tag', () => {
    expect(readItem('{"$binary":"AQ=="}')).toEqual({ $binary: { S: 'AQ==' } });
    expect(itemToPlainText({ $binary: { S: 'AQ==' } })).toBe('{"$binary":"AQ=="}');
  });

  it.each([
    ['{"$binary":1}', 'base64'],
    ['{"$binary":["AQ=="]}', 'base64'],
    ['{"$stringSet":"a"}', 'list of texts'],
    ['{"$stringSet":["a",1]}', 'list of texts'],
    ['{"$stringSet":[null]}', 'list of texts'],
    ['{"$numberSet":["1"]}', 'list of numbers'],
    ['{"$binarySet":[1]}', 'list of base64 texts'],
    ['{"$map":1}', 'object'],
    ['{"$map":[]}', 'object'],
    ['{"$map":null}', 'object'],
    ['{"$unknown":1}', '$map'],
  ])('refuses %s, and says what is wrong', (text, message) => {
    expect(codeOf(() => read(text))).toBe('invalid-item');
    expect(() => read(`{"deep":[${text}]}`)).toThrow(message);
    try {
      read(`{"deep":[${text}]}`);
    } catch (error) {
      expect((error as InputError).path).toBe('item.deep[0]');
    }
  });

  it('refuses JavaScript numbers, whose digits may be lost already', () => {
    expect(codeOf(() => fromPlain(1 as unknown as PlainJson, 'item'))).toBe('invalid-item');
    expect(codeOf(() => fromPlain(undefined as unknown as PlainJson, 'item'))).toBe('invalid-item');
  });

  it('says where text stops being JSON', () => {
    expect(() => parsePlain('{"a":01}')).toThrow('position 6');
    expect(codeOf(() => parsePlain('nul'))).toBe('malformed-json');
  });

  it.each(['[', '{"a":', '{"$map":'])('refuses text that is nested too deep, without exhausting the stack: %s', (open) => {
    expect(codeOf(() => parsePlain(open.repeat(300_000)))).toBe('malformed-json');
    expect(codeOf(() => read('['.repeat(JSON_DEPTH_MAX) + ']'.repeat(JSON_DEPTH_MAX)))).toBe('invalid-item');
  });

  it('does not count brackets within strings as depth', () => {
    const text = JSON.stringify(`${'['.repeat(500)}\\"${'{'.repeat(500)}`);
    expect(read(text)).toEqual({ S: JSON.parse(text) });
  });

  it('reads numbers as their text', () => {
    expect(parsePlain('[1.50]')).toEqual([new PlainNumber('1.50')]);
  });
});

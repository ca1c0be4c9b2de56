import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SynclineError } from '../../../client/errors.ts';
import type { NativeValue } from '../../../client/values.ts';
import { marshal, marshalItem, NumberValue, unmarshal, unmarshalItem } from '../../../client/values.ts';
import { sameValue } from '../../../lib/core/values.ts';
import { attributeValue } from '../core/support/arbitrary.ts';

const code = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof SynclineError) return error.code;
    throw error;
  }
  return 'none';
};

describe('values of JavaScript', () => {
  it('lose nothing on the way from DynamoDB JSON and back, whatever they are', () => {
    fc.assert(fc.property(attributeValue, (value) => sameValue(marshal(unmarshal(value)), value)));
  });

  it('are those of the AWS SDK’s document client', () => {
    expect(
      marshalItem({
        s: 'a',
        n: 1.5,
        big: 12345678901234567890n,
        yes: true,
        none: null,
        left: undefined,
        bytes: new Uint8Array([0, 255]),
        texts: new Set(['a']),
        numbers: new Set([1, 2n]),
        binaries: new Set([new Uint8Array([1])]),
        list: [1, 'a', [null]],
        map: { ['__proto__']: 'a name like any other', a: { b: 1 } },
      }),
    ).toEqual({
      s: { S: 'a' },
      n: { N: '1.5' },
      big: { N: '12345678901234567890' },
      yes: { BOOL: true },
      none: { NULL: true },
      bytes: { B: 'AP8=' },
      texts: { SS: ['a'] },
      numbers: { NS: ['1', '2'] },
      binaries: { BS: ['AQ=='] },
      list: { L: [{ N: '1' }, { S: 'a' }, { L: [{ NULL: true }] }] },
      map: { M: { ['__proto__']: { S: 'a name like any other' }, a: { M: { b: { N: '1' } } } } },
    });
    expect(unmarshalItem({ ['__proto__']: { S: 'kept' } })).toEqual(Object.defineProperty({}, '__proto__', { value: 'kept', enumerable: true }));
  });

  it.each<[string, unknown]>([
    ['1', 1],
    ['-0.5', -0.5],
    ['1E2', 100],
    ['9007199254740991', 9_007_199_254_740_991],
    ['0.1', 0.1],
  ])('%s is the number %s', (text, number) => {
    expect(unmarshal({ N: text })).toBe(number);
  });

  it.each([
    '9007199254740992',
    '9007199254740993',
    '-9007199254740993',
    '0.1000000000000000055511151231257827',
    '1E125',
    '-1E-130',
    '12345678901234567890123456789012345678',
  ])('%s keeps its digits', (text) => {
    const value = unmarshal({ N: text });
    expect(sameValue(marshal(value), { N: text })).toBe(true);
    // Its text is the one that was stored, however it is looked at.
    if (value instanceof NumberValue) expect([value.toString(), JSON.parse(JSON.stringify(value))]).toEqual([text, text]);
    else expect(text).toBe('-1E-130');
  });

  it('come back as what they were, if they were numbers that JavaScript holds exactly', () => {
    const finite = fc.double({ noDefaultInfinity: true, noNaN: true, min: -1e125, max: 1e125 }).filter((n) => n === 0 || Math.abs(n) > 1e-125);
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), finite), (n) => {
        if (Number.isInteger(n) && !Number.isSafeInteger(n)) expect(() => marshal(n)).toThrow('bigint or a NumberValue');
        else expect(unmarshal(marshal(n))).toBe(Object.is(n, -0) ? 0 : n);
      }),
    );
    fc.assert(fc.property(fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n }), (n) => BigInt(String(unmarshal(marshal(n)))) === n));
  });

  it('of NumberValue are whole numbers, too, where they are', () => {
    expect(new NumberValue('12345678901234567890').toBigInt()).toBe(12_345_678_901_234_567_890n);
    expect(new NumberValue('-1.5E3').toBigInt()).toBe(-1_500n);
    expect(new NumberValue('0.0').toBigInt()).toBe(0n);
    expect(new NumberValue('0.25').toNumber()).toBe(0.25);
    expect(code(() => new NumberValue('0.25').toBigInt())).toBe('invalid-value');
  });

  it('refuse what DynamoDB has no type for, and say where it stands', () => {
    const wrong: readonly unknown[] = [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      new Date(),
      () => 1,
      Symbol('a'),
      new Set(),
      new Set(['a', 1]),
      new Map(),
      undefined,
      1e200,
      2 ** 53,
    ];
    for (const value of wrong) expect(code(() => marshal(value as NativeValue))).toBe('invalid-value');
    expect(() => marshalItem({ a: [{ b: new Date() as unknown as string }] })).toThrow('item.a[0].b');
    const circle: Record<string, NativeValue> = {};
    circle['self'] = circle;
    expect(code(() => marshalItem(circle))).toBe('invalid-value');
    expect(code(() => new NumberValue('1e999'))).toBe('invalid-value');
    expect(code(() => new NumberValue('no'))).toBe('invalid-value');
  });
});

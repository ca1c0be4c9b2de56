import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttributeValue } from '../../../lib/core/attribute.ts';
import { InputError } from '../../../lib/core/errors.ts';
import type { KeySchema } from '../../../lib/core/key.ts';
import { CURSOR_TEXT_MAX, cursorAfter, keyOfCursor } from '../../../lib/serve/cursor.ts';

const schemaOf = (type: 'S' | 'N' | 'B'): KeySchema => ({ partition: { name: 'id', type: 'S' }, sort: { name: 'at', type } });
const sortValue: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .filter((text) => text.isWellFormed())
    .map((S) => ({ S })),
  fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n }).map((N) => ({ N: String(N) })),
  fc.uint8Array({ minLength: 1, maxLength: 20 }).map((b) => ({ B: Buffer.from(b).toString('base64') })),
);
const typeOf = (value: AttributeValue): 'S' | 'N' | 'B' => Object.keys(value)[0] as 'S' | 'N' | 'B';
const QUERY = { partition: { S: 'p' } };

describe('cursors', () => {
  it('give back the key that they were made of, to the same query', () => {
    fc.assert(
      fc.property(sortValue, fc.boolean(), (at, descending) => {
        const schema = schemaOf(typeOf(at));
        const key = { id: QUERY.partition, at };
        const cursor = cursorAfter(key, { ...QUERY, descending }, schema);
        expect(cursor).toMatch(/^[\w-]+$/);
        expect(keyOfCursor(cursor, { ...QUERY, descending }, schema)).toEqual(key);
      }),
    );
  });

  it('that were changed anywhere are refused', () => {
    fc.assert(
      fc.property(sortValue, fc.nat(), fc.constantFrom(...'AZaz09-_'), (at, n, letter) => {
        const schema = schemaOf(typeOf(at));
        const cursor = cursorAfter({ id: QUERY.partition, at }, QUERY, schema);
        const place = n % cursor.length;
        const changed = cursor.slice(0, place) + letter + cursor.slice(place + 1);
        fc.pre(changed !== cursor);
        expect(() => keyOfCursor(changed, QUERY, schema)).toThrow(InputError);
      }),
      { numRuns: 500 },
    );
  });

  it('hold the longest sort key that DynamoDB has', () => {
    const schema = schemaOf('S');
    const key = { id: QUERY.partition, at: { S: 'ä'.repeat(512) } };
    const cursor = cursorAfter(key, QUERY, schema);
    expect(cursor.length).toBeLessThanOrEqual(CURSOR_TEXT_MAX);
    expect(keyOfCursor(cursor, QUERY, schema)).toEqual(key);
  });

  it('of any text are keys or mistakes of the caller', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.uint8Array({ maxLength: 40 }).map((b) => Buffer.from([1, ...b]).toString('base64url')),
        ),
        (text) => {
          expect(() => keyOfCursor(text, QUERY, schemaOf('N'))).toThrow(expect.objectContaining({ code: 'invalid-cursor' }) as Error);
        },
      ),
    );
  });

  it('have bytes that other versions of this program read, too', () => {
    const schema = schemaOf('N');
    const query = { ...QUERY, sort: { name: 'at', op: '>=' as const, value: { N: '1.0' } } };
    expect(cursorAfter({ id: QUERY.partition, at: { N: '12' } }, query, schema)).toBe('AQQDaRLVjM2sMTI');
  });

  it('of a newer version are refused by name', () => {
    expect(() => keyOfCursor(Buffer.alloc(12, 2).toString('base64url'), QUERY, schemaOf('S'))).toThrow('version 2');
  });

  it('of a table without a sort key have no key but the partition', () => {
    const schema: KeySchema = { partition: { name: 'id', type: 'S' } };
    expect(keyOfCursor(cursorAfter({ id: QUERY.partition }, QUERY, schema), QUERY, schema)).toEqual({ id: QUERY.partition });
  });
});

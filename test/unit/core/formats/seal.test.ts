import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Item } from '../../../../lib/core/attribute.ts';
import { itemHash } from '../../../../lib/core/canonical.ts';
import { InvariantError } from '../../../../lib/core/errors.ts';
import { position } from '../../../../lib/core/formats/position.ts';
import { rev } from '../../../../lib/core/formats/rev.ts';
import { metaOf, metaValue, SEAL_BYTES, sealBytes, verifySeal, withoutMeta } from '../../../../lib/core/formats/seal.ts';
import { readTombstone, tombstoneItem } from '../../../../lib/core/formats/tombstone.ts';

const TABLE = '6f1a2b3c-4d5e-4f60-8a9b-0c1d2e3f4a5b';
const KEY = 'S2:AT|N123e0';
const AT = position(7, '111100000000012345678901234567');
const GRAZ: Item = { country: { S: 'AT' }, cityId: { N: '123' }, name: { S: 'Graz' } };
const HASH = itemHash(GRAZ);
const REV = rev(7, 1_767_225_600_000, 2);
const LANE = sealBytes(TABLE, KEY, AT, 'lane', HASH);
/** Bytes that the key check covers: position and kind, then the check itself. What follows is the content hash. */
const CHECKED_BYTES = 29;

describe('a seal', () => {
  // The key checks were computed apart from this code: SHA-256 over TableId, base64 of the position, kind and key text, a line each.
  test('is pinned', () => {
    expect(HASH.toString('hex')).toBe('b8114e0e0267c1c7e27146285d4b3b64');
    const at = '0100000007000000000166fbc41c285b838fd96b4b87';
    expect(LANE.toString('hex')).toBe(`${at}11${'6534b1b179e5'}b8114e0e0267c1c7`);
    expect(sealBytes(TABLE, KEY, AT, 'repair', HASH).toString('hex')).toBe(`${at}12${'1dc69fa338df'}b8114e0e0267c1c7`);
    expect(sealBytes(TABLE, KEY, AT, 'lane', undefined).toString('hex')).toBe(`${at}11${'6534b1b179e5'}${'00'.repeat(8)}`);
  });

  test.each(['lane', 'repair'] as const)('of kind %s gives back what it was made of', (kind) => {
    expect(verifySeal(sealBytes(TABLE, KEY, AT, kind, HASH), TABLE, KEY)).toEqual({ position: AT, kind, contentHash: HASH.subarray(0, 8) });
  });

  test('counts for its own table and key alone', () => {
    expect(verifySeal(LANE, TABLE.replace('6', '7'), KEY)).toBeUndefined();
    expect(verifySeal(LANE, TABLE, 'S2:AT|N124e0')).toBeUndefined();
    expect(verifySeal(LANE, '', '')).toBeUndefined();
  });

  test('does not count when its position or kind, or its check, has one bit flipped', () => {
    for (let bit = 0; bit < CHECKED_BYTES * 8; bit += 1) {
      expect(verifySeal(flipped(LANE, bit), TABLE, KEY), `bit ${bit}`).toBeUndefined();
    }
  });

  // The key check can be verified without the item, so it does not cover the content hash; comparing that with the item does.
  test('with one bit of the content hash flipped counts, but is no longer the item’s', () => {
    for (let bit = CHECKED_BYTES * 8; bit < SEAL_BYTES * 8; bit += 1) {
      const seal = verifySeal(flipped(LANE, bit), TABLE, KEY);
      expect(seal?.position).toEqual(AT);
      expect(seal?.contentHash.equals(HASH.subarray(0, 8))).toBe(false);
    }
  });

  test('does not count when it is cut or lengthened, or is not there', () => {
    for (let cut = 0; cut < SEAL_BYTES; cut += 1) expect(verifySeal(LANE.subarray(0, cut), TABLE, KEY)).toBeUndefined();
    expect(verifySeal(Buffer.concat([LANE, Buffer.of(0)]), TABLE, KEY)).toBeUndefined();
    expect(verifySeal(undefined, TABLE, KEY)).toBeUndefined();
  });

  test('no bytes of a user count, nor do they throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.uint8Array({ minLength: SEAL_BYTES, maxLength: SEAL_BYTES })), (bytes) => {
        expect(verifySeal(bytes, TABLE, KEY)).toBeUndefined();
      }),
    );
  });

  test('is read where it stands in a larger buffer, and what is read is a copy', () => {
    const large = Buffer.concat([Buffer.alloc(5), LANE, Buffer.alloc(5)]);
    const seal = verifySeal(large.subarray(5, 5 + SEAL_BYTES), TABLE, KEY);
    large.fill(0);
    expect(seal).toEqual({ position: AT, kind: 'lane', contentHash: HASH.subarray(0, 8) });
  });

  test('what is no position cannot be sealed', () => {
    expect(() => sealBytes(TABLE, KEY, AT.subarray(1), 'lane', HASH)).toThrow(InvariantError);
  });
});

describe('the reserved attribute', () => {
  test('is pinned', () => {
    expect(metaValue(REV, LANE)).toEqual({ M: { r: { B: 'AQAAAAcBm3baqAAAAg==' }, p: { B: 'AQAAAAcAAAAAAWb7xBwoW4OP2WtLhxFlNLGxeeW4EU4OAmfBxw==' } } });
    expect(metaValue(REV, undefined)).toEqual({ M: { r: { B: 'AQAAAAcBm3baqAAAAg==' } } });
    expect(metaValue(undefined, undefined)).toEqual({ M: {} });
  });

  test('is read back, and is taken off for callers', () => {
    const item = { ...GRAZ, _s: metaValue(REV, LANE) };
    expect(metaOf(item)).toEqual({ rev: REV, seal: LANE });
    expect(withoutMeta(item)).toEqual(GRAZ);
    expect(withoutMeta(GRAZ)).toEqual(GRAZ);
  });

  test('a name such as __proto__ stays an attribute', () => {
    const item = JSON.parse('{"id":{"S":"a"},"__proto__":{"S":"b"},"_s":{"M":{}}}') as Item;
    expect(Object.keys(withoutMeta(item))).toEqual(['id', '__proto__']);
  });

  test.each<[string, Item]>([
    ['is missing', {}],
    ['is of another type', { _s: { S: 'mine' } }],
    ['is an empty map', { _s: { M: {} } }],
    ['holds other types', { _s: { M: { r: { S: 'AQAAAAcBm3baqAAAAg==' }, p: { N: '1' } } } }],
    ['is a list', { _s: { L: [{ B: 'AQ==' }] } }],
  ])('that %s holds nothing', (_, item) => {
    expect(metaOf(item)).toEqual({ rev: undefined, seal: undefined });
  });

  test('a rev of another format counts as none; the seal’s bytes are given as they are', () => {
    expect(metaOf({ _s: { M: { r: { B: 'Ag==' }, p: { B: 'Ag==' } } } })).toEqual({ rev: undefined, seal: Buffer.of(2) });
  });
});

describe('a tombstone', () => {
  const KEY_OF = { country: { S: 'AT' }, cityId: { N: '123' } };
  const of = { key: KEY_OF, keyText: KEY, tableId: TABLE, position: AT, kind: 'lane', of: REV, nowMs: 1_767_225_600_001 } as const;

  test('is pinned: the key, a seal without content, `of`, and 30 days, rounded up to a second', () => {
    expect(JSON.stringify(tombstoneItem(of))).toBe(
      '{"country":{"S":"AT"},"cityId":{"N":"123"},"_s":{"M":{"p":{"B":"AQAAAAcAAAAAAWb7xBwoW4OP2WtLhxFlNLGxeeUAAAAAAAAAAA=="},"o":{"B":"AQAAAAcBm3baqAAAAg=="}}},"expiresAt":{"N":"1769817601"}}',
    );
  });

  test('is read back, with and without `of`', () => {
    const seal = { position: AT, kind: 'lane', contentHash: Buffer.alloc(8) };
    expect(readTombstone(tombstoneItem(of), TABLE, KEY)).toEqual({ seal, of: REV, expiresAtS: 1_769_817_601 });
    expect(readTombstone(tombstoneItem({ ...of, of: undefined }), TABLE, KEY)).toEqual({ seal, of: undefined, expiresAtS: 1_769_817_601 });
  });

  test('of another table or key, or of no seal, is none', () => {
    expect(readTombstone(tombstoneItem(of), 'another', KEY)).toBeUndefined();
    expect(readTombstone(tombstoneItem(of), TABLE, 'S2:AT|N124e0')).toBeUndefined();
    expect(readTombstone({ ...KEY_OF, expiresAt: { N: '1' } }, TABLE, KEY)).toBeUndefined();
    expect(readTombstone({ ...KEY_OF, _s: { S: 'x' } }, TABLE, KEY)).toBeUndefined();
  });
});

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
  return copy;
}

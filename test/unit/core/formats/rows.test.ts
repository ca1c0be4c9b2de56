import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AttributeValue, Item } from '../../../../lib/core/attribute.ts';
import { FormatError, InvariantError } from '../../../../lib/core/errors.ts';
import { position } from '../../../../lib/core/formats/position.ts';
import type { Refused } from '../../../../lib/core/formats/refused-row.ts';
import { decodeRefused, encodeRefused, refusedKey } from '../../../../lib/core/formats/refused-row.ts';
import type { Link, Seat, Shard } from '../../../../lib/core/formats/rows.ts';
import {
  CONTROL_KEY_SCHEMA,
  decodeLink,
  decodeSeat,
  decodeShard,
  encodeLink,
  encodeSeat,
  encodeShard,
  isPrimary,
  linkKey,
  markValue,
  numberValue,
  openValue,
  SEAT_KEY,
  sequenceValue,
  shardKey,
  sinceWhyValue,
  stringValue,
  unsentValue,
} from '../../../../lib/core/formats/rows.ts';
import { anyItem, attributeValue } from '../support/arbitrary.ts';

const SEAT_LEAST: Seat = { fence: 0, own: 0, since: 0, stream: '', tableId: '', v: 0 };
const SEAT: Seat = {
  fence: 8,
  open: { region: 'us-east-1', at: 1_767_225_606_000 },
  own: 7,
  primary: 'us-east-1',
  since: 1_767_225_600_000,
  stream: 'arn:s',
  tableId: '6f1a2b3c-4d5e-4f60-8a9b-0c1d2e3f4a5b',
  successor: 'eu-central-1',
  until: 1_767_225_700_000,
  url: 'https://a',
  urls: { 'us-east-1': 'https://a/v1', 'eu-central-1': 'https://b/v1' },
  v: 3,
};
const LINK_LEAST: Link = { target: 'b', state: 'open', since: 0 };
const LINK: Link = {
  target: 'us-east-1',
  state: 'stale',
  why: 'w',
  since: 1,
  proven: 2,
  failing: { since: 3, why: 'f' },
  refusing: { since: 4, why: 'r' },
  mark: { sent: 5, arrived: 6 },
};
const SEQUENCE = '111100000000012345678901234567';
const SHARD: Shard = { id: 'shardId-1', sent: { sequence: SEQUENCE, at: 1 }, seen: { sequence: '0', at: 2 } };
const SHARD_BEHIND: Shard = {
  id: 'a',
  seen: { sequence: '1', at: 4 },
  unsent: [
    { sequence: '0', at: 3 },
    { sequence: '1', at: 4 },
  ],
};
const HASH = '23e4a110e1a3da30a7ab81e3931c788a';
const REFUSED: Refused = {
  key: { country: { S: 'AT' }, cityId: { N: '123' } },
  reason: 'x',
  position: position(7, SEQUENCE),
  link: 'us-east-1',
  since: 1,
  tried: 2,
};

/** Each kind of row: one with every field, the literal it is stored as, and its reader. */
const ROWS: readonly [string, unknown, Item, string, (row: Item) => unknown][] = [
  [
    'seat',
    SEAT,
    encodeSeat(SEAT),
    '{"pk":{"S":"self"},"sk":{"S":"seat"},"f":{"N":"1"},"fence":{"N":"8"},"own":{"N":"7"},"since":{"N":"1767225600000"},"stream":{"S":"arn:s"},"tableId":{"S":"6f1a2b3c-4d5e-4f60-8a9b-0c1d2e3f4a5b"},"v":{"N":"3"},"open":{"M":{"region":{"S":"us-east-1"},"at":{"N":"1767225606000"}}},"primary":{"S":"us-east-1"},"successor":{"S":"eu-central-1"},"until":{"N":"1767225700000"},"url":{"S":"https://a"},"urls":{"M":{"us-east-1":{"S":"https://a/v1"},"eu-central-1":{"S":"https://b/v1"}}}}',
    decodeSeat,
  ],
  [
    'seat with the least fields',
    SEAT_LEAST,
    encodeSeat(SEAT_LEAST),
    '{"pk":{"S":"self"},"sk":{"S":"seat"},"f":{"N":"1"},"fence":{"N":"0"},"own":{"N":"0"},"since":{"N":"0"},"stream":{"S":""},"tableId":{"S":""},"v":{"N":"0"}}',
    decodeSeat,
  ],
  [
    'link',
    LINK,
    encodeLink(LINK),
    '{"pk":{"S":"self"},"sk":{"S":"link#us-east-1"},"f":{"N":"1"},"state":{"S":"stale"},"since":{"N":"1"},"why":{"S":"w"},"proven":{"N":"2"},"failing":{"M":{"since":{"N":"3"},"why":{"S":"f"}}},"refusing":{"M":{"since":{"N":"4"},"why":{"S":"r"}}},"mark":{"M":{"sent":{"N":"5"},"arrived":{"N":"6"}}}}',
    decodeLink,
  ],
  [
    'link with the least fields',
    LINK_LEAST,
    encodeLink(LINK_LEAST),
    '{"pk":{"S":"self"},"sk":{"S":"link#b"},"f":{"N":"1"},"state":{"S":"open"},"since":{"N":"0"}}',
    decodeLink,
  ],
  [
    'shard',
    SHARD,
    encodeShard(SHARD),
    '{"pk":{"S":"shard"},"sk":{"S":"shardId-1"},"f":{"N":"1"},"sent":{"B":"AQAAAAAAAAAAAWb7xBwoW4OP2WtLhw=="},"sentAt":{"N":"1"},"seen":{"B":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="},"seenAt":{"N":"2"}}',
    decodeShard,
  ],
  [
    'shard of which fan-out is behind',
    SHARD_BEHIND,
    encodeShard(SHARD_BEHIND),
    '{"pk":{"S":"shard"},"sk":{"S":"a"},"f":{"N":"1"},"seen":{"B":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAQ=="},"seenAt":{"N":"4"},"unsent":{"L":[{"M":{"sequence":{"B":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="},"at":{"N":"3"}}},{"M":{"sequence":{"B":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAQ=="},"at":{"N":"4"}}}]}}',
    decodeShard,
  ],
  ['shard that nobody has read', { id: 'a' }, encodeShard({ id: 'a' }), '{"pk":{"S":"shard"},"sk":{"S":"a"},"f":{"N":"1"}}', decodeShard],
  [
    'refused',
    REFUSED,
    encodeRefused(HASH, REFUSED),
    '{"pk":{"S":"refused"},"sk":{"S":"23e4a110e1a3da30a7ab81e3931c788a"},"f":{"N":"1"},"key":{"M":{"country":{"S":"AT"},"cityId":{"N":"123"}}},"reason":{"S":"x"},"position":{"B":"AQAAAAcAAAAAAWb7xBwoW4OP2WtLhw=="},"link":{"S":"us-east-1"},"since":{"N":"1"},"tried":{"N":"2"}}',
    decodeRefused,
  ],
];

describe('the rows of control', () => {
  test.each(ROWS)('%s is pinned, and is read back', (_name, value, row, json, decode) => {
    expect(JSON.stringify(row)).toBe(json);
    expect(decode(JSON.parse(json) as Item)).toStrictEqual(value);
  });

  test('a seat without announced URLs, or with one that is no text, is read', () => {
    const row = encodeSeat(SEAT);
    const { urls: _, ...rest } = row;
    expect(decodeSeat(rest)).not.toHaveProperty('urls');
    expect(decodeSeat({ ...row, urls: { M: { a: { S: 'https://a/v1' }, b: { N: '1' } } } }).urls).toEqual({ a: 'https://a/v1' });
  });

  test('their keys are pinned', () => {
    expect(CONTROL_KEY_SCHEMA).toEqual({ partition: { name: 'pk', type: 'S' }, sort: { name: 'sk', type: 'S' } });
    expect(SEAT_KEY).toEqual({ pk: { S: 'self' }, sk: { S: 'seat' } });
    expect(linkKey('b')).toEqual({ pk: { S: 'self' }, sk: { S: 'link#b' } });
    expect(shardKey('a')).toEqual({ pk: { S: 'shard' }, sk: { S: 'a' } });
    expect(refusedKey(HASH)).toEqual({ pk: { S: 'refused' }, sk: { S: HASH } });
  });

  test('values that flows write by update are the same as in whole rows', () => {
    expect(openValue({ region: 'us-east-1', at: 1_767_225_606_000 })).toEqual(encodeSeat(SEAT)['open']);
    expect(sinceWhyValue({ since: 3, why: 'f' })).toEqual(encodeLink(LINK)['failing']);
    expect(markValue({ sent: 5, arrived: 6 })).toEqual(encodeLink(LINK)['mark']);
    expect(sequenceValue(SEQUENCE)).toEqual(encodeShard(SHARD)['sent']);
    expect(unsentValue(SHARD_BEHIND.unsent ?? [])).toEqual(encodeShard(SHARD_BEHIND)['unsent']);
    expect([numberValue(1_767_225_600_000), stringValue('a')]).toEqual([{ N: '1767225600000' }, { S: 'a' }]);
  });

  test.each(ROWS)('%s of another format, or of none, is refused and says what to do', (_name, _value, row, _json, decode) => {
    for (const f of [{ N: '2' }, { N: '0' }, { S: '1' }, undefined]) {
      const { f: _, ...rest } = row;
      expect(() => decode(f === undefined ? rest : { ...row, f })).toThrow(/row of format .*; this version reads format 1\. Deploy the newer version/);
    }
  });

  test('what a row cannot be without is asked for by name', () => {
    const without = (row: Item, name: string): Item => Object.fromEntries(Object.entries(row).filter(([n]) => n !== name));
    for (const name of ['fence', 'own', 'since', 'v']) expect(() => decodeSeat(without(encodeSeat(SEAT), name))).toThrow(`seat row without "${name}"`);
    expect(() => decodeLink(without(encodeLink(LINK), 'since'))).toThrow('link row without "since"');
    expect(() => decodeLink(without(encodeLink(LINK), 'state'))).toThrow('link row in unknown state none');
    expect(() => decodeShard(without(encodeShard(SHARD), 'sentAt'))).toThrow('shard row without "sentAt"');
    const unsent = (value: AttributeValue): Item => ({ ...encodeShard(SHARD), unsent: value });
    const sequence = sequenceValue('1');
    expect(() => decodeShard(unsent({ S: 'x' }))).toThrow('shard row whose "unsent" is not a list');
    expect(() => decodeShard(unsent({ L: [{ M: { sequence } }] }))).toThrow('shard row without "at"');
    for (const entry of [{ M: { at: { N: '1' } } }, { S: 'x' }] as const)
      expect(() => decodeShard(unsent({ L: [entry] }))).toThrow('shard row with an entry of "unsent" that has no "sequence"');
    for (const name of ['key', 'since', 'tried'])
      expect(() => decodeRefused(without(encodeRefused(HASH, REFUSED), name))).toThrow(`refused row without "${name}"`);
    expect(() => decodeRefused(without(encodeRefused(HASH, REFUSED), 'position'))).toThrow(FormatError);
  });

  test('a counter that is no whole number below 2^53 is refused, not rounded', () => {
    for (const N of ['9007199254740993', '1.5', '1e400', 'x']) expect(() => decodeSeat({ ...encodeSeat(SEAT), fence: { N } })).toThrow(FormatError);
    expect(decodeSeat({ ...encodeSeat(SEAT), fence: { N: '9007199254740991' } }).fence).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('never throws anything but FormatError, whatever stands in a row', () => {
    const rows = ROWS.map(([, , row, , decode]) => [row, decode] as const);
    const fields = [...new Set(rows.flatMap(([row]) => Object.keys(row)))];
    fc.assert(
      fc.property(fc.constantFrom(...rows), fc.constantFrom(...fields), attributeValue, anyItem, ([row, decode], field, value, more) => {
        for (const damaged of [{ ...row, [field]: value }, { ...row, ...more }, more]) {
          try {
            decode(damaged);
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

test('a sequence number’s stored bytes sort as the number does, so that a condition can compare them', () => {
  const sequence = fc.oneof(fc.bigInt({ min: 0n, max: 10n ** 40n - 1n }), fc.bigInt({ min: 0n, max: 300n }));
  const bytes = (q: bigint): Buffer => Buffer.from((sequenceValue(q.toString()) as { B: string }).B, 'base64');
  fc.assert(
    fc.property(sequence, sequence, (a, b) => {
      expect(Math.sign(Buffer.compare(bytes(a), bytes(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
    }),
  );
  expect(() => sequenceValue('x')).toThrow(InvariantError);
});

test.each([
  [0, 0, false],
  [1, 1, true],
  [2, 1, false],
  [1, 2, false],
  [5, 5, true],
])('a member with fence %i and own epoch %i is primary: %s', (fence, own, primary) => {
  expect(isPrimary({ ...SEAT_LEAST, fence, own })).toBe(primary);
});

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LANE_MESSAGE_BYTES_MAX, LANE_MESSAGE_UNPACKED_MAX, LANES_MAX, RESYNC_KEYS_MAX } from '../../../../lib/core/constants.ts';
import { FormatError } from '../../../../lib/core/errors.ts';
import type { Change, ChangesMessage, LaneMessage, ResyncMessage } from '../../../../lib/core/formats/message.ts';
import { decodeMessage, encodeChanges, encodeMessage, isDelete, within } from '../../../../lib/core/formats/message.ts';
import { EPOCH_MAX } from '../../../../lib/core/formats/position.ts';

const ENVELOPE = { set: 'cities', epoch: 7, source: 'eu-central-1', lane: 3, lanes: 16, sent: 1_767_225_600_123, shard: 'shardId-1' };
const KEY = { country: { S: 'AT' }, cityId: { N: '123' } };
const CHANGES: readonly Change[] = [
  { q: '100', i: { ...KEY, _s: { M: { r: { B: 'AQ==' } } } } },
  { q: '101', k: { country: { S: 'AT' }, cityId: { N: '124' } }, o: 'AQ==' },
];
const CHANGES_MESSAGE: ChangesMessage = { ...ENVELOPE, kind: 'changes', changes: CHANGES };
const CHANGES_JSON =
  '{"set":"cities","epoch":7,"source":"eu-central-1","lane":3,"lanes":16,"sent":1767225600123,"shard":"shardId-1","kind":"changes","changes":[{"q":"100","i":{"country":{"S":"AT"},"cityId":{"N":"123"},"_s":{"M":{"r":{"B":"AQ=="}}}}},{"q":"101","k":{"country":{"S":"AT"},"cityId":{"N":"124"}},"o":"AQ=="}]}';
/** A body as one version of zstd made it: others may compress otherwise, but must read it. */
const CHANGES_BODY =
  'ASi1L/1gLQC1BQACjSYhMGucDiTps2btLzUfoVVtYl+cVUlnOn8pQrh7QEFDQQUHEeE5YxyRMcYYTyQIFPeAYYeGXWDYXcIZT5B0Hxj2ZtF4TJ1xA8W9YNgb0GvRo4adnR9HujcMD6rQGEfdm8YWmkVvIMZxZ4Kk41AAEGRRltRfW+5UUndJX41hnKcDg4FeW+oQrftSUPS4c+mOehjWuVvsMXV/yw0DCQBOKAwAEKwB14VnrWfnkASEi7cynnIoUA==';

const { shard: _, ...RESYNC_ENVELOPE } = ENVELOPE;
const RESYNC_MESSAGE: ResyncMessage = {
  ...RESYNC_ENVELOPE,
  kind: 'resync',
  mode: 'repair',
  keys: [{ k: KEY, p: 'AQAAAAcAAAAAAWb7xBwoW4OP2WtLhw==', s: 'uBFODgJnwcficUYoXUs7ZA==' }],
  job: 'j-1',
};
const RESYNC_JSON =
  '{"set":"cities","epoch":7,"source":"eu-central-1","lane":3,"lanes":16,"sent":1767225600123,"kind":"resync","mode":"repair","keys":[{"k":{"country":{"S":"AT"},"cityId":{"N":"123"}},"p":"AQAAAAcAAAAAAWb7xBwoW4OP2WtLhw==","s":"uBFODgJnwcficUYoXUs7ZA=="}],"job":"j-1"}';
const RESYNC_BODY =
  'ASi1L/1gCACNBgCCzzAlEI1YY8AfGZnW/hHsxfUF87Ou5xxg534C6Bj8m4pXdXdVVdUFAddtkbw/pmQGcQ1BzuGhDobZ4Hgx4lVkgYRAY4BBvdPZEFSJGNSIQWgARLPCqHgekXvOOZfg3imz67ph2vvB1g4hqGp8s+sF966wtVdTldR8W/tk62GnFZzMnqJEgZBJMfvJisLpHSLjZNYwbbFwAhjmcZ62VwnpzGk7bXYopYnZbZmQpirhWyj4Dt9ETTp79sibFDibwljje6+QbgUDAAxOIsy8UDkUKA==';

/** What a body holds, by plain means: base64 of the format's byte and one zstd frame. */
function unpacked(body: string | undefined): string {
  const bytes = Buffer.from(body ?? '', 'base64');
  expect(bytes[0]).toBe(1);
  return zstdDecompressSync(bytes.subarray(1)).toString('utf8');
}
const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const packed = (json: string, format = 1): string => Buffer.concat([Buffer.of(format), zstdCompressSync(json, FAST)]).toString('base64');
const packedJson = (json: unknown): string => packed(JSON.stringify(json));
/** Decodes, or gives the FormatError; anything else that is thrown fails the test. */
function outcome(body: string): LaneMessage | FormatError {
  try {
    return decodeMessage(body);
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
    return error as FormatError;
  }
}

describe('the two messages', () => {
  test.each<[string, LaneMessage, string, string]>([
    ['changes', CHANGES_MESSAGE, CHANGES_JSON, CHANGES_BODY],
    ['resync', RESYNC_MESSAGE, RESYNC_JSON, RESYNC_BODY],
  ])('%s is pinned, inside and out', (_name, message, json, body) => {
    expect(unpacked(encodeMessage(message))).toBe(json);
    expect(decodeMessage(body)).toEqual(message);
    expect(decodeMessage(encodeMessage(message) ?? '')).toEqual(message);
  });

  test('changes that are JSON texts already make the same message', () => {
    const texts = CHANGES.map((change) => JSON.stringify(change));
    expect(unpacked(encodeChanges(ENVELOPE, texts))).toBe(CHANGES_JSON);
    expect(decodeMessage(encodeChanges(ENVELOPE, []))).toEqual({ ...CHANGES_MESSAGE, changes: [] });
  });

  test('a body is plain base64: one local cloud rounds the numbers of a body that is JSON', () => {
    expect(encodeMessage(CHANGES_MESSAGE)).toMatch(/^[A-Za-z0-9+/]+={0,2}$/);
  });

  test('values are carried bit for bit, names like __proto__ too', () => {
    const image = JSON.parse('{"n":{"N":"1.0000E-5"},"m":{"M":{"__proto__":{"N":"12345678901234567890123456789012345678"}}},"s":{"S":"\\u0000😀\\u2028"}}');
    const message: ChangesMessage = { ...ENVELOPE, kind: 'changes', changes: [{ q: '1', i: image }] };
    expect(JSON.stringify(decodeMessage(encodeMessage(message) ?? ''))).toBe(JSON.stringify(message));
  });

  test('a marker is a resync without keys', () => {
    const marker: ResyncMessage = { ...RESYNC_ENVELOPE, kind: 'resync', mode: 'repair', keys: [] };
    expect(decodeMessage(encodeMessage(marker) ?? '')).toEqual(marker);
  });

  test('isDelete tells a removal from an image', () => {
    expect(CHANGES.map(isDelete)).toEqual([false, true]);
  });

  test('a body larger than a queue takes is not made', () => {
    expect(within('x'.repeat(LANE_MESSAGE_BYTES_MAX))?.length).toBe(LANE_MESSAGE_BYTES_MAX);
    expect(within('x'.repeat(LANE_MESSAGE_BYTES_MAX + 1))).toBeUndefined();
    // Bytes that do not compress: a cheap generator, since chance has no place here.
    const noise = Buffer.alloc(LANE_MESSAGE_BYTES_MAX);
    for (let i = 0, x = 1; i < noise.length; i += 1) {
      x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
      noise[i] = x >>> 24;
    }
    expect(encodeMessage({ ...ENVELOPE, kind: 'changes', changes: [{ q: '1', i: { b: { B: noise.toString('base64') } } }] })).toBeUndefined();
  });
});

describe('a damaged or foreign body', () => {
  test('is a FormatError when its format is another', () => {
    for (let format = 0; format < 256; format += 1) {
      if (format !== 1) expect(() => decodeMessage(packed(CHANGES_JSON, format))).toThrow(new RegExp(`unknown format of a lane message: ${format};`));
    }
    expect(() => decodeMessage('')).toThrow(/empty/);
    expect(() => decodeMessage(CHANGES_JSON)).toThrow(FormatError);
  });

  test('is a FormatError wherever it is cut', () => {
    const bytes = Buffer.from(CHANGES_BODY, 'base64');
    for (let cut = 0; cut < bytes.length; cut += 1) expect(outcome(bytes.subarray(0, cut).toString('base64')), `cut at ${cut}`).toBeInstanceOf(FormatError);
  });

  // The pinned bodies were made without the frame's checksum, so some flips change a text inside and decode.
  test('never throws anything else for a flipped bit: each of the headers, and one of every byte behind', () => {
    const headerBits = 16 * 8;
    for (const body of [CHANGES_BODY, RESYNC_BODY]) {
      const bytes = Buffer.from(body, 'base64');
      for (let bit = 0; bit < bytes.length * 8; bit += bit < headerBits ? 1 : 9) {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
        expectWhole(outcome(flipped.toString('base64')));
      }
    }
  });

  test('decodes to what was sent, or not at all, whatever one bit of a body that we made is flipped', () => {
    for (const message of [CHANGES_MESSAGE, RESYNC_MESSAGE]) {
      const bytes = Buffer.from(encodeMessage(message) ?? '', 'base64');
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
        const seen = outcome(flipped.toString('base64'));
        if (!(seen instanceof FormatError)) expect(seen, `bit ${bit}`).toEqual(message);
      }
    }
  });

  test('never throws anything else for arbitrary texts, bytes and JSON', () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    const bodies = fc.oneof(
      fc.string(),
      fc.base64String({ maxLength: 200 }),
      bytes.map((b) => Buffer.concat([Buffer.of(1), b]).toString('base64')),
      bytes.map((b) => Buffer.concat([Buffer.of(1), zstdCompressSync(b, FAST)]).toString('base64')),
      fc.json().map((json) => packed(json)),
      // Whole messages with one field replaced by anything, which come nearest.
      fc
        .tuple(fc.constantFrom(CHANGES_MESSAGE, RESYNC_MESSAGE), fc.constantFrom(...Object.keys({ ...CHANGES_MESSAGE, ...RESYNC_MESSAGE })), fc.jsonValue())
        .map(([message, field, value]) => packedJson({ ...message, [field]: value })),
    );
    fc.assert(
      fc.property(bodies, (body) => {
        expectWhole(outcome(body));
      }),
      { numRuns: 400 },
    );
  });

  test('that unpacks to more than the limit is a FormatError, without unpacking it', () => {
    const bomb = packed(' '.repeat(LANE_MESSAGE_UNPACKED_MAX + 1));
    expect(bomb.length).toBeLessThan(10_000);
    expect(() => decodeMessage(bomb)).toThrow(/does not unpack$/);
  });

  test.each<[string, string]>([
    ['lists in lists', '['.repeat(200_000)],
    ['a million keys', `${RESYNC_JSON.slice(0, RESYNC_JSON.indexOf('[') + 1)}${'0,'.repeat(1_000_000)}0]}`],
    ['many changes that are none', `${CHANGES_JSON.slice(0, CHANGES_JSON.indexOf('[') + 1)}${'0,'.repeat(200_000)}0]}`],
  ])('of %s is a FormatError with a short message', (_name, json) => {
    const error = outcome(packed(json));
    expect(error).toBeInstanceOf(FormatError);
    expect((error as FormatError).message.length).toBeLessThan(200);
  });

  test.each<[string, unknown]>([
    ['no kind', { ...CHANGES_MESSAGE, kind: undefined }],
    ['another kind', { ...CHANGES_MESSAGE, kind: 'ping' }],
    ['a list', [CHANGES_MESSAGE]],
    ['null', null],
    ['no set', { ...CHANGES_MESSAGE, set: undefined }],
    ['a fractional epoch', { ...CHANGES_MESSAGE, epoch: 1.5 }],
    ['a negative epoch', { ...CHANGES_MESSAGE, epoch: -1 }],
    ['an epoch beyond 32 bits', { ...CHANGES_MESSAGE, epoch: EPOCH_MAX + 1 }],
    ['an epoch that is text', { ...CHANGES_MESSAGE, epoch: '7' }],
    ['a lane beyond its lanes', { ...CHANGES_MESSAGE, lane: 16 }],
    ['no lanes', { ...CHANGES_MESSAGE, lane: 0, lanes: 0 }],
    ['too many lanes', { ...CHANGES_MESSAGE, lanes: LANES_MAX + 1 }],
    ['changes that are no list', { ...CHANGES_MESSAGE, changes: {} }],
    ['a change without a sequence number', { ...CHANGES_MESSAGE, changes: [{ i: KEY }] }],
    ['a sequence number that is no text', { ...CHANGES_MESSAGE, changes: [{ q: 100, i: KEY }] }],
    ['a change without image and key', { ...CHANGES_MESSAGE, changes: [CHANGES[0], { q: '1' }] }],
    ['an image that is null, with a key beside it', { ...CHANGES_MESSAGE, changes: [{ q: '1', i: null, k: KEY }] }],
    ['an image that is a list', { ...CHANGES_MESSAGE, changes: [{ q: '1', i: [] }] }],
    ['a removal whose rev is no text', { ...CHANGES_MESSAGE, changes: [{ q: '1', k: KEY, o: 5 }] }],
    ['an unknown mode', { ...RESYNC_MESSAGE, mode: 'guess' }],
    ['a key that is no item', { ...RESYNC_MESSAGE, keys: [{ k: 'a' }] }],
    ['a position that is no text', { ...RESYNC_MESSAGE, keys: [{ k: KEY, p: 1 }] }],
    ['too many keys', { ...RESYNC_MESSAGE, keys: Array.from({ length: RESYNC_KEYS_MAX + 1 }, () => ({ k: KEY })) }],
  ])('with %s is a FormatError', (_name, json) => {
    expect(() => decodeMessage(packedJson(json))).toThrow(FormatError);
  });

  test('as many keys as are allowed are read', () => {
    const message = { ...RESYNC_MESSAGE, keys: Array.from({ length: RESYNC_KEYS_MAX }, () => ({ k: KEY })) };
    expect(decodeMessage(packedJson(message))).toEqual(message);
  });

  test('does not show in the error what the message held', () => {
    const error = outcome(packed('{"set":"cities","secret":secret}')) as FormatError;
    expect(error.message).toBe('a lane message is damaged: it does not unpack to JSON');
    expect(error.cause).toBeUndefined();
  });
});

/** What decodes can be used: every change is a whole put or removal, every key a key. */
function expectWhole(read: LaneMessage | FormatError): void {
  if (read instanceof FormatError) return;
  expect(read.lane).toBeLessThan(read.lanes);
  if (read.kind === 'resync') {
    expect(read.keys.every(({ k }) => typeof k === 'object' && k !== null)).toBe(true);
    return;
  }
  for (const change of read.changes) {
    const carrier: unknown = isDelete(change) ? change.k : change.i;
    expect([typeof change.q, typeof carrier, carrier === null]).toEqual(['string', 'object', false]);
  }
}

import { describe, expect, test } from 'vitest';
import type { LogRecord } from '../../../../lib/core/formats/log-record.ts';
import { decodeSegment, encodeSegment } from '../../../../lib/core/formats/segment.ts';
import { partOf, readPart } from '../../../../lib/core/formats/segment-index-part.ts';
import type { KeySchema } from '../../../../lib/core/key.ts';
import { keyHash, keyText } from '../../../../lib/core/key.ts';

const KEY: KeySchema = { partition: { name: 'pk', type: 'S' } };
const ABOUT = {
  set: 's',
  member: 'm',
  shard: 'shardId-1',
  key: KEY,
  stream: 'arn:aws:dynamodb:eu-central-1:111111111111:table/t/stream/2026-11-24T10:15:03.123',
};

const segment = (records: number, keys: number) => {
  const made = Array.from(
    { length: records },
    (_, i): LogRecord => ({ sequence: String(i), at: 0, event: 'MODIFY', origin: 'local', keys: { pk: { S: `k${i % keys}` } } }),
  );
  const { body } = encodeSegment(ABOUT, made);
  return { body, footer: decodeSegment(body).footer };
};
const hashOf = (name: string): Buffer => keyHash(keyText({ pk: { S: name } }, KEY));

describe('a part of an index', () => {
  test.each([
    [1, 1],
    [50, 50],
    [3_001, 3_001],
    [9_999, 4_000],
  ])('holds what the whole holds of each key: %i records of %i keys, over the borders of blocks', (records, keys) => {
    const { body, footer } = segment(records, keys);
    for (let i = 0; i < keys + 3; i += Math.ceil(keys / 300)) {
      const hash = hashOf(`k${i}`);
      const part = partOf(footer.head, hash);
      const index = readPart(footer.head, part, body.subarray(part.range.from, part.range.to), hash);
      expect(index?.find(hash)).toEqual(footer.index.find(hash));
    }
  });

  test('is small beside the whole', () => {
    const { footer } = segment(9_000, 9_000);
    const { range } = partOf(footer.head, hashOf('k1'));
    expect(range.to - range.from).toBeLessThan(40_000);
  });

  test('says so when a key may have more entries beside it: one key with most of the changes', () => {
    const { body, footer } = segment(5_000, 1);
    const hash = hashOf('k0');
    const part = partOf(footer.head, hash);
    expect(readPart(footer.head, part, body.subarray(part.range.from, part.range.to), hash)).toBeUndefined();
  });

  test('says so when its entries are not in order', () => {
    const { body, footer } = segment(3_000, 3_000);
    const hash = hashOf('k5');
    const part = partOf(footer.head, hash);
    const bytes = Buffer.from(body.subarray(part.range.from, part.range.to));
    bytes.fill('A', 0, 60);
    bytes.fill('/', 60, 120);
    expect(readPart(footer.head, part, bytes, hash)).toBeUndefined();
  });
});

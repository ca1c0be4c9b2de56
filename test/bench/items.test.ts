import { constants, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { batches, sequenceOf, sqsEvent, streamEvent } from '../../bench/events.ts';
import { itemOf, itemsFrom, keyOf } from '../../bench/items.ts';
import { fromSqsEvent, fromStreamEvent } from '../../lib/adapters/aws/events.ts';
import { itemBytes } from '../../lib/core/size.ts';

const SMALL = { bytes: 300, version: 1 };
const ORIGIN = { arn: 'arn:aws:dynamodb:eu-central-1:000000000000:table/t/stream/s', region: 'eu-central-1', createdS: 1_800_000_000 };

describe('items', () => {
  it('have the size that was asked for, at most a word more', () => {
    for (const bytes of [300, 4_096]) {
      const sizes = itemsFrom(0, 200, { bytes, version: 1 }).map(itemBytes);
      expect(Math.min(...sizes)).toBeGreaterThanOrEqual(bytes - 1);
      expect(sizes.reduce((sum, size) => sum + size, 0) / sizes.length).toBeLessThan(bytes + 20);
    }
  });

  it('are the same again when they are made again, so that a result can be compared', () => {
    expect(itemOf(12_345, SMALL)).toEqual(itemOf(12_345, SMALL));
  });

  it('differ by number in key and content, by version in content only', () => {
    expect(new Set(itemsFrom(0, 2_000, SMALL).map((item) => JSON.stringify(item))).size).toBe(2_000);
    const next = itemOf(7, { ...SMALL, version: 2 });
    expect(next).not.toEqual(itemOf(7, SMALL));
    expect(next).toMatchObject(keyOf(7));
  });

  it('compress as text does: neither like random bytes nor like repeats', () => {
    const json = JSON.stringify(itemsFrom(0, 60, { bytes: 4_096, version: 1 }));
    const packed = zstdCompressSync(json, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
    const factor = Buffer.byteLength(json) / packed.length;
    expect(factor).toBeGreaterThan(1.4);
    expect(factor).toBeLessThan(4);
  });
});

describe('stream events', () => {
  it('are read by the real adapter as inserts and updates with their images', () => {
    const inserts = fromStreamEvent(streamEvent({ from: 5, count: 3, sequence: 10, kind: SMALL }, ORIGIN) as never).records;
    expect(inserts.map((r) => r.eventName)).toEqual(['INSERT', 'INSERT', 'INSERT']);
    expect(inserts[2]).toMatchObject({
      sequence: sequenceOf(12),
      streamArn: ORIGIN.arn,
      newImage: itemOf(7, SMALL),
      keys: keyOf(7),
      createdMs: 1_800_000_000_000,
      byTtl: false,
    });
    const [update] = fromStreamEvent(streamEvent({ from: 5, count: 1, sequence: 20, kind: { ...SMALL, version: 2 }, before: SMALL }, ORIGIN) as never).records;
    expect(update).toMatchObject({ eventName: 'MODIFY', newImage: itemOf(5, { ...SMALL, version: 2 }), oldImage: itemOf(5, SMALL) });
  });

  it('are cut into batches that are all of the changes, once and in order', () => {
    const cut = batches({ from: 100, count: 2_500, sequence: 7, kind: SMALL }, 1_000);
    expect(cut.map((c) => [c.from, c.count, c.sequence])).toEqual([
      [100, 1_000, 7],
      [1_100, 1_000, 1_007],
      [2_100, 500, 2_007],
    ]);
  });

  it('have sequence numbers that rise as numbers', () => {
    expect(BigInt(sequenceOf(10))).toBe(BigInt(sequenceOf(9)) + 1n);
  });
});

describe('queue events', () => {
  it('are read by the real adapter as the messages that they were made of', () => {
    const message = { id: 'm', receipt: 'r', body: 'AQ==', group: 'lane-3', receiveCount: 2, sentMs: 1_800_000_000_123, attributes: {} };
    expect(fromSqsEvent(sqsEvent([message], { arn: 'arn:aws:sqs:eu-central-1:000000000000:q.fifo', region: 'eu-central-1' }) as never)).toEqual({
      queueArn: 'arn:aws:sqs:eu-central-1:000000000000:q.fifo',
      messages: [message],
    });
  });
});

import { hash } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Item } from '../../../../lib/core/attribute.ts';
import { itemHash } from '../../../../lib/core/canonical.ts';
import { FormatError } from '../../../../lib/core/errors.ts';
import { nameTime, readLogName, rollupName, segmentName, streamLabel, timeOfName } from '../../../../lib/core/formats/archive-names.ts';
import type { LogRecord } from '../../../../lib/core/formats/log-record.ts';
import { decodeLine, encodeLine, ORIGINS } from '../../../../lib/core/formats/log-record.ts';
import { position } from '../../../../lib/core/formats/position.ts';
import type { SegmentAbout } from '../../../../lib/core/formats/segment.ts';
import { decodeFrame, decodeSegment, encodeSegment } from '../../../../lib/core/formats/segment.ts';
import { decodeFooter, decodeHead, FOOTER_TAIL_BYTES, footerLength } from '../../../../lib/core/formats/segment-footer.ts';
import type { FoundRecord } from '../../../../lib/core/formats/segment-index.ts';
import { partOf, readPart } from '../../../../lib/core/formats/segment-index-part.ts';
import type { KeySchema } from '../../../../lib/core/key.ts';
import { keyHash, keyText } from '../../../../lib/core/key.ts';
import { SEGMENT_OF_FORMAT_1 } from './segment-1.ts';

const KEY: KeySchema = { partition: { name: 'country', type: 'S' }, sort: { name: 'cityId', type: 'N' } };
const STREAM = 'arn:aws:dynamodb:eu-central-1:111111111111:table/t/stream/2026-11-24T10:15:03.123';
const ABOUT: SegmentAbout = { set: 'cities', member: 'eu-central-1', stream: STREAM, shard: 'shardId-1', key: KEY };
const AT = Date.UTC(2026, 10, 24, 10, 15, 3);

const record = (i: number, more: Partial<LogRecord> = {}): LogRecord => {
  const keys = { country: { S: 'DE' }, cityId: { N: String(i % 7) } };
  return { sequence: String(1_000 + i), at: AT + 1_000 * (i % 3), event: 'MODIFY', origin: 'local', keys, newImage: { ...keys, n: { N: String(i) } }, ...more };
};
const many = (n: number): LogRecord[] => Array.from({ length: n }, (_, i) => record(i));

const anyRecord = fc.record(
  {
    sequence: fc.bigInt({ min: 0n, max: 10n ** 40n - 1n }).map(String),
    at: fc.integer({ min: AT, max: AT + 80_000_000 }),
    event: fc.constantFrom<LogRecord['event']>('INSERT', 'MODIFY', 'REMOVE'),
    origin: fc.constantFrom(...ORIGINS),
    position: fc.tuple(fc.nat(), fc.bigInt({ min: 0n, max: 10n ** 40n - 1n })).map(([epoch, sequence]) => position(epoch, sequence)),
    keys: fc.record({ country: fc.record({ S: fc.string({ unit: 'binary', minLength: 1 }) }), cityId: fc.record({ N: fc.integer().map(String) }) }),
    newImage: fc.dictionary(fc.string(), fc.oneof(fc.record({ S: fc.string({ unit: 'binary' }) }), fc.record({ N: fc.integer().map(String) }))),
    oldImage: fc.dictionary(fc.string(), fc.record({ B: fc.uint8Array().map((b) => Buffer.from(b).toString('base64')) })),
  },
  { requiredKeys: ['sequence', 'at', 'event', 'origin', 'keys'] },
) as fc.Arbitrary<LogRecord>;

describe('the line of a record', () => {
  test('is pinned', () => {
    const line = encodeLine(record(1, { position: position(3, '1001'), oldImage: { country: { S: 'DE' }, cityId: { N: '1' } } }));
    expect(line).toBe(
      '{"sequence":"1001","created":1795515304000,"event":"MODIFY","origin":"local","position":"3/1001","keys":{"country":{"S":"DE"},"cityId":{"N":"1"}},' +
        '"new":{"country":{"S":"DE"},"cityId":{"N":"1"},"n":{"N":"1"}},"old":{"country":{"S":"DE"},"cityId":{"N":"1"}}}',
    );
  });

  test('gives the record back, whatever its strings hold', () => {
    fc.assert(
      fc.property(anyRecord, (r) => {
        const line = encodeLine(r);
        expect(line).not.toContain('\n');
        expect(decodeLine(line)).toEqual(r);
      }),
    );
  });

  test.each([
    ['{', 'not JSON'],
    ['null', '"sequence"'],
    ['{"sequence":"x","created":1,"event":"INSERT","origin":"local","keys":{}}', '"sequence"'],
    ['{"sequence":"1","created":-1,"event":"INSERT","origin":"local","keys":{}}', '"created"'],
    ['{"sequence":"1","created":1,"event":"DROP","origin":"local","keys":{}}', '"event"'],
    ['{"sequence":"1","created":1,"event":"INSERT","origin":"me","keys":{}}', '"origin"'],
    ['{"sequence":"1","created":1,"event":"INSERT","origin":"local"}', '"keys"'],
    ['{"sequence":"1","created":1,"event":"INSERT","origin":"local","keys":{},"new":[]}', '"new"'],
    ['{"sequence":"1","created":1,"event":"INSERT","origin":"local","keys":{},"position":"4294967296/1"}', '"position"'],
  ])('that is wrong is refused: %s', (line, what) => {
    expect(() => decodeLine(line)).toThrow(FormatError);
    expect(() => decodeLine(line)).toThrow(what);
  });
});

describe('a segment', () => {
  test('is pinned: name, head, and the bytes of the footer', () => {
    // Key hash, item hash, ordinal, frame, time, flags, old hash, day, old day.
    const index = Buffer.from(
      'ef52975bddae47e8cb0595ffef225f6f' +
        'f8c9bd07aa04c20e0000000000000000000000000000000000000000000000' +
        'fa903188b77bd0fe7c749c98b44a1b73' +
        '7ac8076eb2ca6cd2000000010000000003e81622abc076e3a5bab300004e20',
      'hex',
    ).toString('base64');
    const previous = { shard: 'shardId-0', first: '7', firstAt: AT - 5_000, last: '9', sha256: hash('sha256', 'x', 'base64') };
    const was = { ...(record(0).newImage as Item), ends: { N: String(20_000 * 86_400 + 5) } };
    const made = encodeSegment({ ...ABOUT, tableId: 'T-1', expiryAttribute: 'ends', previous, doubt: 'silence' }, [
      record(0),
      record(1, { event: 'REMOVE', origin: 'expiry', oldImage: was }),
    ]);
    expect(made.name).toBe('log/2026-11-24T10-15-03.123/shardId-1/0000000000000000000000000000000000001000.20261124T101503Z.jsonl.zst');
    const { frames, dataBytes, dataSha256, ...head } = made.head;
    expect(head).toEqual({
      format: 2,
      set: 'cities',
      member: 'eu-central-1',
      stream: STREAM,
      shard: 'shardId-1',
      key: KEY,
      tableId: 'T-1',
      expiryAttribute: 'ends',
      previous,
      doubt: 'silence',
      first: '1000',
      last: '1001',
      records: 2,
      firstAt: AT,
      fromMs: AT,
      toMs: AT + 1_000,
      rawBytes: 467,
    });
    expect(frames).toEqual([{ offset: 0, bytes: dataBytes, records: 2 }]);
    expect(dataSha256).toBe(hash('sha256', made.body.subarray(0, dataBytes), 'base64'));
    const footer = made.body.subarray(dataBytes);
    // A frame with its size, a raw block with the index, a last raw block with the head and the end.
    const [magic, size, block] = [footer.readUInt32LE(0), footer.readUInt32LE(5), footer.readUIntLE(9, 3)];
    expect([magic, footer[4], size, block]).toEqual([0xfd2fb528, 0xa0, footer.length - 9 - 6, (21 + 128 + 9) * 8]);
    expect(footer.subarray(12, 12 + 158).toString()).toBe(`{"format":1,"index":"${index}","head":`);
    const last = footer.subarray(12 + 158 + 3);
    expect(footer.readUIntLE(12 + 158, 3)).toBe(last.length * 8 + 1);
    const head64 = JSON.stringify(made.head);
    const sum = hash('sha256', Buffer.concat([Buffer.from(index, 'base64'), Buffer.from(head64)]), 'base64');
    const end = `${head64.length.toString(16).padStart(8, '0')}${footer.length.toString(16).padStart(8, '0')}SYNCLOG1`;
    expect(last.toString()).toBe(`${head64},"sum":"${sum}","end":"${end}"}\n`);
    expect(JSON.parse(zstdDecompressSync(footer).toString())).toEqual({ format: 1, index, head: made.head, sum, end });
    expect(made.sha256).toBe(hash('sha256', made.body, 'base64'));
  });

  test('of format 1 is still read, its index compared with its lines; what was there before it does not say', () => {
    const { footer, records } = decodeSegment(SEGMENT_OF_FORMAT_1);
    expect(footer.head).toMatchObject({ format: 1, set: 'cities', doubt: 'silence', records: 3 });
    expect(records.map(({ event, origin }) => `${event} ${origin}`)).toEqual(['MODIFY local', 'REMOVE expiry', 'MODIFY local']);
    const entries = Array.from({ length: footer.index.length }, (_, i) => footer.index.entry(i));
    expect(entries.map(({ ordinal }) => ordinal)).toEqual([0, 2, 1]);
    expect(entries.map(({ itemHash }) => itemHash?.toString('hex'))).toEqual(['f8c9bd07aa04c20e', 'dffbfddf9f4cf2a9', undefined]);
    for (const entry of entries) expect(entry).toMatchObject({ oldKnown: false, day: 0, oldDay: 0, drift: false });
    for (const entry of entries) expect(entry.oldHash).toBeUndefined();
    const part = partOf(footer.head, footer.index.keyHashAt(2));
    const read = readPart(footer.head, part, SEGMENT_OF_FORMAT_1.subarray(part.range.from, part.range.to), footer.index.keyHashAt(2));
    expect(read?.find(footer.index.keyHashAt(2))).toEqual([entries[2]]);
    // The lines of another segment, or another byte of the index, do not agree with it.
    expect(() => decodeSegment(Buffer.concat([encodeSegment(ABOUT, many(3)).body.subarray(0, 200), SEGMENT_OF_FORMAT_1.subarray(200)]))).toThrow(FormatError);
  });

  test('has an index that says what was there before, whether it is known, when both expire, and what is drift', () => {
    const day = (n: number): Item => ({ country: { S: 'DE' }, cityId: { N: '1' }, ends: { N: String(n * 86_400) } });
    const records: FoundRecord[] = [
      record(1, { event: 'INSERT', newImage: day(19_000) }),
      record(1, { sequence: '1002', newImage: day(19_001), oldImage: day(19_000) }),
      { ...record(1, { sequence: '1003' }), found: { drift: true } },
      { ...record(1, { sequence: '1004', event: 'REMOVE', oldImage: day(19_001) }), newImage: undefined as never },
    ];
    const { body } = encodeSegment({ ...ABOUT, expiryAttribute: 'ends' }, records);
    const { footer } = decodeSegment(body);
    const entries = footer.index.find(keyHash(keyText(day(1), KEY)));
    const hash = (item: Item): string => itemHash(item).toString('hex', 0, 8);
    expect(entries.map(({ oldKnown, day, oldDay, drift }) => [oldKnown, day, oldDay, drift])).toEqual([
      [true, 19_000, 0, false],
      [true, 19_001, 19_000, false],
      [false, 0, 0, true],
      [true, 0, 19_001, false],
    ]);
    expect(entries.map(({ oldHash }) => oldHash?.toString('hex'))).toEqual([undefined, hash(day(19_000)), undefined, hash(day(19_001))]);
    expect(entries.map(({ itemHash: now }) => now?.toString('hex'))).toEqual([
      hash(day(19_000)),
      hash(day(19_001)),
      hash(record(1).newImage as Item),
      undefined,
    ]);
  });

  test('whose index was made with hashes that are not those of its lines is found damaged', () => {
    const lie = Buffer.alloc(16, 7);
    const old = record(0).newImage as Item;
    const of = (found: FoundRecord['found']): Buffer => encodeSegment(ABOUT, [{ ...record(1, { oldImage: old }), found }] as FoundRecord[]).body;
    expect(() => decodeSegment(of({}))).not.toThrow();
    expect(() => decodeSegment(of({ newHash: lie }))).toThrow(/index/);
    expect(() => decodeSegment(of({ oldHash: lie }))).toThrow(/index/);
  });

  test('is plain JSON lines in zstd frames', () => {
    const { body, head } = encodeSegment(ABOUT, many(2_000));
    // Node's own decompressor ends with the first frame of a file that is not small, so the frames are taken one by one.
    const frames = head.frames.map(({ offset, bytes }) => zstdDecompressSync(body.subarray(offset, offset + bytes)).toString());
    expect(frames.join('').trimEnd().split('\n').map(decodeLine)).toEqual(many(2_000));
  });

  test('gives back its records, in frames that can be read one by one', () => {
    const records = many(2_000);
    const { body, head } = encodeSegment(ABOUT, records);
    expect(head.frames.length).toBeGreaterThan(3);
    expect(decodeSegment(body).records).toEqual(records);
    const frame = head.frames[2] as (typeof head.frames)[number];
    const before = (head.frames[0]?.records ?? 0) + (head.frames[1]?.records ?? 0);
    expect(decodeFrame(body.subarray(frame.offset, frame.offset + frame.bytes))).toEqual(records.slice(before, before + frame.records));
  });

  test('has an index that finds the records of a key, in their order, and says where their lines are', () => {
    const records = many(2_000);
    const { head, index } = decodeFooter(encodeSegment(ABOUT, records).body);
    const key = keyHash(keyText({ country: { S: 'DE' }, cityId: { N: '3' } }, KEY));
    const found = index.find(key);
    expect(found.map((e) => e.ordinal)).toEqual(records.flatMap((_, i) => (i % 7 === 3 ? [i] : [])));
    for (const { ordinal, frame, at } of found) {
      const start = head.frames.slice(0, frame).reduce((sum, f) => sum + f.records, 0);
      expect(ordinal).toBeGreaterThanOrEqual(start);
      expect(ordinal).toBeLessThan(start + (head.frames[frame]?.records ?? 0));
      expect(at).toBe(records[ordinal]?.at);
    }
    expect(index.find(keyHash('another key'))).toEqual([]);
  });

  test('is read back whatever its records are', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 20 }), (records) => {
        const { body } = encodeSegment(ABOUT, records);
        expect(decodeSegment(body).records).toEqual(records);
      }),
      { numRuns: 50 },
    );
  });

  test('that has any byte changed is found damaged', () => {
    const { body } = encodeSegment(ABOUT, many(30));
    for (let at = 0; at < body.length; at += 1) {
      const damaged = Buffer.from(body);
      damaged[at] = (damaged[at] as number) ^ 0x40;
      expect(() => decodeSegment(damaged), `byte ${at} of ${body.length}`).toThrow(FormatError);
    }
  });

  test('that is cut off, or has bytes too many, is found damaged', () => {
    const { body } = encodeSegment(ABOUT, many(30));
    for (let length = 0; length < body.length; length += 1) expect(() => decodeSegment(body.subarray(0, length)), `${length} bytes`).toThrow(FormatError);
    expect(() => decodeSegment(Buffer.concat([Buffer.alloc(1), body]))).toThrow(FormatError);
    expect(() => decodeSegment(Buffer.concat([body, Buffer.alloc(1)]))).toThrow(FormatError);
  });

  test('whose lines were exchanged for others does not agree with its footer', () => {
    const [one, other] = [encodeSegment(ABOUT, many(3)), encodeSegment(ABOUT, many(3).toReversed())];
    const forged = Buffer.concat([other.body.subarray(0, other.head.dataBytes), one.body.subarray(one.head.dataBytes)]);
    expect(() => decodeSegment(forged)).toThrow(FormatError);
  });

  test('shows footer and head in its last bytes', () => {
    const { body, head } = encodeSegment(ABOUT, many(1_000));
    const tail = body.subarray(-FOOTER_TAIL_BYTES);
    expect(footerLength(tail)).toBe(body.length - head.dataBytes);
    expect(decodeFooter(tail).head).toEqual(head);
    expect(decodeHead(body.subarray(-4_096))).toEqual(head);
    expect(decodeHead(body.subarray(-60))).toBeUndefined();
    expect(() => decodeFooter(body.subarray(-footerLength(tail) + 1))).toThrow(/bytes of a footer of/);
  });

  test('has at least one record', () => {
    expect(() => encodeSegment(ABOUT, [])).toThrow(FormatError);
  });
});

describe('names', () => {
  test('sort as sequence numbers do, and give back what they were made of', () => {
    const first = { label: streamLabel(STREAM), shard: 'shardId-1', first: '99', firstAtMs: AT };
    const later = { ...first, first: '100' };
    expect(segmentName(first) < segmentName(later)).toBe(true);
    expect(readLogName(segmentName(first))).toEqual(first);
    expect(readLogName(rollupName(first))).toEqual(first);
    expect(readLogName('log/x/y/z.jsonl.zst')).toBeUndefined();
    expect(readLogName(segmentName({ ...first, first: '0' }))?.first).toBe('0');
  });

  test('hold whole seconds in UTC', () => {
    expect(nameTime(AT + 999)).toBe('20261124T101503Z');
    expect(timeOfName('20261124T101503Z')).toBe(AT);
    expect(timeOfName('20261131T101503Z')).toBeUndefined();
    expect(timeOfName('20261124T101503')).toBeUndefined();
  });

  test('of a stream are refused for what is no stream', () => {
    expect(() => streamLabel('arn:aws:dynamodb:eu-central-1:111111111111:table/t')).toThrow(FormatError);
  });
});

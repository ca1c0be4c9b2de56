import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../../../lib/core/errors.ts';
import type { LogRecord } from '../../../../lib/core/formats/log-record.ts';
import { Rollup, rollupTailBytes, rollupTailLength, sameRollup } from '../../../../lib/core/formats/rollup.ts';
import type { RolledSegment } from '../../../../lib/core/formats/rollup-encode.ts';
import { encodeRollup } from '../../../../lib/core/formats/rollup-encode.ts';
import { decodeFrame, decodeSegment, encodeSegment } from '../../../../lib/core/formats/segment.ts';
import type { KeySchema } from '../../../../lib/core/key.ts';
import { keyHash, keyText } from '../../../../lib/core/key.ts';

const KEY: KeySchema = { partition: { name: 'pk', type: 'S' } };
const AT = Date.UTC(2026, 10, 24, 10, 15, 3);
const ABOUT = {
  set: 'cities',
  member: 'eu-central-1',
  shard: 'shardId-1',
  key: KEY,
  stream: 'arn:aws:dynamodb:eu-central-1:111111111111:table/t/stream/2026-11-24T10:15:03.123',
};

const record = (i: number, name: string): LogRecord => ({
  sequence: String(1_000 + i),
  at: AT + 1_000 * i,
  event: 'MODIFY',
  origin: 'local',
  keys: { pk: { S: name } },
  newImage: { pk: { S: name }, n: { N: String(i) } },
});
const hashOf = (name: string): Buffer => keyHash(keyText({ pk: { S: name } }, KEY));

/** Segments of these keys' changes, each the next one of the one before. */
function segments(names: readonly (readonly string[])[]): { readonly bodies: Buffer[]; readonly rolled: RolledSegment[] } {
  let i = 0;
  const bodies: Buffer[] = [];
  let previous: { shard: string; first: string; firstAt: number; last: string; sha256: string } = {
    shard: 'shardId-0',
    first: '7',
    firstAt: AT - 5_000,
    last: '9',
    sha256: hash('sha256', 'x', 'base64'),
  };
  for (const some of names) {
    const records = some.map((name) => {
      i += 1;
      return record(i, name);
    });
    const { body, head, sha256 } = encodeSegment({ ...ABOUT, previous }, records);
    previous = { shard: ABOUT.shard, first: head.first, firstAt: head.firstAt, last: head.last, sha256 };
    bodies.push(body);
  }
  return { bodies, rolled: bodies.map((body) => ({ ...decodeSegment(body).footer, bytes: body.length })) };
}

/** The changes of a key by a roll-up: their numbers. */
function found(name: string, body: Buffer, bodies: readonly Buffer[]): number[] {
  const rollup = new Rollup(body);
  const { from, to } = rollup.range(hashOf(name));
  return rollup.find(hashOf(name), body.subarray(from, to)).map(({ segment, offset, bytes, line }) => {
    const of = bodies[rollup.head.segments.indexOf(segment)] as Buffer;
    const { sequence, keys } = decodeFrame(of.subarray(offset, offset + bytes))[line] as LogRecord;
    expect(keys).toEqual({ pk: { S: name } });
    return Number(sequence) - 1_000;
  });
}

describe('a roll-up', () => {
  test('is pinned: name, head, and the bytes of entries and fan-out', () => {
    const { rolled } = segments([['a', 'b'], ['a']]);
    const { name, body } = encodeRollup(rolled);
    expect(name).toBe('index/2026-11-24T10-15-03.123/shardId-1/0000000000000000000000000000000000001001.20261124T101504Z.rollup');
    const { head } = new Rollup(body);
    expect(head).toEqual({
      set: 'cities',
      member: 'eu-central-1',
      label: '2026-11-24T10-15-03.123',
      shard: 'shardId-1',
      entries: 3,
      previous: { shard: 'shardId-0', first: '7' },
      segments: [
        { first: '1001', firstAt: AT + 1_000, fromMs: AT + 1_000, toMs: AT + 2_000, records: 2, bytes: rolled[0]?.bytes },
        { first: '1003', firstAt: AT + 3_000, fromMs: AT + 3_000, toMs: AT + 3_000, records: 1, bytes: rolled[1]?.bytes },
      ],
    });
    const frame = (i: number): string => (rolled[i]?.head.frames[0]?.bytes ?? 0).toString(16).padStart(6, '0');
    const a = hashOf('a').toString('hex').slice(0, 16);
    const b = hashOf('b').toString('hex').slice(0, 16);
    const lines = [`${a}0000000000${frame(0)}000000000000`, `${a}0100000000${frame(1)}000000000000`, `${b}0000000000${frame(0)}0001000003e8`].sort();
    expect(body.subarray(0, 66).toString('hex')).toBe(lines.join(''));
    expect(body.subarray(66, 70).toString('hex')).toBe('00000003');
    expect(body.subarray(-8).toString('latin1')).toBe('SYNCROLL');
    expect(body.at(-8 - 8 - 32 - 1)).toBe(1);
  });

  test('names every change of every key, in order, and none of another', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'ü'), { minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 64 }), (names) => {
        const { bodies, rolled } = segments(names);
        const { body } = encodeRollup(rolled);
        const all = names.flat();
        for (const name of ['a', 'ü', 'nobody']) {
          expect(found(name, body, bodies)).toEqual(all.flatMap((other, i) => (other === name ? [i + 1] : [])));
        }
      }),
      { numRuns: 30 },
    );
  });

  test('of many keys has buckets that are small, and an end that is read at once', () => {
    const { bodies, rolled } = segments(Array.from({ length: 8 }, (_, s) => Array.from({ length: 1_000 }, (__, i) => `k${(s * 1_000 + i) % 2_000}`)));
    const { body } = encodeRollup(rolled);
    expect(rollupTailLength(body)).toBeLessThanOrEqual(rollupTailBytes(body.length));
    const rollup = new Rollup(body.subarray(-rollupTailBytes(body.length)));
    for (const name of ['k0', 'k77', 'k1999']) {
      const { from, to } = rollup.range(hashOf(name));
      expect(to - from).toBeLessThan(22 * 260);
      expect(found(name, body, bodies)).toHaveLength(4);
    }
  });

  test('is refused when any of its bytes is another', () => {
    const { rolled } = segments([['a', 'b', 'c'], ['a']]);
    const { body } = encodeRollup(rolled);
    fc.assert(
      fc.property(fc.nat({ max: body.length * 8 - 1 }), (bit) => {
        const damaged = Buffer.from(body);
        damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(() => {
          const rollup = new Rollup(damaged);
          const { from, to } = rollup.range(hashOf('a'));
          rollup.find(hashOf('a'), damaged.subarray(from, to));
        }).toThrow(FormatError);
      }),
    );
    for (const length of [0, 7, 40, body.length - 1]) expect(() => new Rollup(body.subarray(0, length))).toThrow(FormatError);
  });

  test('is the same when the same footers were rolled up', () => {
    const { rolled } = segments([['a', 'b'], ['c']]);
    const { body } = encodeRollup(rolled);
    expect(encodeRollup(rolled).body.equals(body)).toBe(true);
    expect(sameRollup(body, encodeRollup(rolled).body)).toBe(true);
    expect(sameRollup(body, encodeRollup(rolled.slice(0, 1)).body)).toBe(false);
  });
});

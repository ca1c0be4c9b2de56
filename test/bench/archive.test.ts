import { describe, expect, it } from 'vitest';
import { readBodies, writeBodies } from '../../bench/archive/bodies.ts';
import { Digest } from '../../bench/archive/made-up.ts';
import { CHANGES_EACH, lastVersion, madeUpLog } from '../../bench/archive/made-up-log.ts';
import { itemOf } from '../../bench/items.ts';
import { decodeSegment } from '../../lib/core/formats/segment.ts';

const ABOUT = { set: 'bench', member: 'eu', stream: 'arn:aws:dynamodb:eu-central-1:000000000000:table/t/stream/2026-11-24T10:15:03.123' };

describe('bodies in a file', () => {
  it('come out as they went in', () => {
    const bodies = [Buffer.from('a'), Buffer.alloc(0), Buffer.from([0, 255, 0])];
    expect(readBodies(writeBodies(bodies))).toEqual(bodies);
  });

  it('are refused when the file ends within one', () => {
    expect(() => readBodies(writeBodies([Buffer.from('abc')]).subarray(0, 5))).toThrow(RangeError);
  });
});

describe('the made-up log', () => {
  const changes = 2_500;
  const segments = [...madeUpLog(ABOUT, changes, 1_795_515_303_000)];

  it('is a chain of whole segments', () => {
    expect(segments.map(({ head }) => head.records)).toEqual([1_000, 1_000, 500]);
    segments.forEach(({ head }, i) => {
      expect(head.previous?.sha256).toBe(segments[i - 1]?.sha256);
    });
  });

  it('changes each of its items as often as it says, each time from the version before, to the last', () => {
    const seen = new Map<string, object>();
    const times = new Map<string, number>();
    for (const { body } of segments) {
      for (const { keys, newImage, oldImage } of decodeSegment(body).records) {
        const key = JSON.stringify(keys);
        expect(oldImage).toEqual(seen.get(key) ?? itemOf(Number((keys['cityId'] as { N: string }).N), { bytes: 300, version: 1 }));
        seen.set(key, newImage as object);
        times.set(key, (times.get(key) ?? 0) + 1);
      }
    }
    expect(times.size).toBe(changes / CHANGES_EACH);
    expect(new Set(times.values())).toEqual(new Set([CHANGES_EACH]));
    expect(seen.get(JSON.stringify({ country: itemOf(7, { bytes: 300, version: 1 })['country'], cityId: { N: '7' } }))).toEqual(
      itemOf(7, { bytes: 300, version: lastVersion(7, changes) }),
    );
    expect(lastVersion(changes / CHANGES_EACH, changes)).toBe(1);
  });
});

describe('a digest of items', () => {
  const digest = (...items: Parameters<Digest['add']>[0][]): string => {
    const of = new Digest();
    for (const item of items) of.add(item);
    return of.text;
  };

  it('does not depend on the order of items and attributes, and sees any change', () => {
    const [a, b] = [{ x: { S: '1' }, y: { N: '2' } }, { x: { S: '2' } }];
    expect(digest(a, b)).toBe(digest(b, { y: { N: '2' }, x: { S: '1' } }));
    for (const other of [digest(a), digest(a, a, b), digest(a, { x: { S: '3' } })]) expect(other).not.toBe(digest(a, b));
  });
});

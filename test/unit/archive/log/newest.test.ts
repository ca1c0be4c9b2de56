import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LoggedChange } from '../../../../lib/archive/log/changes.ts';
import type { Searched, SearchMark, WantedKey } from '../../../../lib/archive/log/newest.ts';
import { newestChanges, searchFrom } from '../../../../lib/archive/log/newest.ts';
import { inRanges } from '../../../../lib/archive/log/ranges.ts';
import type { LogRecord } from '../../../../lib/core/formats/log-record.ts';
import { encodeRollup } from '../../../../lib/core/formats/rollup-encode.ts';
import { decodeSegment } from '../../../../lib/core/formats/segment.ts';
import { AT, change, key, LABEL, LogBucket } from './support.ts';

const HOUR_MS = 3_600_000;
/** Steps of one search: far more than any takes. */
const STEPS_MAX = 2_000;

async function roll(bucket: LogBucket, from: number, to: number): Promise<void> {
  const rolled = bucket.segments.slice(from, to).map(({ body }) => ({ ...decodeSegment(body).footer, bytes: body.length }));
  const { name, body } = encodeRollup(rolled);
  await bucket.put(name, body);
}

const nameOf = (record: Pick<LogRecord, 'keys'>): string => (record.keys['pk'] as { S: string }).S;
const numberOf = ({ sequence }: Pick<LogRecord, 'sequence'>): number => Number(sequence) - 1_000_000;
const of = (names: readonly string[]): WantedKey[] => names.map((name) => ({ key: key(name) }));

interface Came {
  /** Numbers of the changes by the place of the key. */
  readonly found: (number | null)[];
  readonly requests: number;
  readonly steps: number;
}

/** A whole search, from step to step; what is kept goes through JSON. */
async function search(bucket: LogBucket, wanted: readonly WantedKey[], toMs: number, each = Number.POSITIVE_INFINITY, untilMs?: number): Promise<Came> {
  const found = new Map<number, number | null>();
  let requests = 0;
  let mark: SearchMark | undefined = searchFrom(toMs);
  let steps = 0;
  while (mark !== undefined) {
    steps += 1;
    if (steps > STEPS_MAX) throw new Error(`It does not end: ${JSON.stringify(mark)}`);
    const open: number[] = [...wanted.keys()].filter((i) => !found.has(i));
    const sought = open.map((i) => wanted[i] as WantedKey);
    const { clock } = bucket.runtime;
    const came: Searched<number> = await newestChanges<number>(bucket.place, bucket.runtime, sought, {
      mark,
      until: clock.elapsed() + each,
      ...(untilMs !== undefined && { untilMs }),
      keep: (one: LoggedChange) => numberOf(one),
    });
    requests += came.read.requests;
    for (const [n, one] of came.found) found.set(open[n] as number, one);
    mark = came.mark && (JSON.parse(JSON.stringify(came.mark)) as SearchMark);
  }
  return { found: wanted.map((_, i) => found.get(i) as number | null), requests, steps };
}

describe('the newest changes of many keys', () => {
  test('are those of the whole log, whatever is rolled up, how far apart they are, and however short the steps', async () => {
    const names = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'nobody'];
    const stretch = fc.tuple(fc.nat(11), fc.integer({ min: 1, max: 6 }));
    const picks = fc.array(fc.nat(5), { minLength: 36, maxLength: 36 });
    const stepMs = fc.constantFrom(7_000, HOUR_MS, 5 * HOUR_MS, 40 * HOUR_MS);
    const jitter = fc.array(fc.integer({ min: -25_000, max: 25_000 }), { minLength: 36, maxLength: 36 });
    const each = fc.constantFrom(Number.POSITIVE_INFINITY, 25, 60);
    await fc.assert(
      fc.asyncProperty(fc.array(stretch, { maxLength: 4 }), picks, stepMs, jitter, each, fc.nat(35), fc.integer({ min: 1, max: 11 }), async (...args) => {
        const [rolls, picked, apart, jitters, until, upTo, split] = args;
        const bucket = new LogBucket();
        const records = picked.map((k, i) => change(i, `k${k}`, { at: AT + 100_000 + apart * i + (jitters[i] as number) }));
        for (let i = 0; i < 12; i += 1) await bucket.append(records.slice(3 * i, 3 * i + 3), i < split ? {} : { shard: 'shard-0', parent: 'shard-1' });
        for (const [from, length] of rolls) await roll(bucket, from, Math.min(from + length, from < split ? split : 12));
        // Each request takes a millisecond.
        bucket.cloud.witness = () => void bucket.runtime.clock.sleep(1);
        const untilMs = records[upTo]?.at as number;
        const newest = (isIn: (record: LogRecord) => boolean): (number | null)[] =>
          names.map((name) => {
            const last = records.findLast((record) => nameOf(record) === name && isIn(record));
            return last === undefined ? null : numberOf(last);
          });
        const byTime = await search(bucket, of(names), untilMs, until, untilMs);
        expect(byTime.found).toEqual(newest(({ at }) => at <= untilMs));
        const sequence = String(1_000_000 + upTo);
        const bySequence = await search(
          bucket,
          of(names).map((one) => ({ ...one, upTo: { label: LABEL, sequence } })),
          (records.at(-1)?.at as number) + 60_000,
          until,
        );
        expect(bySequence.found).toEqual(newest((record) => numberOf(record) <= upTo));
      }),
      { numRuns: 40 },
    );
  });

  test('cost about as many requests as the log has segments and roll-ups, however many keys there are', async () => {
    const bucket = new LogBucket();
    // Each key has its last change in another segment.
    const records = Array.from({ length: 1_000 }, (_, i) => change(i, i % 2 === 0 ? `k${i / 2}` : 'often', { at: AT + 150_000 * i }));
    for (let i = 0; i < 500; i += 1) await bucket.append(records.slice(2 * i, 2 * i + 2));
    for (let i = 0; i < 448; i += 64) await roll(bucket, i, i + 64);
    const names = Array.from({ length: 500 }, (_, i) => `k${i}`);
    const last = AT + 150_000 * 1_000;
    const { found, requests, steps } = await search(bucket, of(names), last);
    expect(found).toEqual(names.map((_, i) => 2 * i));
    expect(steps).toBe(1);
    // A frame for each key, the footers of the 52 segments that are not rolled up, two reads of each roll-up, and lists.
    expect(requests).toBeLessThan(500 + 52 + 2 * 7 + 30);
    // What nobody has written is looked for to the beginning, in the roll-ups alone.
    const nobody = await search(bucket, of(names.map((name) => `no-${name}`)), last);
    expect(nobody.found.every((one) => one === null)).toBe(true);
    expect(nobody.requests).toBeLessThan(52 + 2 * 7 + 30);
  });

  test('of a log that nothing rolls up cost a request a segment, and one a segment that holds any', async () => {
    const bucket = new LogBucket();
    await bucket.fill(100, 20, 0, { keys: 500 });
    const names = Array.from({ length: 500 }, (_, i) => `k${i}`);
    const { found, requests } = await search(bucket, of(names), AT + HOUR_MS);
    expect(found).toEqual(names.map((_, i) => 1_500 + i));
    expect(requests).toBeLessThan(32 + 25 + 5);
  });

  test('are not shown where damage may hide a newer one', async () => {
    const bucket = new LogBucket();
    const names = ['old', 'bad', 'new'];
    for (const [i, name] of names.entries()) await bucket.append([change(i, name)]);
    await bucket.append([change(3, 'old')]);
    await roll(bucket, 0, 1);
    const damaged = bucket.segments[1];
    bucket.flipBit(damaged?.name ?? '', ((damaged?.body.length ?? 0) - 1) * 8);
    expect((await search(bucket, of([...names, 'nobody']), AT + HOUR_MS)).found).toEqual([3, null, 2, null]);
    await bucket.remove(bucket.segments[3]?.name ?? '');
    expect((await search(bucket, of(names), AT + HOUR_MS)).found).toEqual([null, null, 2]);
  });

  test('are not shown where damage may hide a newer one, though another step comes to them', async () => {
    const bucket = new LogBucket();
    for (const [i, name] of ['old', 'bad', 'new'].entries()) await bucket.append([change(i, name, { at: AT + 100 * i * HOUR_MS })]);
    const damaged = bucket.segments[1];
    bucket.flipBit(damaged?.name ?? '', ((damaged?.body.length ?? 0) - 1) * 8);
    bucket.cloud.witness = () => void bucket.runtime.clock.sleep(1);
    expect((await search(bucket, of(['old', 'new']), AT + 201 * HOUR_MS, 8)).found).toEqual([null, 2]);
  });

  test('are not shown where the frame that holds one is damaged', async () => {
    const bucket = new LogBucket();
    await bucket.append([change(0, 'a')]);
    await bucket.append([change(1, 'b'), change(2, 'a')]);
    bucket.flipBit(bucket.segments[1]?.name ?? '', 80);
    await bucket.append([change(3, 'c')]);
    expect((await search(bucket, of(['a', 'b', 'c']), AT + HOUR_MS)).found).toEqual([null, null, 3]);
  });
});

describe('the reads of some parts of an object', () => {
  test('hold every part whole, in order, and no more bytes than they may', () => {
    const part = fc.tuple(fc.nat(1_000), fc.nat(100)).map(([from, length]) => ({ from, to: from + length }));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), fc.nat(50), fc.integer({ min: 1, max: 300 }), (parts, gapMax, bytesMax) => {
        const reads = inRanges(parts, gapMax, bytesMax);
        expect(reads.flatMap((read) => read.parts).length).toBe(parts.length);
        for (const { from, to, parts: held } of reads) {
          expect(held.every((one) => one.from >= from && one.to <= to)).toBe(true);
          expect(to - from <= bytesMax || held.some((one) => one.to - one.from === to - from)).toBe(true);
          const sorted = held.toSorted((a, b) => a.from - b.from);
          let end = from;
          for (const one of sorted) {
            expect(one.from - end).toBeLessThanOrEqual(gapMax);
            end = Math.max(end, one.to);
          }
        }
      }),
    );
  });
});

import { fromStreamEvent } from '../lib/adapters/aws/events.ts';
import { itemHash } from '../lib/core/canonical.ts';
import { STREAM_BATCH_RECORDS } from '../lib/core/constants.ts';
import { applyEntry, Digest } from '../lib/core/digest.ts';
import { expiryDay } from '../lib/core/expiry-day.ts';
import type { SegmentAbout } from '../lib/core/formats/segment.ts';
import { decodeSegment, encodeSegment } from '../lib/core/formats/segment.ts';
import { decodeFooter } from '../lib/core/formats/segment-footer.ts';
import { keyHash, keyText } from '../lib/core/key.ts';
import { logRecord } from '../lib/observe/origin.ts';
import type { StreamRecord } from '../lib/ports/stream.ts';
import type { Bench } from './bench.ts';
import { checkEqual } from './check.ts';
import { cpuOf, measureOthers } from './digest-others.ts';
import { batches, streamEvent } from './events.ts';
import { itemOf, KEY } from './items.ts';
import { ITEM_BYTES } from './raw.ts';
import { GOALS, type Row } from './rows.ts';
import { figure } from './stats.ts';

/**
 * What the digest costs a change: at the observer the hash of the old image and its days, at the primary's fold two elements and two additions. Each
 * is measured alone, in this process, by its processor time; the observer's whole work on a record (parsing the event, lines, packing, index), but for
 * its requests, stands beside it. Updates, since they have both images.
 */

const RECORDS = { full: 20_000, quick: 4_000 } as const;
const ROUNDS = { full: 7, quick: 2 } as const;
/** Rounds that are run and not counted, for the compilers to warm up. */
const WARM_UP_ROUNDS = 2;
const ORIGIN = { arn: 'arn:aws:dynamodb:eu-central-1:111111111111:table/t/stream/2026-11-24T10:15:03.123', region: 'eu-central-1', createdS: 1_795_515_303 };
/** No item of the bench has it: what is measured is the look for it. */
const EXPIRY = 'expiresAt';
const ABOUT: SegmentAbout = { set: 'bench', member: 'eu-central-1', stream: ORIGIN.arn, shard: 'shardId-1', key: KEY, expiryAttribute: EXPIRY };

/** @throws WrongResultError when the digest by the log is not that of the items. */
export function measureDigest(bench: Bench): Row[] {
  const count = bench.quick ? RECORDS.quick : RECORDS.full;
  const rounds = bench.repeats ?? (bench.quick ? ROUNDS.quick : ROUNDS.full);
  const changes = { from: 0, count, kind: { bytes: ITEM_BYTES, version: 2 }, before: { bytes: ITEM_BYTES, version: 1 }, sequence: 0 };
  const events = batches(changes, STREAM_BATCH_RECORDS).map((batch) => JSON.stringify(streamEvent(batch, ORIGIN)));
  const read = (event: string): readonly StreamRecord[] => fromStreamEvent(JSON.parse(event)).records;
  const records = events.flatMap(read);
  const bodies = events.map(
    (event) =>
      encodeSegment(
        ABOUT,
        read(event).map((record) => logRecord(record, undefined, KEY)),
      ).body,
  );
  check(bodies, count);
  const footers = bodies.map((body) => decodeFooter(body));
  const seen: { observer: number; fold: number; whole: number }[] = [];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
    bench.signal.throwIfAborted();
    const done = round < 0 ? undefined : bench.steps.begin(`The digest of a change: ${round + 1} of ${rounds}`);
    const observer = cpuOf(() => {
      for (const { oldImage, newImage } of records) {
        if (oldImage === undefined || newImage === undefined) continue;
        itemHash(oldImage);
        expiryDay(oldImage, EXPIRY);
        expiryDay(newImage, EXPIRY);
      }
    });
    const digest = new Digest();
    const fold = cpuOf(() => {
      for (const { index } of footers) for (let i = 0; i < index.length; i += 1) applyEntry(digest, index.entry(i));
    });
    const whole = cpuOf(() => {
      for (const event of events)
        encodeSegment(
          ABOUT,
          read(event).map((record) => logRecord(record, undefined, KEY)),
        );
    });
    if (round >= 0) seen.push({ observer: observer / count, fold: fold / count, whole: whole / count });
    done?.();
  }
  const row = (name: string, of: (s: (typeof seen)[number]) => number, more: Partial<Row> = {}): Row => ({
    group: 'digest',
    name,
    unit: 'µs/change',
    value: figure(seen.map(of)),
    ...more,
  });
  const note = 'Processor time of updates of about 300 bytes, both images in the record; what is measured does nothing else.';
  return [
    row('digest, at the observer', (s) => s.observer, { note: `${note} The hash of the old image, and the days on which both expire.` }),
    row('digest, at the fold', (s) => s.fold, { note: `${note} The entry read from the index, two elements, two additions.` }),
    row('digest, CPU', (s) => s.observer + s.fold, { goal: GOALS.digest }),
    row('digest, share of the observer', (s) => (100 * s.observer) / s.whole, {
      unit: '%',
      note: 'Of what the observer does for a record: parsing, lines, packing, index; its requests apart.',
    }),
    ...measureOthers(bench, count, rounds),
  ];
}

/** The digest by the log, from the old items on, is that of the new ones. */
function check(bodies: readonly Buffer[], count: number): void {
  const of = (version: number): Digest => {
    const digest = new Digest();
    for (let i = 0; i < count; i += 1) {
      const item = itemOf(i, { bytes: ITEM_BYTES, version });
      digest.add({ keyHash: keyHash(keyText(item, KEY)), itemHash: itemHash(item).subarray(0, 8), day: 0 });
    }
    return digest;
  };
  const digest = of(1);
  for (const body of bodies) {
    const { index } = decodeSegment(body).footer;
    for (let i = 0; i < index.length; i += 1) applyEntry(digest, index.entry(i));
  }
  checkEqual(digest.differing(of(2)).length, 0, 'cells that differ', 'the digest');
}

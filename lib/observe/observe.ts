import { FUNCTION_TIMEOUT_MS, REQUEST_EFFECT_MAX_MS } from '../core/constants.ts';
import { assert } from '../core/errors.ts';
import { streamLabel } from '../core/formats/archive-names.ts';
import type { LogRecord } from '../core/formats/log-record.ts';
import type { Seat, Shard } from '../core/formats/rows.ts';
import { decodeSeat, decodeShard, SEAT_KEY, shardKey } from '../core/formats/rows.ts';
import type { EncodedSegment, SegmentAbout } from '../core/formats/segment.ts';
import { encodeSegment, SEGMENT_RECORDS_MAX } from '../core/formats/segment.ts';
import type { Doubt } from '../core/formats/segment-footer.ts';
import type { ObjectPort } from '../ports/objects.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { StreamBatch } from '../ports/stream.ts';
import type { TablePort } from '../ports/table.ts';
import type { MemberContext } from '../replicate/context.ts';
import { retried } from '../replicate/retry.ts';
import type { ShardFinder } from '../replicate/shards.ts';
import { growMark } from '../replicate/shards.ts';
import { together } from '../replicate/together.ts';
import { isDeposed, readDeposed } from './deposed.ts';
import { doubtOf } from './doubt.ts';
import { judged, secondarySince, unexplained } from './drift.ts';
import { readGraves } from './graves.ts';
import { readKept } from './kept.ts';
import type { Line, Tail } from './line.ts';
import { findLine, lineOfBucket } from './line.ts';
import type { Observed } from './origin.ts';
import { logRecord } from './origin.ts';
import { flaggedOf, keepOrphans } from './orphans.ts';
import { storeSegment, withBucket } from './store.ts';

/** What the observer needs: the member's own region only. */
export interface ObservePorts {
  readonly table: TablePort;
  readonly objects: ObjectPort;
  readonly shards: ShardFinder;
}

/** What one batch came to. */
export interface ObserveResult {
  readonly shard?: string;
  /** Records that were archived now; the others were archived before. */
  readonly records: number;
  /** Names of the segments that were stored now. */
  readonly segments: readonly string[];
  readonly doubt?: Doubt;
}

/** Segments of one batch, stored now or met: an earlier attempt was cut differently. More are left for the next attempt. */
const SEGMENTS_PER_BATCH_MAX = 64;

/** The shard of a batch is not certain, so its segment has no name. The batch comes again. */
export class ShardUncertainError extends Error {
  constructor(arn: string, sequence: string) {
    super(
      `The shard of the record ${sequence} of ${arn} is not certain, so it cannot be archived; the batch will come again. ` +
        'Lambda names the shard when the mapping has a tumbling window, as Syncline deploys it (docs/decisions/0006-shard-by-tumbling-window.md); deploy again.',
    );
    this.name = 'ShardUncertainError';
  }
}

/** There were more segments to pass over than one attempt may. What was passed is marked; the batch comes again for the rest. */
export class ObserveUnfinishedError extends Error {
  constructor(shard: string, left: number) {
    super(`${left} records of ${shard} are not archived yet, after ${SEGMENTS_PER_BATCH_MAX} segments; the batch will come again for them.`);
    this.name = 'ObserveUnfinishedError';
  }
}

/**
 * The observer of a member's own stream: writes a batch of one shard to the log, as one segment, and then grows the
 * shard's `seen`. A batch that throws comes again, cut anywhere; none of its records is then archived twice, or forgotten:
 *
 * - records up to `seen` are in the log already, and are dropped;
 * - the name of a segment follows from its first record, and it is put only if there is none of that name. One that is there
 *   was stored by an earlier attempt, whose mark or answer was lost: it counts, and the log goes on after its last record.
 *
 * So every segment begins with the record after the last one of its predecessor, and the chain cannot fork.
 *
 * @throws ShardUncertainError, ObserveUnfinishedError, RemoteError (what DynamoDB or S3 refuse), FormatError (damaged rows, or a damaged
 *   segment of the same name).
 */
export async function observe(batch: StreamBatch, member: MemberContext, ports: ObservePorts, runtime: Runtime): Promise<ObserveResult> {
  const newest = batch.records.at(-1);
  if (newest === undefined) return { records: 0, segments: [] };
  const until = runtime.clock.elapsed() + FUNCTION_TIMEOUT_MS - 2 * REQUEST_EFFECT_MAX_MS;
  const { bucket } = member;
  const { control } = member.tables;
  const stream = newest.streamArn;
  const shard = batch.shardId ?? (await retried(runtime, until, () => ports.shards.find(stream, newest.sequence, newest.createdMs)));
  if (shard === undefined) throw new ShardUncertainError(stream, newest.sequence);

  const [seatRow, shardRow] = await together([SEAT_KEY, shardKey(shard)].map((key) => retried(runtime, until, () => ports.table.get(control, key))));
  const seat = seatRow === undefined ? undefined : decodeSeat(seatRow);
  const own: Shard = shardRow === undefined ? { id: shard } : decodeShard(shardRow);
  const place = { ...ports, control, bucket, stream, label: streamLabel(stream) };
  let line = await withBucket(bucket, runtime, () => findLine(place, own, runtime, until));
  const freshOf = ({ seen }: Line): readonly Observed[] => after(seen?.sequence, batch.records).map((record) => logRecord(record, seat, member.key));
  let left = freshOf(line);
  let doubt = left[0] === undefined ? undefined : await doubtBefore(left[0], line);
  const more = doubt === undefined ? undefined : await withBucket(bucket, runtime, () => lineOfBucket(place, shard, line, runtime, until));
  if (more !== undefined) {
    line = more;
    left = freshOf(line);
    doubt = left[0] === undefined ? undefined : await doubtBefore(left[0], line);
  }
  left = await withDrift(left, seat);
  const about: SegmentAbout = {
    set: member.set,
    member: member.member,
    stream,
    shard,
    key: member.key,
    ...(seat !== undefined && { tableId: seat.tableId }),
    ...(member.expiryAttribute !== undefined && { expiryAttribute: member.expiryAttribute }),
  };
  const stored: EncodedSegment[] = [];
  let tail = line.tail;
  // ⚠ The orphans of a segment are listed before the next one is stored, and before `seen` grows: so only the newest can lack some.
  if (tail?.unlisted !== undefined) await keepOrphans(place, tail.unlisted, tail.unlisted.flagged, runtime, until);
  for (let n = 0; left.length > 0 && n < SEGMENTS_PER_BATCH_MAX; n += 1) {
    const some = left.slice(0, SEGMENT_RECORDS_MAX);
    const segment = encodeSegment(aboutOf(about, tail, n === 0 ? doubt : undefined), some);
    const found = await withBucket(bucket, runtime, () => storeSegment(ports.objects, bucket, segment, runtime, until));
    if (found.own) stored.push(segment);
    tail = found.tail;
    // Of another cut, or of another judgement, what is stored counts.
    const { unlisted = segment } = tail;
    await keepOrphans(place, unlisted, tail.unlisted?.flagged ?? flaggedOf(some), runtime, until);
    left = after(tail.mark.sequence, left);
  }
  // Before the mark: a hole is rather told twice than not at all.
  report(stored);
  if (tail?.previous.shard === shard && tail.mark.sequence !== own.seen?.sequence) {
    const { mark, previous } = tail;
    await retried(runtime, until, () => growMark(ports.table, control, shard, 'seen', mark.sequence, mark.at, previous));
  }
  if (left.length > 0) throw new ObserveUnfinishedError(shard, left.length);
  const records = stored.reduce((sum, { head }) => sum + head.records, 0);
  const doubted = stored.find(({ head }) => head.doubt !== undefined)?.head.doubt;
  return { shard, records, segments: stored.map(({ name }) => name), ...(doubted !== undefined && { doubt: doubted }) };

  /** What of these records is drift. Tombstones are read for removals alone, and the note of the minute run where the member was primary once. */
  async function withDrift(records: readonly Observed[], at: Seat | undefined): Promise<readonly Observed[]> {
    if (records.length === 0 || at === undefined) return records;
    const deposed = isDeposed(at) ? await readDeposed(ports.table, control, runtime, until) : undefined;
    const sinceMs = secondarySince(at, deposed);
    if (sinceMs === undefined) return records;
    const { key, tables } = member;
    const graves = await readGraves({ table: ports.table, name: tables.tombstones, key }, unexplained(records, sinceMs, key), runtime, until);
    return judged(records, sinceMs, at, key, graves);
  }

  /** The note of the minute run is read only where it decides. */
  async function doubtBefore(first: LogRecord, { tail: known, ...before }: Line): Promise<Doubt | undefined> {
    const facts = { ...before, ...(known !== undefined && { tail: known.mark }) };
    const found = doubtOf(facts, first, runtime.clock.now());
    if (found !== 'silence') return found;
    const kept = await readKept(ports.table, control, runtime, until);
    return doubtOf({ ...facts, ...(kept !== undefined && { kept }) }, first, runtime.clock.now());
  }

  function report(segments: readonly EncodedSegment[]): void {
    if (segments.length === 0) return;
    runtime.metrics.count('LogSegments', segments.length);
    runtime.metrics.count(
      'LogRecords',
      segments.reduce((sum, { head }) => sum + head.records, 0),
    );
    runtime.metrics.count(
      'LogBytes',
      segments.reduce((sum, { body }) => sum + body.length, 0),
    );
    for (const { name, head } of segments) {
      if (head.doubt === undefined) continue;
      runtime.metrics.count('LogHole', 1);
      runtime.log.error('The log may have a hole: records may be missing before this segment. Take a snapshot: what comes after it can be restored.', {
        why: head.doubt,
        segment: name,
        after: head.previous?.last,
        shard,
      });
    }
  }
}

function aboutOf(about: SegmentAbout, tail: Tail | undefined, doubt: Doubt | undefined): SegmentAbout {
  return { ...about, ...(tail !== undefined && { previous: tail.previous }), ...(doubt !== undefined && { doubt }) };
}

/** The records after a sequence number: all when there is none. @throws InvariantError when they are not in order: no batch of one shard. */
function after<T extends { readonly sequence: string }>(sequence: string | undefined, records: readonly T[]): readonly T[] {
  const before = sequence === undefined ? -1n : BigInt(sequence);
  let from = records.length;
  let last = -1n;
  records.forEach(({ sequence: text }, i) => {
    const number = BigInt(text);
    assert(number > last, 'records of one shard in order', { before: last, number });
    last = number;
    if (from === records.length && number > before) from = i;
  });
  return from === 0 ? records : records.slice(from);
}

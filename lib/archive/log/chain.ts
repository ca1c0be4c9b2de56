import { isoSeconds } from '../../core/calendar.ts';
import { segmentName } from '../../core/formats/archive-names.ts';
import type { Shard } from '../../core/formats/rows.ts';
import type { Predecessor } from '../../core/formats/segment-footer.ts';
import type { ChainedSegment, WalkedShard } from './chain-findings.ts';
import { doubtful, missing, nameOf, notTheBytes, plain, streamHoles } from './chain-findings.ts';
import type { Finding } from './finding.ts';
import { TODO_RESTORE_OBJECT, TODO_SNAPSHOT } from './finding.ts';
import { compareFirst, inReplayOrder, shardPath } from './list.ts';

/** When segments may have been removed by the bucket's lifecycle rule. */
export interface Expiry {
  readonly nowMs: number;
  /** How long the rule keeps them (ms), where that is known. */
  readonly retentionMs?: number;
}

/** Shortest life that a lifecycle rule can give an object (ms): what is younger was not removed by one. https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html */
const LIFECYCLE_MIN_MS = 24 * 3_600_000;

/** Whether the rule surely takes a segment whose first record was made then (ms). S3 removes what has expired in no order. */
export const isExpired = (firstAtMs: number, expiry: Expiry | undefined): boolean =>
  expiry?.retentionMs !== undefined && expiry.nowMs - firstAtMs >= expiry.retentionMs;

/**
 * Walks the chain of a log. Segments of one shard must come in their order; shards in any. Memory: two segments a shard.
 *
 * - Within a shard each segment names the one before it: its first and last record, its SHA-256.
 * - The first segment of a shard names the last one of its nearest ancestor that has any, or none: then it begins the stream.
 * - A doubt in a head is a hole, and so is the time between the end of a stream and the beginning of the next: while a table
 *   has no stream nothing records its changes, and the log of the new one cannot show that there were none.
 * - The segment that a shard's row names is there.
 */
export class ChainWalk {
  readonly #report: (finding: Finding) => void;
  readonly #tails: ReadonlyMap<string, Shard>;
  readonly #shards = new Map<string, WalkedShard>();
  /** Missing segments at the ends of shards that were reported: their children and their row name the same. */
  readonly #missing = new Set<string>();
  readonly #expiry: Expiry | undefined;
  /** Time (ms) before which the log has expired. */
  #since: number | undefined;

  /**
   * @param tails rows of shards. ⚠ Read them before the log is listed: a row may name a segment that is younger than the list.
   * @param expiry absent: a segment that is named and not there is missing, however old.
   */
  constructor(report: (finding: Finding) => void, tails: readonly Shard[] = [], expiry?: Expiry) {
    this.#report = report;
    this.#tails = new Map(tails.map((row) => [row.id, row]));
    this.#expiry = expiry;
  }

  /** The next segment of its shard. */
  push(segment: ChainedSegment): void {
    const { ref, head } = segment;
    const path = shardPath(ref);
    const walked = this.#shards.get(path);
    if (walked !== undefined) this.#follow(walked.last, segment);
    if (head.doubt !== undefined) this.#report(doubtful(segment, walked?.last.head.toMs ?? this.#endOf(head.previous, ref.label), head.doubt));
    const tail = this.#tails.get(ref.shard)?.tail;
    const isTail = tail !== undefined && plain(tail.first) === ref.first;
    if (isTail && segment.sha256 !== undefined && segment.sha256 !== tail.sha256) this.#report(notTheBytes(segment, `the row of its shard`, tail.sha256));
    this.#shards.set(path, { first: walked?.first ?? segment, last: segment, tailMet: isTail || walked?.tailMet === true });
  }

  /** A segment that cannot be read: it was there, so its successor is not judged by it. */
  skip(ref: ChainedSegment['ref']): void {
    const path = shardPath(ref);
    const walked = this.#shards.get(path);
    const unread: ChainedSegment = { ref, head: { last: UNREAD, fromMs: ref.firstAtMs, toMs: ref.firstAtMs } };
    const tail = this.#tails.get(ref.shard)?.tail;
    const isTail = tail !== undefined && plain(tail.first) === ref.first;
    this.#shards.set(path, { first: walked?.first ?? unread, last: unread, tailMet: isTail || walked?.tailMet === true });
  }

  /**
   * What only the whole shows: links between shards and streams, and the ends that rows name.
   *
   * @returns the time (ms) before which the log has expired; undefined when nothing has.
   */
  end(): number | undefined {
    const expiry = this.#expiry;
    const earliest = [...this.#shards.values()].reduce((least, { first }) => Math.min(least, first.ref.firstAtMs), Number.POSITIVE_INFINITY);
    const expired = ({ firstAt }: Pick<Predecessor, 'firstAt'>): boolean => {
      if (expiry === undefined) return false;
      return expiry.retentionMs === undefined ? expiry.nowMs - firstAt >= LIFECYCLE_MIN_MS && firstAt <= earliest : isExpired(firstAt, expiry);
    };
    for (const { first } of this.#shards.values()) if (this.#begin(first, expired)) this.#beginsAt(first);
    for (const hole of streamHoles([...this.#shards.values()])) this.#report(hole);
    for (const row of this.#tails.values()) this.#tail(row, expired);
    return this.#since;
  }

  /** What was before a segment has expired: the log begins with it. */
  #beginsAt({ head }: ChainedSegment): void {
    this.#since = Math.max(this.#since ?? 0, head.fromMs);
  }

  /** When the last record of a predecessor in another shard was made, or its first, where no more is known (ms). */
  #endOf(previous: Predecessor | undefined, label: string): number | undefined {
    const parent = previous && this.#shards.get(shardPath({ label, shard: previous.shard }))?.last;
    return parent !== undefined && parent.ref.first === plain(previous?.first ?? '') ? parent.head.toMs : previous?.firstAt;
  }

  #follow(before: ChainedSegment, segment: ChainedSegment): void {
    const { ref, head } = segment;
    const { previous } = head;
    const range = { shard: ref.shard, fromMs: before.head.toMs, toMs: head.fromMs };
    if (previous === undefined) {
      if (head.last === UNREAD) return;
      this.#report({
        ...range,
        kind: 'unlinked',
        object: ref.name,
        what: `${ref.name} names no segment before it, though there is one, ${before.ref.name}: changes between the two may be missing.`,
        todo: TODO_SNAPSHOT,
      });
      return;
    }
    if (plain(previous.first) !== before.ref.first || previous.shard !== ref.shard) {
      const later = previous.shard !== ref.shard || compareFirst(plain(previous.first), before.ref.first) < 0;
      if (later) {
        this.#report({
          ...range,
          kind: 'unlinked',
          object: ref.name,
          what: `${ref.name} does not follow on ${before.ref.name}: it names ${nameOf(previous, ref.label)} as the segment before it.`,
          todo: TODO_SNAPSHOT,
        });
      } else if (isExpired(previous.firstAt, this.#expiry)) this.#beginsAt(segment);
      else this.#report(missing(previous, ref, { fromMs: before.head.toMs, toMs: head.fromMs }));
      return;
    }
    this.#compare(before, segment, previous);
  }

  /** Compares a segment with what its successor says of it. */
  #compare(before: ChainedSegment, { ref }: ChainedSegment, previous: Predecessor): void {
    if (before.head.last === UNREAD) return;
    if (before.sha256 !== undefined && before.sha256 !== previous.sha256) this.#report(notTheBytes(before, ref.name, previous.sha256));
    else if (plain(before.head.last) !== plain(previous.last)) {
      this.#report({
        kind: 'damaged',
        object: before.ref.name,
        shard: before.ref.shard,
        fromMs: before.head.fromMs,
        toMs: before.head.toMs,
        what: `${before.ref.name} ends with the record ${before.head.last}; ${ref.name}, which follows on it, says ${previous.last}.`,
        todo: TODO_RESTORE_OBJECT,
      });
    }
  }

  /** The first segment of a shard. Says whether the one before it has expired. */
  #begin(first: ChainedSegment, expired: (previous: Predecessor) => boolean): boolean {
    const { ref, head } = first;
    const { previous } = head;
    if (previous === undefined) return false;
    const before = previous.shard === ref.shard ? undefined : this.#shards.get(shardPath({ label: ref.label, shard: previous.shard }));
    const order = before === undefined ? 1 : compareFirst(plain(previous.first), before.last.ref.first);
    if (before !== undefined && order === 0) this.#compare(before.last, first, previous);
    else if (before !== undefined && order < 0) {
      this.#report({
        kind: 'unlinked',
        object: ref.name,
        shard: ref.shard,
        fromMs: previous.firstAt,
        toMs: head.fromMs,
        what: `${ref.name} begins its shard after ${nameOf(previous, ref.label)}; the shard before has a later segment, ${before.last.ref.name}.`,
        todo: TODO_SNAPSHOT,
      });
    } else if (expired(previous)) return true;
    else this.#reportOnce(missing(previous, ref, { fromMs: before?.last.head.toMs ?? previous.firstAt, toMs: head.fromMs }));
    return false;
  }

  #reportOnce(finding: Finding): void {
    const object = finding.object ?? '';
    if (this.#missing.has(object)) return;
    if (object !== '') this.#missing.add(object);
    this.#report(finding);
  }

  #tail({ id, tail, seen }: Shard, expired: (previous: Pick<Predecessor, 'firstAt'>) => boolean): void {
    if (tail === undefined || expired(tail)) return;
    const walked = [...this.#shards.values()]
      .filter(({ last }) => last.ref.shard === id)
      .sort((a, b) => (a.last.ref.label < b.last.ref.label ? -1 : 1))
      .at(-1);
    if (walked?.tailMet === true) return;
    const after = walked !== undefined && compareFirst(plain(tail.first), walked.last.ref.first) < 0;
    // A segment after it names it, or the one that does: the chain says what is missing.
    if (after) return;
    // A shard whose only segment is gone is of the newest stream, most likely.
    const label =
      walked?.last.ref.label ??
      [...this.#shards.values()].reduce<string | undefined>(
        (newest, { last }) => (newest === undefined || last.ref.label > newest ? last.ref.label : newest),
        undefined,
      );
    const object = label === undefined ? undefined : segmentName({ label, shard: id, first: plain(tail.first), firstAtMs: tail.firstAt });
    this.#reportOnce({
      kind: 'missing',
      ...(object !== undefined && { object }),
      shard: id,
      fromMs: walked?.last.head.toMs ?? tail.firstAt,
      toMs: seen?.at ?? tail.firstAt,
      what: `The row of shard ${id} says that its newest segment is ${object ?? `the one of the record ${tail.first}, ${isoSeconds(tail.firstAt)}`}; it is not there.`,
      todo: TODO_RESTORE_OBJECT,
    });
  }
}

/** In place of the last record of a segment that could not be read. */
const UNREAD = '';

/**
 * What is wrong with the chain of these segments: of a whole log, or of the part that `listSegments` gives for a range. Then
 * filter the findings by their times: the segments that began before the range are without those before them. Pure.
 *
 * @param tails rows of shards, read before the segments were listed; undefined when they cannot be read.
 */
export function checkChain(segments: readonly ChainedSegment[], tails: readonly Shard[] | undefined, expiry?: Expiry): Finding[] {
  const findings: Finding[] = [];
  const walk = new ChainWalk((finding) => findings.push(finding), tails, expiry);
  for (const segment of [...segments].sort((a, b) => inReplayOrder(a.ref, b.ref))) walk.push(segment);
  walk.end();
  return findings;
}

import { LOG_PREFIX, segmentName } from '../../core/formats/archive-names.ts';
import type { RollupHead, RollupSegment } from '../../core/formats/rollup.ts';
import { rolledRecord } from '../../core/formats/rollup.ts';
import { STAMP_DISORDER_MS } from './limits.ts';
import type { NameStretch, SegmentRef, TimeRange } from './list.ts';
import { inReplayOrder, pastShard, shardPath } from './list.ts';

/** Which names of the log need not be listed, since roll-ups say what is there. Pure. */

/** Names from the one to the other, both included. */
interface Covered {
  readonly from: string;
  readonly to: string;
}

/** Roll-ups, judged by a range of times. */
export interface Chosen {
  /** May hold changes of the range. */
  readonly wanted: readonly SegmentRef[];
  /** What the others cover, with all that lies between: nothing of it is of the range. */
  readonly passed: readonly Covered[];
}

/** Chooses the roll-ups that may hold changes of a range, by the times in their names. */
export function chooseRollups(rollups: readonly SegmentRef[], { fromMs = 0, toMs = Number.POSITIVE_INFINITY }: TimeRange): Chosen {
  const next = new Map<string, SegmentRef>();
  const followers = new Map<string, SegmentRef | undefined>();
  for (const ref of [...rollups].sort(inReplayOrder).reverse()) {
    followers.set(ref.name, next.get(shardPath(ref)));
    next.set(shardPath(ref), ref);
  }
  const wanted: SegmentRef[] = [];
  const passed: Covered[] = [];
  for (const ref of rollups) {
    const after = followers.get(ref.name);
    if (ref.firstAtMs > toMs + STAMP_DISORDER_MS) passed.push({ from: segmentName(ref), to: pastShard(ref) });
    else if (after !== undefined && after.firstAtMs < fromMs - STAMP_DISORDER_MS) passed.push({ from: segmentName(ref), to: segmentName(after) });
    else wanted.push(ref);
  }
  return { wanted, passed };
}

/** What a roll-up covers, and what its first segment follows on. */
interface Joined extends Covered {
  /** The segment before, where it is one of the same shard, and the last one. */
  readonly follows?: string;
  readonly ends?: string;
}

function coveredBy(head: RollupHead): Joined {
  const { segments, previous, shard } = head;
  const [first, last] = [segments[0], segments.at(-1)] as [RollupSegment, RollupSegment];
  const path = shardPath(head);
  return {
    from: segmentName(rolledRecord(head, first)),
    to: segmentName(rolledRecord(head, last)),
    ends: `${path}/${BigInt(last.first)}`,
    ...(previous?.shard === shard && { follows: `${path}/${BigInt(previous.first)}` }),
  };
}

/**
 * The stretches of `log/` that no roll-up covers. Two roll-ups leave none between them when the second one begins with the
 * segment after the last one of the first.
 */
export function gaps(heads: readonly RollupHead[], passed: readonly Covered[]): NameStretch[] {
  const covered: Joined[] = [...passed, ...heads.map(coveredBy)];
  const stretches: NameStretch[] = [];
  let last: Joined | undefined;
  for (const next of covered.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))) {
    const joined = last !== undefined && (next.from <= last.to || (next.follows !== undefined && next.follows === last.ends));
    if (!joined) stretches.push({ prefix: LOG_PREFIX, before: next.from, ...(last !== undefined && { after: last.to }) });
    if (last === undefined || next.to > last.to) last = next;
  }
  stretches.push({ prefix: LOG_PREFIX, ...(last !== undefined && { after: last.to }) });
  return stretches;
}

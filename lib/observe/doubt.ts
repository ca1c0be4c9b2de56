import { STREAM_RECORD_AGE_MAX_MS, STREAM_RETENTION_MS } from '../core/constants.ts';
import type { Shard, ShardMark } from '../core/formats/rows.ts';
import type { Doubt } from '../core/formats/segment-footer.ts';

const HOUR = 3_600_000;
/**
 * Records made longer ago than this (ms) may be gone when their shard is read: Lambda gives them up at
 * STREAM_RECORD_AGE_MAX_MS, DynamoDB drops them soon after. An hour less, for the time from the read to the call, its repetitions, and clocks.
 */
export const LOSS_AGE_MS = STREAM_RECORD_AGE_MAX_MS - HOUR;
/** How far the observer may be behind fan-out for the minute run to note that it keeps up (ms): five of its default windows, and its repetitions. */
export const KEPT_LAG_MS = 600_000;
/**
 * When a stream's first records were made this long ago (ms), a shard without a known predecessor is no part of the archive's beginning: that
 * reads records of up to 24 h, and all shards within minutes.
 */
export const BEGINNING_MS = STREAM_RETENTION_MS + 2 * HOUR;

/** What is known of the time before the first record of a new segment. */
export interface Before {
  /** The newest record of the shard's line that is in the log. */
  readonly tail?: ShardMark;
  /** Rows of the shard and of those between it and the tail's, which is the last one. */
  readonly line: readonly Pick<Shard, 'sent' | 'seen'>[];
  /** When the oldest archived record of the whole stream was made (ms); absent when there is none. Asked only without a tail. */
  readonly beganMs?: number;
  /** The minute run's note: when the observer was last seen to keep up with fan-out, and what it lost (ms; kept.ts). */
  readonly kept?: { readonly at: number; readonly lost?: number };
}

/**
 * Whether records may be missing between the tail and a new segment, and why. Pure.
 *
 * - `skipped`: a mark of fan-out names a record in between. It was there, fan-out moved it, and it does not come any more: certain.
 * - `trimmed`: the segment's first record is so old that those before it may be gone. It tells a reader that comes back from
 *   one that keeps up, of a table with many writes.
 * - `silence`: the tail is so old that records made after it may have come and gone. The log cannot tell by itself whether there
 *   were any: idle and away look the same. The marks in the rows do not tell either: fan-out's newest one overwrites those
 *   before. So the minute run notes, hourly, that the observer has seen what fan-out has moved. A note that is younger than
 *   LOSS_AGE_MS says that whatever is gone by now had been seen; what is younger is still in the stream, and was read. It says
 *   nothing of a line whose tail is not younger than a record that was lost.
 *
 * ⚠ The note goes by fan-out: when both readers stop together for a day while the minute run goes on, and no record is left
 * to show it, nothing here does. Lambda then reports lost batches in the queue of stream failures.
 *
 * @param first the first record of the segment. @param nowMs wall clock when it is archived.
 */
export function doubtOf({ tail, line, beganMs, kept }: Before, first: ShardMark, nowMs: number): Doubt | undefined {
  // Nothing was archived before: nothing can be missing from it.
  if (tail === undefined && beganMs === undefined) return undefined;
  if (line.some(({ sent, seen }) => sent !== undefined && after(sent, seen) && after(first, sent))) return 'skipped';
  const goneMs = nowMs - LOSS_AGE_MS;
  if (first.at <= goneMs) return 'trimmed';
  if (tail !== undefined && tail.at > goneMs) return undefined;
  if (tail === undefined && (beganMs as number) > nowMs - BEGINNING_MS) return undefined;
  // Records have whole seconds: of one second, either may be the later one. (Found by simulation.)
  const seenSince = kept?.lost === undefined || (tail !== undefined && tail.at > kept.lost);
  return kept !== undefined && seenSince && kept.at - KEPT_LAG_MS >= goneMs ? undefined : 'silence';
}

const after = (mark: ShardMark, other: ShardMark | undefined): boolean => other === undefined || BigInt(mark.sequence) > BigInt(other.sequence);

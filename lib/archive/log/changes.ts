import type { LogRecord } from '../../core/formats/log-record.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { ahead } from '../ahead.ts';
import type { ArchivePlace } from '../place.ts';
import type { ChainedSegment } from './chain-findings.ts';
import { STAMP_DISORDER_MS } from './limits.ts';
import type { SegmentRef, TimeRange } from './list.ts';
import { listSegments } from './list.ts';
import { readSegment } from './read.ts';

/** A change, and where the log has it. */
export interface LoggedChange extends LogRecord {
  /** Label of the stream, and shard. */
  readonly label: string;
  readonly shard: string;
  /** Name of the segment. */
  readonly segment: string;
}

/** Segments that are read ahead of the one that is at work. */
const READ_AHEAD = 1;

/**
 * The changes of a range of times, both ends included. The changes of one key come in their order: a stream after the one before
 * it, and within a stream segment after segment, by their first record. Memory: two segments.
 *
 * @param range.segments the segments to read, where the caller has chosen them; else those that the range may need are listed.
 * @param range.reached hears of each segment when it is its turn, before its changes are given.
 * @throws FormatError naming a segment that is missing or damaged · RemoteError · InputError "log-too-long"
 */
export async function* changes(
  place: ArchivePlace,
  runtime: Runtime,
  range: TimeRange & { readonly segments?: readonly SegmentRef[]; readonly reached?: (segment: ChainedSegment) => void } = {},
): AsyncGenerator<LoggedChange> {
  const { fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY } = range;
  const refs = range.segments ?? (await segmentsOf(place, runtime, range));
  const reads = refs.map((ref) => async () => ({ ref, read: await readSegment(place, runtime, ref) }));
  for await (const { ref, read } of ahead(reads, READ_AHEAD)) {
    const { label, shard, name: segment } = ref;
    range.reached?.({ ref, head: read.footer.head, sha256: read.sha256 });
    for (const record of read.records) if (record.at >= fromMs && record.at <= toMs) yield { ...record, label, shard, segment };
  }
}

/** The segments that may hold a record of the range: stamps may be a little out of order. @throws RemoteError, InputError */
export async function segmentsOf(place: ArchivePlace, runtime: Runtime, { fromMs, toMs }: TimeRange): Promise<SegmentRef[]> {
  return listSegments(place, runtime, {
    ...(fromMs !== undefined && { fromMs: fromMs - STAMP_DISORDER_MS }),
    ...(toMs !== undefined && { toMs: toMs + STAMP_DISORDER_MS }),
  });
}

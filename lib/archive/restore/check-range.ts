import { isoSeconds } from '../../core/calendar.ts';
import { FormatError } from '../../core/errors.ts';
import type { Manifest } from '../../core/formats/manifest.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { ahead } from '../ahead.ts';
import type { Finding } from '../log/finding.ts';
import { STAMP_DISORDER_MS } from '../log/limits.ts';
import type { SegmentRef } from '../log/list.ts';
import { listSegments, shardPath } from '../log/list.ts';
import { MissingObjectError, readFooter, readSegment } from '../log/read.ts';
import type { ArchivePlace } from '../place.ts';
import { FINDINGS_MAX, READ_AHEAD } from './limits.ts';
import type { CheckProgress, PlannedSegment, PlanRequest } from './plan.ts';
import type { Seen } from './range-faults.ts';
import { afterIt, chainFaults, foreign, replayFrom, shownOnly } from './range-faults.ts';
import { RestoreRefusedError } from './refused.ts';

/** The log from before a snapshot's start up to T: chosen, read whole, and checked. */

export interface CheckedRange {
  /** In the order of replay. */
  readonly segments: readonly PlannedSegment[];
  /** When the last of their records was made (ms); 0 when there is none. */
  readonly toMs: number;
  /** Bytes of these segments. */
  readonly bytes: number;
  /** Bytes of all segments that were read, those beside the range included. */
  readonly read: number;
  readonly notes: readonly string[];
}

/**
 * Reads every segment of the range, and in each shard what the one after it says: whether anything is missing before it.
 *
 * @throws RestoreRefusedError, RemoteError
 */
export async function checkRange(
  place: ArchivePlace,
  runtime: Runtime,
  manifest: Manifest,
  request: PlanRequest,
  progress: CheckProgress,
): Promise<CheckedRange> {
  const fromMs = replayFrom(manifest);
  const listed = await listSegments(place, runtime, { fromMs });
  const refs = choose(listed, request, fromMs);
  const of = refs.reduce((sum, ref) => sum + ref.size, 0) + manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const upTo = request.at === 'latest' ? Number.POSITIVE_INFINITY : request.at;
  const findings: Finding[] = [];
  const seen: Seen[] = [];
  let bytes = 0;
  const reads = refs.map((ref) => async () => {
    try {
      return await readChecked(place, runtime, ref, fromMs, upTo);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return {
        kind: error instanceof MissingObjectError ? 'missing' : 'damaged',
        object: ref.name,
        shard: ref.shard,
        fromMs: ref.firstAtMs,
        what: error.message,
        todo: afterIt(ref.firstAtMs, undefined),
      } satisfies Finding;
    }
  });
  for await (const read of ahead(reads, READ_AHEAD)) {
    if ('kind' in read) findings.push(read);
    else seen.push(read);
    bytes += (refs[seen.length + findings.length - 1] as SegmentRef).size;
    progress({ bytes, of });
    if (findings.length >= FINDINGS_MAX) break;
  }
  if (findings.length === 0)
    findings.push(...chainFaults(seen, new Set(listed.map(({ name }) => name)), request, manifest, upTo), ...foreign(place, manifest, seen, fromMs, upTo));
  if (findings.length > 0) {
    throw new RestoreRefusedError(`The log from ${isoSeconds(fromMs)} on, which is needed for this time, is not whole.`, findings);
  }
  const notes = request.surely === undefined ? shownOnly(seen, request) : [];
  // One that is later than T as a whole counts, too, while one after it is not: what it says of a key ends the key's prefix.
  const last = seen.findLastIndex(({ head }) => head.fromMs <= upTo);
  const planned = seen.filter(({ head }, i) => head.toMs >= fromMs && i <= last);
  return {
    segments: planned.map(({ ref, head }) => ({ ref, records: head.records })),
    toMs: planned.reduce((latest, { head }) => Math.max(latest, head.toMs), 0),
    bytes: planned.reduce((sum, { ref }) => sum + ref.size, 0),
    read: bytes,
    notes,
  };
}

/** Of each shard the segments that may hold a record up to T, and the one after them. Pure. */
function choose(refs: readonly SegmentRef[], { at, pinned }: PlanRequest, fromMs: number): SegmentRef[] {
  const ended = new Set<string>();
  return refs.filter((ref) => {
    const shard = shardPath(ref);
    const last = pinned?.last[shard];
    // Of a shard without such a name only what came before the range was there.
    if (pinned !== undefined && (last === undefined ? ref.firstAtMs >= fromMs : ref.name > last)) return false;
    if (ended.has(shard)) return false;
    if (at !== 'latest' && ref.firstAtMs > at + STAMP_DISORDER_MS) ended.add(shard);
    return true;
  });
}

/** Reads a segment whole; of one beside the range, which only the chain needs, the footer. @throws FormatError naming it · RemoteError */
async function readChecked(place: ArchivePlace, runtime: Runtime, ref: SegmentRef, fromMs: number, upTo: number): Promise<Seen> {
  if (ref.firstAtMs < fromMs || ref.firstAtMs > upTo) {
    const { head } = await readFooter(place, runtime, ref);
    if (head.toMs < fromMs || head.fromMs > upTo) return { ref, head };
  }
  const { footer, records, sha256 } = await readSegment(place, runtime, ref);
  const blind = records.find((record) => record.event !== 'REMOVE' && record.newImage === undefined && record.at <= upTo);
  if (blind !== undefined) {
    throw new FormatError(`${ref.name} has changes without the new item (the first at ${isoSeconds(blind.at)}): the stream did not show it then.`);
  }
  return { ref, head: footer.head, sha256 };
}

import { STREAM_RETENTION_MS } from '../../core/constants.ts';
import type { SegmentHead } from '../../core/formats/segment-footer.ts';
import { entryBytes } from '../../core/formats/segment-index.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import { together } from '../../replicate/together.ts';
import { ahead } from '../ahead.ts';
import type { ArchivePlace } from '../place.ts';
import type { ChainWalk, Expiry } from './chain.ts';
import { isExpired } from './chain.ts';
import type { Finding } from './finding.ts';
import { TODO_RESTORE_OBJECT } from './finding.ts';
import { FOOTERS_AT_ONCE, READ_MAX_MS, SEGMENTS_AHEAD } from './limits.ts';
import type { SegmentRef } from './list.ts';
import { firstOfShards, listPage, refOf, shardFolder } from './list.ts';
import { readFooter, readSegment } from './read.ts';
import { orReport } from './sources.ts';

/** What a walk through the log came by. */
export interface LogTotals {
  readonly segments: number;
  readonly records: number;
  readonly bytes: number;
  /** Earliest and latest change (ms). */
  readonly fromMs: number;
  readonly toMs: number;
}

/** What a segment says, as far as the chain goes by it. */
interface Looked {
  readonly ref: SegmentRef;
  readonly head: SegmentHead | undefined;
  readonly sha256: string | undefined;
}

/** What a walk reports to. */
export interface LogWatcher {
  readonly deep: boolean;
  readonly walk: ChainWalk;
  readonly report: (finding: Finding) => void;
  /** Hears of each object that was looked at, and of its bytes. */
  readonly looked: (bytes: number) => void;
  /** What expires between its listing and its reading is no finding. */
  readonly expiry: Expiry;
}

/**
 * Walks through every segment of the log, shard by shard, a page of names at a time: footers and S3's sums, or every byte.
 * Memory is bounded whatever the log's size.
 *
 * @throws RemoteError. Damage is no error but a finding.
 */
export async function walkLog(place: ArchivePlace, runtime: Runtime, watcher: LogWatcher): Promise<LogTotals> {
  const totals = { segments: 0, records: 0, bytes: 0, fromMs: Number.POSITIVE_INFINITY, toMs: 0 };
  for await (const shard of firstOfShards(place, runtime)) {
    for (let after: string | undefined, more = true; more; ) {
      const page = await listPage(place, runtime, { prefix: shardFolder(shard), ...(after !== undefined && { after }) });
      const refs = page.objects.flatMap((object) => refOf(object) ?? []);
      const reads = refs.map((ref, i) => () => look(place, runtime, watcher, ref, refs[i + 1]));
      for await (const { ref, head, sha256 } of ahead(reads, watcher.deep ? SEGMENTS_AHEAD : FOOTERS_AT_ONCE)) {
        totals.segments += 1;
        totals.bytes += ref.size;
        watcher.looked(ref.size);
        if (head === undefined) {
          watcher.walk.skip(ref);
          continue;
        }
        totals.records += head.records;
        totals.fromMs = Math.min(totals.fromMs, head.fromMs);
        totals.toMs = Math.max(totals.toMs, head.toMs);
        watcher.walk.push({ ref, head, ...(sha256 !== undefined && { sha256 }) });
        if (head.set !== place.set || head.member !== place.member) watcher.report(foreign(ref, head));
      }
      after = page.next;
      more = after !== undefined;
    }
  }
  return totals;
}

async function look(
  place: ArchivePlace,
  runtime: Runtime,
  { deep, report, expiry }: LogWatcher,
  ref: SegmentRef,
  next: SegmentRef | undefined,
): Promise<Looked> {
  // What a segment holds was in the stream at the same time, so it spans no more than that keeps.
  const toMs = Math.min(next?.firstAtMs ?? Number.POSITIVE_INFINITY, ref.firstAtMs + STREAM_RETENTION_MS);
  const damaged = (finding: Finding): void => {
    if (finding.kind !== 'missing' || !isExpired(ref.firstAtMs, expiry)) report({ ...finding, toMs });
  };
  if (deep) {
    const read = await orReport(ref, damaged, TODO_RESTORE_OBJECT, () => readSegment(place, runtime, ref));
    return { ref, head: read?.footer.head, sha256: read?.sha256 };
  }
  const footer = orReport(ref, damaged, TODO_RESTORE_OBJECT, () => readFooter(place, runtime, ref));
  const facts = retried(runtime, runtime.clock.elapsed() + READ_MAX_MS, () => place.objects.head(place.bucket, ref.name));
  await together<unknown>([footer, facts]);
  const head = (await footer)?.head;
  if (head !== undefined && ref.size <= head.dataBytes + head.records * entryBytes(head.format)) {
    damaged({
      kind: 'damaged',
      object: ref.name,
      shard: ref.shard,
      fromMs: ref.firstAtMs,
      what: `${ref.name} has ${ref.size} bytes, fewer than its footer says.`,
      todo: TODO_RESTORE_OBJECT,
    });
    return { ref, head: undefined, sha256: undefined };
  }
  return { ref, head, sha256: (await facts)?.sha256 };
}

function foreign(ref: SegmentRef, head: SegmentHead): Finding {
  const what = `${ref.name} is of the member ${head.member} of the set ${head.set}, not of this one.`;
  const todo = 'Find out who has put it here. Two members must not share a bucket.';
  return { kind: 'damaged', object: ref.name, shard: ref.shard, fromMs: head.fromMs, toMs: head.toMs, what, todo };
}

import { INDEX_PREFIX, LOG_PREFIX, SCANS_PREFIX } from '../../core/formats/archive-names.ts';
import type { Shard } from '../../core/formats/rows.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { ArchivePlace } from '../place.ts';
import { REPLAY_BEFORE_MS } from '../restore/limits.ts';
import { listAll } from '../snapshot/read.ts';
import type { Expiry } from './chain.ts';
import { ChainWalk } from './chain.ts';
import { streamBegan } from './chain-findings.ts';
import type { Finding } from './finding.ts';
import { FINDINGS_MAX } from './limits.ts';
import { firstOfShards } from './list.ts';
import type { VerifyReport } from './report.ts';
import { restorable } from './report.ts';
import type { VerifiedState } from './state.ts';
import { STATE_FINDINGS_MAX } from './state.ts';
import { walkLog } from './verify-log.ts';
import { verifyRollups, verifySnapshots } from './verify-rest.ts';

/** A time of which the log says nothing, or nothing sure (ms). */
interface Fault {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Faults that are held apart; what is beyond becomes one with the last of them. */
const FAULTS_MAX = 10_000;

/** How far a verification is: objects and bytes that were looked at, of what there was when it began. */
export interface VerifyProgress {
  readonly objects: number;
  readonly ofObjects: number;
  readonly bytes: number;
  readonly ofBytes: number;
}

export interface VerifyOptions {
  /** Read every byte; else names, sizes, footers, manifests and the sums that S3 keeps. */
  readonly deep: boolean;
  /** Rows of shards. ⚠ Read them before: a row may name a segment that is younger than the list. Absent when they cannot be read. */
  readonly tails?: readonly Shard[];
  /** How long the bucket's lifecycle rule keeps segments (ms), where that is known. */
  readonly retentionMs?: number;
  /** Ids of the snapshots that are being taken now: they are not yet finished, and that is no finding. */
  readonly running?: readonly string[];
  readonly progress?: (now: VerifyProgress) => void;
}

/**
 * Verifies a member's archive: the chain of the log and its ends, the footers or every byte of every segment, roll-ups,
 * manifests and files of the snapshots. Segments that have expired at the log's beginning are no finding: it begins later.
 *
 * Memory: some segments, two of each shard, and the names of one snapshot's files.
 *
 * @throws RemoteError. What is wrong with the archive is a finding, never an error.
 */
export async function verifyArchive(place: ArchivePlace, runtime: Runtime, options: VerifyOptions): Promise<VerifyReport> {
  const { deep, tails, retentionMs, running = [] } = options;
  const findings: Finding[] = [];
  const faults: Fault[] = [];
  let found = 0;
  const report = (finding: Finding): void => {
    found += 1;
    if (findings.length < FINDINGS_MAX) findings.push(finding);
  };
  // What is wrong with the log stands in the way of restores; all of it counts, beyond what the report holds.
  const ofLog = (finding: Finding): void => {
    report(finding);
    const { fromMs = 0, toMs = Number.POSITIVE_INFINITY } = finding;
    const last = faults.at(-1);
    if (faults.length < FAULTS_MAX || last === undefined) faults.push({ fromMs, toMs });
    else faults[faults.length - 1] = { fromMs: Math.min(last.fromMs, fromMs), toMs: Math.max(last.toMs, toMs) };
  };
  const looked = await counter(place, runtime, options.progress);
  // A verification may take hours, in which more expires.
  const expiry: Expiry = {
    get nowMs() {
      return runtime.clock.now();
    },
    ...(retentionMs !== undefined && { retentionMs }),
  };
  const walk = new ChainWalk(ofLog, tails, expiry);
  const log = await walkLog(place, runtime, { deep, walk, report: ofLog, looked, expiry });
  const since = walk.end() ?? (await beganAt(place, runtime));
  if (since !== undefined) faults.push({ fromMs: 0, toMs: since });
  const rollups = await verifyRollups(place, runtime, { deep, report, looked });
  const snapshots = await verifySnapshots(place, runtime, { deep, report, looked }, running);
  return {
    at: runtime.clock.now(),
    deep,
    segments: log.segments,
    rollups: rollups.rollups,
    snapshots: snapshots.snapshots,
    records: log.records,
    bytes: log.bytes + rollups.bytes + snapshots.bytes,
    ...(log.records > 0 && { fromMs: log.fromMs, toMs: log.toMs }),
    restorable: restorable(snapshots.whole, faults, log.toMs, REPLAY_BEFORE_MS),
    findings,
    found,
  };
}

/** When the log's first stream was enabled (ms): before that nothing was recorded. */
async function beganAt(place: ArchivePlace, runtime: Runtime): Promise<number | undefined> {
  for await (const { label } of firstOfShards(place, runtime)) return streamBegan(label);
  return undefined;
}

/** Counts what there is, so that progress can be told, and then what was looked at. */
async function counter(place: ArchivePlace, runtime: Runtime, progress: VerifyOptions['progress']): Promise<(bytes: number) => void> {
  if (progress === undefined) return () => undefined;
  let [objects, bytes, ofObjects, ofBytes] = [0, 0, 0, 0];
  for (const prefix of [LOG_PREFIX, INDEX_PREFIX, SCANS_PREFIX]) {
    for await (const { size } of listAll(place, runtime, prefix)) {
      ofObjects += 1;
      ofBytes += size;
    }
  }
  return (size) => {
    objects += 1;
    bytes += size;
    progress({ objects, ofObjects: Math.max(objects, ofObjects), bytes, ofBytes: Math.max(bytes, ofBytes) });
  };
}

/** What the row of the archive keeps of a report. */
export function verifiedState({ at, deep, segments, found, findings }: VerifyReport): VerifiedState {
  return { at, ...(deep && { deepAt: at }), segments, findings: found, first: findings.slice(0, STATE_FINDINGS_MAX).map(({ what }) => what) };
}

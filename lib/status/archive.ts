import type { ArchiveState, VerifiedState } from '../archive/log/state.ts';
import type { ArchivedBound } from '../archive/log/until.ts';
import type { SnapshotJob } from '../archive/snapshot/savepoint.ts';
import { lastFinished } from '../archive/snapshot/savepoint.ts';
import type { Shard } from '../core/formats/rows.ts';
import type { Attention } from './attention.ts';
import { ago, span } from './span.ts';

/** How a member's archive is. Pure: what it is judged by is read elsewhere. */

/** A record that fan-out has moved and the observer has not archived for this long (ms) needs a person: DynamoDB drops it after 24 h. */
export const ARCHIVE_BEHIND_MAX_MS = 15 * 60_000;

/** What was read of a member's archive. Absent fields could not be read, or are not there. */
export interface ArchiveFacts {
  /** How far the log surely reads. */
  readonly bound?: ArchivedBound;
  /** The newest snapshots that were begun: a scan, and an export of DynamoDB's own. */
  readonly snapshots: readonly SnapshotJob[];
  /** What the last verification, and the minute run on its way, have found. */
  readonly state?: ArchiveState;
}

/** A member's archive, judged. */
export interface ArchiveStatus {
  /** Every change up to this time surely is in the log (ms). Absent when that is not known, or nothing surely is. */
  readonly until?: number;
  /** Why it is not later, in a sentence. */
  readonly why?: string;
  /** The newest mark of the two readers (ms; 0: none), where it is old and `until` later: a table that is not written, or two readers that stand still. */
  readonly quietSince?: number;
  /** The newest finished snapshot: times from `ended` on can be restored. */
  readonly snapshot?: { readonly id: string; readonly ended: number };
  /** A snapshot that is being taken, or was begun and not ended. */
  readonly running?: { readonly id: string; readonly items: number; readonly since: number };
  /** What the last `archive verify` found. */
  readonly verified?: VerifiedState;
  /** Faults of the log that the minute run has come upon, since the first roll-up, and the newest of them in words. */
  readonly noticed?: { readonly findings: number; readonly newest: readonly string[] };
}

/** Whether a snapshot is being taken, or was begun and can be gone on with. An export that DynamoDB has refused has not begun. */
export const isUnderWay = ({ via, done, failed, arn, owner }: Pick<SnapshotJob, 'via' | 'done' | 'failed' | 'arn' | 'owner'>): boolean =>
  done === undefined && failed === undefined && (via === 'scan' || arn !== undefined || owner !== undefined);

export function archiveStatus({ bound, snapshots, state }: ArchiveFacts): ArchiveStatus {
  const finished = snapshots.flatMap((job) => lastFinished(job).last ?? []).sort((a, b) => b.ended - a.ended)[0];
  const noticed = state?.rolled;
  const begun = snapshots.find(isUnderWay);
  return {
    ...(bound && {
      ...(bound.untilMs > 0 && { until: bound.untilMs }),
      why: bound.why,
      ...(bound.quietSinceMs !== undefined && { quietSince: bound.quietSinceMs }),
    }),
    ...(finished && { snapshot: finished }),
    ...(begun && { running: { id: begun.id, items: begun.items, since: begun.started } }),
    ...(state?.verified && { verified: state.verified }),
    ...(noticed !== undefined && noticed.findings > 0 && { noticed: { findings: noticed.findings, newest: noticed.newest } }),
  };
}

/**
 * What needs a person. ⚠ Not an old `until`: of several open shards nobody can tell whether there was anything to archive.
 *
 * @param nowMs the asker's wall clock.
 */
export function archiveAttention(member: string, { state }: ArchiveFacts, shards: readonly Shard[], nowMs: number): Attention[] {
  const late = shards.filter((shard) => isLate(shard, nowMs));
  const oldest = Math.min(...late.map(({ sent }) => sent?.at ?? nowMs));
  const [first] = late;
  return [
    ...(first === undefined
      ? []
      : [
          {
            code: 'archive-behind',
            member,
            message: `The log of ${member} lacks a change that was sent ${span(nowMs - oldest)} ago (shard ${first.id}): look at the logs of its function "observe". DynamoDB drops changes after 24 h; those are then missing from the archive.`,
          },
        ]),
    ...faults(member, state, nowMs),
  ];
}

/** What was found in the archive: by the last verification, or before the first one by the minute run. */
function faults(member: string, { verified, rolled }: Pick<ArchiveState, 'verified' | 'rolled'> = {}, nowMs: number): Attention[] {
  const findings = verified === undefined ? (rolled?.findings ?? 0) : verified.findings;
  if (findings === 0) return [];
  const who = verified === undefined ? `The minute run of ${member}` : `The last "archive verify" of ${member}, ${ago(nowMs, verified.at)} ago,`;
  const words = verified === undefined ? rolled?.newest[0] : verified.first[0];
  const example = words === undefined ? '' : ` For one: ${words}`;
  return [{ code: 'archive-damaged', member, message: `${who} found ${findings} ${findings === 1 ? 'fault' : 'faults'} in the archive.${example}` }];
}

/** Whether fan-out has moved a record long ago that the observer has not archived. */
const isLate = ({ sent, seen }: Shard, nowMs: number): boolean =>
  sent !== undefined && nowMs - sent.at > ARCHIVE_BEHIND_MAX_MS && (seen === undefined || BigInt(seen.sequence) < BigInt(sent.sequence));

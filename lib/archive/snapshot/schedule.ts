import { FormatError, InputError } from '../../core/errors.ts';
import { isTaken, readJob } from '../../job/lease.ts';
import { whyText } from '../../ports/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { MemberContext } from '../../replicate/context.ts';
import { SCHEDULED_SEGMENTS, SCHEDULED_SHARE } from './limits.ts';
import type { SnapshotJob } from './savepoint.ts';
import { isTooOld, lastFinished, snapshotJobPlace } from './savepoint.ts';
import type { SnapshotOptions, SnapshotPorts, SnapshotResult } from './take.ts';
import { takeSnapshot } from './take.ts';

/** What a slice came to. */
export interface SnapshotSlice {
  /** `idle`: none is due; `elsewhere`: another run is at work on it. */
  readonly did: 'idle' | 'elsewhere' | 'slice' | 'finished';
  /** Items of the snapshot that is being taken, or was just finished. */
  readonly items?: number;
  /** The time that the newest finished snapshot serves from (ms); absent before the first. */
  readonly lastEndedMs?: number;
}

/** Whether a snapshot is to be begun, or gone on with. Pure. @param everyMs between the end of one and the beginning of the next */
export const isDue = (job: SnapshotJob | undefined, everyMs: number, nowMs: number): boolean =>
  job?.done === undefined || nowMs - (job.ended ?? job.done) >= everyMs;

/**
 * A slice of the snapshots that are taken on a schedule: begins one when the newest is old enough, or goes on with the one
 * that is unfinished, whoever began it. Of a provisioned table it takes SCHEDULED_SHARE of the read units. An unfinished one that
 * is of no use any more, since objects of it are gone or damaged or the log from its start on expires, is begun anew: that is
 * logged, and counted as `SnapshotFailed`.
 *
 * @param options.untilMs elapsed time (ms) after which nothing more is read.
 * @param options.retentionMs how long the log is kept; absent where it is not known.
 * @throws as `takeSnapshot`; the next slice tries again
 */
export async function sliceOfSnapshot(
  member: MemberContext,
  ports: SnapshotPorts,
  runtime: Runtime,
  options: { readonly owner: string; readonly everyMs: number; readonly untilMs: number; readonly retentionMs?: number },
): Promise<SnapshotSlice> {
  const job = await readJob(snapshotJobPlace(ports.table, member.tables.control), runtime);
  const last = (of: SnapshotJob | undefined): Pick<SnapshotSlice, 'lastEndedMs'> => {
    const { last: found } = lastFinished(of);
    return found === undefined ? {} : { lastEndedMs: found.ended };
  };
  const nowMs = runtime.clock.now();
  if (!isDue(job, options.everyMs, nowMs)) return { did: 'idle', ...last(job) };
  if (isTaken(job, '', nowMs)) return { did: 'elsewhere', ...last(job) };
  const tooOld = job !== undefined && job.done === undefined && isTooOld(job, options.retentionMs, nowMs);
  try {
    const { job: now, manifest } = await (tooOld ? anew('the log from its start on expires') : take('if-foreign').catch(anewIfUseless));
    return { did: manifest === undefined ? 'slice' : 'finished', items: now.items, ...last(now) };
  } catch (error) {
    // Another run was faster: one at a time is what the lease is for.
    if (error instanceof InputError && (error.code === 'job-taken' || error.code === 'job-lost')) return { did: 'elsewhere', ...last(job) };
    throw error;
  }

  function take(restart: NonNullable<SnapshotOptions['restart']>): Promise<SnapshotResult> {
    const { owner, untilMs } = options;
    return takeSnapshot(
      member,
      ports,
      runtime,
      { owner, share: SCHEDULED_SHARE, onDemand: 'no-share', segments: SCHEDULED_SEGMENTS, restart, untilMs },
      { progress: () => undefined, stopped: () => false },
    );
  }

  function anew(why: string): Promise<SnapshotResult> {
    runtime.log.error('The unfinished snapshot is of no use any more: it is begun anew.', { snapshot: job?.id, why });
    runtime.metrics.count('SnapshotFailed', 1);
    return take(true);
  }

  /** What is gone does not come back: a run that only tried again would fail for ever. */
  function anewIfUseless(error: unknown): Promise<SnapshotResult> {
    if (error instanceof FormatError || (error instanceof InputError && error.code === 'too-old')) return anew(whyText(error));
    throw error;
  }
}

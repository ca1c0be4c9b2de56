import { InputError } from '../../core/errors.ts';
import { isTaken, readJob } from '../../job/lease.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { MemberContext } from '../../replicate/context.ts';
import { SCHEDULED_SEGMENTS, SCHEDULED_SHARE } from './limits.ts';
import type { SnapshotJob } from './savepoint.ts';
import { lastFinished, snapshotJobPlace } from './savepoint.ts';
import type { SnapshotPorts } from './take.ts';
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
 * that is unfinished, whoever began it. Of a provisioned table it takes SCHEDULED_SHARE of the read units.
 *
 * @param options.untilMs elapsed time (ms) after which nothing more is read.
 * @throws as `takeSnapshot`; the next slice tries again
 */
export async function sliceOfSnapshot(
  member: MemberContext,
  ports: SnapshotPorts,
  runtime: Runtime,
  options: { readonly owner: string; readonly everyMs: number; readonly untilMs: number },
): Promise<SnapshotSlice> {
  const job = await readJob(snapshotJobPlace(ports.table, member.tables.control), runtime);
  const last = (of: SnapshotJob | undefined): Pick<SnapshotSlice, 'lastEndedMs'> => {
    const { last: found } = lastFinished(of);
    return found === undefined ? {} : { lastEndedMs: found.ended };
  };
  if (!isDue(job, options.everyMs, runtime.clock.now())) return { did: 'idle', ...last(job) };
  if (isTaken(job, '', runtime.clock.now())) return { did: 'elsewhere', ...last(job) };
  try {
    const { job: now, manifest } = await takeSnapshot(
      member,
      ports,
      runtime,
      { owner: options.owner, share: SCHEDULED_SHARE, onDemand: 'no-share', segments: SCHEDULED_SEGMENTS, restart: 'if-foreign', untilMs: options.untilMs },
      { progress: () => undefined, stopped: () => false },
    );
    return { did: manifest === undefined ? 'slice' : 'finished', items: now.items, ...last(now) };
  } catch (error) {
    // Another run was faster: one at a time is what the lease is for.
    if (error instanceof InputError && (error.code === 'job-taken' || error.code === 'job-lost')) return { did: 'elsewhere', ...last(job) };
    throw error;
  }
}

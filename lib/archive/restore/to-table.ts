import { isoSeconds } from '../../core/calendar.ts';
import { assert, InputError } from '../../core/errors.ts';
import { keyAttributes } from '../../core/key.ts';
import type { JobPlace } from '../../job/lease.ts';
import { JobLease, readJob } from '../../job/lease.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { TablePort } from '../../ports/table.ts';
import { retried } from '../../replicate/retry.ts';
import type { ArchivePlace } from '../place.ts';
import type { RestoreJob } from './job.ts';
import { READ_MAX_MS } from './limits.ts';
import type { RestorePlan } from './plan.ts';
import { pinnedOf } from './plan.ts';
import type { StateOptions } from './state.ts';
import { FIRST_MARK } from './state.ts';
import { TableRun } from './table-run.ts';

/** Restores into a table that is nobody else's: made for it, or empty. */

/** The table, and where the savepoint is. */
export interface RestoreTarget {
  readonly port: TablePort;
  readonly table: string;
  readonly job: JobPlace<RestoreJob>;
}

export interface ToTableOptions extends Pick<StateOptions, 'wanted' | 'keysPerPass'> {
  /** Who runs it, for people: host and process. */
  readonly owner: string;
  /** What of the keys is restored and how, as text: a run that goes on must want the same. */
  readonly what: string;
  /** Keep each item's revision. Otherwise the table gets nothing of Syncline's own: it is a plain table. */
  readonly keepMeta: boolean;
}

/** Where a run is. */
export interface ToTableProgress {
  /** Items in the table, of all runs. */
  readonly items: number;
  /** Time spent on them (ms), in all runs. */
  readonly worked: number;
  /** Share of the sources that is done with, 0 to 1. */
  readonly share: number;
}

/** Hears of progress, and may end the run. */
export interface ToTableWatcher {
  progress(now: ToTableProgress): void;
  stopped(): boolean;
}

export interface ToTableResult {
  readonly ended: 'done' | 'stopped';
  readonly resumed: boolean;
  readonly job: RestoreJob;
}

/**
 * What an earlier run has begun in this very table; undefined when the table is fresh for us.
 *
 * @throws InputError "table-taken" when the table holds anything and no restore of ours began in it, "other-key" when its key is
 *   not the set's; RemoteError; FormatError.
 */
export async function begunIn(place: Pick<ArchivePlace, 'key'>, runtime: Runtime, target: RestoreTarget): Promise<RestoreJob | undefined> {
  return (await looked(place, runtime, target)).job;
}

async function looked(
  place: Pick<ArchivePlace, 'key'>,
  runtime: Runtime,
  target: RestoreTarget,
): Promise<{ readonly tableId: string; readonly job: RestoreJob | undefined }> {
  const tableId = await checkTable(place, runtime, target);
  const job = await readJob(target.job, runtime);
  if (job?.tableId === tableId) return { tableId, job };
  const page = await retried(runtime, runtime.clock.elapsed() + READ_MAX_MS, () => target.port.scan({ table: target.table, limit: 1 }));
  if (page.items.length === 0) return { tableId, job: undefined };
  throw new InputError(
    'table-taken',
    `The table "${target.table}" is not empty, and no restore began in it. A restore writes into a table of its own: name one that is not there, or an empty one.`,
  );
}

async function checkTable({ key }: Pick<ArchivePlace, 'key'>, runtime: Runtime, { port, table }: RestoreTarget): Promise<string> {
  const found = await retried(runtime, runtime.clock.elapsed() + READ_MAX_MS, () => port.describe(table));
  const wanted = keyAttributes(key);
  const text = (attributes: readonly { readonly name: string; readonly type: string }[]): string => attributes.map((a) => `${a.name}:${a.type}`).join(',');
  if (text(found.key) !== text(wanted)) {
    throw new InputError(
      'other-key',
      `The table "${table}" has the key ${text(found.key)}; the set's is ${text(wanted)}. Restore into a table of the same key.`,
    );
  }
  return found.tableId;
}

/**
 * Whether a restore may go on where `job` ended.
 *
 * @param at as the person said it.
 * @throws InputError "other-restore" when it was of another time, archive or choice of keys.
 */
export function checkSame(job: RestoreJob, at: number | 'latest', member: string, what: string): void {
  const same = (at === 'latest' || at === job.atMs) && member === job.member && what === job.what;
  if (same) return;
  throw new InputError(
    'other-restore',
    `A restore into "${job.table}" has begun, of ${job.member} at ${isoSeconds(job.atMs)}${job.what === '' ? '' : ` (${job.what})`}. Go on with that one, or restore into another table.`,
  );
}

/**
 * Writes the table as it was at T. A run that was killed is taken up where its savepoint says; a stop keeps the savepoint.
 *
 * Items that the table refuses (they break a rule of one of its indexes) are counted and named, not written.
 *
 * @throws InputError "job-taken", "job-lost", and as `begunIn` · RemoteError when the table does not take writes · FormatError for damaged objects.
 */
export async function restoreToTable(
  place: ArchivePlace,
  runtime: Runtime,
  plan: RestorePlan,
  target: RestoreTarget,
  options: ToTableOptions,
  watcher: ToTableWatcher,
): Promise<ToTableResult> {
  const { tableId } = await looked(place, runtime, target);
  const fresh = {
    table: target.table,
    tableId,
    atMs: plan.atMs,
    pinned: pinnedOf(plan),
    member: place.member,
    what: options.what,
    started: runtime.clock.now(),
    mark: FIRST_MARK,
    items: 0,
    worked: 0,
    refused: 0,
    refusedNamed: [],
  };
  const lease = await JobLease.claim(target.job, runtime, options.owner, fresh, (found: RestoreJob) => found.tableId !== tableId);
  const run = new TableRun(lease, runtime, plan, options);
  try {
    const { job } = lease;
    assert(job.pinned.sum === plan.sum, 'a restore goes on with another plan', { begun: job.pinned.sum, now: plan.sum });
    const ended = job.done !== undefined || job.mark === undefined ? 'done' : await run.write(place, target, job.mark, watcher);
    await lease.release(run.change(ended));
    return { ended, resumed: lease.resumed, job: lease.job };
  } catch (error) {
    // As far as it came, if that can still be said; the failure is what counts.
    await lease.release(run.change('stopped')).catch(() => undefined);
    throw error;
  } finally {
    run.over = true;
  }
}

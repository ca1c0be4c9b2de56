import { InputError } from '../../core/errors.ts';
import type { Manifest } from '../../core/formats/manifest.ts';
import { exportPrefix, SNAPSHOT_FILES_MAX, shortNonce, snapshotId } from '../../core/formats/manifest.ts';
import { JobLease } from '../../job/lease.ts';
import { isRemote } from '../../ports/errors.ts';
import type { ExportState, ExportsPort } from '../../ports/exports.ts';
import { UNSUPPORTED } from '../../ports/exports.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { TablePort } from '../../ports/table.ts';
import type { MemberContext } from '../../replicate/context.ts';
import { retried } from '../../replicate/retry.ts';
import type { ArchivePlace } from '../place.ts';
import { checkExported, exportedFiles } from './exported.ts';
import { finishSnapshot } from './finish.ts';
import { END_MARGIN_MS, EXPORT_LOOK_MS, PENDING_FILES_MAX, REQUEST_MAX_MS, WAIT_STEP_MS } from './limits.ts';
import { storePart } from './parts.ts';
import type { SnapshotJob } from './savepoint.ts';
import { freshSnapshot, snapshotJobPlace } from './savepoint.ts';

/** What an export needs. */
export interface ExportSnapshotPorts {
  readonly table: TablePort;
  readonly place: ArchivePlace;
  readonly exports: ExportsPort;
}

/** How it goes. */
export interface ExportSnapshotOptions {
  /** Who runs it, for people: host and process. */
  readonly owner: string;
  readonly tableArn: string;
  /** Begins anew, whatever was done before. */
  readonly restart?: boolean;
}

/** Where it is. */
export interface ExportProgress {
  /** `export`: DynamoDB is at work; `check`: its files are read once. */
  readonly phase: 'export' | 'check' | 'finish';
  /** Files that were checked, of how many. */
  readonly files: number;
  readonly of: number;
  readonly items: number;
}

/** Hears of progress, and may end the run. */
export interface ExportWatcher {
  progress(now: ExportProgress): void;
  stopped(): boolean;
}

/** What it came to. */
export interface ExportSnapshotResult {
  readonly job: SnapshotJob;
  readonly resumed: boolean;
  /** Somebody wanted it to end; DynamoDB's export goes on, and the next run waits for it. */
  readonly ended?: 'stopped';
  readonly manifest?: Manifest;
}

/**
 * Takes a snapshot by DynamoDB's own point-in-time export, which reads nothing of the table's capacity: begins it, waits for
 * it, reads each of its files once to know its SHA-256, and writes our manifest beside it. It is of one moment: what was
 * written by then is in it.
 *
 * @throws InputError "no-pitr", "unsupported", "export-failed", "job-taken", "job-lost", "foreign-table", "too-large", "too-old" · RemoteError ·
 *   FormatError naming a file that is not as DynamoDB's manifest says. The savepoint is kept, so that the next run goes on.
 */
export async function exportSnapshot(
  member: MemberContext,
  ports: ExportSnapshotPorts,
  runtime: Runtime,
  options: ExportSnapshotOptions,
  watcher: ExportWatcher,
): Promise<ExportSnapshotResult> {
  const { clock, chance } = runtime;
  const { place } = ports;
  const table = member.tables.items;
  const until = (): number => clock.elapsed() + REQUEST_MAX_MS;
  const { tableId } = await retried(runtime, until(), () => ports.table.describe(table));
  const started = clock.now();
  const about = { id: snapshotId(started, chance.nonce()), via: 'export' as const, compression: 'gzip' as const, table, tableId, started };
  const lease = await JobLease.claim(
    snapshotJobPlace(ports.table, member.tables.control, 'export'),
    runtime,
    options.owner,
    (found) => freshSnapshot(about, 1, found),
    (found) => found.done !== undefined || found.failed !== undefined || options.restart === true,
  );
  const { resumed } = lease;
  const run = shortNonce(chance.nonce());
  try {
    if (lease.job.table !== table || lease.job.tableId !== tableId) {
      throw new InputError(
        'foreign-table',
        `The unfinished export is of another table ("${lease.job.table}", TableId ${lease.job.tableId}). Begin anew with --restart.`,
      );
    }
    const arn = lease.job.arn ?? (await begin());
    const state = await exported(arn);
    if (state === undefined || !(await checkAll(arn))) {
      await lease.release();
      return { job: lease.job, resumed, ended: 'stopped' };
    }
    watcher.progress({ phase: 'finish', files: lease.job.files, of: lease.job.files, items: lease.job.items });
    const time = state.timeMs ?? lease.job.started;
    await lease.save({ started: time, ended: time + END_MARGIN_MS });
    const manifest = await finishSnapshot({ table: ports.table, place, control: member.tables.control }, runtime, lease, END_MARGIN_MS);
    return { job: lease.job, resumed, manifest };
  } catch (error) {
    // What failed is thrown; a savepoint that cannot be given up is free when its lease ends.
    await lease.release().catch(() => undefined);
    throw error;
  }

  /** The token is the snapshot's id, so that a repeated request names the same export. */
  async function begin(): Promise<string> {
    const request = { tableArn: options.tableArn, bucket: place.bucket, prefix: exportPrefix(lease.job.id), token: lease.job.id };
    const arn = await retried(runtime, until(), () => ports.exports.beginExport(request)).catch((error: unknown) => {
      throw refusal(error, table);
    });
    await lease.save({ arn });
    return arn;
  }

  /** Waits until DynamoDB is done; undefined when somebody wants the run to end. */
  async function exported(arn: string): Promise<ExportState | undefined> {
    // It ends when DynamoDB ends it, or a person does.
    for (let lookAt = 0; ; ) {
      if (watcher.stopped()) return undefined;
      if (clock.elapsed() >= lookAt) {
        const state = await retried(runtime, until(), () => ports.exports.describeExport(arn));
        if (state.status === 'done') return state;
        if (state.status === 'failed') {
          await lease.save({ failed: clock.now() });
          throw new InputError('export-failed', `DynamoDB's export has failed: ${state.why ?? 'it does not say why'}. The same command begins another one.`);
        }
        watcher.progress({ phase: 'export', files: 0, of: 0, items: state.items ?? 0 });
        lookAt = clock.elapsed() + EXPORT_LOOK_MS;
      }
      await lease.renew();
      await clock.sleep(WAIT_STEP_MS);
    }
  }

  /** Reads each file once, and saves what is known of it. False when somebody wants the run to end. */
  async function checkAll(arn: string): Promise<boolean> {
    const files = await exportedFiles(place, runtime, lease.job.id, arn);
    if (files.length > SNAPSHOT_FILES_MAX)
      throw new InputError('too-large', `The export has ${files.length} files; at most ${SNAPSHOT_FILES_MAX} fit into a manifest.`);
    // An empty partition's file is none of ours: nothing is in it.
    for (let number = lease.job.segments[0]?.files ?? 0; number < files.length; number += 1) {
      if (watcher.stopped()) return false;
      watcher.progress({ phase: 'check', files: number, of: files.length, items: lease.job.items });
      const file = await checkExported(place, runtime, files[number] as (typeof files)[number], () => lease.renew());
      await lease.save(async (job) => {
        const pending = file.items === 0 ? job.pending : [...job.pending, file];
        const full = pending.length > PENDING_FILES_MAX;
        const part = full ? await storePart(place, runtime, job.id, pending, job.part, run, () => lease.admit()) : job.part;
        return {
          segments: [{ files: number + 1, done: number + 1 === files.length }],
          items: job.items + file.items,
          bytes: job.bytes + file.bytes,
          rawBytes: job.rawBytes + file.rawBytes,
          files: job.files + (file.items === 0 ? 0 : 1),
          pending: full ? [] : pending,
          ...(part && { part }),
        };
      });
    }
    return true;
  }
}

/** What a refusal of an export or import means for a person. */
export function refusal(error: unknown, table: string): unknown {
  if (!isRemote(error)) return error;
  if (error.code === 'PointInTimeRecoveryUnavailableException')
    return new InputError(
      'no-pitr',
      `Point-in-time recovery of the table "${table}" is off, so DynamoDB cannot export it. Switch it on, or take the snapshot by --via scan.`,
    );
  if (error.code === UNSUPPORTED)
    return new InputError('unsupported', `${error.message} Take the snapshot by --via scan, and load it with "syncline restore --to TABLE".`);
  return error;
}

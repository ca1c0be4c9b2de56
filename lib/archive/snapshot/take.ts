import { InputError } from '../../core/errors.ts';
import type { Manifest } from '../../core/formats/manifest.ts';
import { shortNonce, snapshotId } from '../../core/formats/manifest.ts';
import { JobLease } from '../../job/lease.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { TablePort } from '../../ports/table.ts';
import type { MemberContext } from '../../replicate/context.ts';
import { retried } from '../../replicate/retry.ts';
import { together } from '../../replicate/together.ts';
import type { ArchivePlace } from '../place.ts';
import { FileWriter } from './file-writer.ts';
import { finishSnapshot } from './finish.ts';
import { END_MARGIN_MS, REQUEST_MAX_MS, SEGMENTS_DEFAULT } from './limits.ts';
import { ReadPace, readRate } from './pace.ts';
import type { ScanRun } from './pages.ts';
import { nextPage } from './pages.ts';
import type { ScanMark, SnapshotJob } from './savepoint.ts';
import { freshSnapshot, isScanned, snapshotJobPlace } from './savepoint.ts';

/** What a snapshot needs: the member's DynamoDB, and its bucket. */
export interface SnapshotPorts {
  readonly table: TablePort;
  readonly place: ArchivePlace;
}

/** How it goes. */
export interface SnapshotOptions {
  /** Who runs it, for people: host and process. */
  readonly owner: string;
  /** Items a second at most. */
  readonly itemsPerS?: number;
  /** At most this share of the table's provisioned read units (above 0, at most 1). */
  readonly share?: number;
  /** What a share means for a table that is on demand: it is refused (the default), or there is none. */
  readonly onDemand?: 'refuse' | 'no-share';
  /** Parts that are scanned at the same time. Default: SEGMENTS_DEFAULT. A run that goes on keeps those that it began with. */
  readonly segments?: number;
  /** How files are packed. Default: zstd. A run that goes on keeps what it began with. */
  readonly compression?: 'zstd' | 'gzip';
  /** Begins anew, whatever was done before: always, or where the unfinished one is of another table. */
  readonly restart?: boolean | 'if-foreign';
  /** Elapsed time (ms) after which no page is begun: what is read is stored, and the savepoint is given up. */
  readonly untilMs?: number;
  /** Added to the clock after the last page (ms). Default: END_MARGIN_MS. */
  readonly endMarginMs?: number;
}

/** Where it is. */
export interface SnapshotProgress {
  readonly phase: 'scan' | 'finish';
  /** Items that were read, and bytes of their lines, in all runs. */
  readonly items: number;
  readonly rawBytes: number;
  /** Time that was spent (ms), in all runs. */
  readonly worked: number;
}

/** Hears of progress, and may end the run. */
export interface SnapshotWatcher {
  progress(now: SnapshotProgress): void;
  /** Whether somebody wants it to end: it then stores what it has read, and gives its savepoint up. */
  stopped(): boolean;
}

/** What it came to. */
export interface SnapshotResult {
  readonly job: SnapshotJob;
  /** It went on where an earlier run ended. */
  readonly resumed: boolean;
  /** Why it ended before all was done; the next run goes on. */
  readonly ended?: 'stopped' | 'time';
  /** The finished snapshot; absent when it ended before. */
  readonly manifest?: Manifest;
}

/**
 * Takes a snapshot of a member's table: scans it in parts into files of lines in the member's bucket, and writes the
 * manifest when all of it is there. It writes nothing to the table.
 *
 * What is read while others write is of no single moment: a snapshot serves a time only together with the log, and only
 * times from its end on. A run that is killed goes on from its savepoint and reads at most one file of each part again; what
 * those files held is deleted before the manifest is written, because ImportTable loads all there is below a prefix.
 *
 * Memory: one file of each part, and one page.
 *
 * @throws InputError "on-demand", "job-taken", "job-lost", "foreign-table", "too-large", "too-old", "name-taken" · RemoteError, FormatError.
 *   The savepoint is kept, so that the next run goes on.
 */
export async function takeSnapshot(
  member: MemberContext,
  ports: SnapshotPorts,
  runtime: Runtime,
  options: SnapshotOptions,
  watcher: SnapshotWatcher,
): Promise<SnapshotResult> {
  const { clock, chance } = runtime;
  const { place } = ports;
  const table = member.tables.items;
  const described = await retried(runtime, clock.elapsed() + REQUEST_MAX_MS, () => ports.table.describe(table));
  const rate = readRate(options, described.provisionedReads);
  const started = clock.now();
  const about = {
    id: snapshotId(started, chance.nonce()),
    via: 'scan' as const,
    compression: options.compression ?? 'zstd',
    table,
    tableId: described.tableId,
    started,
  };
  const isForeign = (job: SnapshotJob): boolean => job.table !== table || job.tableId !== described.tableId;
  const lease = await JobLease.claim(
    snapshotJobPlace(ports.table, member.tables.control),
    runtime,
    options.owner,
    (found) => freshSnapshot(about, options.segments ?? SEGMENTS_DEFAULT, found),
    (found) => found.done !== undefined || options.restart === true || (options.restart === 'if-foreign' && isForeign(found)),
  );
  const { resumed } = lease;
  // Names that this run uses are used by no other, however late a request of an earlier one takes effect.
  const run = shortNonce(chance.nonce());
  const began = clock.elapsed();
  const before = lease.job.worked;
  const worked = (): number => Math.round(before + clock.elapsed() - began);
  const averageBytes = described.itemCount > 0 ? (described.bytes ?? 0) / described.itemCount : 0;
  const pace = new ReadPace(rate, lease.job.segments.length, averageBytes, began);
  const writer = new FileWriter(place, runtime, lease, run, worked);
  const pages: ScanRun = { port: ports.table, table, runtime, pace, renew: () => lease.renew(), isOver };
  let failed = false;
  try {
    if (isForeign(lease.job)) {
      throw new InputError(
        'foreign-table',
        `The unfinished snapshot is of another table ("${lease.job.table}", TableId ${lease.job.tableId}). Begin anew with --restart.`,
      );
    }
    await together(lease.job.segments.flatMap((mark, index) => (mark.done ? [] : [scanPart(index, mark)])));
    if (!isScanned(lease.job)) {
      await lease.release();
      return { job: lease.job, resumed, ended: watcher.stopped() ? 'stopped' : 'time' };
    }
    await refuseReplaced();
    watcher.progress({ phase: 'finish', items: lease.job.items, rawBytes: lease.job.rawBytes, worked: worked() });
    const manifest = await finishSnapshot({ ...ports, control: member.tables.control }, runtime, lease, options.endMarginMs ?? END_MARGIN_MS);
    return { job: lease.job, resumed, manifest };
  } catch (error) {
    // What failed is thrown; a savepoint that cannot be given up is free when its lease ends.
    await lease.release().catch(() => undefined);
    throw error;
  }

  /** A table that was deleted and made anew meanwhile is another one. */
  async function refuseReplaced(): Promise<void> {
    const { tableId } = await retried(runtime, clock.elapsed() + REQUEST_MAX_MS, () => ports.table.describe(table));
    if (tableId !== lease.job.tableId)
      throw new InputError(
        'foreign-table',
        `The table "${table}" was replaced while the snapshot was taken (TableId ${lease.job.tableId} → ${tableId}). Begin anew with --restart.`,
      );
  }

  /** Reads one part to its end, or until the run ends; then what was read is stored. */
  async function scanPart(index: number, mark: ScanMark): Promise<void> {
    try {
      const part = writer.part(index);
      let after = mark.after;
      for (;;) {
        const page = await nextPage(pages, { index, of: lease.job.segments.length }, after);
        if (page === undefined) {
          await part.store(after, false);
          return;
        }
        after = page.next;
        await part.add(page.items, after);
        if (after === undefined) return;
        await lease.renew();
        watcher.progress({ phase: 'scan', ...writer.total, worked: worked() });
      }
    } catch (error) {
      // The other parts store what they have read, and end.
      failed = true;
      throw error;
    }
  }

  function isOver(): boolean {
    return failed || watcher.stopped() || (options.untilMs !== undefined && clock.elapsed() >= options.untilMs);
  }
}

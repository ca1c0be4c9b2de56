import { END_MARGIN_MS, REQUEST_MAX_MS } from '../../archive/snapshot/limits.ts';
import { ReadPace, readRate } from '../../archive/snapshot/pace.ts';
import type { ScanRun } from '../../archive/snapshot/pages.ts';
import { nextPage } from '../../archive/snapshot/pages.ts';
import { FormatError, InputError } from '../../core/errors.ts';
import { streamLabel } from '../../core/formats/archive-names.ts';
import { shortNonce } from '../../core/formats/manifest.ts';
import type { JobLease } from '../../job/lease.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { TableDescription } from '../../ports/table.ts';
import { retried } from '../../replicate/retry.ts';
import { together } from '../../replicate/together.ts';
import { LogGapError } from '../segments.ts';
import type { TaskKind, TaskWatcher } from '../tasks/task.ts';
import { announceBase, clearDrafts, storeBase } from './base.ts';
import type { BuildOf } from './build.ts';
import { buildBase } from './build.ts';
import { LOG_LOOK_MS, PARTS_DEFAULT, RUN_ENTRIES_MAX, RUNS_MAX, SAMPLE_SEGMENT_ITEMS, SAMPLE_SEGMENTS_MAX, SAMPLE_SEGMENTS_MIN } from './limits.ts';
import { writeScanManifest } from './listed.ts';
import type { ScannedMember } from './reached.ts';
import { logReaches } from './reached.ts';
import type { ScanMark, ScanTask } from './task.ts';
import { decodeScanTask, encodeScanTask, isScanned, pickedSegments, segmentsOf } from './task.ts';
import { RunWriter } from './writer.ts';

/** How a scan is done, where others than the usual ways serve (tests, the bench). */
export interface ScanOptions {
  /** Parts of the table that are scanned at the same time. Default: PARTS_DEFAULT. */
  readonly parts?: number;
  readonly limits?: BuildOf['limits'];
}

/**
 * The kind `scan`: reads the member's table in parts into runs of fingerprints (run.ts), lists them (listed.ts), waits until the member's log
 * surely reaches the end of the scan, and makes the base: what runs and log together say, exact as of a watermark of the log.
 *
 * It goes on from the savepoint after a kill at any request, and reads at most one run of each part again. Memory: one run of each part,
 * and one page.
 *
 * What does not heal by itself (damaged objects, a table that was replaced, a gap in the log) ends the task with `failed`.
 */
export const makeScanKind = (options: ScanOptions = {}): TaskKind<ScanTask> => ({
  kind: 'scan',
  codec: { encode: encodeScanTask, decode: decodeScanTask },
  work: async (reach, runtime, lease, untilMs, watcher) => {
    try {
      await new ScanSlice(reach, runtime, lease, untilMs, watcher, options).work();
    } catch (error) {
      const lost = error instanceof InputError && error.code === 'job-lost';
      if (lost || !(error instanceof FormatError || error instanceof InputError || error instanceof LogGapError)) throw error;
      await lease.save({ failed: error.message, done: runtime.clock.now() });
    }
  },
});

/** The kind `scan`. */
export const scanKind: TaskKind<ScanTask> = makeScanKind();

/** One slice of a scan. */
class ScanSlice {
  readonly #reach: ScannedMember;
  readonly #runtime: Runtime;
  readonly #lease: JobLease<ScanTask>;
  readonly #untilMs: number;
  readonly #watcher: TaskWatcher;
  readonly #options: ScanOptions;
  /** Names that this slice uses are used by no other, however late a request of an earlier one takes effect. */
  readonly #run: string;
  #failed = false;

  constructor(reach: ScannedMember, runtime: Runtime, lease: JobLease<ScanTask>, untilMs: number, watcher: TaskWatcher, options: ScanOptions) {
    this.#reach = reach;
    this.#runtime = runtime;
    this.#lease = lease;
    this.#untilMs = untilMs;
    this.#watcher = watcher;
    this.#options = options;
    this.#run = shortNonce(runtime.chance.nonce());
  }

  async work(): Promise<void> {
    const { clock } = this.#runtime;
    const lease = this.#lease;
    if (lease.job.done !== undefined) return;
    const table = await this.#describe();
    if (lease.job.started === undefined) await this.#begin(table);
    if (!isScanned(lease.job)) {
      await this.#scan(table);
      if (!isScanned(lease.job)) return;
    }
    if (lease.job.ended === undefined) {
      // After the last page: a table that was replaced while it was read is another one.
      await this.#describe();
      await lease.save({ ended: clock.now() + END_MARGIN_MS });
    }
    if (!lease.job.listed) {
      const { place } = this.#reach;
      await writeScanManifest(
        place,
        this.#runtime,
        lease.job,
        () => lease.admit(),
        () => lease.renew(),
      );
      await lease.save({ listed: true });
    }
    const { sample } = lease.job;
    const finished = sample !== undefined || ((await this.#reached(table)) && (await this.#base()));
    if (finished) await lease.save({ done: clock.now() });
  }

  get #isOver(): boolean {
    return this.#failed || this.#watcher.stopped() || this.#runtime.clock.elapsed() >= this.#untilMs;
  }

  /** The table, which must still be the one that the scan has begun with. @throws InputError "foreign-table", "no-stream" */
  async #describe(): Promise<TableDescription> {
    const { table, member } = this.#reach;
    const found = await retried(this.#runtime, this.#runtime.clock.elapsed() + REQUEST_MAX_MS, () => table.describe(member.tables.items));
    const begun = this.#lease.job.table;
    if (begun !== undefined && begun.tableId !== found.tableId)
      throw new InputError(
        'foreign-table',
        `The table "${begun.name}" was replaced while it was scanned (TableId ${begun.tableId} → ${found.tableId}). Scan it again.`,
      );
    return found;
  }

  async #begin({ tableId, streamArn, itemCount }: TableDescription): Promise<void> {
    const { member } = this.#reach;
    const { id, sample } = this.#lease.job;
    const { items: name } = member.tables;
    if (streamArn === undefined)
      throw new InputError(
        'no-stream',
        `The table "${name}" has no stream: its changes while it is scanned are in no log. Enable its stream (NEW_AND_OLD_IMAGES).`,
      );
    if (itemCount > RUNS_MAX * RUN_ENTRIES_MAX)
      throw new InputError('too-large', `The table "${name}" has ${itemCount} items; a scan takes at most ${RUNS_MAX * RUN_ENTRIES_MAX}.`);
    const parts = this.#options.parts ?? PARTS_DEFAULT;
    const of = sample === undefined ? parts : Math.min(SAMPLE_SEGMENTS_MAX, Math.max(SAMPLE_SEGMENTS_MIN, Math.ceil(itemCount / SAMPLE_SEGMENT_ITEMS)));
    const length = Math.min(parts, pickedSegments(id, sample, of).length);
    await this.#lease.save({
      table: { name, tableId, label: streamLabel(streamArn), ...(member.expiryAttribute !== undefined && { expiry: member.expiryAttribute }) },
      of,
      segments: Array.from({ length }, (): ScanMark => ({ at: 0, runs: 0, done: false })),
      started: this.#runtime.clock.now(),
    });
  }

  async #scan(description: TableDescription): Promise<void> {
    const { clock } = this.#runtime;
    const { job } = this.#lease;
    const { itemCount, bytes = 0, provisionedReads } = description;
    const rate = readRate({ ...given('itemsPerS', job.itemsPerS), ...given('share', job.share), onDemand: 'no-share' }, provisionedReads);
    const pages: ScanRun = {
      port: this.#reach.table,
      table: this.#reach.member.tables.items,
      runtime: this.#runtime,
      pace: new ReadPace(rate, job.segments.length, itemCount > 0 ? bytes / itemCount : 0, clock.elapsed()),
      renew: () => this.#lease.renew(),
      isOver: () => this.#isOver,
    };
    const writers: RunWriter[] = [];
    const total = Math.max(itemCount * (job.sample ?? 1), job.items);
    const tell = (): void =>
      this.#watcher.progress(
        writers.reduce((sum, { held }) => sum + held, this.#lease.job.items),
        total > 0 ? total : undefined,
      );
    await together(job.segments.flatMap((mark, part) => (mark.done ? [] : [this.#scanPart(part, pages, writers, tell)])));
  }

  /** Reads one part to its end, or until the slice ends; then what was read is stored. */
  async #scanPart(part: number, pages: ScanRun, writers: RunWriter[], tell: () => void): Promise<void> {
    const lease = this.#lease;
    try {
      const writer = await RunWriter.open(this.#reach.place, this.#runtime, lease, this.#run, part);
      writers.push(writer);
      const { of } = lease.job;
      const segments = segmentsOf(lease.job, part);
      let { at, after } = lease.job.segments[part] as ScanMark;
      for (;;) {
        const page = await nextPage(pages, { index: segments[at] as number, of }, after);
        if (page === undefined) return await writer.store({ at, ...(after !== undefined && { after }) }, false);
        await writer.take(page.items, at);
        after = page.next;
        if (after === undefined) at += 1;
        tell();
        if (at === segments.length) return await writer.store({ at }, true);
        await lease.renew();
      }
    } catch (error) {
      // The other parts store what they have read, and end.
      this.#failed = true;
      throw error;
    }
  }

  /** Waits until the log surely reaches the end of the scan. False when it does not within this slice: then others have its time. */
  async #reached(table: TableDescription): Promise<boolean> {
    const { clock } = this.#runtime;
    const { items, ended = 0 } = this.#lease.job;
    const { streamArn } = table;
    if (streamArn === undefined || streamLabel(streamArn) !== this.#lease.job.table?.label)
      throw new InputError('foreign-table', `The stream of the table "${this.#reach.member.tables.items}" was replaced since it was scanned. Scan it again.`);
    while (!this.#isOver) {
      const { untilMs } = await logReaches(this.#reach, this.#runtime, streamArn);
      if (untilMs >= ended) return true;
      // A bound grows with time, or with what is read: most of what is missing takes as long as it is.
      if (ended - untilMs > this.#untilMs - clock.elapsed()) return false;
      this.#watcher.progress(items, items);
      await this.#lease.renew();
      await clock.sleep(Math.max(0, Math.min(LOG_LOOK_MS, this.#untilMs - clock.elapsed())));
    }
    return false;
  }

  /** Makes the base, and stores it. False when the slice ends before. */
  async #base(): Promise<boolean> {
    const { place } = this.#reach;
    const { limits } = this.#options;
    const lease = this.#lease;
    const base = await buildBase({ place, runtime: this.#runtime, lease, run: this.#run, isOver: () => this.#isOver, ...(limits && { limits }) });
    if (base === undefined) return false;
    await lease.renew();
    await storeBase(place, this.#runtime, base, () => lease.admit());
    await announceBase(place, this.#runtime, base);
    if (lease.job.draft !== undefined) await clearDrafts(place, this.#runtime, base.id);
    return true;
  }
}

const given = <K extends string>(name: K, value: number | undefined): { readonly [P in K]?: number } =>
  (value === undefined ? {} : { [name]: value }) as { readonly [P in K]?: number };

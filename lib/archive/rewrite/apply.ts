import type { Item } from '../../core/attribute.ts';
import { assert, InputError } from '../../core/errors.ts';
import { keyText } from '../../core/key.ts';
import { JobLease } from '../../job/lease.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { Pace } from '../../replicate/back-off.ts';
import type { ServeContext } from '../../serve/context.ts';
import type { ArchivePlace } from '../place.ts';
import type { PlanLine, Rewrite } from './change.ts';
import { isSkipped } from './change.ts';
import { inOrder } from './in-order.ts';
import type { Outcome } from './judge.ts';
import { judgeRewrite, reasonOf } from './judge.ts';
import { APPLY_CONCURRENCY, WINDOW_LINES } from './limits.ts';
import type { RewritePlan } from './plan.ts';
import { readChunk } from './plan.ts';
import { readKeys } from './read-keys.ts';
import type { SkippedLine } from './result.ts';
import { loadSkipped, storeResult, storeSkipped } from './result.ts';
import type { RewriteCounts, RewriteJob } from './savepoint.ts';
import { checkGoesOn, countedOf, isSet, maskOf, NOTHING_DONE, rewritePlace } from './savepoint.ts';
import { Seats } from './seats.ts';
import type { LineWriter } from './write-line.ts';
import { writeLine } from './write-line.ts';

/**
 * Carries a plan out at the primary. Each line is written only if the item is what the plan says it was; everything else is
 * skipped, with its reason, and stays as it is. A run that is killed or stopped goes on from its savepoint.
 */

/** How a run goes. */
export interface RewriteProgress {
  /** Rewrites that were written or skipped. */
  readonly done: number;
  readonly of: number;
  readonly counts: RewriteCounts;
}

export interface ApplyWatcher {
  progress(now: RewriteProgress): void;
  /** Whether a person wants it to end: it does so between two windows. */
  stopped(): boolean;
}

/** What became of a run. */
export interface Applied {
  /** All was done, now or by an earlier run; else it was stopped, and can go on. */
  readonly done: boolean;
  readonly counts: RewriteCounts;
  /** It went on where an earlier run had ended. */
  readonly resumed: boolean;
}

/**
 * @param ctx of the primary: see rewriteContext.
 * @param owner of this run, for people.
 * @throws InputError "job-taken", "job-lost", "taken-back", "not-primary", "foreign-table", "seat-lost"; FormatError naming what is
 *   damaged, before anything of that chunk is written; RemoteError. The savepoint is kept in each case.
 */
export async function applyPlan(
  ctx: ServeContext,
  place: ArchivePlace,
  runtime: Runtime,
  plan: RewritePlan,
  owner: string,
  watcher: ApplyWatcher,
): Promise<Applied> {
  if (plan.member !== ctx.member) {
    throw new InputError('not-primary', `The plan was made for "${plan.member}", not for "${ctx.member}". Nothing was written. Plan anew.`);
  }
  const seats = await Seats.open(ctx, runtime, plan.tableId);
  const fresh = {
    kind: plan.kind,
    table: plan.table,
    tableId: plan.tableId,
    sum: plan.sum,
    started: runtime.clock.now(),
    next: { chunk: 0, line: 0 },
    window: undefined,
    counts: NOTHING_DONE,
  };
  const lease = await JobLease.claim(rewritePlace(ctx.table, ctx.tables.control, plan.id), runtime, owner, fresh, false);
  try {
    checkGoesOn(plan, lease.job);
    const run = new Applying(ctx, place, runtime, plan, lease, seats, watcher);
    return { done: await run.run(), counts: lease.job.counts, resumed: lease.resumed };
  } finally {
    // What ended it is what is told. A row that cannot be given up is free when its lease ends.
    await lease.release().catch(() => undefined);
  }
}

/** One run. */
class Applying {
  readonly #ctx: ServeContext;
  readonly #place: ArchivePlace;
  readonly #runtime: Runtime;
  readonly #plan: RewritePlan;
  readonly #lease: JobLease<RewriteJob>;
  readonly #writer: LineWriter;
  readonly #pace: Pace = { limit: APPLY_CONCURRENCY.start };
  readonly #watcher: ApplyWatcher;

  constructor(ctx: ServeContext, place: ArchivePlace, runtime: Runtime, plan: RewritePlan, lease: JobLease<RewriteJob>, seats: Seats, watcher: ApplyWatcher) {
    this.#ctx = ctx;
    this.#place = place;
    this.#runtime = runtime;
    this.#plan = plan;
    this.#lease = lease;
    this.#watcher = watcher;
    this.#writer = { ctx, runtime, seats, pace: this.#pace, renew: () => lease.renew() };
  }

  /** @returns whether all is done. */
  async run(): Promise<boolean> {
    const { chunks } = this.#plan;
    if (this.#lease.job.done !== undefined) return true;
    while (this.#lease.job.next.chunk < chunks.length) {
      const { chunk } = this.#lease.job.next;
      const lines = await readChunk(this.#place, this.#runtime, this.#plan, chunk);
      if (!(await this.#chunk(chunk, lines))) return false;
    }
    const { counts, started } = this.#lease.job;
    await storeResult(this.#place, this.#runtime, this.#plan, { counts, startedMs: started, epoch: this.#writer.seats.epoch });
    await this.#lease.save({ done: this.#runtime.clock.now() });
    return true;
  }

  async #chunk(chunk: number, lines: readonly PlanLine[]): Promise<boolean> {
    const { line: first } = this.#lease.job.next;
    let skipped = await loadSkipped(this.#place, this.#runtime, this.#plan.id, chunk, first);
    for (let from = first; from < lines.length; ) {
      if (this.#watcher.stopped()) return false;
      const size = this.#lease.job.window?.lines ?? WINDOW_LINES;
      const window = lines.slice(from, from + size);
      const outcomes = await this.#window(window);
      const more = skippedLines(window, outcomes, from);
      if (more.length > 0) {
        skipped = await storeSkipped(this.#place, this.#runtime, this.#plan.id, chunk, { lines: [...skipped.lines, ...more], etag: skipped.etag });
      }
      from += window.length;
      const counts = counted(this.#lease.job.counts, [...outcomes.values()]);
      await this.#lease.save({ next: from < lines.length ? { chunk, line: from } : { chunk: chunk + 1, line: 0 }, window: undefined, counts });
      this.#watcher.progress({ done: countedOf(counts), of: this.#plan.puts + this.#plan.deletes, counts });
    }
    return true;
  }

  /** Reads a window's keys, says in the savepoint what is going to be written, and writes it. @returns outcomes by their lines */
  async #window(lines: readonly PlanLine[]): Promise<ReadonlyMap<number, Outcome>> {
    const { items } = this.#ctx.tables;
    const places = new Map<string, number>();
    const rewrites = new Map<number, Rewrite>();
    lines.forEach((line, i) => {
      if (isSkipped(line)) return;
      places.set(keyText(line.key, this.#ctx.key), i);
      rewrites.set(i, line);
    });
    assert(places.size === rewrites.size, 'a plan that names a key twice', { job: this.#plan.id });
    const earlier = this.#lease.job.window;
    const outcomes = new Map<number, Outcome>();
    // Only what is as planned is held: as large as the plan's own lines.
    const toWrite = new Map<number, Item | undefined>();
    const keys = [...rewrites.values()].map(({ key }) => key);
    await readKeys({ table: this.#ctx.table, name: items, key: this.#ctx.key }, this.#runtime, keys, (key, item) => {
      const i = places.get(keyText(key, this.#ctx.key)) as number;
      const rewrite = rewrites.get(i) as Rewrite;
      const found = judgeRewrite(rewrite, item);
      // What an earlier run was about to write, and is as wanted now, was written by it.
      const own = earlier !== undefined && isSet(earlier.mask, i);
      if (found === 'as wanted') outcomes.set(i, own ? written(rewrite) : 'already');
      else if (found === 'changed' || (earlier !== undefined && !own)) outcomes.set(i, 'changed');
      else toWrite.set(i, item);
    });
    if (toWrite.size === 0) return outcomes;
    if (earlier === undefined) await this.#lease.save({ window: { lines: lines.length, mask: maskOf(lines.map((_, i) => toWrite.has(i))) } });
    await inOrder(
      [...toWrite],
      () => this.#pace.limit,
      async ([i, item]) => {
        outcomes.set(i, await writeLine(this.#writer, rewrites.get(i) as Rewrite, item));
      },
    );
    return outcomes;
  }
}

const written = ({ after }: Rewrite): Outcome => (after === undefined ? 'deleted' : 'put');

/** The lines of a window that were not written, in their order. @param from the window's first line within its chunk */
function skippedLines(window: readonly PlanLine[], outcomes: ReadonlyMap<number, Outcome>, from: number): SkippedLine[] {
  return window.flatMap(({ key }, i): SkippedLine[] => {
    const outcome = outcomes.get(i);
    const reason = outcome === undefined ? undefined : reasonOf(outcome);
    return reason === undefined ? [] : [{ line: from + i, key, reason }];
  });
}

function counted(counts: RewriteCounts, outcomes: readonly Outcome[]): RewriteCounts {
  const sum = { ...counts };
  for (const outcome of outcomes) sum[typeof outcome === 'object' ? 'refused' : outcome] += 1;
  return sum;
}

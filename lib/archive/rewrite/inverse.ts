import { FormatError, InputError } from '../../core/errors.ts';
import { JobLease, readJob } from '../../job/lease.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { ServeContext } from '../../serve/context.ts';
import type { ArchivePlace } from '../place.ts';
import type { PlanLine } from './change.ts';
import { isSkipped } from './change.ts';
import type { RewritePlan } from './plan.ts';
import { readChunk, readPlan } from './plan.ts';
import { loadSkipped } from './result.ts';
import type { RewriteJob } from './savepoint.ts';
import { checkIdle, isSet, rewritePlace, skippedOf } from './savepoint.ts';

/** Taking a rewrite back: its plan with before and after exchanged, over what was really written. */

/** A rewrite that is to be taken back. */
export interface Original {
  readonly plan: RewritePlan;
  readonly job: RewriteJob;
}

/**
 * Finds a rewrite that is to be taken back.
 *
 * @param ctx of the member at which it ran, which is to be primary now.
 * @throws InputError "unknown-job", "invalid-job", "nothing-written", "job-taken", "taken-back"; FormatError; RemoteError
 */
export async function findOriginal(ctx: ServeContext, place: ArchivePlace, runtime: Runtime, id: string): Promise<Original> {
  const plan = await readPlan(place, runtime, id);
  const job = await readJob(rewritePlace(ctx.table, ctx.tables.control, id), runtime);
  if (job === undefined) throw new InputError('nothing-written', `${id} was planned, but never carried out: there is nothing to take back.`);
  checkIdle(id, job, runtime.clock.now());
  if (job.sum !== plan.sum) throw new FormatError(`the savepoint of ${id} is of another plan than the one in the bucket`);
  if (job.takenBack !== undefined) throw await takenBackAlready(ctx, runtime, id, job.takenBack);
  return { plan, job };
}

/** Longest chain of rewrites that take each other back that is followed: a person looks at the newest. */
const CHAIN_MAX = 100;

/** What to say of a rewrite that is taken back already: of a chain of them, the last one is what can be taken back. @throws FormatError; RemoteError */
async function takenBackAlready(ctx: ServeContext, runtime: Runtime, id: string, by: string): Promise<InputError> {
  let last = by;
  let job: RewriteJob | undefined;
  for (let n = 0; n < CHAIN_MAX; n += 1) {
    job = await readJob(rewritePlace(ctx.table, ctx.tables.control, last), runtime);
    if (job?.takenBack === undefined) break;
    last = job.takenBack;
  }
  const chain = last === by ? '' : `, and that was taken back in turn, last by ${last}`;
  const todo = job?.done === undefined ? `${last} is not finished: --resume ${last} goes on with it.` : `--undo ${last} takes back what ${last} did.`;
  return new InputError('taken-back', `${id} is taken back already, by ${by}${chain}. Nothing was changed. ${todo}`);
}

/**
 * The lines that take a rewrite back: those that were written. Of a run that was killed it is not known of each line of its
 * last window whether it was written; those that were not are found as they shall be when this is carried out.
 *
 * @throws FormatError when what was skipped is not all there; RemoteError
 */
export async function* inverseLines(place: ArchivePlace, runtime: Runtime, { plan, job }: Original): AsyncGenerator<PlanLine> {
  const { next, window } = job;
  let skipped = 0;
  for (let chunk = 0; chunk < plan.chunks.length && (chunk < next.chunk || (chunk === next.chunk && next.line + (window?.lines ?? 0) > 0)); chunk += 1) {
    const lines = await readChunk(place, runtime, plan, chunk);
    const end = chunk < next.chunk ? lines.length : next.line;
    const not = new Set((await loadSkipped(place, runtime, plan.id, chunk, end)).lines.map(({ line }) => line));
    skipped += not.size;
    for (const [i, line] of lines.entries()) {
      const done = i < end ? !not.has(i) : window !== undefined && i - end < window.lines && isSet(window.mask, i - end);
      if (!done || isSkipped(line)) continue;
      const { key, before, after } = line;
      yield { key, ...(after !== undefined && { before: after }), ...(before !== undefined && { after: before }) };
    }
  }
  if (skipped !== skippedOf(job.counts))
    throw new FormatError(
      `reports/${plan.id}/result names ${skipped} lines that were skipped; the savepoint counts ${skippedOf(job.counts)}. An object is missing or damaged`,
    );
}

/**
 * Says in the savepoint of a rewrite that it is being taken back: one that was not finished cannot go on from then on.
 *
 * @param by the rewrite that takes it back.
 * @throws InputError "job-taken", "job-lost", "taken-back" when another one did since, "went-on" when it was carried on since it was looked at; RemoteError
 */
export async function markTakenBack(ctx: ServeContext, runtime: Runtime, original: Original, by: string, owner: string): Promise<void> {
  const { v: _, owner: __, ...fresh } = original.job;
  const lease = await JobLease.claim(rewritePlace(ctx.table, ctx.tables.control, original.plan.id), runtime, owner, fresh, false);
  const { next, window, done } = lease.job;
  const seen = original.job;
  const same = next.chunk === seen.next.chunk && next.line === seen.next.line && done === seen.done && (window === undefined) === (seen.window === undefined);
  const before = lease.job.takenBack;
  if (before !== undefined) {
    await lease.release();
    throw await takenBackAlready(ctx, runtime, original.plan.id, before);
  }
  if (!same) {
    await lease.release();
    throw new InputError('went-on', `${original.plan.id} was carried on since this plan was made. Nothing was taken back. Plan anew.`);
  }
  await lease.release({ takenBack: by });
}

/**
 * Makes sure that a plan that takes another rewrite back may be carried out now, though it was made some time ago: the other
 * one must not be able to go on, or what it wrote since would stay.
 *
 * @throws InputError "went-on"; FormatError; RemoteError
 */
export async function checkTakesBack(ctx: ServeContext, runtime: Runtime, plan: RewritePlan): Promise<void> {
  if (plan.takesBack === undefined) return;
  const job = await readJob(rewritePlace(ctx.table, ctx.tables.control, plan.takesBack), runtime);
  if (job?.done !== undefined || job?.takenBack === plan.id) return;
  throw new InputError(
    'went-on',
    `${plan.takesBack} was not finished, and may have been carried on since ${plan.id} was planned. Take it back anew: --undo ${plan.takesBack}.`,
  );
}

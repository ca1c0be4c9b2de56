import { whyText } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import { together } from '../replicate/together.ts';
import type { AtPrimary } from './anywhere.ts';
import { atPrimary, noPrimary } from './anywhere.ts';
import type { Intent } from './attempt.ts';
import type { ServeContext } from './context.ts';
import type { ApiRequest } from './http.ts';
import { ProblemError, problemOf, RETRY_AFTER_S } from './problem.ts';
import type { SeatView } from './seat.ts';
import { isOld, readSeat, routeWrite } from './seat.ts';
import type { Done } from './write.ts';
import { writeHere } from './write.ts';

/**
 * Many writes in one request, each a write of its own with its own outcome: no transaction. A batch goes to the primary
 * as a whole.
 */

/** Writes in one batch. */
export const BATCH_WRITES_MAX = 100;
/** Writes of one batch that are under way at the same time. */
export const BATCH_CONCURRENCY = 10;

/** What came of one write of a batch. */
export type BatchOutcome = { readonly done: Done; readonly problem?: never } | { readonly problem: ProblemError; readonly done?: never };

/**
 * Writes a batch, wherever the primary is.
 *
 * @param request what is handed on as it came.
 * @param intents at most BATCH_WRITES_MAX, no key twice: the caller has checked both.
 * @param until elapsed time (ms) after which no write is begun; those that are not have the problem `not-started`.
 * @returns the outcomes in the order of the intents, or the response of the member that the batch was handed to.
 * @throws ProblemError not-initialised, no-primary, primary-unreachable, unknown-outcome (of all that was handed on),
 *   not-primary when the request was handed on already; RemoteError when the seat cannot be read.
 */
export function batchAnywhere(
  ctx: ServeContext,
  runtime: Runtime,
  request: ApiRequest,
  intents: readonly Intent[],
  until: number,
): Promise<AtPrimary<readonly BatchOutcome[]>> {
  return atPrimary(ctx, runtime, request, until, 'writes', (view) => batchHere(ctx, runtime, intents, view, until));
}

/**
 * Writes a batch at this member, which `first` says is the primary.
 *
 * @returns the outcomes; undefined when this member turned out not to be primary before anything was written. Where it turned
 *   out in the midst, those that came too late have the problem `no-primary`.
 */
export async function batchHere(
  ctx: ServeContext,
  runtime: Runtime,
  intents: readonly Intent[],
  first: SeatView,
  until: number,
): Promise<readonly BatchOutcome[] | undefined> {
  const outcomes: (BatchOutcome | 'moved' | undefined)[] = intents.map(() => undefined);
  let next = 0;
  let view = first;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < intents.length; i = next++) {
      if (isOld(view, runtime.clock.elapsed())) view = await refreshed(ctx, runtime, view, until);
      outcomes[i] = await one(ctx, runtime, intents[i] as Intent, view, until);
    }
  };
  await together(Array.from({ length: Math.min(BATCH_CONCURRENCY, intents.length) }, worker));
  if (outcomes.every((outcome) => outcome === 'moved')) return undefined;
  return outcomes.map((outcome) => (outcome === 'moved' || outcome === undefined ? { problem: noPrimary(ctx, 'writes') } : outcome));
}

/**
 * One reading of the seat serves all writes that begin within half of W. ⚠ It counts only if it says the same as before: else
 * the old view is kept, and the write, which reads the seat itself under a view so old, finds out what to do.
 */
async function refreshed(ctx: ServeContext, runtime: Runtime, view: SeatView, until: number): Promise<SeatView> {
  try {
    const fresh = await readSeat(ctx, runtime, until);
    const route = routeWrite(fresh.seat, ctx.member, runtime.clock.now());
    return route.at === 'here' && route.epoch === view.seat.own ? fresh : view;
  } catch {
    return view;
  }
}

async function one(ctx: ServeContext, runtime: Runtime, intent: Intent, view: SeatView, until: number): Promise<BatchOutcome | 'moved'> {
  if (runtime.clock.elapsed() >= until) {
    return {
      problem: new ProblemError('not-started', 'The time of the batch was used up before this write was begun. Nothing was changed; send it again.', {
        retryAfterS: RETRY_AFTER_S,
      }),
    };
  }
  try {
    const done = await writeHere(ctx, runtime, intent, view, until);
    return done.done === 'moved' ? 'moved' : { done };
  } catch (error) {
    const problem = problemOf(error, true);
    if (problem.status >= 500)
      runtime.log[problem.code === 'internal' ? 'error' : 'warn']('problem of a write in a batch', {
        code: problem.code,
        why: whyText(problem.cause ?? error),
      });
    return { problem };
  }
}

import { REQUEST_TIMEOUT_MS } from '../core/constants.ts';
import { isRemote } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { Intent } from './attempt.ts';
import type { ServeContext } from './context.ts';
import { forward } from './forward.ts';
import type { ApiRequest, ApiResponse } from './http.ts';
import { ProblemError, RETRY_AFTER_S } from './problem.ts';
import type { SeatView } from './seat.ts';
import { readSeat, routeRead, routeWrite, wasPrimary } from './seat.ts';
import type { Done } from './write.ts';
import { writeHere } from './write.ts';

/** Requests that the primary must serve: done here when this member is it, else handed to the one that is. */

/** Times that one request is routed anew, because the primary moved meanwhile. */
const ROUTES_MAX = 3;

/** What came of a request for the primary: its result, or the response of the member that it was handed to. */
export type AtPrimary<T> = { readonly at: 'here'; readonly value: T } | { readonly at: 'peer'; readonly response: ApiResponse };

/** What came of a write. */
export type WriteOutcome = AtPrimary<Done>;

/**
 * Writes an item, wherever the primary is.
 *
 * @param request what is handed on as it came.
 * @param until elapsed time (ms) after which no further attempt is begun.
 * @throws as writeHere and forward do; ProblemError not-initialised, no-primary; not-primary when the request was handed on already.
 */
export function writeAnywhere(ctx: ServeContext, runtime: Runtime, request: ApiRequest, intent: Intent, until: number): Promise<WriteOutcome> {
  return atPrimary(ctx, runtime, request, until, 'writes', async (view) => {
    const result = await writeHere(ctx, runtime, intent, view, until);
    return result.done === 'moved' ? undefined : result;
  });
}

/**
 * Answers a read by the primary, wherever it is: a strong read.
 *
 * @param here reads at this member. Its result counts only if the member still was primary, within its lease, when it came.
 * @throws what `here` throws; ProblemError not-initialised, no-primary, primary-unreachable; not-primary as above.
 */
export async function runAtPrimary<T>(ctx: ServeContext, runtime: Runtime, request: ApiRequest, until: number, here: () => Promise<T>): Promise<AtPrimary<T>> {
  const found = await atPrimary(ctx, runtime, request, until, 'reads', async (view) => {
    const value = await here();
    return (await wasPrimary(ctx, runtime, view, until)) ? { value } : undefined;
  });
  return found.at === 'here' ? { at: 'here', value: found.value.value } : found;
}

/**
 * Routes a request by the own seat, or where that cannot be read by what is known of others.
 *
 * @param here does it at this member; undefined when this member turned out not to be primary any more.
 * @throws ProblemError as above.
 */
export async function atPrimary<T extends object>(
  ctx: ServeContext,
  runtime: Runtime,
  request: ApiRequest,
  until: number,
  effect: 'reads' | 'writes',
  here: (view: SeatView) => Promise<T | undefined>,
): Promise<AtPrimary<T>> {
  const routeOf = effect === 'writes' ? routeWrite : routeRead;
  for (let n = 1; n <= ROUTES_MAX; n += 1) {
    let view: SeatView;
    try {
      // A table that hangs may cost one request: the rest of the time is for whoever can do it.
      view = await readSeat(ctx, runtime, Math.min(until, runtime.clock.elapsed() + REQUEST_TIMEOUT_MS));
    } catch (error) {
      return await withoutSeat(ctx, runtime, request, effect, error);
    }
    const route = routeOf(view.seat, ctx.member, runtime.clock.now());
    if (route.at === 'here') {
      const value = await here(view);
      if (value !== undefined) return { at: 'here', value };
      if (runtime.clock.elapsed() >= until) break;
      continue;
    }
    const hint = route.at === 'peer' ? route.name : undefined;
    if (request.forwarded) throw notPrimary(ctx, hint);
    if (hint === undefined) break;
    return { at: 'peer', response: await forward(ctx, runtime, request, hint, effect) };
  }
  throw noPrimary(ctx, effect);
}

/**
 * The own seat cannot be read: then it is not this member that can do it, but perhaps the one that was primary when the
 * seat was last read, or one that any other member names.
 *
 * @throws `failure` when there is nobody to ask, or nobody who knows.
 */
async function withoutSeat(ctx: ServeContext, runtime: Runtime, request: ApiRequest, effect: 'reads' | 'writes', failure: unknown): Promise<AtPrimary<never>> {
  const hint = ctx.seen.name ?? ctx.peers.keys().next().value;
  if (!isRemote(failure) || request.forwarded || hint === undefined || hint === ctx.member) throw failure;
  try {
    return { at: 'peer', response: await forward(ctx, runtime, request, hint, effect) };
  } catch (error) {
    throw error instanceof ProblemError && error.code === 'no-primary' ? failure : error;
  }
}

/** 421, with the hint that the member where the request came in follows. */
const notPrimary = (ctx: ServeContext, hint: string | undefined): ProblemError =>
  new ProblemError('not-primary', `The member "${ctx.member}" is not primary. Nothing was changed.`, {
    headers: { 'syncline-member': ctx.member },
    ...(hint !== undefined && { primary: hint }),
  });

/** 503: nobody is known to be primary now. */
export const noPrimary = (ctx: ServeContext, effect: 'reads' | 'writes'): ProblemError =>
  new ProblemError(
    'no-primary',
    `The member "${ctx.member}" does not know who is primary now. ${
      effect === 'writes' ? 'Nothing was changed; try again.' : 'Try again, or read with "Syncline-Consistency: eventual".'
    }`,
    { retryAfterS: RETRY_AFTER_S },
  );

import { CLOCK_OFFSET_MAX_MS, DEADLINE_MARGIN_MS, FENCE_AGE_MAX_MS, REQUEST_EFFECT_MAX_MS } from '../core/constants.ts';
import type { Seat } from '../core/formats/rows.ts';
import { decodeSeat, isPrimary, SEAT_KEY } from '../core/formats/rows.ts';
import type { Runtime } from '../ports/runtime.ts';
import { retried } from '../replicate/retry.ts';
import type { ServeContext } from './context.ts';
import { ProblemError, RETRY_AFTER_LONG_S } from './problem.ts';

/** A member's own seat, and when it was asked for. */
export interface SeatView {
  readonly seat: Seat;
  /** Elapsed time (ms) before the read was issued: what it says is at least as new as that. */
  readonly readAt: number;
}

/** Reads the own seat, consistently. @throws RemoteError; ProblemError not-initialised; FormatError */
export async function readSeat(ctx: ServeContext, runtime: Runtime, until: number): Promise<SeatView> {
  let readAt = 0;
  const row = await retried(runtime, until, () => {
    readAt = runtime.clock.elapsed();
    return ctx.table.get(ctx.tables.control, SEAT_KEY);
  });
  if (row === undefined) throw notInitialised(ctx);
  const seat = decodeSeat(row);
  ctx.seen.name = seat.primary ?? ctx.seen.name;
  return { seat, readAt };
}

/** The set's seats were never written. */
export const notInitialised = (ctx: ServeContext): ProblemError =>
  new ProblemError(
    'not-initialised',
    `The replica set "${ctx.set}" has no primary yet, so nothing can be written, nor read from it. Run "syncline init --primary MEMBER" once.`,
    {
      retryAfterS: RETRY_AFTER_LONG_S,
    },
  );

/** Where a request for the primary goes. */
export type PrimaryRoute =
  | { readonly at: 'here'; readonly epoch: number }
  | { readonly at: 'peer'; readonly name: string }
  /** The lease is about to end, or nobody knows the primary. */
  | { readonly at: 'nowhere'; readonly why: 'lease' | 'unknown' };

/** The last moment (ms, wall) at which a write under this seat may be issued: its effect and its answer come before the lease ends. */
export const lastIssueMs = (seat: Seat): number =>
  seat.until === undefined ? Number.POSITIVE_INFINITY : seat.until - REQUEST_EFFECT_MAX_MS - DEADLINE_MARGIN_MS;

/**
 * Whether the lease surely lasts at this moment, by the clock of any host of this region. Enough for a read whose answer
 * has arrived; a write must be issued earlier (lastIssueMs).
 */
export const withinLease = (seat: Seat, nowMs: number): boolean => seat.until === undefined || nowMs <= seat.until - CLOCK_OFFSET_MAX_MS;

/** Decides where a write goes, by the own seat. Pure. */
export const routeWrite = (seat: Seat, self: string, nowMs: number): PrimaryRoute => route(seat, self, nowMs <= lastIssueMs(seat));

/** Decides where a read of the primary goes, by the own seat. Pure. */
export const routeRead = (seat: Seat, self: string, nowMs: number): PrimaryRoute => route(seat, self, withinLease(seat, nowMs));

function route(seat: Seat, self: string, inTime: boolean): PrimaryRoute {
  if (isPrimary(seat)) return inTime ? { at: 'here', epoch: seat.own } : { at: 'nowhere', why: 'lease' };
  // The hint may still name this member just after it was deposed.
  return seat.primary === undefined || seat.primary === self ? { at: 'nowhere', why: 'unknown' } : { at: 'peer', name: seat.primary };
}

/**
 * ⚠ Whether a write may be issued at this moment: the seat was read at most W ago (a new primary accepts only W + R
 * after it has raised the fence), and its lease lasts. Called at the socket.
 */
export function mayIssue(view: SeatView, nowMs: number, elapsedMs: number): boolean {
  return elapsedMs - view.readAt <= FENCE_AGE_MAX_MS && nowMs <= lastIssueMs(view.seat);
}

/** Whether a view is so old that it should be read again before an attempt: half of W, so that the attempt is not refused at the socket. */
export const isOld = (view: SeatView, elapsedMs: number): boolean => elapsedMs - view.readAt > FENCE_AGE_MAX_MS / 2;

/**
 * ⚠ Whether what was read here under a view was the primary's: asked after the answer has arrived. The member was primary
 * when its seat was read, and a new one accepts nothing for W after that; where the reading took longer, the seat is read
 * again. The lease must last still: without that, a member that is cut off from the others would go on answering.
 *
 * @throws RemoteError; ProblemError not-initialised; FormatError
 */
export async function wasPrimary(ctx: ServeContext, runtime: Runtime, view: SeatView, until: number): Promise<boolean> {
  const { seat } = runtime.clock.elapsed() - view.readAt <= FENCE_AGE_MAX_MS ? view : await readSeat(ctx, runtime, until);
  return isPrimary(seat) && seat.own === view.seat.own && withinLease(seat, runtime.clock.now());
}

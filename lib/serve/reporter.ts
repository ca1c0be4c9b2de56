import { isPrimary } from '../core/formats/rows.ts';
import type { Runtime } from '../ports/runtime.ts';
import { noPrimary } from './anywhere.ts';
import type { ServeContext } from './context.ts';
import { forwardTo } from './forward.ts';
import type { ApiRequest, ApiResponse } from './http.ts';
import { JSON_TYPE } from './http.ts';
import { readSeat } from './seat.ts';

/** Answers that only one member has: the primary's checks, or a member's orphans. They are for people, and decide nothing. */

/** An answer of JSON that was made by this member, fresh each time. */
export const told = (ctx: ServeContext, body: unknown, type: string = JSON_TYPE): ApiResponse => ({
  status: 200,
  headers: { 'content-type': type, 'cache-control': 'no-store', 'syncline-member': ctx.member },
  body: JSON.stringify(body),
});

/**
 * Answers at the primary, by the word of the own seat. A request that was handed on already is answered by whoever has it: of a primary that moved
 * meanwhile it is the word of the old one, and its name stands with the answer.
 *
 * @param until elapsed time (ms) after which no read of the seat is begun
 * @throws ProblemError not-initialised, no-primary, member-unreachable; RemoteError; FormatError; what `here` throws
 */
export async function byPrimary(
  ctx: ServeContext,
  runtime: Runtime,
  request: ApiRequest,
  until: number,
  here: () => Promise<ApiResponse>,
): Promise<ApiResponse> {
  if (request.forwarded) return here();
  const { seat } = await readSeat(ctx, runtime, until);
  if (isPrimary(seat)) return here();
  // The hint may still name this member just after it was deposed.
  if (seat.primary === undefined || seat.primary === ctx.member) throw noPrimary(ctx, 'reads');
  return forwardTo(ctx, runtime, request, seat.primary);
}

/** Answers at a member of one's choice, or here. @throws ProblemError member-unreachable; what `here` throws */
export async function byMember(
  ctx: ServeContext,
  runtime: Runtime,
  request: ApiRequest,
  member: string | undefined,
  here: () => Promise<ApiResponse>,
): Promise<ApiResponse> {
  return request.forwarded || member === undefined || member === ctx.member ? here() : forwardTo(ctx, runtime, request, member);
}

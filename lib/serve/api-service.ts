import type { Runtime } from '../ports/runtime.ts';
import type { ServeContext } from './context.ts';
import { discoveryOf } from './discovery.ts';
import type { ApiResponse } from './http.ts';
import { JSON_TYPE } from './http.ts';
import type { Operation } from './route.ts';
import { healthHere, seatHere, statusHere } from './status-here.ts';

/** The operations that are about the service, not about items. */

/** No read of the own rows is begun after this (ms). */
const SERVICE_BUDGET_MS = 5_000;

const until = (runtime: Runtime): number => runtime.clock.elapsed() + SERVICE_BUDGET_MS;

/** Fresh each time: a client that looks where the primary is must not be shown where it was. */
function said(ctx: ServeContext, body: unknown): ApiResponse {
  return { status: 200, headers: { 'content-type': JSON_TYPE, 'cache-control': 'no-store', 'syncline-member': ctx.member }, body: JSON.stringify(body) };
}

/** GET and HEAD /health. @throws RemoteError */
export const health: Operation = async (ctx, runtime) => said(ctx, await healthHere(ctx, runtime, until(runtime)));

/** GET /status. @throws RemoteError */
export const status: Operation = async (ctx, runtime) => said(ctx, await statusHere(ctx, runtime, until(runtime)));

/** GET /.well-known/syncline. @throws RemoteError */
export const discovery: Operation = async (ctx, runtime, request, facts) =>
  said(ctx, discoveryOf(ctx, facts.members, await seatHere(ctx, runtime, until(runtime)), request.base));

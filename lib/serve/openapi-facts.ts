import type { KeySchema } from '../core/key.ts';
import { isRemote } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { ServeContext } from './context.ts';
import { discoveryOf } from './discovery.ts';
import type { ApiRequest } from './http.ts';
import type { ApiFacts } from './route.ts';
import type { AuthFacts } from './scopes.ts';
import { seatHere } from './status-here.ts';

/** What the document says of the deployment that it describes. */
export interface DocumentFacts {
  readonly set: string;
  /** The member that answers. */
  readonly member: string;
  readonly region: string;
  readonly key: KeySchema;
  readonly auth: AuthFacts;
  /** APIs whose URLs are known, the own one first. */
  readonly servers: readonly { readonly url: string; readonly member: string; readonly region: string }[];
}

/** The document waits for the table no longer than this (ms): without an answer it names fewer servers. */
const SEAT_BUDGET_MS = 1_500;

/** Gathers the facts. The members' URLs stand in the own seat; without it, the own URL alone is known. @throws FormatError */
export async function documentFacts(ctx: ServeContext, runtime: Runtime, request: ApiRequest, facts: ApiFacts): Promise<DocumentFacts> {
  const seat = await seatHere(ctx, runtime, runtime.clock.elapsed() + SEAT_BUDGET_MS).catch((error: unknown) => {
    if (isRemote(error)) return undefined;
    throw error;
  });
  const own = facts.members.filter((m) => m.name === ctx.member);
  const others = facts.members.filter((m) => m.name !== ctx.member);
  const { members } = discoveryOf(ctx, [...own, ...others], seat, request.base);
  return {
    set: ctx.set,
    member: ctx.member,
    region: ctx.region,
    key: ctx.key,
    auth: facts.auth,
    servers: members.flatMap(({ member, region, url }) => (url === null ? [] : [{ url, member, region }])),
  };
}

import type { Auth } from './auth.ts';
import type { Condition, Operation, PathLike, Sort } from './conditions.ts';
import type { ClientRuntime } from './runtime.ts';
import type { NativeItem, NativeValue } from './values.ts';

/** What callers give the client, and what they get. */

/** How a client is made. */
export interface ClientOptions {
  /** URLs of members' APIs, stage included: one is enough, the others are discovered. Asked in this order until latencies are known. */
  readonly endpoints: readonly string[];
  readonly auth: Auth;
  /** API key, where the API has usage plans (`clients` in the CDK): it sets the rate limit, and says nothing of who asks. */
  readonly apiKey?: string;
  /** The whole of a call, its attempts and waits included (ms). Default: 5,000. */
  readonly timeoutMs?: number;
  /** One attempt of a read (ms). Default: 1,000: what a region that hangs costs at most. */
  readonly attemptTimeoutMs?: number;
  /** One attempt of a write (ms): it may have to be handed to another region. Default: 2,500. */
  readonly writeAttemptTimeoutMs?: number;
  /** Whether a read that takes unusually long is also sent to a second member. Default: true. */
  readonly hedge?: boolean;
  /** The host's clock, chance and fetch, for tests. */
  readonly runtime?: ClientRuntime;
}

/** What a single call may set for itself. */
export interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface ReadOptions extends CallOptions {
  /** `eventual` (default): the nearest member that answers. `strong`: the primary. Else a member that has at least this revision. */
  readonly consistency?: 'eventual' | 'strong' | { readonly atLeast: string };
}

export interface WriteOptions extends CallOptions {
  /** The tag that the item must have; `*`: there must be an item. */
  readonly ifMatch?: string;
  /** `*`: there must be no item. */
  readonly ifNoneMatch?: '*';
  /** Under which the write is remembered for a day, so that it takes effect once, however often it is sent. Default: a new one. */
  readonly idempotencyKey?: string;
}

/** An item as it was read. */
export interface ReadResult {
  /** Absent when there is none. */
  readonly item?: { readonly [name: string]: NativeValue };
  readonly etag?: string;
  /** Absent when another writer than Syncline's API made it. */
  readonly revision?: string;
  /** Who answered. */
  readonly member: string;
}

export interface WriteOutcome {
  /** Whether there was no item before. */
  readonly created: boolean;
  readonly etag?: string;
  /** For reads with `atLeast`. */
  readonly revision?: string;
  readonly idempotencyKey: string;
  /** Whether the outcome is that of an earlier request with the same key. */
  readonly replayed: boolean;
  readonly member: string;
}

export interface PatchOutcome extends WriteOutcome {
  /** The item after the change. Absent when the outcome is a replayed one and the item has changed since, and for tokens that may not read. */
  readonly item?: { readonly [name: string]: NativeValue };
}

export type BatchWrite =
  | { readonly put: NativeItem; readonly ifMatch?: string; readonly ifNoneMatch?: '*' }
  | { readonly delete: NativeItem; readonly ifMatch?: string }
  | { readonly patch: { readonly key: NativeItem; readonly operations: readonly Operation[]; readonly if?: Condition } };

/** What came of one write of a batch. */
export interface BatchResult {
  readonly status: number;
  readonly etag?: string;
  readonly revision?: string;
  readonly problem?: { readonly type: string; readonly title: string; readonly detail: string };
}

export interface Query {
  readonly partition: NativeValue;
  readonly sort?: Sort;
  readonly filter?: Condition;
  /** Parts of the items to give. */
  readonly select?: readonly PathLike[];
  /** Items of a page: 1 to 1,000. Default: 100. */
  readonly limit?: number;
  /** `next` of the page before. */
  readonly after?: string;
  readonly descending?: boolean;
}

export interface QueryPage {
  readonly items: readonly { readonly [name: string]: NativeValue }[];
  readonly count: number;
  readonly scanned: number;
  /** Where the next page begins; absent at the end. */
  readonly next?: string;
}

export type QueryOptions = CallOptions & { readonly consistency?: 'eventual' | 'strong' };

import type { Item } from '../lib/core/attribute.ts';
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
  /** The whole of a call for one item, its attempts and waits included (ms). Default: 5,000. */
  readonly timeoutMs?: number;
  /** The same of a query, a count's request or a batch (ms). Default: 15,000: the API may work on one for up to 10 s. */
  readonly longTimeoutMs?: number;
  /** One attempt of a read (ms). Default: 1,500: what a region that hangs costs at most. */
  readonly attemptTimeoutMs?: number;
  /** One attempt of a write (ms): it may have to be handed to another region. Default: 2,500. */
  readonly writeAttemptTimeoutMs?: number;
  /** Whether a read that takes unusually long is also sent to a second member. Default: true. */
  readonly hedge?: boolean;
  /** Capacity of the budget that all calls share for retries: a retry takes 5, or 10 after no answer. Default: 500, as the AWS SDKs have it. */
  readonly retryTokens?: number;
  /** The host's clock, chance and fetch, where others are wanted: a proxy's fetch, a test's clock. */
  readonly runtime?: Partial<ClientRuntime>;
}

/** What a single call may set for itself. */
export interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface ReadOptions extends CallOptions {
  /** `eventual` (default): the nearest member that answers. `strong`: the primary. Else a member that has at least this revision. */
  readonly consistency?: 'eventual' | 'strong' | { readonly atLeast: string };
  /** Whether the result has the item as DynamoDB JSON, too. */
  readonly raw?: boolean;
}

export interface WriteOptions extends CallOptions {
  /** The tag that the item must have; `*`: there must be an item. */
  readonly ifMatch?: string;
  /** `*`: there must be no item. */
  readonly ifNoneMatch?: '*';
  /** Under which the write is remembered for a day, so that it takes effect once, however often it is sent. Default: a new one. */
  readonly idempotencyKey?: string;
}

/** What a batch may set for itself: its writes have their own conditions. */
export type BatchOptions = Omit<WriteOptions, 'ifMatch' | 'ifNoneMatch'>;

/** An item as JavaScript has it. */
export type ReadItem = { readonly [name: string]: NativeValue };

/** An item as it was read. */
export interface ReadResult {
  /** Absent when there is none. */
  readonly item?: ReadItem;
  /** The same in DynamoDB JSON, when `raw` asked for it. */
  readonly raw?: Item;
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

/** What to change of an item, and what must hold of it: else `condition-failed`. */
export interface Patch {
  readonly operations: readonly Operation[];
  readonly if?: Condition;
}

export interface PatchOptions extends WriteOptions {
  /** Whether the outcome has the item as it is then. Default: true. */
  readonly returnItem?: boolean;
}

export interface PatchOutcome extends WriteOutcome {
  /**
   * The item after the change. Absent when it was not asked for, for tokens that may not read, and when the outcome is a
   * remembered one and the item has changed since.
   */
  readonly item?: ReadItem;
}

export type BatchWrite =
  | { readonly put: NativeItem; readonly ifMatch?: string; readonly ifNoneMatch?: '*' }
  | { readonly delete: NativeItem; readonly ifMatch?: string }
  | { readonly patch: Patch & { readonly key: NativeItem }; readonly ifMatch?: string };

/** What came of one write of a batch. */
export interface BatchResult {
  /** What the write would have been answered with by itself: below 300 when it was made. */
  readonly status: number;
  readonly etag?: string;
  readonly revision?: string;
  /** Whether the outcome is that of an earlier request with the same key. */
  readonly replayed?: boolean;
  readonly problem?: { readonly type: string; readonly title: string; readonly detail: string };
}

/** What came of a batch. */
export interface BatchOutcome {
  /** In the order of the writes. */
  readonly results: readonly BatchResult[];
  /** To send the very same batch again, when some of its writes were not made: those that were are not made again. */
  readonly idempotencyKey: string;
  readonly member: string;
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
  readonly items: readonly ReadItem[];
  /** The same in DynamoDB JSON, when `raw` asked for it. */
  readonly raw?: readonly Item[];
  readonly count: number;
  readonly scanned: number;
  /** Where the next page begins; absent at the end. */
  readonly next?: string;
}

export type QueryOptions = Omit<ReadOptions, 'consistency'> & { readonly consistency?: 'eventual' | 'strong' };

/** What reads and writes items: a client, or a session of one. */
export interface Items {
  get(key: NativeItem, options?: ReadOptions): Promise<ReadResult>;
  put(item: NativeItem, options?: WriteOptions): Promise<WriteOutcome>;
  patch(key: NativeItem, patch: Patch, options?: PatchOptions): Promise<PatchOutcome>;
  delete(key: NativeItem, options?: WriteOptions): Promise<WriteOutcome>;
  batchWrite(writes: readonly BatchWrite[], options?: BatchOptions): Promise<BatchOutcome>;
  query(query: Query, options?: QueryOptions): Promise<QueryPage>;
  /** The names of the key attributes, the partition key's first. */
  keyNames(options?: CallOptions): Promise<readonly string[]>;
  /** The same options each time it is called, with what is left of their time: for a call that is made of several. */
  timed<T extends CallOptions>(options: T, many?: boolean): () => T;
}

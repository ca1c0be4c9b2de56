import type { AttributeValue, Item, Key } from '../core/attribute.ts';

/**
 * DynamoDB of one region, as the flows need it. One call of a port is one request: no retries inside (`maxAttempts` 1),
 * so that a flow knows when a request can still take effect. All reads are strongly consistent. Items are DynamoDB JSON.
 *
 * Every method throws RemoteError, classified; a condition that does not hold is an answer, not an error.
 */
export interface TablePort {
  /** Up to 100 keys over any tables of the region. Items come in no order; what is unprocessed is named. */
  batchGet(request: BatchGet, options?: CallOptions): Promise<BatchGetAnswer>;
  /**
   * Up to 25 unconditional requests over any tables of the region, no key twice. What is unprocessed is named by equal
   * values, not by the caller's own objects: tell requests apart by table and key.
   */
  batchWrite(writes: readonly TableWrite[], options?: CallOptions): Promise<{ readonly unprocessed: readonly TableWrite[] }>;
  get(table: string, key: Key, options?: CallOptions): Promise<Item | undefined>;
  put(table: string, item: Item, condition?: Condition, options?: CallOptions): Promise<ConditionalAnswer>;
  delete(table: string, key: Key, condition?: Condition, options?: CallOptions): Promise<ConditionalAnswer>;
  /** Creates the row if it is not there, unless the condition forbids it. */
  update(table: string, key: Key, changes: Changes, condition?: Condition, options?: CallOptions): Promise<ConditionalAnswer>;
  /** Items of one partition, in the order of their sort keys; a page at a time (1 MB, or `limit` items). */
  query(request: QueryRequest, options?: CallOptions): Promise<Page>;
  /** Items of a whole table, or of one of its segments, in no order; a page at a time (1 MB, or `limit` items). */
  scan(request: ScanRequest, options?: CallOptions): Promise<Page>;
  /**
   * Up to 100 writes and checks over any tables of the region, no key twice: all of them, or none. Costs twice the
   * capacity of the single writes. A conflict with another transaction in flight is `throttled`.
   */
  transact(writes: readonly TransactWrite[], options?: CallOptions): Promise<TransactAnswer>;
  /** What the table is. Control plane: do not call it in a hot path. */
  describe(table: string, options?: CallOptions): Promise<TableDescription>;
}

export interface CallOptions {
  /**
   * Called at the socket, after every wait that the client itself may have added. To refuse, it throws; the call then
   * fails with kind "notIssued", and is known to have no effect.
   */
  readonly admit?: () => void;
}

export interface BatchGet {
  readonly tables: readonly {
    readonly table: string;
    readonly keys: readonly Key[];
    /** Paths to return, each a list of names; all attributes when absent. */
    readonly project?: readonly (readonly string[])[];
  }[];
}

export interface BatchGetAnswer {
  /** Items found, by table. */
  readonly items: ReadonlyMap<string, readonly Item[]>;
  /** Keys that were not read, by table. */
  readonly unprocessed: ReadonlyMap<string, readonly Key[]>;
}

export type TableWrite =
  | { readonly table: string; readonly put: Item; readonly delete?: never }
  | { readonly table: string; readonly delete: Key; readonly put?: never };

/** A condition on the item as it is. Paths are lists of names: ['_s', 'p']. */
export type Condition =
  | { readonly op: 'absent' | 'present'; readonly path: readonly string[] }
  | { readonly op: '=' | '<>' | '<' | '<=' | '>' | '>='; readonly path: readonly string[]; readonly value: AttributeValue }
  | { readonly op: 'and' | 'or'; readonly of: readonly Condition[] };

/** Top-level attributes to set and to remove. */
export interface Changes {
  readonly set?: Item;
  readonly remove?: readonly string[];
}

/** `ok`, or what was there instead (ReturnValuesOnConditionCheckFailure: ALL_OLD). */
export type ConditionalAnswer = { readonly ok: true } | { readonly ok: false; readonly old: Item | undefined };

/** A page of items. `next` is where the next page begins (after this key); absent at the end. */
export interface Page {
  readonly items: readonly Item[];
  readonly next?: Key;
}

/** What a query asks of the sort key. `prefix` is for strings, and may be empty: then it asks nothing. */
export type SortCondition =
  | { readonly name: string; readonly prefix: string }
  | { readonly name: string; readonly op: '=' | '<' | '<=' | '>' | '>=' | 'begins-with'; readonly value: AttributeValue }
  /** From the one to the other, both included. */
  | { readonly name: string; readonly from: AttributeValue; readonly to: AttributeValue };

export interface QueryRequest {
  readonly table: string;
  /** The partition key's attribute and value. */
  readonly partition: { readonly name: string; readonly value: AttributeValue };
  readonly sort?: SortCondition;
  readonly after?: Key;
  readonly limit?: number;
  /** The largest sort key first. */
  readonly descending?: boolean;
}

export interface ScanRequest {
  readonly table: string;
  /** This one of so many parts of the table, from 0. */
  readonly segment?: { readonly index: number; readonly of: number };
  /** Paths to return, each a list of names; all attributes when absent. */
  readonly project?: readonly (readonly string[])[];
  readonly after?: Key;
  readonly limit?: number;
}

/** One part of a transaction; `check` writes nothing. */
export type TransactWrite =
  | { readonly table: string; readonly put: Item; readonly condition?: Condition; readonly delete?: never; readonly check?: never }
  | { readonly table: string; readonly delete: Key; readonly condition?: Condition; readonly put?: never; readonly check?: never }
  | { readonly table: string; readonly check: Key; readonly condition: Condition; readonly put?: never; readonly delete?: never };

/** `ok`, or which parts' conditions did not hold (by their index in the request), and what was there instead. */
export type TransactAnswer =
  | { readonly ok: true }
  | { readonly ok: false; readonly failed: readonly { readonly index: number; readonly old: Item | undefined }[] };

export interface TableDescription {
  readonly tableId: string;
  readonly status: string;
  readonly key: readonly { readonly name: string; readonly type: 'S' | 'N' | 'B' }[];
  /** ARN of the newest stream, enabled or not. */
  readonly streamArn?: string;
  readonly streamEnabled: boolean;
  readonly streamView?: string;
  readonly itemCount: number;
  /** Bytes of all items, as DynamoDB reckons: up to six hours old, as `itemCount`. Absent where nobody reckons. */
  readonly bytes?: number;
  /** Provisioned read units a second; absent on demand. */
  readonly provisionedReads?: number;
}

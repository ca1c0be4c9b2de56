import type { AttributeValue, Item } from '../lib/core/attribute.ts';
import type { Auth } from './auth.ts';
import { regionOfUrl } from './auth.ts';
import { RetryBudget } from './budget.ts';
import type { Condition, Operation, PathLike, Sort } from './conditions.ts';
import { marshalCondition, marshalOperation, marshalSort } from './conditions.ts';
import type { Discovery } from './discovery.ts';
import { placesOf, readDiscovery } from './discovery.ts';
import { SynclineError } from './errors.ts';
import { Members } from './members.ts';
import type { ClientRuntime } from './runtime.ts';
import { hostRuntime } from './runtime.ts';
import { SynclineSession } from './session.ts';
import type { ApiAnswer, Call, CallLimits } from './transport.ts';
import { Transport } from './transport.ts';
import type { NativeItem, NativeValue } from './values.ts';
import { marshal, marshalItem, unmarshalItem } from './values.ts';

/** How a client is made. */
export interface ClientOptions {
  /** URLs of members' APIs, stage included: one is enough, the others are discovered. Asked in this order until latencies are known. */
  readonly endpoints: readonly string[];
  readonly auth: Auth;
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

/** Defaults (ms). */
const TIMEOUT_MS = 5_000;
const ATTEMPT_MS = 1_000;
const WRITE_ATTEMPT_MS = 2_500;
/** How old what was discovered may be (ms). */
const DISCOVERY_MS = 5 * 60_000;
/** Pages that one iteration over a query reads at most: an endless one is a bug. */
const PAGES_MAX = 1_000_000;

const TYPE = 'application/x-amz-json-1.0';

/**
 * A client of a replica set's HTTP API, for Node and browsers. It asks the nearest member that answers, goes on to another
 * when that one hangs, fails or is gone, and repeats writes under one idempotency key, so that they take effect once.
 * Connections are kept by the host's `fetch`. One client serves any number of calls at a time.
 */
export class SynclineClient {
  readonly #options: ClientOptions;
  readonly #runtime: ClientRuntime;
  readonly #members: Members;
  readonly #transport: Transport;
  #keyNames: readonly string[] | undefined;
  #discoveredAt: number | undefined;
  #discovering: Promise<void> | undefined;

  /** @throws SynclineError "invalid-value" without an endpoint, or for one that is no URL */
  constructor(options: ClientOptions) {
    if (options.endpoints.length === 0) throw new SynclineError('invalid-value', 'endpoints: give the URL of at least one member’s API.');
    this.#options = options;
    this.#runtime = options.runtime ?? hostRuntime;
    this.#members = new Members(options.endpoints.map(seed));
    this.#transport = new Transport(this.#members, options.auth, new RetryBudget(), this.#runtime);
  }

  /** Reads an item. A missing one is no error. @throws SynclineError */
  async get(key: NativeItem, options: ReadOptions = {}): Promise<ReadResult> {
    const answer = await this.#read(
      {
        method: 'GET',
        path: '/items',
        query: keyQuery(key),
        headers: { accept: TYPE, ...consistencyHeader(options.consistency) },
        taken: [404],
      },
      options,
    );
    if (answer.status === 404) {
      // A gateway's 404, for a wrong URL, is no word of an item.
      if (bodyOf<{ type?: string }>(answer).type !== 'urn:syncline:problem:not-found') throw badAnswer(answer);
      return { member: answer.member };
    }
    return { item: unmarshalItem(bodyOf<Item>(answer)), ...tagsOf(answer), member: answer.member };
  }

  /** Writes a whole item. @throws SynclineError "precondition-failed", "unknown-outcome", … */
  async put(item: NativeItem, options: WriteOptions = {}): Promise<WriteOutcome> {
    const body = JSON.stringify(marshalItem(item));
    return outcomeOf(...(await this.#write({ method: 'PUT', path: '/items', body }, options)));
  }

  /**
   * Changes parts of an item; makes it when there is none.
   *
   * @param patch.if what must hold of the item: else `condition-failed`.
   * @throws SynclineError
   */
  async patch(
    key: NativeItem,
    patch: { readonly operations: readonly Operation[]; readonly if?: Condition },
    options: WriteOptions = {},
  ): Promise<WriteOutcome & { readonly item: { readonly [name: string]: NativeValue } }> {
    const [answer, id] = await this.#write({ method: 'PATCH', path: '/items', query: keyQuery(key), body: JSON.stringify(patchJson(patch)) }, options);
    return { ...outcomeOf(answer, id), item: unmarshalItem(bodyOf<Item>(answer)) };
  }

  /** Deletes an item; one that is not there is no error. @throws SynclineError */
  async delete(key: NativeItem, options: WriteOptions = {}): Promise<WriteOutcome> {
    return outcomeOf(...(await this.#write({ method: 'DELETE', path: '/items', query: keyQuery(key) }, options)));
  }

  /** Up to 100 writes, each of its own: some may succeed while others fail. @throws SynclineError when there is no answer at all */
  async batchWrite(
    writes: readonly BatchWrite[],
    options: Pick<WriteOptions, 'idempotencyKey' | 'timeoutMs' | 'signal'> = {},
  ): Promise<readonly BatchResult[]> {
    const body = JSON.stringify({ writes: writes.map(batchJson) });
    const [answer] = await this.#write({ method: 'POST', path: '/batch', body }, options);
    return bodyOf<{ results: BatchResult[] }>(answer).results;
  }

  /** One page of a partition's items. @throws SynclineError */
  async query(query: Query, options: QueryOptions = {}): Promise<QueryPage> {
    const page = bodyOf<Omit<QueryPage, 'items'> & { items: Item[] }>(await this.#post('/query', queryJson(query), options));
    return { ...page, items: page.items.map(unmarshalItem) };
  }

  /** All items of a partition that match, page by page as they are asked for. @throws SynclineError */
  async *queryAll(query: Query, options: QueryOptions = {}): AsyncGenerator<{ readonly [name: string]: NativeValue }, void, undefined> {
    let after = query.after;
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      const page: QueryPage = await this.query({ ...query, ...(after !== undefined && { after }) }, options);
      yield* page.items;
      if (page.next === undefined) return;
      after = page.next;
    }
  }

  /** How many items of a partition match. @throws SynclineError */
  async count(query: Omit<Query, 'select' | 'limit'>, options: QueryOptions = {}): Promise<number> {
    let after = query.after;
    let count = 0;
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      const page = bodyOf<{ count: number; next?: string }>(
        await this.#post('/count', queryJson({ ...query, ...(after !== undefined && { after }) }), options),
      );
      count += page.count;
      if (page.next === undefined) break;
      after = page.next;
    }
    return count;
  }

  /** A session that reads what it wrote. @param token of an earlier session, on whatever host */
  session(token?: string): SynclineSession {
    return new SynclineSession(this, token);
  }

  /** The members, by the word of one of them. Also makes the client look for them anew. @throws SynclineError */
  async discover(options: CallOptions = {}): Promise<Discovery> {
    const answer = await this.#transport.send({ method: 'GET', path: '/.well-known/syncline', hedge: true }, this.#limits(options, false));
    const found = readDiscovery(answer);
    this.#members.discovered(placesOf(found));
    this.#discoveredAt = this.#runtime.now();
    this.#keyNames = [found.key.partition.name, ...(found.key.sort === undefined ? [] : [found.key.sort.name])];
    return found;
  }

  /** The names of the key attributes, the partition key's first, by the set's own word. @throws SynclineError */
  async keyNames(options: CallOptions = {}): Promise<readonly string[]> {
    if (this.#keyNames === undefined) await this.discover(options);
    return this.#keyNames ?? [];
  }

  /** The key of an item. @throws SynclineError "invalid-value" when a part of it is missing */
  async keyOf(item: NativeItem, options: CallOptions = {}): Promise<NativeItem> {
    const names = await this.keyNames(options);
    return Object.fromEntries(
      names.map((name) => {
        if (item[name] === undefined) throw new SynclineError('invalid-value', `item: the key attribute "${name}" is missing.`);
        return [name, item[name]];
      }),
    );
  }

  #post(path: string, body: object, options: QueryOptions): Promise<ApiAnswer> {
    return this.#read(
      { method: 'POST', path, body: JSON.stringify(body), headers: { 'content-type': TYPE, accept: TYPE, ...consistencyHeader(options.consistency) } },
      options,
    );
  }

  async #read(call: Omit<Call, 'hedge'>, options: CallOptions): Promise<ApiAnswer> {
    this.#discoverSometimes();
    return this.#transport.send({ ...call, hedge: this.#options.hedge ?? true }, this.#limits(options, false));
  }

  async #write(call: Omit<Call, 'hedge' | 'idempotencyKey'>, options: WriteOptions): Promise<[ApiAnswer, string]> {
    this.#discoverSometimes();
    const idempotencyKey = options.idempotencyKey ?? this.#runtime.id();
    const headers = {
      accept: TYPE,
      ...(call.body !== undefined && { 'content-type': TYPE }),
      ...(options.ifMatch !== undefined && { 'if-match': options.ifMatch }),
      ...(options.ifNoneMatch !== undefined && { 'if-none-match': options.ifNoneMatch }),
      'idempotency-key': idempotencyKey,
    };
    return [await this.#transport.send({ ...call, headers, hedge: false, idempotencyKey }, this.#limits(options, true)), idempotencyKey];
  }

  #limits(options: CallOptions, write: boolean): CallLimits {
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS;
    const attemptTimeoutMs = write ? (this.#options.writeAttemptTimeoutMs ?? WRITE_ATTEMPT_MS) : (this.#options.attemptTimeoutMs ?? ATTEMPT_MS);
    return { timeoutMs, attemptTimeoutMs, ...(options.signal !== undefined && { signal: options.signal }) };
  }

  /** Looks for the members and measures them; beside a call, never before it, so that no member that hangs holds it up. */
  #discoverSometimes(): void {
    const { now } = this.#runtime;
    if (this.#discovering !== undefined || (this.#discoveredAt !== undefined && now() - this.#discoveredAt < DISCOVERY_MS)) return;
    // A failure is tried again after the same time: the seeds serve meanwhile.
    this.#discoveredAt = now();
    this.#discovering = this.discover()
      .catch(() => undefined)
      .then(() => this.#transport.measure(this.#options.attemptTimeoutMs ?? ATTEMPT_MS))
      .finally(() => {
        this.#discovering = undefined;
      });
  }
}

function seed(endpoint: string): { name: string; url: string; region?: string } {
  if (!URL.canParse(endpoint)) throw new SynclineError('invalid-value', `endpoints: ${JSON.stringify(endpoint)} is no URL.`);
  const url = endpoint.replace(/\/+$/, '');
  const region = regionOfUrl(url);
  return { name: url, url, ...(region !== undefined && { region }) };
}

/** A key in the query: text, numbers as text, binaries as base64url. */
function keyQuery(key: NativeItem): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(key)) {
    const marshalled = marshal(value, `key.${name}`);
    if ('S' in marshalled) query.set(name, marshalled.S);
    else if ('N' in marshalled) query.set(name, marshalled.N);
    else if ('B' in marshalled) query.set(name, marshalled.B.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''));
    else throw new SynclineError('invalid-value', `key.${name}: a key attribute is text, a number or a binary.`);
  }
  return query;
}

const patchJson = (patch: { readonly operations: readonly Operation[]; readonly if?: Condition }): object => ({
  operations: patch.operations.map(marshalOperation),
  ...(patch.if !== undefined && { if: marshalCondition(patch.if) }),
});

function batchJson(write: BatchWrite): object {
  if ('put' in write) return { ...write, put: marshalItem(write.put) };
  if ('delete' in write) return { ...write, delete: marshalItem(write.delete) };
  return { patch: { key: marshalItem(write.patch.key), ...patchJson(write.patch) } };
}

function queryJson({ partition, sort, filter, ...more }: Query): { readonly partition: AttributeValue } & object {
  return {
    ...more,
    partition: marshal(partition, 'partition'),
    ...(sort !== undefined && { sort: marshalSort(sort) }),
    ...(filter !== undefined && { filter: marshalCondition(filter) }),
  };
}

function consistencyHeader(consistency: ReadOptions['consistency']): Record<string, string> {
  if (consistency === undefined) return {};
  return { 'syncline-consistency': typeof consistency === 'string' ? consistency : `at-least=${consistency.atLeast}` };
}

function tagsOf({ headers }: ApiAnswer): { etag?: string; revision?: string } {
  const etag = headers.get('etag');
  const revision = headers.get('syncline-revision');
  return { ...(etag !== null && { etag }), ...(revision !== null && { revision }) };
}

const outcomeOf = (answer: ApiAnswer, idempotencyKey: string): WriteOutcome => ({
  created: answer.status === 201,
  ...tagsOf(answer),
  idempotencyKey,
  replayed: answer.headers.get('idempotency-replayed') === 'true',
  member: answer.member,
});

const badAnswer = (answer: ApiAnswer): SynclineError =>
  new SynclineError('bad-answer', `The answer of ${answer.member} is not one of Syncline’s API (HTTP ${answer.status}). Is the URL right, stage included?`, {
    status: answer.status,
  });

/** @throws SynclineError "bad-answer" */
function bodyOf<T>(answer: ApiAnswer): T {
  try {
    return JSON.parse(answer.text) as T;
  } catch {
    throw badAnswer(answer);
  }
}

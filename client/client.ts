import type { Item } from '../lib/core/attribute.ts';
import { RetryBudget } from './budget.ts';
import type { Condition, Operation } from './conditions.ts';
import type { Discovery } from './discovery.ts';
import { placesOf, readDiscovery } from './discovery.ts';
import { SynclineError } from './errors.ts';
import { Members } from './members.ts';
import type { ClientRuntime } from './runtime.ts';
import { hostRuntime } from './runtime.ts';
import { SynclineSession } from './session.ts';
import type { ApiAnswer, Call, CallLimits } from './transport.ts';
import { Transport } from './transport.ts';
import type {
  BatchResult,
  BatchWrite,
  CallOptions,
  ClientOptions,
  PatchOutcome,
  Query,
  QueryOptions,
  QueryPage,
  ReadOptions,
  ReadResult,
  WriteOptions,
  WriteOutcome,
} from './types.ts';
import type { NativeItem, NativeValue } from './values.ts';
import { marshalItem, unmarshalItem } from './values.ts';
import { badAnswer, batchJson, bodyOf, consistencyHeader, keyQuery, outcomeOf, patchJson, queryJson, seed, tagsOf } from './wire.ts';

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
    this.#transport = new Transport(
      this.#members,
      options.auth,
      new RetryBudget(),
      this.#runtime,
      options.apiKey === undefined ? {} : { 'x-api-key': options.apiKey },
    );
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
  ): Promise<PatchOutcome> {
    const [answer, id] = await this.#write({ method: 'PATCH', path: '/items', query: keyQuery(key), body: JSON.stringify(patchJson(patch)) }, options);
    return { ...outcomeOf(answer, id), ...(answer.text !== '' && { item: unmarshalItem(bodyOf<Item>(answer)) }) };
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

import type { Item } from '../lib/core/attribute.ts';
import type { ApiAnswer, Call } from './attempt.ts';
import { noRegion } from './auth.ts';
import { Checks, diffOf } from './checks.ts';
import type { DiffPage, ItemDiff } from './checks-types.ts';
import type { Discovery } from './discovery.ts';
import { SynclineError } from './errors.ts';
import { Finder } from './finder.ts';
import type { HistoryOptions, HistoryPage, ItemChange, WirePage } from './history.ts';
import { historyPageOf, historyQuery } from './history.ts';
import { Members } from './members.ts';
import type { ClientRuntime } from './runtime.ts';
import { hostRuntime } from './runtime.ts';
import { SynclineSession } from './session.ts';
import type { CallLimits } from './transport.ts';
import { Transport } from './transport.ts';
import type {
  BatchOptions,
  BatchOutcome,
  BatchResult,
  BatchWrite,
  CallOptions,
  ClientOptions,
  Items,
  Patch,
  PatchOptions,
  PatchOutcome,
  Query,
  QueryOptions,
  QueryPage,
  ReadItem,
  ReadOptions,
  ReadResult,
  WriteOptions,
  WriteOutcome,
} from './types.ts';
import type { NativeItem } from './values.ts';
import { marshalItem, unmarshalItem } from './values.ts';
import {
  badAnswer,
  batchJson,
  bodyOf,
  conditionHeaders,
  consistencyHeader,
  countAll,
  itemsOf,
  keyQuery,
  outcomeOf,
  pagesOf,
  patchJson,
  queryJson,
  seed,
  tagsOf,
} from './wire.ts';

/** Defaults (ms): of a call for one item, and of one attempt, in which a function that starts cold still answers. */
const TIMEOUT_MS = 5_000;
const ATTEMPT_MS = 1_500;
const WRITE_ATTEMPT_MS = 2_500;
/**
 * The same for calls for many. The API reads on for 8 s in one query, so an attempt that is ended before tells nothing. It works
 * on a batch for 10 s, but a batch that is sent again goes on from where it is.
 */
const LONG_TIMEOUT_MS = 15_000;
const QUERY_ATTEMPT_MS = 9_000;
const BATCH_ATTEMPT_MS = 5_000;

/** What a call is, as far as its time limits go. */
type Size = 'read' | 'write' | 'query' | 'batch';

const TYPE = 'application/x-amz-json-1.0';

/**
 * A client of a replica set's HTTP API, for Node and browsers. It asks the nearest member that answers, goes on to another
 * when that one hangs, fails or is gone, and repeats writes under one idempotency key, so that they take effect once.
 * Connections are kept by the host's `fetch`. One client serves any number of calls at a time.
 */
export class SynclineClient implements Items {
  readonly #options: ClientOptions;
  readonly #runtime: ClientRuntime;
  readonly #transport: Transport;
  readonly #finder: Finder;
  /** Whether the members are equal, what checks have found, and what was written past the primary. */
  readonly checks: Checks;

  /** @throws SynclineError "invalid-value" without an endpoint, for one that is no URL, or for one whose region is not known */
  constructor(options: ClientOptions) {
    const { auth, endpoints } = options;
    if (endpoints.length === 0) throw new SynclineError('invalid-value', 'endpoints: give the URL of at least one member’s API.');
    const seeds = endpoints.map(seed);
    const nowhere = auth.type === 'iam' && auth.region === undefined ? seeds.find(({ region }) => region === undefined) : undefined;
    if (nowhere !== undefined) throw new SynclineError('invalid-value', noRegion(nowhere.url));
    this.#options = options;
    this.#runtime = { ...hostRuntime, ...options.runtime };
    const members = new Members(seeds);
    const headers = options.apiKey === undefined ? {} : { 'x-api-key': options.apiKey };
    this.#transport = new Transport({ members, auth, headers, runtime: this.#runtime }, options.retryTokens);
    this.#finder = new Finder(this.#transport, members, this.#runtime, options.attemptTimeoutMs ?? ATTEMPT_MS);
    this.checks = new Checks((path, query, limits) =>
      this.#read({ method: 'GET', path, kind: 'many', ...(query !== '' && { query }), headers: { accept: TYPE } }, limits, 'query'),
    );
  }

  /** Reads an item. A missing one is no error. @throws SynclineError */
  async get(key: NativeItem, options: ReadOptions = {}): Promise<ReadResult> {
    const { consistency = 'eventual', raw } = options;
    const headers = { accept: TYPE, ...consistencyHeader(options.consistency) };
    const kind = consistency === 'eventual' ? 'near' : 'strong';
    const answer = await this.#read({ method: 'GET', path: '/items', kind, query: keyQuery(key), headers, taken: [404] }, options);
    if (answer.status === 404) {
      // A gateway's 404, for a wrong URL, is no word of an item.
      if (bodyOf<{ type?: string }>(answer).type !== 'urn:syncline:problem:not-found') throw badAnswer(answer);
      return { member: answer.member };
    }
    const item = bodyOf<Item>(answer);
    return { item: unmarshalItem(item), ...(raw === true && { raw: item }), ...tagsOf(answer), member: answer.member };
  }

  /** Writes a whole item. @throws SynclineError "precondition-failed", "unknown-outcome", … */
  async put(item: NativeItem, options: WriteOptions = {}): Promise<WriteOutcome> {
    const body = JSON.stringify(marshalItem(item));
    return outcomeOf(...(await this.#write({ method: 'PUT', path: '/items', body }, options)));
  }

  /** Changes parts of an item; makes it when there is none. @throws SynclineError "condition-failed", … */
  async patch(key: NativeItem, patch: Patch, options: PatchOptions = {}): Promise<PatchOutcome> {
    const headers: Record<string, string> = options.returnItem === false ? { prefer: 'return=minimal' } : {};
    const [answer, id] = await this.#write({ method: 'PATCH', path: '/items', query: keyQuery(key), headers, body: JSON.stringify(patchJson(patch)) }, options);
    return { ...outcomeOf(answer, id), ...(answer.text !== '' && { item: unmarshalItem(bodyOf<Item>(answer)) }) };
  }

  /** Deletes an item; one that is not there is no error. @throws SynclineError */
  async delete(key: NativeItem, options: WriteOptions = {}): Promise<WriteOutcome> {
    return outcomeOf(...(await this.#write({ method: 'DELETE', path: '/items', query: keyQuery(key) }, options)));
  }

  /** Up to 100 writes, each of its own: some may succeed while others fail. @throws SynclineError when there is no answer at all */
  async batchWrite(writes: readonly BatchWrite[], options: BatchOptions = {}): Promise<BatchOutcome> {
    const body = JSON.stringify({ writes: writes.map(batchJson) });
    const [answer, idempotencyKey] = await this.#write({ method: 'POST', path: '/batch', body }, options, 'batch');
    const { results } = bodyOf<{ results?: BatchResult[] }>(answer);
    if (results?.length !== writes.length) throw badAnswer(answer);
    return { results, idempotencyKey, member: answer.member };
  }

  /** One page of a partition's items. @throws SynclineError */
  async query(query: Query, options: QueryOptions = {}): Promise<QueryPage> {
    const page = bodyOf<Omit<QueryPage, 'items'> & { items: Item[] }>(await this.#post('/query', queryJson(query), options));
    return { ...page, items: page.items.map(unmarshalItem), ...(options.raw === true && { raw: page.items }) };
  }

  /** Page after page of a query, as they are asked for. @throws SynclineError */
  queryPages(query: Query, options: QueryOptions = {}): AsyncGenerator<QueryPage, void, undefined> {
    return pagesOf(query.after, (after) => this.query({ ...query, ...after }, options));
  }

  /** All items of a partition that match, page by page as they are asked for. @throws SynclineError */
  queryAll(query: Query, options: QueryOptions = {}): AsyncGenerator<ReadItem, void, undefined> {
    return itemsOf(this.queryPages(query, options));
  }

  /** How many items of a partition match. Each of its requests has the time of a call. @throws SynclineError */
  count(query: Omit<Query, 'select' | 'limit'>, options: CallOptions & Pick<QueryOptions, 'consistency'> = {}): Promise<number> {
    const page = async (after: { after?: string }) =>
      bodyOf<{ count: number; next?: string }>(await this.#post('/count', queryJson({ ...query, ...after }), options));
    return countAll(pagesOf(query.after, page));
  }

  /** What became of an item, from the log of one member: a page, the newest change first. @throws SynclineError */
  async history(key: NativeItem, options: HistoryOptions = {}): Promise<HistoryPage> {
    const query = `${keyQuery(key)}${historyQuery(key, options)}`;
    const answer = await this.#read({ method: 'GET', path: '/items/history', kind: 'many', query, headers: { accept: TYPE } }, options, 'query');
    return historyPageOf(bodyOf<WirePage>(answer), answer.member);
  }

  /** All of an item's changes, the newest first, page by page as they are asked for. @throws SynclineError */
  async *historyAll(key: NativeItem, options: HistoryOptions = {}): AsyncGenerator<ItemChange, void, undefined> {
    const { cursor, ...more } = options;
    for await (const page of pagesOf(cursor, ({ after }) => this.history(key, { ...more, ...(after !== undefined && { cursor: after }) }))) yield* page.changes;
  }

  /** One item at the primary and at all other members, attribute by attribute, as they are at this moment. @throws SynclineError */
  async diff(key: NativeItem, options: CallOptions = {}): Promise<ItemDiff> {
    const call = { method: 'GET', path: '/items/diff', kind: 'many', query: keyQuery(key), headers: { accept: TYPE } } as const;
    return diffOf(bodyOf<DiffPage>(await this.#read(call, options, 'query')));
  }

  /** A session that reads what it wrote. @param token of an earlier session, on whatever host @throws SynclineError "invalid-value" */
  session(token?: string): SynclineSession {
    return new SynclineSession(this, token);
  }

  /** The members, by the word of one of them. Also makes the client know them anew. @throws SynclineError */
  discover(options: CallOptions = {}): Promise<Discovery> {
    return this.#finder.discover(this.#limits(options, 'read'));
  }

  /** The names of the key attributes, the partition key's first, by the set's own word. @throws SynclineError */
  keyNames(options: CallOptions = {}): Promise<readonly string[]> {
    return this.#finder.keyNames(this.#limits(options, 'read'));
  }

  /** The same options each time it is called, with what is left of their time: for a call that is made of several. */
  timed<T extends CallOptions>(options: T, many = false): () => T {
    const { timeoutMs } = this.#limits(options, many ? 'query' : 'read');
    const deadline = this.#runtime.now() + timeoutMs;
    return () => ({ ...options, timeoutMs: Math.max(0, deadline - this.#runtime.now()) });
  }

  #post(path: string, body: object, options: QueryOptions): Promise<ApiAnswer> {
    const headers = { 'content-type': TYPE, accept: TYPE, ...consistencyHeader(options.consistency) };
    return this.#read({ method: 'POST', path, kind: 'many', body: JSON.stringify(body), headers }, options, 'query');
  }

  #read(call: Omit<Call, 'hedge'>, options: CallOptions, size: Size = 'read'): Promise<ApiAnswer> {
    this.#finder.sometimes();
    return this.#transport.send({ ...call, hedge: this.#options.hedge ?? true }, this.#limits(options, size));
  }

  async #write(call: Omit<Call, 'hedge' | 'idempotencyKey' | 'kind'>, options: WriteOptions, size: Size = 'write'): Promise<[ApiAnswer, string]> {
    this.#finder.sometimes();
    const idempotencyKey = options.idempotencyKey ?? this.#runtime.id();
    const headers = {
      accept: TYPE,
      ...(call.body !== undefined && { 'content-type': TYPE }),
      ...call.headers,
      ...conditionHeaders(options),
      'idempotency-key': idempotencyKey,
    };
    const write: Call = { ...call, kind: 'write', headers, hedge: false, idempotencyKey };
    return [await this.#transport.send(write, this.#limits(options, size)), idempotencyKey];
  }

  #limits(options: CallOptions, size: Size): CallLimits {
    const of = this.#options;
    const whole = size === 'read' || size === 'write' ? (of.timeoutMs ?? TIMEOUT_MS) : (of.longTimeoutMs ?? LONG_TIMEOUT_MS);
    const attemptTimeoutMs = {
      read: of.attemptTimeoutMs ?? ATTEMPT_MS,
      write: of.writeAttemptTimeoutMs ?? WRITE_ATTEMPT_MS,
      query: QUERY_ATTEMPT_MS,
      batch: BATCH_ATTEMPT_MS,
    }[size];
    return { timeoutMs: options.timeoutMs ?? whole, attemptTimeoutMs, ...(options.signal !== undefined && { signal: options.signal }) };
  }
}

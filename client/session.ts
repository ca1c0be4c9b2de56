import { canonicalNumber } from '../lib/core/number.ts';
import type { SynclineClient } from './client.ts';
import { SynclineError } from './errors.ts';
import { readToken, writeToken } from './session-token.ts';
import type {
  BatchOptions,
  BatchOutcome,
  BatchWrite,
  CallOptions,
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
import { marshal } from './values.ts';
import { itemsOf, pagesOf } from './wire.ts';

/** Keys whose newest revision a session keeps; of more it knows only that it has written. */
const KEYS_MAX = 1_000;

/**
 * Reads what it wrote. It keeps the newest revision of each key that it has written, and reads such a key at least as new
 * as that; other keys, and sessions that have written nothing, read eventually. A key is read strongly where the session
 * cannot say how new it must be: after a write whose outcome is not known, and, when it has written more keys than it keeps,
 * for every key that it does not know, since that may be one of those.
 *
 * Queries of a session that has written are strong: there is no revision of a partition.
 */
export class SynclineSession implements Items {
  readonly #client: SynclineClient;
  /** Key → its newest revision, or null where that is not known; the one that was written longest ago first. */
  readonly #revisions: Map<string, string | null>;
  #forgotten: boolean;

  /** @param token of another session. @throws SynclineError "invalid-value" when it is none */
  constructor(client: SynclineClient, token?: string) {
    const written = token === undefined ? { revisions: [], forgotten: false } : readToken(token);
    this.#client = client;
    this.#revisions = new Map(written.revisions);
    this.#forgotten = written.forgotten;
  }

  /** @param options.consistency is never less than what the session has written */
  get(key: NativeItem, options: ReadOptions = {}): Promise<ReadResult> {
    return this.#client.get(key, { ...options, consistency: this.#consistency(key, options.consistency) });
  }

  put(item: NativeItem, options: WriteOptions = {}): Promise<WriteOutcome> {
    const left = this.#client.timed(options);
    return this.#tracked(this.#client.put(item, options), () => this.#keyOf(item, left()));
  }

  patch(key: NativeItem, patch: Patch, options?: PatchOptions): Promise<PatchOutcome> {
    return this.#tracked(this.#client.patch(key, patch, options), async () => key);
  }

  delete(key: NativeItem, options?: WriteOptions): Promise<WriteOutcome> {
    return this.#tracked(this.#client.delete(key, options), async () => key);
  }

  async batchWrite(writes: readonly BatchWrite[], options: BatchOptions = {}): Promise<BatchOutcome> {
    const left = this.#client.timed(options, true);
    const keyOf = async (write: BatchWrite): Promise<NativeItem | undefined> => {
      if ('put' in write) return await this.#keyOf(write.put, left());
      return 'delete' in write ? write.delete : write.patch.key;
    };
    try {
      const outcome = await this.#client.batchWrite(writes, options);
      for (const [i, result] of outcome.results.entries()) {
        const made = result.status < 300;
        if (made || result.status >= 500) this.#wrote(await keyOf(writes[i] as BatchWrite), made ? result.revision : undefined);
      }
      return outcome;
    } catch (error) {
      if (mayHaveWritten(error)) for (const write of writes) this.#wrote(await keyOf(write), undefined);
      throw error;
    }
  }

  query(query: Query, options: QueryOptions = {}): Promise<QueryPage> {
    return this.#client.query(query, this.#ofMany(options));
  }

  queryPages(query: Query, options: QueryOptions = {}): AsyncGenerator<QueryPage, void, undefined> {
    return pagesOf(query.after, (after) => this.query({ ...query, ...after }, options));
  }

  queryAll(query: Query, options: QueryOptions = {}): AsyncGenerator<ReadItem, void, undefined> {
    return itemsOf(this.queryPages(query, options));
  }

  count(query: Omit<Query, 'select' | 'limit'>, options: CallOptions & Pick<QueryOptions, 'consistency'> = {}): Promise<number> {
    return this.#client.count(query, this.#ofMany(options));
  }

  keyNames(options?: CallOptions): Promise<readonly string[]> {
    return this.#client.keyNames(options);
  }

  timed<T extends CallOptions>(options: T, many?: boolean): () => T {
    return this.#client.timed(options, many);
  }

  /**
   * What another session, in another process or a browser, needs to read what this one wrote. URL-safe text of at most 4,000
   * characters; it has the keys that were written last, so it is as secret as those.
   */
  token(): string {
    return writeToken({ revisions: this.#revisions, forgotten: this.#forgotten });
  }

  #consistency(key: NativeItem, asked: ReadOptions['consistency'] = 'eventual'): NonNullable<ReadOptions['consistency']> {
    const own = this.#revisions.get(keyId(key));
    if (asked === 'strong' || own === null || (own === undefined && this.#forgotten)) return 'strong';
    if (own === undefined) return asked;
    return { atLeast: asked === 'eventual' || isLater(own, asked.atLeast) ? own : asked.atLeast };
  }

  #ofMany<T extends Pick<QueryOptions, 'consistency'>>(options: T): T {
    return this.#forgotten || this.#revisions.size > 0 ? { ...options, consistency: 'strong' } : options;
  }

  /** The key of an item that was put; undefined when the names of its attributes cannot be learnt in time. */
  async #keyOf(item: NativeItem, options: CallOptions): Promise<NativeItem | undefined> {
    const names = await this.#client.keyNames(options).catch(() => undefined);
    if (names === undefined || names.some((name) => item[name] === undefined)) return undefined;
    return Object.fromEntries(names.map((name) => [name, item[name]]));
  }

  async #tracked<T extends { readonly revision?: string }>(write: Promise<T>, key: () => Promise<NativeItem | undefined>): Promise<T> {
    try {
      const outcome = await write;
      this.#wrote(await key(), outcome.revision);
      return outcome;
    } catch (error) {
      if (mayHaveWritten(error)) this.#wrote(await key(), undefined);
      throw error;
    }
  }

  #wrote(key: NativeItem | undefined, revision: string | undefined): void {
    if (key === undefined) {
      this.#forgotten = true;
      return;
    }
    const id = keyId(key);
    const before = this.#revisions.get(id);
    // A repetition answers with the revision of the first time, which may be older than what was written since.
    const newest = revision === undefined || typeof before !== 'string' || isLater(revision, before) ? (revision ?? null) : before;
    this.#revisions.delete(id);
    this.#revisions.set(id, newest);
    const [oldest] = this.#revisions.keys();
    if (this.#revisions.size <= KEYS_MAX || oldest === undefined) return;
    this.#revisions.delete(oldest);
    this.#forgotten = true;
  }
}

/** Whether a failed write may have taken effect, or may yet. */
const mayHaveWritten = (error: unknown): boolean => error instanceof SynclineError && (error.code === 'unknown-outcome' || error.code === 'aborted');

/** One text for a key, whatever the order of its attributes and the spelling of its numbers. */
function keyId(key: NativeItem): string {
  const parts = Object.entries(key).map(([name, value]) => {
    const marshalled = marshal(value, `key.${name}`);
    return [name, 'N' in marshalled ? { N: canonicalNumber(marshalled.N) } : marshalled] as const;
  });
  return JSON.stringify(parts.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Whether a revision is later than another one: they are bytes that sort as they do, which their base64url does not. */
const isLater = (a: string, b: string): boolean => bytes(a) > bytes(b);

const bytes = (revision: string): string => atob(revision.replaceAll('-', '+').replaceAll('_', '/'));

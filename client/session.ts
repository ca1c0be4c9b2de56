import { canonicalNumber } from '../lib/core/number.ts';
import type { SynclineClient } from './client.ts';
import type { Condition, Operation } from './conditions.ts';
import { SynclineError } from './errors.ts';
import type { BatchResult, BatchWrite, PatchOutcome, Query, QueryOptions, QueryPage, ReadOptions, ReadResult, WriteOptions, WriteOutcome } from './types.ts';
import type { NativeItem } from './values.ts';
import { marshal } from './values.ts';

/** Keys whose newest revision a session keeps; of more it knows only that it has written. */
const KEYS_MAX = 1_000;
/** Keys that a token carries; more make it say only that there were more. */
const TOKEN_KEYS_MAX = 50;
const TOKEN_VERSION = 1;

interface Token {
  readonly v: number;
  readonly keys: readonly (readonly [string, string])[];
  readonly more: boolean;
}

/**
 * Reads what it wrote. It keeps the newest revision of each key that it has written, and reads such a key at least as new
 * as that; other keys, and sessions that have written nothing, read eventually. When it has written more keys than it
 * keeps, a key that it does not know is read strongly, since it may be one of those.
 *
 * Queries of a session that has written are strong: there is no revision of a partition.
 */
export class SynclineSession {
  readonly #client: SynclineClient;
  /** Key → its newest revision, the one that was written longest ago first. */
  readonly #revisions = new Map<string, string>();
  #forgotten = false;

  /** @param token of another session. @throws SynclineError "invalid-value" when it is none */
  constructor(client: SynclineClient, token?: string) {
    this.#client = client;
    if (token === undefined) return;
    const read = readToken(token);
    for (const [key, revision] of read.keys) this.#revisions.set(key, revision);
    this.#forgotten = read.more;
  }

  get(key: NativeItem, options: Omit<ReadOptions, 'consistency'> = {}): Promise<ReadResult> {
    const atLeast = this.#revisions.get(keyId(key));
    const consistency = atLeast !== undefined ? { atLeast } : this.#forgotten ? ('strong' as const) : ('eventual' as const);
    return this.#client.get(key, { ...options, consistency });
  }

  async put(item: NativeItem, options?: WriteOptions): Promise<WriteOutcome> {
    const key = await this.#client.keyOf(item, options);
    return this.#wrote(key, await this.#client.put(item, options));
  }

  async patch(key: NativeItem, patch: { readonly operations: readonly Operation[]; readonly if?: Condition }, options?: WriteOptions): Promise<PatchOutcome> {
    return this.#wrote(key, await this.#client.patch(key, patch, options));
  }

  async delete(key: NativeItem, options?: WriteOptions): Promise<WriteOutcome> {
    return this.#wrote(key, await this.#client.delete(key, options));
  }

  async batchWrite(writes: readonly BatchWrite[], options?: Pick<WriteOptions, 'idempotencyKey' | 'timeoutMs' | 'signal'>): Promise<readonly BatchResult[]> {
    const keys = await Promise.all(
      writes.map((write) => ('put' in write ? this.#client.keyOf(write.put, options) : 'delete' in write ? write.delete : write.patch.key)),
    );
    const results = await this.#client.batchWrite(writes, options);
    results.forEach((result, i) => {
      const key = keys[i];
      if (key !== undefined && result.status < 300) this.#wrote(key, result);
    });
    return results;
  }

  query(query: Query, options: Omit<QueryOptions, 'consistency'> = {}): Promise<QueryPage> {
    return this.#client.query(query, { ...options, consistency: this.#hasWritten() ? 'strong' : 'eventual' });
  }

  /** What another session, in another process or a browser, needs to read what this one wrote. Text of URL-safe characters. */
  token(): string {
    const keys = [...this.#revisions].slice(-TOKEN_KEYS_MAX);
    const token: Token = { v: TOKEN_VERSION, keys, more: this.#forgotten || this.#revisions.size > keys.length };
    return btoa(encodeURIComponent(JSON.stringify(token)))
      .replaceAll('+', '-')
      .replaceAll('/', '_')
      .replaceAll('=', '');
  }

  #hasWritten(): boolean {
    return this.#forgotten || this.#revisions.size > 0;
  }

  #wrote<T extends { readonly revision?: string }>(key: NativeItem, outcome: T): T {
    const id = keyId(key);
    const before = this.#revisions.get(id);
    const { revision } = outcome;
    // Revisions are texts of bytes that sort as they are; base64url does not, so they are compared decoded.
    if (revision === undefined) this.#forgotten = true;
    else if (before === undefined || isLater(revision, before)) {
      this.#revisions.delete(id);
      this.#revisions.set(id, revision);
    }
    if (this.#revisions.size > KEYS_MAX) {
      for (const oldest of this.#revisions.keys()) {
        this.#revisions.delete(oldest);
        break;
      }
      this.#forgotten = true;
    }
    return outcome;
  }
}

/** One text for a key, whatever the order of its attributes and the spelling of its numbers. */
function keyId(key: NativeItem): string {
  const parts = Object.entries(key).map(([name, value]) => {
    const marshalled = marshal(value, `key.${name}`);
    return [name, 'N' in marshalled ? { N: canonicalNumber(marshalled.N) } : marshalled] as const;
  });
  return JSON.stringify(parts.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const decoded = (text: string): string => atob(text.replaceAll('-', '+').replaceAll('_', '/'));

/** Whether a revision is later than another one. */
const isLater = (a: string, b: string): boolean => decoded(a) > decoded(b);

/** @throws SynclineError "invalid-value" */
function readToken(text: string): Token {
  try {
    const token = JSON.parse(decodeURIComponent(decoded(text))) as Token;
    const fits = token.v === TOKEN_VERSION && Array.isArray(token.keys) && token.keys.length <= TOKEN_KEYS_MAX;
    if (fits && token.keys.every((entry) => entry.length === 2 && entry.every((part: unknown) => typeof part === 'string'))) return token;
  } catch {
    // Said below.
  }
  throw new SynclineError('invalid-value', `This is not the token of a session: ${JSON.stringify(text.slice(0, 40))}.`);
}

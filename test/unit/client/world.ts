import { SynclineClient } from '../../../client/client.ts';
import { SynclineError } from '../../../client/errors.ts';
import type { ClientRuntime } from '../../../client/runtime.ts';
import type { ClientOptions } from '../../../client/types.ts';
import { ManualClock } from '../../../lib/adapters/memory/clock.ts';

/** A set of three members that answer, hang, refuse or fail, for the client; in virtual time. */

export const [NEAR, MIDDLE, FAR] = ['near', 'middle', 'far'] as const;
export type Name = typeof NEAR | typeof MIDDLE | typeof FAR;

/**
 * What a member does with a request. `lost`: it does it, and its answer never arrives. `slow`: it takes ten times as long;
 * `delayMs`: so much longer.
 * A function tells by the request.
 */
export type Mood =
  | 'well'
  | 'frozen'
  | 'refused'
  | 'unreached'
  | 'lost'
  | 'slow'
  | { readonly delayMs: number }
  | { readonly status: number; readonly code?: string; readonly headers?: Readonly<Record<string, string>> };

/** Round trip of each (ms). */
const LATENCY: Readonly<Record<Name, number>> = { near: 5, middle: 40, far: 120 };

export interface Seen {
  readonly member: Name;
  readonly method: string;
  readonly path: string;
  readonly at: number;
  readonly headers: Headers;
  readonly body: string | undefined;
}

/** A Response that needs no stream, so that it comes in virtual time. */
export const answer = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Response =>
  ({ status, headers: new Headers(headers), text: async () => (typeof body === 'string' ? body : JSON.stringify(body)) }) as unknown as Response;

export class FakeSet {
  readonly clock = new ManualClock();
  readonly moods: Record<Name, Mood | ((method: string, path: string) => Mood)> = { near: 'well', middle: 'well', far: 'well' };
  readonly seen: Seen[] = [];
  /** How often each write was asked for, by its idempotency key: it takes effect the first time. */
  readonly effects = new Map<string, number>();
  /** Whether discovery gives the URLs of all members. */
  announced = true;
  /** What discovery says of far's URL, where not the truth. */
  farUrl: string | undefined;
  /** The revision of the next answer. */
  revision: () => string = () => 'AQAA';
  #ids = 0;
  #chance = 1;

  /** A client that asks near first. */
  client(more: Partial<ClientOptions> = {}): SynclineClient {
    return new SynclineClient({
      endpoints: [NEAR, MIDDLE, FAR].map(url),
      auth: { type: 'bearer', token: async () => 'token' },
      runtime: this.runtime(),
      ...more,
    });
  }

  runtime(): ClientRuntime {
    return {
      fetch: (address, init) => this.#fetch(address, init),
      now: () => this.clock.elapsed(),
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          const ended = (): void => reject(signal.reason as Error);
          if (signal.aborted) {
            ended();
            return;
          }
          signal.addEventListener('abort', ended, { once: true });
          this.clock.after(ms, () => {
            signal.removeEventListener('abort', ended);
            resolve();
          });
        }),
      random: () => {
        this.#chance = (this.#chance * 48_271) % 0x7fff_ffff;
        return this.#chance / 0x7fff_ffff;
      },
      id: () => {
        this.#ids += 1;
        return `id-${this.#ids}`;
      },
    };
  }

  /** Requests of calls: all but what the client asks for itself. */
  get calls(): readonly Seen[] {
    return this.seen.filter((s) => s.path !== '/v1/.well-known/syncline' && s.path !== '/v1/health');
  }

  async #fetch(address: string, init: RequestInit): Promise<Response> {
    const { hostname, pathname } = new URL(address);
    const member = hostname as Name;
    const headers = new Headers(init.headers);
    this.seen.push({ member, method: init.method ?? 'GET', path: pathname, at: this.clock.elapsed(), headers, body: init.body as string | undefined });
    const given = this.moods[member];
    const mood = typeof given === 'function' ? given(init.method ?? 'GET', pathname) : given;
    if (mood === 'refused') throw new TypeError('fetch failed: connection refused');
    if (mood === 'unreached') throw new TypeError('fetch failed', { cause: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }) });
    const signal = init.signal as AbortSignal;
    const gone = new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason as Error);
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    gone.catch(() => undefined);
    if (mood === 'frozen') return gone;
    const delayMs = typeof mood === 'object' && 'delayMs' in mood ? mood.delayMs : 0;
    const served = this.clock.sleep(LATENCY[member] * (mood === 'slow' ? 10 : 1) + delayMs).then(() => this.#serve(member, pathname, headers, mood));
    return Promise.race([gone, mood === 'lost' ? served.then(() => gone) : served]);
  }

  #serve(member: Name, path: string, headers: Headers, mood: Mood): Response {
    if (typeof mood === 'object' && 'status' in mood) {
      const code = mood.code ?? 'busy';
      return answer(mood.status, { type: `urn:syncline:problem:${code}`, title: code, detail: 'Too much.' }, mood.headers);
    }
    if (path === '/v1/.well-known/syncline') {
      // The farthest first: the order of the members is no hint of where they are.
      const members = [FAR, MIDDLE, NEAR].map((name) => ({
        member: name,
        region: 'r',
        url: name === FAR && this.farUrl !== undefined ? this.farUrl : this.announced || name === member ? url(name) : null,
        role: 'unknown',
      }));
      return answer(200, { set: 's', members, primary: null, epoch: 1, key: { partition: { name: 'id', type: 'S' } } });
    }
    const key = headers.get('idempotency-key');
    if (key !== null) this.effects.set(key, (this.effects.get(key) ?? 0) + 1);
    if (path === '/v1/query') return answer(200, { items: [], count: 0, scanned: 0 });
    return answer(200, { id: { S: 'a' }, n: { N: '1' } }, { 'syncline-member': member, etag: '"tag"', 'syncline-revision': this.revision() });
  }
}

export const url = (name: Name): string => `https://${name}/v1`;

export const KEY = { id: 'a' };

/** The SynclineError that a call ends with. */
export async function failure(promise: Promise<unknown>): Promise<SynclineError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof SynclineError) return error;
    throw error;
  }
  throw new Error('It should have failed.');
}

/** A read; beside it the client finds and measures the members, and has the time for it. */
export async function warm(set: FakeSet, client: SynclineClient): Promise<void> {
  await set.clock.run(client.get(KEY));
  await set.clock.advance(2_000);
}

import type { Auth } from './auth.ts';
import { authorised } from './auth.ts';
import { retryAfterMs } from './budget.ts';
import type { Attempt } from './errors.ts';
import { SynclineError } from './errors.ts';
import { changedNothing, isOfMember, neverSent, refusalOf } from './failure.ts';
import type { Kind, Members, Place } from './members.ts';
import type { ClientRuntime } from './runtime.ts';

/** One call of the API. */
export interface Call {
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'DELETE' | 'POST';
  readonly path: string;
  readonly kind: Kind;
  /** Without "?". */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whether a second member is asked beside a slow one. Only where a second request costs nothing but its work. */
  readonly hedge: boolean;
  /** Statuses beside 2xx that are an answer to the caller. */
  readonly taken?: readonly number[];
  /** Of a write: it may be repeated with this key, and takes effect once. */
  readonly idempotencyKey?: string;
}

/** An answer. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Who answered. */
  readonly member: string;
}

/** What became of one attempt: an answer to the call, a refusal that no other attempt can better, or neither. */
export type Outcome = { readonly place: Place } & (
  | { readonly is: 'answer'; readonly answer: ApiAnswer }
  | { readonly is: 'refusal'; readonly problem: SynclineError }
  | {
      readonly is: 'failure';
      /** Whether there was an answer at all. */
      readonly answered: boolean;
      /** Whether it says something of the member itself, and not of the request or its primary. */
      readonly ofMember: boolean;
      /** Whether the request may have taken effect. */
      readonly open: boolean;
      readonly retryAfterMs: number;
      readonly problem?: SynclineError;
    }
);

/** When an attempt is given up (ms). */
export interface AttemptLimit {
  readonly timeoutMs: number;
  readonly fair: boolean;
}

/** What attempts are made with. */
export interface Wire {
  readonly members: Members;
  readonly auth: Auth;
  /** Headers of every request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly runtime: ClientRuntime;
}

/** Answers that another attempt, or another member, may better. A write carries a key, so it may be repeated, too. */
const AGAIN: ReadonlySet<number> = new Set([421, 429, 500, 502, 503, 504]);

/**
 * One request to one member. What it tells of the member goes into `members`, and why it was not the answer into `attempts`.
 * Never throws, and ends when its time is up, whatever the host's fetch and the caller's credentials do.
 *
 * @param limit.fair whether a member that has not answered by then is one that fails: not where the call's own end cuts it short.
 * @param ended ends it, since its call has ended.
 */
export async function attempt(wire: Wire, call: Call, place: Place, limit: AttemptLimit, ended: AbortSignal, attempts: Attempt[]): Promise<Outcome> {
  const { members, runtime } = wire;
  const { now, random } = runtime;
  const began = now();
  const note = (why: string, status?: number): void => {
    attempts.push({ member: place.name, why, ms: Math.round(now() - began), ...(status !== undefined && { status }) });
  };
  const time = new AbortController();
  const { timeoutMs, fair } = limit;
  const timer = runtime.sleep(timeoutMs, AbortSignal.any([time.signal, ended])).then(
    () => time.abort(new Error(`no answer within ${Math.round(timeoutMs)} ms`)),
    () => undefined,
  );
  const stop = AbortSignal.any([time.signal, ended]);
  const sent = { yet: false };
  try {
    const answer = await orStopped(exchange(wire, call, place, stop, sent), stop);
    const { status } = answer;
    if ((status >= 200 && status < 300) || call.taken?.includes(status) === true) {
      members.answered(place, call.kind, now() - began);
      return { place, is: 'answer', answer };
    }
    const problem = refusalOf(answer, call, attempts);
    note(problem.message, status);
    const ofMember = isOfMember(problem);
    if (ofMember) members.failed(place, now(), random());
    else members.answered(place, call.kind, now() - began);
    if (!AGAIN.has(status)) return { place, is: 'refusal', problem };
    const retryAfter = retryAfterMs(answer.headers.get('retry-after'));
    return { place, is: 'failure', answered: true, ofMember, open: !changedNothing(problem), retryAfterMs: retryAfter, problem };
  } catch (error) {
    const lost = { place, is: 'failure', answered: false, open: sent.yet && !neverSent(error), retryAfterMs: 0 } as const;
    if (ended.aborted) {
      members.slow(place, call.kind, now() - began);
      return { ...lost, ofMember: false };
    }
    // Before the request is sent, it is the caller's credentials that fail, or hang.
    const mine = !sent.yet;
    note(`${mine && time.signal.aborted ? 'auth: ' : ''}${error instanceof Error ? error.message : String(error)}`);
    if (mine) members.released(place);
    else if (time.signal.aborted && !fair) members.slow(place, call.kind, now() - began);
    else members.failed(place, now(), random());
    return error instanceof SynclineError ? { place, is: 'refusal', problem: error } : { ...lost, ofMember: !mine };
  } finally {
    time.abort(new Error('the attempt has ended'));
    await timer;
  }
}

async function exchange({ auth, runtime, headers: always }: Wire, call: Call, place: Place, signal: AbortSignal, sent: { yet: boolean }): Promise<ApiAnswer> {
  const url = `${place.url}${call.path}${call.query === undefined ? '' : `?${call.query}`}`;
  const { method } = call;
  const headers = { ...always, ...call.headers };
  const body = call.body === undefined ? {} : { body: call.body };
  const signed = await authorised(auth, { method, url, headers, ...body }, place.region);
  signal.throwIfAborted();
  sent.yet = true;
  // No cookies, no cache of the browser's between, and nothing follows a redirection with a token: the API sends none.
  const response = await runtime.fetch(url, { method, headers: signed, ...body, signal, credentials: 'omit', cache: 'no-store', redirect: 'error' });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, member: response.headers.get('syncline-member') ?? place.name };
}

/** What the promise gives, unless the signal comes first. */
async function orStopped<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onStop = (): void => undefined;
  const stopped = new Promise<never>((_, reject) => {
    onStop = () => reject(signal.reason as Error);
    if (signal.aborted) onStop();
    else signal.addEventListener('abort', onStop, { once: true });
  });
  try {
    return await Promise.race([promise, stopped]);
  } finally {
    signal.removeEventListener('abort', onStop);
    // It may still fail, when nobody listens any more.
    promise.catch(() => undefined);
  }
}

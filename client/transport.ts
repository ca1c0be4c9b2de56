import type { Auth } from './auth.ts';
import { authorised } from './auth.ts';
import type { RetryBudget } from './budget.ts';
import { retryAfterMs, waitMs } from './budget.ts';
import type { Attempt, Problem } from './errors.ts';
import { codeOf, SynclineError } from './errors.ts';
import type { Members, Place } from './members.ts';
import type { ClientRuntime } from './runtime.ts';

/** One call of the API. */
export interface Call {
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'DELETE' | 'POST';
  readonly path: string;
  readonly query?: URLSearchParams;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whether a second member is asked beside a slow one. Only where a second request costs nothing but its work. */
  readonly hedge: boolean;
  /** Statuses beside 2xx that are an answer to the caller. */
  readonly taken?: readonly number[];
  /** Of a write: it may be repeated with this key, and takes effect once. */
  readonly idempotencyKey?: string;
}

/** How long a call and its attempts may take. */
export interface CallLimits {
  /** The whole call (ms). */
  readonly timeoutMs: number;
  /** One attempt (ms). */
  readonly attemptTimeoutMs: number;
  readonly signal?: AbortSignal;
}

/** An answer. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Who answered. */
  readonly member: string;
}

/** Attempts of one call, hedges included. */
const ATTEMPTS_MAX = 12;
/** Answers that another attempt, or another member, may better. A write carries a key, so it may be repeated, too. */
const AGAIN: ReadonlySet<number> = new Set([421, 429, 500, 502, 503, 504]);

/** What became of one attempt: an answer to the call, a refusal that no other attempt can better, or neither. */
type Outcome = { readonly place: Place } & (
  | { readonly is: 'answer'; readonly answer: ApiAnswer }
  | { readonly is: 'refusal'; readonly problem: SynclineError }
  | { readonly is: 'failure'; readonly answered: boolean; readonly retryAfterMs: number; readonly problem?: SynclineError }
);

/** Sends calls to members until one answers, within a call's time and the client's budget. */
export class Transport {
  readonly #members: Members;
  readonly #auth: Auth;
  readonly #budget: RetryBudget;
  readonly #runtime: ClientRuntime;
  readonly #headers: Readonly<Record<string, string>>;

  /** @param headers of every request. */
  constructor(members: Members, auth: Auth, budget: RetryBudget, runtime: ClientRuntime, headers: Readonly<Record<string, string>> = {}) {
    this.#members = members;
    this.#auth = auth;
    this.#budget = budget;
    this.#runtime = runtime;
    this.#headers = headers;
  }

  /** @throws SynclineError */
  async send(call: Call, limits: CallLimits): Promise<ApiAnswer> {
    const ended = new AbortController();
    const { signal } = limits;
    const onAbort = (): void => ended.abort(signal?.reason);
    if (signal?.aborted === true) throw aborted(call, [], signal.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await this.#race(call, limits, ended.signal);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      // Whoever still works on this call may stop.
      ended.abort(new Error('the call has ended'));
    }
  }

  /** Asks every member for its health, so that its latency is known, and whether it answers. Never throws. */
  async measure(timeoutMs: number): Promise<void> {
    const never = new AbortController().signal;
    const call: Call = { method: 'GET', path: '/health', hedge: false };
    await Promise.all(this.#members.places.map((place) => this.#attempt(call, place, timeoutMs, never, [])));
  }

  /**
   * Attempts one after the other, each at another member while there is one; with hedging a second one beside a slow
   * one. The first answer that is one ends the call.
   */
  async #race(call: Call, limits: CallLimits, ended: AbortSignal): Promise<ApiAnswer> {
    const { now } = this.#runtime;
    const deadline = now() + limits.timeoutMs;
    const attempts: Attempt[] = [];
    const flying = new Map<Place, Promise<Outcome>>();
    const turn = { asked: new Set<Place>(), round: 0, notBefore: 0 };
    let last: SynclineError | undefined;
    let retried: 'no' | 'answered' | 'unanswered' = 'no';
    let launch = true;
    let hedging = call.hedge;
    for (let launched = 0; !launch || launched < ATTEMPTS_MAX; ) {
      if (limits.signal?.aborted === true) throw aborted(call, attempts, limits.signal.reason);
      if (launch) {
        const place = await this.#nextPlace(turn, flying, deadline, ended);
        if (place === undefined) break;
        launched += 1;
        flying.set(place, this.#attempt(call, place, Math.min(limits.attemptTimeoutMs, deadline - now()), ended, attempts));
      }
      const outcome = await this.#next(flying, hedging, ended);
      if (outcome === 'slow') {
        // One hedge a wave, and none that the budget does not allow: then the slow one is waited for.
        hedging = false;
        launch = this.#budget.take(true);
        if (launch) retried = 'unanswered';
        continue;
      }
      flying.delete(outcome.place);
      if (outcome.is === 'answer') {
        this.#budget.refund(retried);
        return outcome.answer;
      }
      if (outcome.is === 'refusal') throw outcome.problem;
      last = outcome.problem ?? last;
      if (outcome.retryAfterMs > 0) turn.notBefore = Math.max(turn.notBefore, now() + outcome.retryAfterMs);
      launch = flying.size === 0;
      if (!launch) continue;
      if (now() >= deadline || !this.#budget.take(!outcome.answered)) break;
      retried = outcome.answered ? 'answered' : 'unanswered';
      hedging = call.hedge;
    }
    if (limits.signal?.aborted === true) throw aborted(call, attempts, limits.signal.reason);
    throw failed(call, limits, attempts, last, now() >= deadline);
  }

  /** Whom to ask next: somebody who was not asked in this round; when all were, another round begins, after a pause. Undefined when there is no time for it. */
  async #nextPlace(
    turn: { asked: Set<Place>; round: number; notBefore: number },
    flying: ReadonlyMap<Place, unknown>,
    deadline: number,
    ended: AbortSignal,
  ): Promise<Place | undefined> {
    const { now, random, sleep } = this.#runtime;
    const fresh = (): Place | undefined => this.#members.order(now()).find((p) => !turn.asked.has(p) && !flying.has(p));
    let place = fresh();
    if (place === undefined && flying.size === 0) {
      turn.round += 1;
      turn.asked.clear();
      const pause = Math.max(waitMs(turn.round, random()), turn.notBefore - now());
      if (pause >= deadline - now()) return undefined;
      // A signal that ends the pause is noticed by whoever sends.
      await sleep(pause, ended).catch(() => undefined);
      place = fresh();
    }
    if (place !== undefined) turn.asked.add(place);
    return place !== undefined && now() < deadline ? place : undefined;
  }

  /** The first attempt that ends; or `slow`, when none has in the time in which its member usually answers. */
  async #next(flying: ReadonlyMap<Place, Promise<Outcome>>, hedging: boolean, ended: AbortSignal): Promise<Outcome | 'slow'> {
    const any = Promise.race(flying.values());
    const [place] = flying.keys();
    if (!hedging || place === undefined || flying.size > 1 || this.#members.places.length < 2) return any;
    const settled = new AbortController();
    const slow = this.#runtime.sleep(this.#members.hedgeAfterMs(place), AbortSignal.any([settled.signal, ended])).then(
      () => 'slow' as const,
      () => any,
    );
    try {
      return await Promise.race([any, slow]);
    } finally {
      settled.abort(new Error('an attempt has ended'));
    }
  }

  /** One request to one member. Never throws. */
  async #attempt(call: Call, place: Place, timeoutMs: number, ended: AbortSignal, attempts: Attempt[]): Promise<Outcome> {
    const { now, random, fetch } = this.#runtime;
    const began = now();
    const note = (why: string, status?: number): void => {
      attempts.push({ member: place.name, why, ms: Math.round(now() - began), ...(status !== undefined && { status }) });
    };
    this.#members.asked(place);
    const time = new AbortController();
    const timer = this.#runtime.sleep(timeoutMs, AbortSignal.any([time.signal, ended])).then(
      () => time.abort(new Error(`no answer within ${Math.round(timeoutMs)} ms`)),
      () => undefined,
    );
    try {
      const url = `${place.url}${call.path}${call.query === undefined ? '' : `?${call.query}`}`;
      const { method, body } = call;
      const headers = await authorised(
        this.#auth,
        { method, url, headers: { ...this.#headers, ...call.headers }, ...(body !== undefined && { body }) },
        place.region,
      );
      const response = await fetch(url, { method, headers, ...(body !== undefined && { body }), signal: AbortSignal.any([time.signal, ended]) });
      const text = await response.text();
      const { status } = response;
      const answer: ApiAnswer = { status, headers: response.headers, text, member: response.headers.get('syncline-member') ?? place.name };
      if ((status >= 200 && status < 300) || call.taken?.includes(status) === true) {
        this.#members.answered(place, now() - began);
        return { place, is: 'answer', answer };
      }
      const problem = problemOf(answer, call, attempts);
      note(problem.message, status);
      if (!AGAIN.has(status)) {
        this.#members.answered(place, now() - began);
        return { place, is: 'refusal', problem };
      }
      if (status >= 500) this.#members.failed(place, now(), random());
      else this.#members.answered(place, now() - began);
      return { place, is: 'failure', answered: true, retryAfterMs: retryAfterMs(response.headers.get('retry-after')), problem };
    } catch (error) {
      if (ended.aborted) this.#members.released(place);
      else {
        note(error instanceof Error ? error.message : String(error));
        this.#members.failed(place, now(), random());
      }
      return { place, is: 'failure', answered: false, retryAfterMs: 0 };
    } finally {
      time.abort(new Error('the attempt has ended'));
      await timer;
    }
  }
}

/** An answer that is no success, as an error. */
function problemOf(answer: ApiAnswer, call: Call, attempts: readonly Attempt[]): SynclineError {
  let problem: Problem | undefined;
  try {
    problem = JSON.parse(answer.text) as Problem;
  } catch {
    // A proxy's page, or nothing: the status has to do.
  }
  const code = codeOf(problem, answer.status);
  const detail = problem?.detail ?? problem?.title ?? `HTTP ${answer.status}`;
  return new SynclineError(code, `${detail} (${answer.status} ${code}, ${answer.member})`, {
    status: answer.status,
    attempts,
    ...(problem !== undefined && { problem }),
    ...(call.idempotencyKey !== undefined && { idempotencyKey: call.idempotencyKey }),
  });
}

const aborted = (call: Call, attempts: readonly Attempt[], reason: unknown): SynclineError =>
  new SynclineError(
    'aborted',
    'The call was ended by its signal.',
    { attempts, ...(call.idempotencyKey !== undefined && { idempotencyKey: call.idempotencyKey }) },
    { cause: reason },
  );

/** What a call without an answer ends with. */
function failed(call: Call, limits: CallLimits, attempts: readonly Attempt[], last: SynclineError | undefined, late: boolean): SynclineError {
  const tried = attempts.map((a) => `${a.member}: ${a.why}`).join('; ') || 'nobody was asked';
  const why = late ? `No answer within ${limits.timeoutMs} ms` : 'No member answered, and nothing is left to try';
  const facts = { attempts, ...(last?.status !== undefined && { status: last.status }), ...(last?.problem !== undefined && { problem: last.problem }) };
  if (call.idempotencyKey !== undefined) {
    return new SynclineError('unknown-outcome', `${why}: the write may have taken effect, or not. Repeat it with the same idempotency key. (${tried})`, {
      ...facts,
      idempotencyKey: call.idempotencyKey,
    });
  }
  return new SynclineError(late ? 'timeout' : 'unreachable', `${why}. (${tried})`, facts);
}

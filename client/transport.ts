import type { ApiAnswer, Call, Outcome, Wire } from './attempt.ts';
import { attempt } from './attempt.ts';
import { RetryBudget, waitMs } from './budget.ts';
import type { Attempt } from './errors.ts';
import { SynclineError } from './errors.ts';
import { aborted, failed, isJudged, openAfter } from './failure.ts';
import type { Place } from './members.ts';

/** How long a call and its attempts may take. */
export interface CallLimits {
  /** The whole call (ms). */
  readonly timeoutMs: number;
  /** One attempt (ms). */
  readonly attemptTimeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Attempts of one call, hedges included. */
const ATTEMPTS_MAX = 12;

/** What looks at a member: cheap for it, and answered by itself. */
const LOOK: Call = { method: 'GET', path: '/health', kind: 'near', hedge: false };

/** Where a call stands. */
interface Turn {
  readonly call: Call;
  readonly limits: CallLimits;
  readonly deadline: number;
  readonly ended: AbortSignal;
  readonly attempts: Attempt[];
  /** Attempts under way, by the URL of the member: discovery may give it another name meanwhile. */
  readonly flying: Map<string, { readonly place: Place; readonly outcome: Promise<Outcome> }>;
  /** URLs of who was asked in this round. */
  readonly asked: Set<string>;
  /** Rounds that are over. */
  round: number;
  /** Elapsed time before which no other round begins (ms). */
  notBefore: number;
  launched: number;
  /** Whether an attempt of a write may have taken effect. */
  open: boolean;
  last: SynclineError | undefined;
  /** What of the budget comes back when the call succeeds. */
  taken: 'no' | 'answered' | 'unanswered';
}

/** Sends calls to members until one answers, within a call's time and the client's budget. */
export class Transport {
  readonly #wire: Wire;
  readonly #budget: RetryBudget;

  /** @param retryTokens capacity of the budget for retries */
  constructor(wire: Wire, retryTokens?: number) {
    this.#wire = wire;
    this.#budget = new RetryBudget(retryTokens);
  }

  /** @throws SynclineError */
  async send(call: Call, limits: CallLimits): Promise<ApiAnswer> {
    const ended = new AbortController();
    const { signal } = limits;
    const onAbort = (): void => ended.abort(signal?.reason);
    if (signal?.aborted === true) throw aborted(call, [], signal.reason);
    checkHeaders({ ...this.#wire.headers, ...call.headers });
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#lookAt(this.#wire.members.takeDue(this.#wire.runtime.now()), limits.attemptTimeoutMs).catch(() => undefined);
    try {
      return await this.#race({
        call,
        limits,
        deadline: this.#wire.runtime.now() + limits.timeoutMs,
        ended: ended.signal,
        attempts: [],
        flying: new Map(),
        asked: new Set(),
        round: 0,
        notBefore: 0,
        launched: 0,
        open: false,
        last: undefined,
        taken: 'no',
      });
    } finally {
      signal?.removeEventListener('abort', onAbort);
      // Whoever still works on this call may stop.
      ended.abort(new Error('the call has ended'));
    }
  }

  /**
   * Measures the members that are not known to fail; those are looked at when their time comes. Two requests each: the first
   * one may have to wait for a connection and a cold start. Never throws.
   */
  async measure(timeoutMs: number): Promise<void> {
    const { members } = this.#wire;
    for (let times = 0; times < 2; times += 1)
      await this.#lookAt(
        members.places.filter((place) => !members.failing(place)),
        timeoutMs,
      );
  }

  async #lookAt(places: readonly Place[], timeoutMs: number): Promise<void> {
    const never = new AbortController().signal;
    await Promise.all(places.map((place) => attempt(this.#wire, LOOK, place, { timeoutMs, fair: true }, never, [])));
  }

  /**
   * Attempts one after the other, each at another member while there is one; with hedging a second one beside a slow
   * one. The first answer that is one ends the call.
   */
  async #race(turn: Turn): Promise<ApiAnswer> {
    const { call, limits, flying, ended } = turn;
    const { now } = this.#wire.runtime;
    let hedging = call.hedge;
    for (let place = this.#fresh(turn); place !== undefined || flying.size > 0; ) {
      if (place !== undefined) this.#launch(turn, place);
      place = undefined;
      const outcome = await this.#next(turn, hedging);
      if (ended.aborted) throw aborted(call, turn.attempts, ended.reason);
      if (outcome === 'slow') {
        hedging = false;
        place = this.#beside(turn);
        continue;
      }
      flying.delete(outcome.place.url);
      if (outcome.is === 'answer') {
        this.#budget.refund(turn.taken);
        return outcome.answer;
      }
      if (outcome.is === 'refusal') throw turn.open && !isJudged(outcome.problem) ? openAfter(call, outcome.problem) : outcome.problem;
      turn.open ||= outcome.open;
      turn.last = outcome.problem ?? turn.last;
      if (outcome.retryAfterMs > 0) turn.notBefore = Math.max(turn.notBefore, now() + outcome.retryAfterMs);
      if (flying.size > 0) continue;
      place = await this.#again(turn, outcome);
      if (ended.aborted) throw aborted(call, turn.attempts, ended.reason);
      hedging = call.hedge;
    }
    throw failed(call, limits.timeoutMs, { ...turn, late: now() >= turn.deadline });
  }

  #launch(turn: Turn, place: Place): void {
    turn.launched += 1;
    turn.asked.add(place.url);
    const { attemptTimeoutMs } = turn.limits;
    const left = turn.deadline - this.#wire.runtime.now();
    const limit = { timeoutMs: Math.min(attemptTimeoutMs, left), fair: left >= attemptTimeoutMs };
    turn.flying.set(place.url, { place, outcome: attempt(this.#wire, turn.call, place, limit, turn.ended, turn.attempts) });
  }

  /** The best member that was not asked in this round; undefined when there is none, or no time for it. */
  #fresh({ asked, deadline, launched }: Turn): Place | undefined {
    if (launched >= ATTEMPTS_MAX || this.#wire.runtime.now() >= deadline) return undefined;
    return this.#wire.members.order().find(({ url }) => !asked.has(url));
  }

  /** Whom to ask beside a slow one. Nobody, where the budget does not allow it: then the slow one is waited for. */
  #beside(turn: Turn): Place | undefined {
    const place = this.#fresh(turn);
    if (place === undefined || !this.#budget.take(true)) return undefined;
    turn.taken = 'unanswered';
    return place;
  }

  /**
   * Whom to ask after a failure: somebody who was not asked in this round; when all were, another round begins, after a pause.
   * Undefined when there is no time or no budget for it.
   *
   * Going on from a member that failed to one that is not known to fail costs nothing: no member gets more than one request
   * of a call in this way, and however many calls were under way when a member died, all find another one. All else takes
   * from the budget.
   */
  async #again(turn: Turn, { answered, ofMember }: Extract<Outcome, { is: 'failure' }>): Promise<Place | undefined> {
    const { runtime, members } = this.#wire;
    const left = turn.deadline - runtime.now();
    if (left <= 0 || turn.launched >= ATTEMPTS_MAX) return undefined;
    const next = this.#fresh(turn);
    if (next !== undefined && ofMember && turn.round === 0 && !members.failing(next)) return next;
    const pause = next === undefined ? Math.max(waitMs(turn.round + 1, runtime.random()), turn.notBefore - runtime.now()) : 0;
    if (pause >= left || !this.#budget.take(!answered)) return undefined;
    turn.taken = answered ? 'answered' : 'unanswered';
    if (next !== undefined) return next;
    turn.round += 1;
    turn.asked.clear();
    // A signal that ends the pause is noticed by whoever sends.
    await runtime.sleep(pause, turn.ended).catch(() => undefined);
    return this.#fresh(turn);
  }

  /** The first attempt that ends; or `slow`, when the only one has not in the time in which its member usually answers. */
  async #next({ flying, call, ended }: Turn, hedging: boolean): Promise<Outcome | 'slow'> {
    const [first, ...more] = flying.values();
    const any = Promise.race([...flying.values()].map(({ outcome }) => outcome));
    const { members, runtime } = this.#wire;
    if (!hedging || first === undefined || more.length > 0 || members.places.length < 2) return any;
    const settled = new AbortController();
    const slow = runtime.sleep(members.hedgeAfterMs(first.place, call.kind), AbortSignal.any([settled.signal, ended])).then(
      () => 'slow' as const,
      () => any,
    );
    try {
      return await Promise.race([any, slow]);
    } finally {
      settled.abort(new Error('an attempt has ended'));
    }
  }
}

/** What no request could be made of is no fault of a member. @throws SynclineError "invalid-value" */
function checkHeaders(headers: Readonly<Record<string, string>>): void {
  try {
    new Headers(headers);
  } catch (error) {
    throw new SynclineError('invalid-value', `A header cannot be sent: ${error instanceof Error ? error.message : String(error)}`, {}, { cause: error });
  }
}

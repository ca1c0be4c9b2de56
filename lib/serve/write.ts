import type { Item } from '../core/attribute.ts';
import { CAS_ATTEMPTS_MAX, CLOCK_RATE_ERROR_MAX, REQUEST_EFFECT_MAX_MS } from '../core/constants.ts';
import type { Rev } from '../core/formats/rev.ts';
import { compareRevs } from '../core/formats/rev.ts';
import { withoutMeta } from '../core/formats/seal.ts';
import { isRemote, RemoteError } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import { retryDelayMs } from '../replicate/back-off.ts';
import { retried } from '../replicate/retry.ts';
import type { Attempt, AttemptAnswer, Intent } from './attempt.ts';
import { attemptOn, isOurs, issue, ofLaterEpoch } from './attempt.ts';
import type { ServeContext } from './context.ts';
import { etagOf } from './etag.ts';
import type { Outcome, Remembered } from './idempotency.ts';
import { keyReused, readRequest, requestKey } from './idempotency.ts';
import { ProblemError, RETRY_AFTER_S, unknownOutcome } from './problem.ts';
import { readRows } from './rows.ts';
import type { SeatView } from './seat.ts';
import { isOld, readSeat, routeWrite } from './seat.ts';

/**
 * A write at the primary: read the item, judge the preconditions, mint a rev, and write on the condition that the item
 * still is what was read. ⚠ An attempt that got no answer is repeated with its own rev and its own condition, never
 * with new ones: so a request, however often it is repeated, cannot undo a later write. A write with an idempotency key may
 * go on with new ones when its repetition finds another item, since at most one attempt of it can ever take effect:
 * idempotency.ts has the argument.
 */

/** A write that is done. */
export interface Done {
  readonly done: Outcome;
  /** Minted for this write. A deletion has one, too: no earlier version of the item has one as high. */
  readonly rev: Rev;
  /** Tag of the item that was written; absent for a deletion. */
  readonly etag?: string;
  /**
   * The item that was written, as callers see it. Absent for a deletion, and for a write that was remembered when the item
   * has changed since.
   */
  readonly item?: Item;
  /** The outcome was remembered under the idempotency key: it was done earlier. */
  readonly replayed?: true;
}

/** What came of it: done, or this member is no longer primary in the epoch that it began in (and nothing was written). */
export type WriteResult = Done | { readonly done: 'moved' };

/** Attempts of one write in all: conflicts, refusals for load and missing answers together. */
const ATTEMPTS_MAX = 2 * CAS_ATTEMPTS_MAX;
/** How long an attempt without an answer can still take effect after its issue (ms), by a clock that may run fast. */
const EFFECT_MS = Math.ceil(REQUEST_EFFECT_MAX_MS * (1 + CLOCK_RATE_ERROR_MAX));

/**
 * Writes at this member, which `first` says is the primary.
 *
 * @param until elapsed time (ms) after which no further attempt is begun.
 * @throws ProblemError precondition-failed, condition-failed, idempotency-key-reused, busy, store-unavailable, unknown-outcome;
 *   InputError of what a patch makes; RemoteError of a call that had no effect.
 */
export function writeHere(ctx: ServeContext, runtime: Runtime, intent: Intent, first: SeatView, until: number): Promise<WriteResult> {
  return new Writing(ctx, runtime, intent, first, until).run();
}

/** The item, and what is remembered of the request, as they were read. */
interface Current {
  readonly item: Item | undefined;
  readonly remembered: Remembered | undefined;
}

/** One write under way. */
class Writing {
  readonly #ctx: ServeContext;
  readonly #runtime: Runtime;
  readonly #intent: Intent;
  readonly #until: number;
  readonly #epoch: number;
  /** How the write is remembered, when the caller named it. */
  readonly #request: { readonly key: Item; readonly fingerprint: string } | undefined;
  #view: SeatView;
  /** Until when (elapsed ms) an attempt without an answer may still take effect; undefined when there is none such. */
  #pendingUntil: number | undefined;
  /** Revs of attempts of this call that got no answer: who finds one of them remembered did it itself. */
  readonly #own: Rev[] = [];

  constructor(ctx: ServeContext, runtime: Runtime, intent: Intent, first: SeatView, until: number) {
    const { idempotency: named } = intent;
    this.#ctx = ctx;
    this.#runtime = runtime;
    this.#intent = intent;
    this.#until = until;
    this.#epoch = first.seat.own;
    this.#view = first;
    this.#request = named === undefined ? undefined : { key: requestKey(ctx.set, intent.key, ctx.key, named.id), fingerprint: named.fingerprint };
  }

  async run(): Promise<WriteResult> {
    const { clock } = this.#runtime;
    let current = await this.#read();
    let attempt: Attempt | undefined;
    let failure: unknown;
    let conflicts = 0;
    for (let n = 1; n <= ATTEMPTS_MAX && clock.elapsed() < this.#until; n += 1) {
      const doubtful = isRemote(failure, 'notIssued') || (attempt === undefined && ofLaterEpoch(current.item, this.#epoch));
      if ((doubtful || isOld(this.#view, clock.elapsed())) && !(await this.#stillPrimary())) {
        if (this.#pendingUntil !== undefined) throw await this.#openOr(undefined);
        return { done: 'moved' };
      }
      // The read of the seat may have taken the rest of the budget.
      if (clock.elapsed() >= this.#until) break;
      if (attempt === undefined) {
        const before = this.#recalled(current);
        if (before !== undefined) return before;
        try {
          attempt = attemptOn(this.#ctx, current.item, this.#intent, this.#epoch, clock.now());
        } catch (error) {
          return await this.#refused(error);
        }
        // Deleting nothing writes nothing, unless it must be remembered.
        if (attempt.done === 'absent' && this.#request === undefined) return this.#done(attempt);
      }
      let answer: AttemptAnswer;
      try {
        answer = await this.#issue(attempt);
      } catch (error) {
        failure = error;
        if (!isRemote(error, 'throttled', 'transient', 'unanswered', 'notIssued')) throw await this.#openOr(error);
        await this.#pause(n);
        continue;
      }
      failure = undefined;
      if (answer.ok) return this.#done(attempt);
      if (this.#request === undefined) {
        if (this.#pendingUntil !== undefined) {
          if (isOurs(answer.old, attempt)) return this.#done(attempt);
          // Ours may have been stored and then replaced by a later write. Writing again could undo that one.
          throw unknownOutcome();
        }
        current = { item: answer.old, remembered: undefined };
      }
      attempt = undefined;
      conflicts += 1;
      await this.#pause(n);
      // The transaction does not say what both are at one moment, and may have met its own repetition.
      if (this.#request !== undefined) current = await this.#read();
    }
    const refusal = failure instanceof RemoteError ? failure : conflicts === 0 ? tooSlow() : busy();
    // The caller will come again after these: what an earlier call of its may have done is told then.
    if (this.#pendingUntil === undefined) throw refusal;
    return await this.#refused(refusal);
  }

  /** The item and, for a write with a name, its row. @throws RemoteError; ProblemError unknown-outcome */
  async #read(): Promise<Current> {
    const { items, requests } = this.#ctx.tables;
    const { key } = this.#intent;
    try {
      if (this.#request === undefined) {
        return { item: await retried(this.#runtime, this.#until, () => this.#ctx.table.get(items, key)), remembered: undefined };
      }
      const wanted = [
        { table: items, key },
        { table: requests, key: this.#request.key },
      ];
      const found = await readRows(this.#ctx.table, this.#runtime, wanted, this.#until);
      return { item: found.get(items), remembered: readRequest(found.get(requests), this.#runtime.clock.now()) };
    } catch (error) {
      throw await this.#openOr(error);
    }
  }

  /** Reads the seat again. @returns whether this member is primary still, in the epoch that the write began in. */
  async #stillPrimary(): Promise<boolean> {
    try {
      this.#view = await readSeat(this.#ctx, this.#runtime, this.#until);
    } catch (error) {
      throw await this.#openOr(error);
    }
    const route = routeWrite(this.#view.seat, this.#ctx.member, this.#runtime.clock.now());
    return route.at === 'here' && route.epoch === this.#epoch;
  }

  async #issue(attempt: Attempt): Promise<AttemptAnswer> {
    const { clock } = this.#runtime;
    let issuedAt = clock.elapsed();
    const issued = (elapsedMs: number): void => {
      issuedAt = elapsedMs;
    };
    try {
      return await issue(this.#ctx, this.#runtime, this.#intent, attempt, this.#request, this.#view, issued);
    } catch (error) {
      if (isRemote(error, 'unanswered')) {
        this.#pendingUntil = Math.max(this.#pendingUntil ?? 0, issuedAt + EFFECT_MS);
        this.#own.push(attempt.rev);
      }
      throw error;
    }
  }

  /** The outcome that was remembered, if the request was. @throws ProblemError idempotency-key-reused, unknown-outcome */
  #recalled({ item, remembered }: Current): Done | undefined {
    if (remembered === undefined || this.#request === undefined) return undefined;
    const { done, rev, etag, fingerprint } = remembered;
    if (fingerprint !== this.#request.fingerprint) throw keyReused();
    this.#withinLease();
    const own = this.#own.some((r) => compareRevs(r, rev) === 0);
    const same = item !== undefined && etag !== undefined && etagOf(item) === etag;
    return { done, rev, ...(etag !== undefined && { etag }), ...(same && { item: withoutMeta(item) }), ...(!own && { replayed: true }) };
  }

  /** @throws ProblemError unknown-outcome */
  #done({ done, rev, etag, item }: Attempt): Done {
    this.#withinLease();
    return { done, rev, ...(etag !== undefined && { etag }), ...(item !== undefined && { item }) };
  }

  /** An answer that came after the lease proves nothing: another primary may have been elected meanwhile. */
  #withinLease(): void {
    const { seat } = this.#view;
    if (seat.until !== undefined && this.#runtime.clock.now() > seat.until) throw unknownOutcome();
  }

  /**
   * Says that nothing was done, if that is sure. With a name it is once the row was looked for after everything else, and
   * after R since the last attempt without an answer; and it may turn out that the write was done after all.
   *
   * @throws `refusal`; ProblemError idempotency-key-reused, unknown-outcome; RemoteError
   */
  async #refused(refusal: unknown): Promise<Done> {
    if (this.#request === undefined) throw await this.#openOr(refusal);
    if (this.#pendingUntil !== undefined) {
      await this.#runtime.clock.sleep(this.#pendingMs());
      if (this.#runtime.clock.elapsed() >= this.#until) throw unknownOutcome({ cause: refusal });
    }
    const before = this.#recalled(await this.#read());
    if (before === undefined) throw refusal;
    return before;
  }

  /**
   * An error as it is, or as an unknown outcome when an attempt may have taken effect. A write with a name waits until that
   * is over: so nothing of it is on its way when the caller comes again and is judged by what is there. At most R.
   */
  async #openOr(error: unknown): Promise<unknown> {
    if (this.#pendingUntil === undefined) return error;
    if (this.#request !== undefined) await this.#runtime.clock.sleep(this.#pendingMs());
    return unknownOutcome({ cause: error });
  }

  /** How long an attempt without an answer may still take effect (ms). */
  #pendingMs(): number {
    return Math.max(0, (this.#pendingUntil ?? 0) - this.#runtime.clock.elapsed());
  }

  /** Full jitter between two attempts, within the budget. */
  async #pause(n: number): Promise<void> {
    const left = this.#until - this.#runtime.clock.elapsed();
    await this.#runtime.clock.sleep(Math.max(0, Math.min(left, retryDelayMs(n, this.#runtime.chance.random()))));
  }
}

const tooSlow = (): ProblemError =>
  new ProblemError('store-unavailable', 'The table answers too slowly. Nothing was changed; try again.', { retryAfterS: RETRY_AFTER_S });

const busy = (): ProblemError =>
  new ProblemError('busy', 'Other writers changed the item each time before this write reached it. Nothing was changed; try again.', {
    retryAfterS: RETRY_AFTER_S,
  });

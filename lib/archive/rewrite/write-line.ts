import type { Item } from '../../core/attribute.ts';
import { isRemote, RemoteError } from '../../ports/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { Pace } from '../../replicate/back-off.ts';
import { retryDelayMs, slowDown, speedUp } from '../../replicate/back-off.ts';
import type { Attempt, AttemptAnswer, Intent } from '../../serve/attempt.ts';
import { attemptOn, isOurs, issue, ofLaterEpoch } from '../../serve/attempt.ts';
import type { ServeContext } from '../../serve/context.ts';
import { etagOf } from '../../serve/etag.ts';
import type { Rewrite } from './change.ts';
import type { Outcome } from './judge.ts';
import { judgeRewrite } from './judge.ts';
import { APPLY_CONCURRENCY, SAME_CONTENT_MAX, STUCK_MAX_MS } from './limits.ts';
import type { Seats } from './seats.ts';

/** What writes a line. */
export interface LineWriter {
  readonly ctx: ServeContext;
  readonly runtime: Runtime;
  readonly seats: Seats;
  readonly pace: Pace;
  /** Keeps the savepoint's lease alive; called before each attempt. @throws InputError "job-lost" */
  readonly renew: () => Promise<void>;
}

/**
 * Writes one rewrite as the write path does: a fresh rev of the seat's epoch, on the condition that the item still is what
 * was read. An attempt without an answer is repeated as it was, never with another condition; what is there instead is judged
 * anew, and what is newer stays.
 *
 * @param read the item as it was read, found as planned.
 * @throws InputError "seat-lost", "job-lost"; RemoteError that does not pass within STUCK_MAX_MS, or cannot be tried again.
 */
export async function writeLine(writer: LineWriter, rewrite: Rewrite, read: Item | undefined): Promise<Outcome> {
  const { ctx, runtime, seats, pace } = writer;
  const { clock, chance } = runtime;
  const until = clock.elapsed() + STUCK_MAX_MS;
  let base = read;
  let attempt: Attempt | undefined;
  let unanswered = false;
  let conflicts = 0;
  for (let n = 1; ; n += 1) {
    await writer.renew();
    const view = attempt === undefined && ofLaterEpoch(base, seats.epoch) ? await seats.renewed() : await seats.view();
    const intent = intentOn(rewrite, base);
    attempt ??= attemptOn(ctx, base, intent, seats.epoch, clock.now());
    let answer: AttemptAnswer;
    try {
      answer = await issue(ctx, runtime, intent, attempt, undefined, view, () => undefined);
    } catch (error) {
      if (isRemote(error, 'invalid')) return { refused: `${error.code}: ${error.message}` };
      if (isRemote(error, 'unanswered')) unanswered = true;
      if (isRemote(error, 'throttled', 'unanswered')) slowDown(pace, APPLY_CONCURRENCY.min);
      if (!isRemote(error, 'throttled', 'transient', 'unanswered', 'notIssued') || clock.elapsed() >= until) throw error;
      await clock.sleep(retryDelayMs(n, chance.random()));
      continue;
    }
    if (answer.ok || (unanswered && isOurs(answer.old, attempt))) {
      speedUp(pace, APPLY_CONCURRENCY.max);
      return rewrite.after === undefined ? 'deleted' : 'put';
    }
    const found = judgeRewrite(rewrite, answer.old);
    if (found !== 'as planned') return found === 'as wanted' ? 'already' : 'changed';
    // Somebody wrote the same content again: its rev is another one.
    conflicts += 1;
    if (conflicts >= SAME_CONTENT_MAX) throw new RemoteError('throttled', 'Busy', `an item was written ${conflicts} times while it was to be rewritten`);
    base = answer.old;
    attempt = undefined;
  }
}

/** The write path's own words for "this item, if it is still the one that was read": so its condition is on the content, too. */
function intentOn({ key, after }: Rewrite, base: Item | undefined): Intent {
  return {
    key,
    change: after === undefined ? { delete: true } : { put: after },
    expected: base === undefined ? { ifNoneMatch: '*' } : { ifMatch: [{ weak: false, tag: etagOf(base) }] },
  };
}

import type { AttributeValue, Item, Key } from '../core/attribute.ts';
import { RESERVED } from '../core/attribute.ts';
import { itemHash } from '../core/canonical.ts';
import { CAS_ATTEMPTS_MAX } from '../core/constants.ts';
import type { Rev } from '../core/formats/rev.ts';
import { compareRevs } from '../core/formats/rev.ts';
import { metaOf, metaValue } from '../core/formats/seal.ts';
import type { KeySchema } from '../core/key.ts';
import { isRemote, RemoteError } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { Condition, ConditionalAnswer } from '../ports/table.ts';
import { retryDelayMs } from '../replicate/back-off.ts';
import { retried } from '../replicate/retry.ts';
import type { ServeContext } from './context.ts';
import { credible } from './context.ts';
import type { Preconditions } from './etag.ts';
import { etagFrom, etagOf, judge } from './etag.ts';
import { ProblemError, RETRY_AFTER_S, unknownOutcome } from './problem.ts';
import type { SeatView } from './seat.ts';
import { isOld, mayIssue, readSeat, routeWrite } from './seat.ts';

/**
 * A write at the primary: read the item, judge the preconditions, mint a rev, and write on the condition that the item
 * still is what was read. ⚠ An attempt that got no answer is repeated with its own rev and its own condition, never
 * with new ones: so a request, however often it is repeated, cannot undo a later write.
 */

/** What a caller wants done. */
export interface Intent {
  readonly key: Key;
  /** The new item, without the reserved attribute; absent for a delete. */
  readonly item?: Item;
  readonly expected: Preconditions;
}

/** What came of it: done, or this member is no longer primary in the epoch that it began in (and nothing was written). */
export type WriteResult =
  | { readonly done: 'created' | 'replaced' | 'deleted' | 'absent'; readonly rev?: Rev; readonly etag?: string }
  | { readonly done: 'moved' };

/** Attempts of one write in all: conflicts, refusals for load and missing answers together. */
const ATTEMPTS_MAX = 2 * CAS_ATTEMPTS_MAX;
/** Attributes that a condition on the content compares. DynamoDB takes 300 operators and 4 KB an expression. */
const CONDITION_ATTRIBUTES_MAX = 100;

/** One attempt: what is written, on which condition. Kept as it is until it is answered. */
interface Attempt {
  readonly base: Item | undefined;
  readonly condition: Condition;
  readonly rev: Rev | undefined;
}

/**
 * Writes at this member, which `first` says is the primary.
 *
 * @param until elapsed time (ms) after which no further attempt is begun.
 * @throws ProblemError precondition-failed, busy, unknown-outcome; RemoteError of a call that had no effect.
 */
export async function writeHere(ctx: ServeContext, runtime: Runtime, intent: Intent, first: SeatView, until: number): Promise<WriteResult> {
  const epoch = first.seat.own;
  let view = first;
  let current = await retried(runtime, until, () => ctx.table.get(ctx.tables.items, intent.key));
  let attempt: Attempt | undefined;
  /** Whether the present attempt was issued before without an answer. */
  let unanswered = false;
  let failure: unknown;
  let conflicts = 0;
  for (let n = 1; n <= ATTEMPTS_MAX && runtime.clock.elapsed() < until; n += 1) {
    if (isOld(view, runtime.clock.elapsed()) || isRemote(failure, 'notIssued') || (attempt === undefined && ofLaterEpoch(current, epoch))) {
      view = await readSeat(ctx, runtime, until).catch((error: unknown) => {
        throw unanswered ? unknownOutcome({ cause: error }) : error;
      });
      const route = routeWrite(view.seat, ctx.member, runtime.clock.now());
      if (route.at !== 'here' || route.epoch !== epoch) {
        if (unanswered) throw unknownOutcome();
        return { done: 'moved' };
      }
    }
    // The read of the seat may have taken the rest of the budget.
    if (runtime.clock.elapsed() >= until) break;
    if (attempt === undefined) {
      check(intent.expected, current);
      if (current === undefined && intent.item === undefined) return { done: 'absent' };
      attempt = attemptOn(ctx, current, intent, epoch, runtime.clock.now());
    }
    let answer: ConditionalAnswer;
    try {
      answer = await issue(ctx, runtime, intent, attempt, view);
    } catch (error) {
      failure = error;
      if (!isRemote(error, 'throttled', 'transient', 'unanswered', 'notIssued')) throw unanswered ? unknownOutcome({ cause: error }) : error;
      unanswered ||= error.kind === 'unanswered';
      await pause(runtime, n, until);
      continue;
    }
    failure = undefined;
    if (answer.ok || (unanswered && isOurs(answer.old, attempt, intent))) {
      // An answer that came after the lease proves nothing: another primary may have been elected meanwhile.
      if (view.seat.until !== undefined && runtime.clock.now() > view.seat.until) throw unknownOutcome();
      return resultOf(intent, attempt);
    }
    // Ours may have been stored and then replaced by a later write. Writing again could undo that one.
    if (unanswered) throw unknownOutcome();
    current = answer.old;
    attempt = undefined;
    conflicts += 1;
    await pause(runtime, n, until);
  }
  if (unanswered) throw unknownOutcome({ cause: failure });
  if (failure instanceof RemoteError) throw failure;
  if (conflicts === 0)
    throw new ProblemError('store-unavailable', 'The table answers too slowly. Nothing was changed; try again.', { retryAfterS: RETRY_AFTER_S });
  throw new ProblemError('busy', 'Other writers changed the item each time before this write reached it. Nothing was changed; try again.', {
    retryAfterS: RETRY_AFTER_S,
  });
}

/** Full jitter between two attempts, within the budget. */
async function pause(runtime: Runtime, n: number, until: number): Promise<void> {
  const left = until - runtime.clock.elapsed();
  await runtime.clock.sleep(Math.max(0, Math.min(left, retryDelayMs(n, runtime.chance.random()))));
}

/** 412 unless the preconditions hold for the item as it is. @throws ProblemError precondition-failed */
function check(expected: Preconditions, current: Item | undefined): void {
  if (expected.ifMatch === undefined && expected.ifNoneMatch === undefined) return;
  const tag = current === undefined ? undefined : etagOf(current);
  const outcome = judge(expected, tag);
  if (outcome === 'holds') return;
  const is = tag === undefined ? 'there is no such item' : `the item's tag is ${tag}`;
  throw new ProblemError(
    'precondition-failed',
    outcome === 'if-match'
      ? `If-Match does not hold: ${is}. Read the item again and repeat the change on what you find.`
      : `If-None-Match does not hold: ${is}.`,
    tag === undefined ? {} : { headers: { etag: tag } },
  );
}

/** Whether an item carries a rev of a later epoch: either this member was deposed just now, or the rev is not one of ours. */
function ofLaterEpoch(item: Item | undefined, epoch: number): boolean {
  const r = item === undefined ? undefined : metaOf(item).rev;
  return r !== undefined && r.readUInt32BE(1) > epoch;
}

function attemptOn(ctx: ServeContext, base: Item | undefined, intent: Intent, epoch: number, nowMs: number): Attempt {
  const conditional = intent.expected.ifMatch !== undefined || intent.expected.ifNoneMatch !== undefined;
  const rev = intent.item === undefined ? undefined : ctx.revs.next(epoch, nowMs, base === undefined ? undefined : metaOf(base).rev);
  return { base, rev, condition: asRead(base, ctx.key, conditional, epoch, nowMs) };
}

/**
 * The condition that an item still is what was read. By its rev, which every write of ours changes; by its content, too,
 * when it has none (a direct SDK writer made it), or when the caller made the write depend on the content (a direct
 * writer may have carried the rev along). Attributes that a direct writer adds meanwhile are not seen. Pure.
 */
export function asRead(item: Item | undefined, schema: KeySchema, byContent: boolean, epoch: number, nowMs: number): Condition {
  if (item === undefined) return { op: 'absent', path: [schema.partition.name] };
  const { rev } = metaOf(item);
  const ours = rev !== undefined && credible(rev, epoch, nowMs);
  const of: Condition[] = [{ op: 'present', path: [schema.partition.name] }];
  if (rev !== undefined) of.push({ op: '=', path: [RESERVED, 'r'], value: { B: rev.toString('base64') } });
  else if (item[RESERVED] === undefined) of.push({ op: 'absent', path: [RESERVED] });
  else of.push({ op: '=', path: [RESERVED], value: item[RESERVED] });
  if (byContent || !ours) {
    const names = Object.keys(item).filter((name) => name !== RESERVED && name !== schema.partition.name && name !== schema.sort?.name);
    for (const name of names.slice(0, CONDITION_ATTRIBUTES_MAX)) of.push({ op: '=', path: [name], value: item[name] as AttributeValue });
  }
  return { op: 'and', of };
}

function issue(ctx: ServeContext, runtime: Runtime, intent: Intent, attempt: Attempt, view: SeatView): Promise<ConditionalAnswer> {
  const admit = (): void => {
    if (!mayIssue(view, runtime.clock.now(), runtime.clock.elapsed())) throw new Error('the seat was read too long ago, or its lease ends');
  };
  if (intent.item === undefined) return ctx.table.delete(ctx.tables.items, intent.key, attempt.condition, { admit });
  return ctx.table.put(ctx.tables.items, { ...intent.item, [RESERVED]: metaValue(attempt.rev, undefined) }, attempt.condition, { admit });
}

/** Whether what is there now is what an unanswered attempt wrote. The hash, too: two sandboxes may mint one rev in one millisecond. */
function isOurs(old: Item | undefined, attempt: Attempt, intent: Intent): boolean {
  if (intent.item === undefined) return old === undefined;
  if (old === undefined || attempt.rev === undefined) return false;
  const { rev } = metaOf(old);
  return rev !== undefined && compareRevs(rev, attempt.rev) === 0 && itemHash(old).equals(itemHash(intent.item));
}

function resultOf(intent: Intent, attempt: Attempt): WriteResult {
  if (intent.item === undefined || attempt.rev === undefined) return { done: 'deleted' };
  return { done: attempt.base === undefined ? 'created' : 'replaced', rev: attempt.rev, etag: etagFrom(attempt.rev, itemHash(intent.item)) };
}

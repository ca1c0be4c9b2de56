import type { AttributeValue, Item, Key } from '../core/attribute.ts';
import { RESERVED } from '../core/attribute.ts';
import { itemHash } from '../core/canonical.ts';
import type { ItemCondition } from '../core/expression/condition.ts';
import { holds } from '../core/expression/condition.ts';
import type { PatchOperation } from '../core/expression/patch.ts';
import { applyPatch } from '../core/expression/patch.ts';
import type { Rev } from '../core/formats/rev.ts';
import { compareRevs } from '../core/formats/rev.ts';
import { metaOf, metaValue, withoutMeta } from '../core/formats/seal.ts';
import { parseItem } from '../core/item-input.ts';
import type { KeySchema } from '../core/key.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { Condition, ConditionalAnswer, TransactWrite } from '../ports/table.ts';
import type { ServeContext } from './context.ts';
import { credible } from './context.ts';
import type { Preconditions } from './etag.ts';
import { etagFrom, etagOf, judge } from './etag.ts';
import type { IdempotencyKey, Outcome } from './idempotency.ts';
import { notRemembered, requestRow } from './idempotency.ts';
import { ProblemError } from './problem.ts';
import type { SeatView } from './seat.ts';
import { mayIssue } from './seat.ts';

/** One attempt of a write: what is written on which condition, decided on the item as it was read. */

/** What is done to an item. Items are without the reserved attribute. */
export type Change =
  | { readonly put: Item }
  | { readonly delete: true }
  /** The condition is judged on the item as it was read, and on nothing when there is none. */
  | { readonly patch: readonly PatchOperation[]; readonly if?: ItemCondition };

/** What a caller wants done. */
export interface Intent {
  readonly key: Key;
  readonly change: Change;
  readonly expected: Preconditions;
  /** See idempotency.ts. */
  readonly idempotency?: IdempotencyKey;
}

/** Attributes that a condition on the content compares. DynamoDB takes 300 operators and 4 KB an expression. */
const CONDITION_ATTRIBUTES_MAX = 100;

/** Kept as it is until it is answered. */
export interface Attempt {
  readonly done: Outcome;
  /** The new item, without the reserved attribute; undefined for a deletion. */
  readonly item: Item | undefined;
  readonly condition: Condition;
  /** A deletion has one, too, though it is stored nowhere: reads can ask for what is at least as new. */
  readonly rev: Rev;
  readonly etag: string | undefined;
}

/**
 * Decides what a write does to an item as it was read. Pure, but for the rev that it mints.
 *
 * @throws ProblemError precondition-failed, condition-failed; InputError invalid-patch, or as parseItem does on what a patch makes.
 */
export function attemptOn(ctx: ServeContext, base: Item | undefined, intent: Intent, epoch: number, nowMs: number): Attempt {
  check(intent.expected, base);
  const item = changed(intent, base, ctx.key);
  const conditional = 'patch' in intent.change || intent.expected.ifMatch !== undefined || intent.expected.ifNoneMatch !== undefined;
  const rev = ctx.revs.next(epoch, nowMs, base === undefined ? undefined : metaOf(base).rev);
  return {
    done: item === undefined ? (base === undefined ? 'absent' : 'deleted') : base === undefined ? 'created' : 'replaced',
    item,
    condition: asRead(base, ctx.key, conditional, epoch, nowMs),
    rev,
    etag: item === undefined ? undefined : etagFrom(rev, itemHash(item)),
  };
}

/** The item after the change; undefined when there is none then. @throws ProblemError, InputError */
function changed({ change, key }: Intent, base: Item | undefined, schema: KeySchema): Item | undefined {
  if ('put' in change) return change.put;
  if ('delete' in change) return undefined;
  const old = base === undefined ? undefined : withoutMeta(base);
  if (change.if !== undefined && !holds(change.if, old)) {
    const is = base === undefined ? 'there is no such item' : `the item's tag is ${etagOf(base)}`;
    throw new ProblemError('condition-failed', `The condition in "if" does not hold: ${is}. Nothing was changed.`, {
      ...(base !== undefined && { headers: { etag: etagOf(base) } }),
    });
  }
  return parseItem(applyPatch(key, old, change.patch), schema);
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
export function ofLaterEpoch(item: Item | undefined, epoch: number): boolean {
  const r = item === undefined ? undefined : metaOf(item).rev;
  return r !== undefined && r.readUInt32BE(1) > epoch;
}

/**
 * The condition that an item still is what was read. By its rev, which every write of ours changes; by its content, too,
 * when it has none (a direct SDK writer made it), or when the write depends on the content (a direct writer may have
 * carried the rev along). Attributes that a direct writer adds meanwhile are not seen. Pure.
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

/** What came of an attempt: it took effect, or a condition of its did not hold. `old` is the item that was there instead, if that is known. */
export type AttemptAnswer = ConditionalAnswer;

/**
 * Issues an attempt under a seat: by itself, or with the row that remembers it in one transaction.
 *
 * @param issued told the elapsed time (ms) when it leaves this host.
 * @throws RemoteError
 */
export async function issue(
  ctx: ServeContext,
  runtime: Runtime,
  intent: Intent,
  attempt: Attempt,
  remember: { readonly key: Key; readonly fingerprint: string } | undefined,
  view: SeatView,
  issued: (elapsedMs: number) => void,
): Promise<AttemptAnswer> {
  const admit = (): void => {
    if (!mayIssue(view, runtime.clock.now(), runtime.clock.elapsed())) throw new Error('the seat was read too long ago, or its lease ends');
    issued(runtime.clock.elapsed());
  };
  const table = ctx.tables.items;
  const { condition } = attempt;
  const put = attempt.item === undefined ? undefined : { ...attempt.item, [RESERVED]: metaValue(attempt.rev, undefined) };
  if (remember === undefined)
    return put === undefined ? ctx.table.delete(table, intent.key, condition, { admit }) : ctx.table.put(table, put, condition, { admit });
  const nowMs = runtime.clock.now();
  const write: TransactWrite =
    put !== undefined
      ? { table, put, condition }
      : attempt.done === 'absent'
        ? { table, check: intent.key, condition }
        : { table, delete: intent.key, condition };
  const row = requestRow(remember.key, { fingerprint: remember.fingerprint, done: attempt.done, rev: attempt.rev, etag: attempt.etag }, nowMs);
  const answer = await ctx.table.transact([write, { table: ctx.tables.requests, put: row, condition: notRemembered(nowMs) }], { admit });
  return answer.ok ? answer : { ok: false, old: answer.failed.find((part) => part.index === 0)?.old };
}

/** Whether what is there now is what an unanswered attempt wrote. The hash, too: two sandboxes may mint one rev in one millisecond. */
export function isOurs(old: Item | undefined, attempt: Attempt): boolean {
  if (attempt.item === undefined) return old === undefined;
  if (old === undefined) return false;
  const { rev } = metaOf(old);
  return rev !== undefined && compareRevs(rev, attempt.rev) === 0 && itemHash(old).equals(itemHash(attempt.item));
}

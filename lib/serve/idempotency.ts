import type { AttributeValue, Item, Key } from '../core/attribute.ts';
import { text } from '../core/attribute.ts';
import { canonicalItem, sha256 } from '../core/canonical.ts';
import { FormatError, InputError } from '../core/errors.ts';
import type { Rev } from '../core/formats/rev.ts';
import { parseRev } from '../core/formats/rev.ts';
import type { KeySchema } from '../core/key.ts';
import { keyText } from '../core/key.ts';
import type { Condition } from '../ports/table.ts';
import type { Intent } from './attempt.ts';
import { ProblemError } from './problem.ts';

/**
 * Idempotency keys: a caller gives a write a name of its own, and however often it sends it again, the write happens once.
 *
 * A write with a name leaves a row in the table `requests` of the primary, and the row and the write are ONE transaction
 * whose conditions are that the item is as it was read and that there is no such row. From that follows all else:
 *
 * - *No double effect.* Of all attempts of one request, whoever makes them and however late they land, at most one finds
 *   no row. So unlike a write without a name, an attempt that got no answer may be followed by one with a new rev on what
 *   the item is now.
 * - *No undo of a later write.* Each attempt takes effect only on the item exactly as it was read for it, rev and (where
 *   it matters) content. A later write has changed the rev, so an attempt that lands late finds another item and does nothing.
 * - *No false "done".* The row is there exactly if the write happened; what it says is the first outcome.
 * - *No false "not done".* A refusal (412, 409, 400, busy) is given only after the row was read once more, later than the
 *   item that it was judged by, and after R has passed since the last attempt of ours without an answer; and an invocation
 *   that answers "unknown" has waited for R, too. Only an attempt of an invocation that was killed may still be on its way
 *   then. It can land on nothing but the very item that it was judged by: so only where that was none, and an item was
 *   made and deleted again within R.
 *
 * Refusals are not remembered: the same request may succeed later. A deletion of what is not there is remembered, too: the
 * repetition must not delete what was written since.
 *
 * Rows live for a day, by DynamoDB's TTL, which may be late: a row whose time is over counts as none and is replaced.
 *
 * They stay where they are made. After another member was promoted it knows none of them: a request that comes again there is
 * judged anew on the item as it is (so name the version in If-Match where a second effect would do harm). When a member becomes
 * primary again within the day it answers by its old rows: that is what the caller was, or would have been, told then,
 * even if that write was among those that the promotion lost.
 */

/** How a caller names a write. */
export interface IdempotencyKey {
  /** The caller's text. */
  readonly id: string;
  /** Equal for equal requests: see fingerprintOf. */
  readonly fingerprint: string;
}

/** How long a request is remembered (ms). */
export const REMEMBERED_MS = 24 * 60 * 60 * 1_000;
/** The key of the table `requests`. */
export const REQUESTS_KEY_SCHEMA: KeySchema = { partition: { name: 'id', type: 'S' } };
/** Its TTL attribute (s since 1970). */
export const REQUESTS_TTL = 'expiresAt';

const FORMAT = '1';
/** 1 to 128 visible ASCII characters. */
const KEY_TEXT = /^[\x21-\x7e]{1,128}$/;

const OUTCOMES = ['created', 'replaced', 'deleted', 'absent'] as const;
/** What a write did. `absent`: there was nothing to delete. */
export type Outcome = (typeof OUTCOMES)[number];

/** A request that was remembered. */
export interface Remembered {
  readonly fingerprint: string;
  readonly done: Outcome;
  readonly rev: Rev;
  /** Tag of the item that was written; none for a deletion. */
  readonly etag: string | undefined;
}

/** Checks the text of an Idempotency-Key header. @throws InputError "invalid-header" */
export function checkIdempotencyKey(given: string): string {
  const id = given.trim();
  if (KEY_TEXT.test(id)) return id;
  throw new InputError(
    'invalid-header',
    `Idempotency-Key takes 1 to 128 visible ASCII characters, without spaces; got ${JSON.stringify(id.slice(0, 80))}.`,
    'Idempotency-Key',
  );
}

/**
 * Tells requests apart: equal for two that ask the same, by value, of one item. Not part of a format: a row lives for a day,
 * and another version may refuse what was sent again across a deployment.
 */
export function fingerprintOf({ change, expected, key }: Pick<Intent, 'key' | 'change' | 'expected'>, schema: KeySchema): string {
  const asked = 'put' in change ? ['put', canonicalItem(change.put)] : 'delete' in change ? ['delete'] : ['patch', change.patch, change.if ?? null];
  return sha256(JSON.stringify([keyText(key, schema), asked, expected.ifMatch ?? null, expected.ifNoneMatch ?? null])).toString('base64url');
}

/** The key of a request's row: of this set, this item and this name. */
export function requestKey(set: string, key: Key, schema: KeySchema, id: string): Key {
  return { id: { S: sha256(JSON.stringify([set, keyText(key, schema), id])).toString('base64url') } };
}

/** The row of a request that is done. */
export function requestRow(key: Key, of: Remembered, nowMs: number): Item {
  return {
    ...key,
    f: { N: FORMAT },
    fingerprint: { S: of.fingerprint },
    done: { S: of.done },
    rev: { B: of.rev.toString('base64') },
    ...(of.etag !== undefined && { etag: { S: of.etag } }),
    [REQUESTS_TTL]: { N: String(Math.ceil((nowMs + REMEMBERED_MS) / 1_000)) },
  };
}

/** What a row remembers; undefined when its time is over. @throws FormatError for a row that this version did not write. */
export function readRequest(row: Item | undefined, nowMs: number): Remembered | undefined {
  if (row === undefined) return undefined;
  if (text(row['f'], 'N') !== FORMAT) throw new FormatError('a remembered request of an unknown format');
  const fingerprint = text(row['fingerprint'], 'S');
  const done = OUTCOMES.find((outcome) => outcome === text(row['done'], 'S'));
  const bytes = text(row['rev'], 'B');
  const rev = bytes === undefined ? undefined : parseRev(Buffer.from(bytes, 'base64'));
  const expiresAtS = Number(text(row[REQUESTS_TTL], 'N'));
  if (fingerprint === undefined || done === undefined || rev === undefined || !Number.isInteger(expiresAtS))
    throw new FormatError('a remembered request without its fields');
  if (expiresAtS * 1_000 <= nowMs) return undefined;
  return { fingerprint, done, rev, etag: text(row['etag'], 'S') };
}

/** The condition that a request is not remembered: no row, or one whose time was over at `nowMs`. */
export function notRemembered(nowMs: number): Condition {
  const now: AttributeValue = { N: String(Math.floor(nowMs / 1_000)) };
  return {
    op: 'or',
    of: [
      { op: 'absent', path: ['id'] },
      { op: '<=', path: [REQUESTS_TTL], value: now },
    ],
  };
}

/** 422: the name belongs to another request. */
export const keyReused = (): ProblemError =>
  new ProblemError(
    'idempotency-key-reused',
    'This Idempotency-Key was used for another write of this item within the last 24 hours. Send the very same request again, or give this one a new key.',
  );

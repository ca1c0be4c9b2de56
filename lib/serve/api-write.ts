import type { Key } from '../core/attribute.ts';
import { InputError } from '../core/errors.ts';
import { revText } from '../core/formats/rev.ts';
import type { KeySchema } from '../core/key.ts';
import { keyOf, keyText } from '../core/key.ts';
import type { Runtime } from '../ports/runtime.ts';
import { writeAnywhere } from './anywhere.ts';
import type { Change } from './attempt.ts';
import type { Form } from './body.ts';
import { readItem, readJson, readPatch, writeItem } from './body.ts';
import type { ServeContext } from './context.ts';
import { preconditionsOf } from './etag.ts';
import type { ApiRequest, ApiResponse } from './http.ts';
import { checkIdempotencyKey, fingerprintOf } from './idempotency.ts';
import { keyFromQuery } from './key-query.ts';
import { answerForm, bodyForm, TYPE_OF, wantsMinimal } from './negotiate.ts';
import type { Operation } from './route.ts';
import type { Done } from './write.ts';

/** The operations that write one item. Each takes a request and gives a response, or throws what problem.ts turns into one. */

/** No attempt of a write is begun after this (ms): well before the gateway gives up at 29 s. */
export const WRITE_BUDGET_MS = 10_000;

/** PUT /items: the whole item as the body; 201 when it was created, 204 when it replaced another. */
export const putItem: Operation = async (ctx, runtime, request) => {
  const form = bodyForm(request);
  const put = readItem(readJson(request.body, form), form, ctx.key);
  const key = keyOf(put, ctx.key);
  if (request.query.size > 0) mustBeSame(keyFromQuery(request.query, ctx.key), key, ctx.key);
  return write(ctx, runtime, request, key, { put }, (done) => empty(done, done.done === 'created' ? 201 : 204));
};

/** DELETE /items: 204, whether or not there was an item: deleting is idempotent; with If-Match 412 when there is none. */
export const deleteItem: Operation = (ctx, runtime, request) => {
  const key = keyFromQuery(request.query, ctx.key);
  return write(ctx, runtime, request, key, { delete: true }, (done) => empty(done, 204));
};

/** PATCH /items: 200 with the item as it is then, 201 when it was created; 204 when the caller prefers no body. */
export const patchItem: Operation = async (ctx, runtime, request) => {
  const key = keyFromQuery(request.query, ctx.key);
  const form = bodyForm(request);
  const minimal = wantsMinimal(request);
  const answer = minimal ? form : answerForm(request, form);
  const { operations, if: condition } = readPatch(readJson(request.body, form), form);
  const change: Change = { patch: operations, ...(condition !== undefined && { if: condition }) };
  return write(ctx, runtime, request, key, change, (done) => patched(done, answer, minimal));
};

/** Writes an item wherever the primary is. */
async function write(
  ctx: ServeContext,
  runtime: Runtime,
  request: ApiRequest,
  key: Key,
  change: Change,
  answer: (done: Done) => ApiResponse,
): Promise<ApiResponse> {
  const expected = preconditionsOf(request.headers);
  const named = request.headers.get('idempotency-key');
  const idempotency =
    named === undefined ? {} : { idempotency: { id: checkIdempotencyKey(named), fingerprint: fingerprintOf({ key, change, expected }, ctx.key) } };
  const outcome = await writeAnywhere(ctx, runtime, request, { key, change, expected, ...idempotency }, runtime.clock.elapsed() + WRITE_BUDGET_MS);
  if (outcome.at === 'peer') return outcome.response;
  const response = answer(outcome.value);
  return { ...response, headers: { 'syncline-member': ctx.member, 'cache-control': 'no-store', ...response.headers } };
}

/** What a response says of a write in its headers. */
const headersOf = ({ etag, rev, replayed }: Done): Readonly<Record<string, string>> => ({
  ...(etag !== undefined && { etag }),
  'syncline-revision': revText(rev),
  ...(replayed === true && { 'idempotency-replayed': 'true' }),
});

const empty = (done: Done, status: 201 | 204): ApiResponse => ({ status, headers: headersOf(done), body: '' });

/**
 * The item as it is now, or 204: when the caller prefers no body, and for a remembered patch whose item has changed since,
 * as it is not what that patch made.
 */
function patched(done: Done, form: Form, minimal: boolean): ApiResponse {
  const headers = headersOf(done);
  if (minimal) return { status: 204, headers: { ...headers, 'preference-applied': 'return=minimal' }, body: '' };
  if (done.item === undefined) return { status: 204, headers, body: '' };
  const status = done.done === 'created' ? 201 : 200;
  return { status, headers: { ...headers, 'content-type': TYPE_OF[form], vary: 'accept' }, body: writeItem(done.item, form) };
}

/** @throws InputError unless both are one key. */
function mustBeSame(inQuery: Key, inBody: Key, schema: KeySchema): void {
  if (keyText(inQuery, schema) !== keyText(inBody, schema)) {
    throw new InputError('invalid-query', "The key in the query is not the body's key. Leave the query out, or give the same key.", 'query');
  }
}

import type { Item, Key } from '../core/attribute.ts';
import { itemHash } from '../core/canonical.ts';
import { InputError } from '../core/errors.ts';
import { revText } from '../core/formats/rev.ts';
import { decodeSeat, isPrimary, SEAT_KEY } from '../core/formats/rows.ts';
import { metaOf, withoutMeta } from '../core/formats/seal.ts';
import { parseItem } from '../core/item-input.ts';
import type { KeySchema } from '../core/key.ts';
import { keyOf, keyText } from '../core/key.ts';
import type { Runtime } from '../ports/runtime.ts';
import { retried } from '../replicate/retry.ts';
import type { ServeContext } from './context.ts';
import { etagFrom, judge, preconditionsOf } from './etag.ts';
import { forward } from './forward.ts';
import type { ApiRequest, ApiResponse } from './http.ts';
import { BODY_BYTES_MAX, ITEM_TYPE, mediaType } from './http.ts';
import { parseJson } from './json.ts';
import { keyFromQuery } from './key-query.ts';
import { ProblemError, RETRY_AFTER_S, unsupportedType } from './problem.ts';
import { readHere } from './read.ts';
import { readSeat, routeWrite } from './seat.ts';
import type { Intent, WriteResult } from './write.ts';
import { writeHere } from './write.ts';

/**
 * The operations of the HTTP API. Each takes a request and gives a response, or throws what problem.ts turns into one.
 *
 * | | |
 * |---|---|
 * | `PUT /items` | the whole item as the body; 201 when it was created, 204 when it replaced another; ETag |
 * | `GET /items?KEY` | 200 with the item, 304, or 404; an eventual read at this member |
 * | `DELETE /items?KEY` | 204, whether or not there was an item: deleting is idempotent; with If-Match 412 when there is none |
 * | `GET /health` | this member's role |
 */

/** No attempt of a write is begun after this (ms): well before the gateway gives up at 29 s. */
export const WRITE_BUDGET_MS = 10_000;
/** The same for reads (ms). */
export const READ_BUDGET_MS = 5_000;
/** Times that one write is routed anew, because the primary moved meanwhile. */
const ROUTES_MAX = 3;

/** PUT /items */
export async function putItem(ctx: ServeContext, runtime: Runtime, request: ApiRequest): Promise<ApiResponse> {
  const item = itemOf(request, ctx.key);
  const key = keyOf(item, ctx.key);
  if (request.query.size > 0) mustBeSame(keyFromQuery(request.query, ctx.key), key, ctx.key);
  return write(ctx, runtime, request, { key, item, expected: preconditionsOf(request.headers) });
}

/** DELETE /items */
export async function deleteItem(ctx: ServeContext, runtime: Runtime, request: ApiRequest): Promise<ApiResponse> {
  return write(ctx, runtime, request, { key: keyFromQuery(request.query, ctx.key), expected: preconditionsOf(request.headers) });
}

/** GET and HEAD /items */
export async function getItem(ctx: ServeContext, runtime: Runtime, request: ApiRequest): Promise<ApiResponse> {
  const key = keyFromQuery(request.query, ctx.key);
  const expected = preconditionsOf(request.headers);
  const found = await readHere(ctx, runtime, key, runtime.clock.elapsed() + READ_BUDGET_MS);
  if (found === undefined)
    throw new ProblemError('not-found', `This member, "${ctx.member}", has no item with this key (an eventual read).`, { headers: memberHeader(ctx) });
  const { rev } = metaOf(found);
  const etag = etagFrom(rev, itemHash(found));
  const headers = { etag, ...(rev !== undefined && { 'syncline-revision': revText(rev) }), ...memberHeader(ctx), 'cache-control': 'private, no-cache' };
  const outcome = judge(expected, etag);
  if (outcome === 'if-match') throw new ProblemError('precondition-failed', `If-Match does not hold: the item's tag is ${etag}.`, { headers });
  if (outcome === 'if-none-match') return { status: 304, headers, body: '' };
  return { status: 200, headers: { 'content-type': ITEM_TYPE, ...headers }, body: request.method === 'HEAD' ? '' : JSON.stringify(withoutMeta(found)) };
}

/** GET /health: whether this member can read its own rows, and what they say. */
export async function health(ctx: ServeContext, runtime: Runtime, _request: ApiRequest): Promise<ApiResponse> {
  const row = await retried(runtime, runtime.clock.elapsed() + READ_BUDGET_MS, () => ctx.table.get(ctx.tables.control, SEAT_KEY));
  const seat = row === undefined ? undefined : decodeSeat(row);
  const role = seat === undefined ? 'none' : isPrimary(seat) ? 'primary' : 'secondary';
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...memberHeader(ctx) },
    body: JSON.stringify({
      status: 'ok',
      set: ctx.set,
      member: ctx.member,
      region: ctx.region,
      role,
      primary: seat?.primary ?? null,
      epoch: seat?.fence ?? null,
    }),
  };
}

const memberHeader = (ctx: ServeContext): Readonly<Record<string, string>> => ({ 'syncline-member': ctx.member });

/** Reads the body as an item. @throws InputError, ProblemError */
function itemOf(request: ApiRequest, schema: KeySchema): Item {
  const encoding = request.headers.get('content-encoding')?.trim().toLowerCase() ?? 'identity';
  const type = request.headers.get('content-type');
  if (mediaType(type) !== ITEM_TYPE) throw unsupportedType(type ?? '');
  if (encoding !== 'identity') throw unsupportedType(`${type ?? ''} with content encoding ${encoding}`);
  const bytes = Buffer.byteLength(request.body, 'utf8');
  if (bytes > BODY_BYTES_MAX)
    throw new ProblemError('body-too-large', `The body has ${bytes} bytes; at most ${BODY_BYTES_MAX} are read. An item has at most 400 KB.`);
  return parseItem(parseJson(request.body), schema);
}

/** @throws InputError unless both are one key. */
function mustBeSame(inQuery: Key, inBody: Key, schema: KeySchema): void {
  if (keyText(inQuery, schema) !== keyText(inBody, schema)) {
    throw new InputError('invalid-query', "The key in the query is not the body's key. Leave the query out, or give the same key.", 'query');
  }
}

/** Routes a write: here, or to the primary. */
async function write(ctx: ServeContext, runtime: Runtime, request: ApiRequest, intent: Intent): Promise<ApiResponse> {
  const until = runtime.clock.elapsed() + WRITE_BUDGET_MS;
  for (let n = 1; n <= ROUTES_MAX; n += 1) {
    const view = await readSeat(ctx, runtime, until);
    const route = routeWrite(view.seat, ctx.member, runtime.clock.now());
    if (route.at === 'here') {
      const result = await writeHere(ctx, runtime, intent, view, until);
      if (result.done !== 'moved') return written(ctx, result);
      continue;
    }
    const hint = route.at === 'peer' ? route.name : undefined;
    if (request.forwarded) throw notPrimary(ctx, hint);
    if (hint === undefined) break;
    // The item as it was understood, not the body: shorter, and checked once.
    return forward(ctx, runtime, request, intent.item === undefined ? '' : JSON.stringify(intent.item), hint);
  }
  throw new ProblemError('no-primary', `The member "${ctx.member}" does not know who accepts writes now. Nothing was changed; try again.`, {
    retryAfterS: RETRY_AFTER_S,
  });
}

/** 421, with the hint that the member where the write came in follows. */
const notPrimary = (ctx: ServeContext, hint: string | undefined): ProblemError =>
  new ProblemError('not-primary', `The member "${ctx.member}" does not accept writes. Nothing was changed.`, {
    headers: memberHeader(ctx),
    ...(hint !== undefined && { primary: hint }),
  });

function written(ctx: ServeContext, result: Exclude<WriteResult, { done: 'moved' }>): ApiResponse {
  return {
    status: result.done === 'created' ? 201 : 204,
    headers: {
      ...(result.etag !== undefined && { etag: result.etag }),
      ...(result.rev !== undefined && { 'syncline-revision': revText(result.rev) }),
      ...memberHeader(ctx),
      'cache-control': 'no-store',
    },
    body: '',
  };
}

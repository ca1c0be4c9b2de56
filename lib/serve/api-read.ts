import { itemHash } from '../core/canonical.ts';
import { revText } from '../core/formats/rev.ts';
import { metaOf, withoutMeta } from '../core/formats/seal.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { AtPrimary } from './anywhere.ts';
import { runAtPrimary } from './anywhere.ts';
import { readCount, readJson, readQuery, writeItem, writeQueryPage } from './body.ts';
import type { Consistency } from './consistency.ts';
import { CONSISTENCY_HEADER, parseConsistency, parseConsistencyOfMany } from './consistency.ts';
import type { ServeContext } from './context.ts';
import { etagFrom, judge, preconditionsOf } from './etag.ts';
import type { ApiRequest, ApiResponse } from './http.ts';
import { fitsAnswer } from './http.ts';
import { keyFromQuery } from './key-query.ts';
import { fromNearest } from './nearest.ts';
import { answerForm, bodyForm, TYPE_OF } from './negotiate.ts';
import { ProblemError } from './problem.ts';
import type { QueryIntent, QueryPage } from './query.ts';
import { countHere, queryHere } from './query.ts';
import { readAnywhere } from './read.ts';
import type { Operation } from './route.ts';
import { QUERY_LIMIT_DEFAULT } from './schemas.ts';

/** The operations that read items. */

/** No attempt of a read is begun after this (ms). */
export const READ_BUDGET_MS = 5_000;
/** The same for queries and counts, which read page after page (ms). */
export const QUERY_BUDGET_MS = 8_000;

/** GET and HEAD /items: 200 with the item, 304, or 404. */
export const getItem: Operation = async (ctx, runtime, request) => {
  const key = keyFromQuery(request.query, ctx.key);
  const expected = preconditionsOf(request.headers);
  const form = answerForm(request);
  const wanted = parseConsistency(request.headers.get(CONSISTENCY_HEADER));
  const { item, member, consistency } = await readAnywhere(ctx, runtime, key, wanted, runtime.clock.elapsed() + READ_BUDGET_MS, request);
  const by = { 'syncline-member': member, [CONSISTENCY_HEADER]: consistency };
  if (item === undefined)
    throw new ProblemError('not-found', `The member "${member}" has no item with this key (consistency: ${consistency}).`, { headers: by });
  const { rev } = metaOf(item);
  const etag = etagFrom(rev, itemHash(item));
  const headers = { etag, ...(rev !== undefined && { 'syncline-revision': revText(rev) }), ...by, 'cache-control': 'private, no-cache', vary: 'accept' };
  const outcome = judge(expected, etag);
  if (outcome === 'if-match') throw new ProblemError('precondition-failed', `If-Match does not hold: the item's tag is ${etag}.`, { headers });
  if (outcome === 'if-none-match') return { status: 304, headers, body: '' };
  return { status: 200, headers: { 'content-type': TYPE_OF[form], ...headers }, body: writeItem(withoutMeta(item), form) };
};

/** POST /query: a page of the items of one partition. */
export const query: Operation = async (ctx, runtime, request) => {
  const form = bodyForm(request);
  const answer = answerForm(request, form);
  const intent = readQuery(readJson(request.body, form), form, ctx.key);
  return many(ctx, runtime, request, TYPE_OF[answer], (at, until) =>
    fittingPage(
      intent,
      (smaller) => queryHere(at, runtime, smaller, until),
      (page) => writeQueryPage(page, answer),
    ),
  );
};

/** POST /count: how many items of one partition there are. */
export const count: Operation = async (ctx, runtime, request) => {
  const form = bodyForm(request);
  const answer = answerForm(request, form);
  const intent = readCount(readJson(request.body, form), form, ctx.key);
  return many(ctx, runtime, request, TYPE_OF[answer], async (at, until) => JSON.stringify(await countHere(at, runtime, intent, until)));
};

/**
 * A page whose JSON Lambda can hand over. Texts that are full of quotes and control characters grow twice on their way:
 * then fewer items are read again. One item always fits.
 */
export async function fittingPage(intent: QueryIntent, read: (intent: QueryIntent) => Promise<QueryPage>, write: (page: QueryPage) => string): Promise<string> {
  for (let limit = intent.limit ?? QUERY_LIMIT_DEFAULT; ; ) {
    const page = await read({ ...intent, limit });
    const text = write(page);
    if (fitsAnswer(text) || page.items.length <= 1) return text;
    limit = Math.ceil(page.items.length / 2);
  }
}

/** Reads many items with the consistency that is asked for, and answers with what `read` makes of them. */
async function many(
  ctx: ServeContext,
  runtime: Runtime,
  request: ApiRequest,
  type: string,
  read: (at: ServeContext, until: number) => Promise<string>,
): Promise<ApiResponse> {
  const wanted = parseConsistencyOfMany(request.headers.get(CONSISTENCY_HEADER));
  const found = await readMany(ctx, runtime, request, wanted, read);
  if (found.at === 'peer') return found.response;
  const { member, body } = found.value;
  return {
    status: 200,
    headers: { 'content-type': type, 'cache-control': 'no-store', vary: 'accept', 'syncline-member': member, [CONSISTENCY_HEADER]: wanted.level },
    body,
  };
}

async function readMany(
  ctx: ServeContext,
  runtime: Runtime,
  request: ApiRequest,
  { level }: Consistency,
  read: (at: ServeContext, until: number) => Promise<string>,
): Promise<AtPrimary<{ readonly member: string; readonly body: string }>> {
  const until = runtime.clock.elapsed() + QUERY_BUDGET_MS;
  if (level === 'strong') return runAtPrimary(ctx, runtime, request, until, async () => ({ member: ctx.member, body: await read(ctx, until) }));
  const { member, value } = await fromNearest(ctx, runtime, until, read);
  return { at: 'here', value: { member, body: value } };
}

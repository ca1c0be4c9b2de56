import { InputError } from '../core/errors.ts';
import { revText } from '../core/formats/rev.ts';
import type { KeySchema } from '../core/key.ts';
import type { Intent } from './attempt.ts';
import type { BatchOutcome } from './batch.ts';
import { batchAnywhere } from './batch.ts';
import type { BatchWrite } from './body.ts';
import { readBatch, readJson } from './body.ts';
import type { Preconditions, TagList } from './etag.ts';
import { parseTags } from './etag.ts';
import type { ApiRequest } from './http.ts';
import { checkIdempotencyKey, fingerprintOf } from './idempotency.ts';
import { answerForm, bodyForm, TYPE_OF } from './negotiate.ts';
import { problemDocument } from './problem.ts';
import type { Operation } from './route.ts';

/** No write of a batch is begun after this (ms): those that are under way then must still be answered. */
export const BATCH_BUDGET_MS = 10_000;
/** Characters of one idempotency key of a batch: `/` and an index of two digits follow it. */
const BATCH_KEY_MAX = 125;

/** POST /batch: each write is one of its own; the results are in the order of the writes. */
export const batch: Operation = async (ctx, runtime, request) => {
  const form = bodyForm(request);
  const answer = answerForm(request, form);
  const named = request.headers.get('idempotency-key');
  const id = named === undefined ? undefined : batchKey(named);
  const intents = readBatch(readJson(request.body, form), form, ctx.key).map((write, i) => intentOf(write, i, id, ctx.key));
  const outcome = await batchAnywhere(ctx, runtime, request, intents, runtime.clock.elapsed() + BATCH_BUDGET_MS);
  if (outcome.at === 'peer') return outcome.response;
  const results = outcome.value.map((one, i) => resultOf(one, intents[i] as Intent, request));
  const succeeded = outcome.value.filter((one) => one.problem === undefined).length;
  return {
    status: 200,
    headers: { 'content-type': TYPE_OF[answer], 'cache-control': 'no-store', vary: 'accept', 'syncline-member': ctx.member },
    body: JSON.stringify({ results, succeeded, failed: results.length - succeeded }),
  };
};

/** The batch's idempotency key; each write has its own, made of it. @throws InputError "invalid-header" */
function batchKey(named: string): string {
  const id = checkIdempotencyKey(named);
  if (id.length <= BATCH_KEY_MAX) return id;
  throw new InputError('invalid-header', `The Idempotency-Key of a batch has at most ${BATCH_KEY_MAX} characters; got ${id.length}.`, 'Idempotency-Key');
}

function intentOf({ key, change, ifMatch, ifNoneMatch }: BatchWrite, i: number, id: string | undefined, schema: KeySchema): Intent {
  const expected: Preconditions = {
    ...(ifMatch !== undefined && { ifMatch: tagsOf(ifMatch, `writes[${i}].ifMatch`) }),
    ...(ifNoneMatch !== undefined && { ifNoneMatch: tagsOf(ifNoneMatch, `writes[${i}].ifNoneMatch`) }),
  };
  const intent = { key, change, expected };
  return id === undefined ? intent : { ...intent, idempotency: { id: `${id}/${i}`, fingerprint: fingerprintOf(intent, schema) } };
}

/** Tags in a body: a mistake in them is one of the body, not of a header. */
function tagsOf(text: string, path: string): TagList {
  try {
    return parseTags(text, path);
  } catch (error) {
    if (error instanceof InputError) throw new InputError('invalid-body', error.message, path);
    throw error;
  }
}

/** What came of one write: the status, tag and revision that it would have been answered with by itself, or its problem. */
function resultOf({ done, problem }: BatchOutcome, { change }: Intent, request: ApiRequest): object {
  if (problem !== undefined) return { status: problem.status, problem: problemDocument(problem, request.id) };
  const changed = 'patch' in change ? 200 : 204;
  return {
    status: done.done === 'created' ? 201 : changed,
    ...(done.etag !== undefined && { etag: done.etag }),
    revision: revText(done.rev),
    ...(done.replayed === true && { replayed: true }),
  };
}

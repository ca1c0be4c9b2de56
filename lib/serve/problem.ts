import { InputError } from '../core/errors.ts';
import type { RemoteErrorKind } from '../ports/errors.ts';
import { RemoteError } from '../ports/errors.ts';
import type { ApiResponse } from './http.ts';
import { ITEM_TYPE, JSON_TYPE, PROBLEM_TYPE } from './http.ts';

/**
 * Problem details for HTTP APIs (RFC 9457): `type` is `urn:syncline:problem:<code>`, `instance` the request's id,
 * `errors` a list of {path, detail} where parts of the input are at fault. Codes are part of the API.
 */

/** Code → status and title. */
export const PROBLEMS = {
  'malformed-json': [400, 'The body is not JSON'],
  'invalid-item': [400, 'The item is not valid'],
  'invalid-key': [400, 'The key is not valid'],
  'invalid-number': [400, 'A number is not valid'],
  'reserved-attribute': [400, 'The item has a reserved attribute'],
  'invalid-query': [400, 'The query parameters are not valid'],
  'invalid-header': [400, 'A header is not valid'],
  'invalid-body': [400, 'The body is not valid'],
  'invalid-patch': [400, 'The patch is not valid'],
  'invalid-condition': [400, 'The condition is not valid'],
  'invalid-cursor': [400, 'The cursor is not valid'],
  'refused-by-table': [400, 'DynamoDB refuses the item'],
  unauthorized: [401, 'A valid token is needed'],
  'insufficient-scope': [403, 'The token does not allow this'],
  'no-route': [404, 'There is nothing at this path'],
  'not-found': [404, 'There is no such item'],
  'unknown-check': [404, 'There is no such check'],
  'unknown-orphan': [404, 'There is no such orphan'],
  'method-not-allowed': [405, 'The method is not allowed here'],
  'not-acceptable': [406, 'The answer cannot be given in an accepted form'],
  'condition-failed': [409, "The patch's condition does not hold"],
  'precondition-failed': [412, 'The item is not what the request expects'],
  'item-too-large': [413, 'The item is too large'],
  'body-too-large': [413, 'The body is too large'],
  'unsupported-media-type': [415, 'The content type is not supported'],
  'not-primary': [421, 'This member does not accept writes'],
  'idempotency-key-reused': [422, 'The idempotency key was used for another request'],
  internal: [500, 'Something went wrong on our side'],
  'archive-damaged': [500, 'A part of the archive cannot be read'],
  busy: [503, 'The table is busy'],
  'not-initialised': [503, 'The replica set has no primary yet'],
  'no-primary': [503, 'No primary could be found'],
  'primary-unreachable': [503, 'The primary cannot be reached'],
  'member-unreachable': [503, 'The member cannot be reached'],
  'store-unavailable': [503, 'The table cannot be reached'],
  'archive-unavailable': [503, 'The archive cannot be reached'],
  'issuer-unreachable': [503, 'Tokens cannot be verified now'],
  deploying: [503, 'The API is being deployed'],
  'not-started': [503, 'The time was used up before this write was begun'],
  'unknown-outcome': [503, 'It is not known whether the write took effect'],
} as const satisfies Readonly<Record<string, readonly [number, string]>>;

export type ProblemCode = keyof typeof PROBLEMS;

/** How long a client should wait before it tries again, for problems that pass (s). */
export const RETRY_AFTER_S = 1;
/** The same, when a primary is gone or a human must act (s). */
export const RETRY_AFTER_LONG_S = 10;

/** What a problem may carry beside its code and detail. */
export interface ProblemExtra {
  readonly headers?: Readonly<Record<string, string>>;
  readonly errors?: readonly { readonly path: string; readonly detail: string }[];
  /** Name of the primary, as far as it is known here. */
  readonly primary?: string;
  /** s */
  readonly retryAfterS?: number;
}

/** A problem as an exception: what was wrong, what was seen, what to do. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly extra: ProblemExtra;
  constructor(code: ProblemCode, detail: string, extra: ProblemExtra = {}, options?: ErrorOptions) {
    super(detail, options);
    this.name = 'ProblemError';
    this.code = code;
    this.extra = extra;
  }

  get status(): number {
    return PROBLEMS[this.code][0];
  }
}

const isCode = (code: string): code is ProblemCode => Object.hasOwn(PROBLEMS, code);

/**
 * The problem that an error is, for a caller. Nothing internal is in it: what is not a caller's to know becomes
 * `internal` with the request's id, under which the log has the rest.
 *
 * @param writing whether a write may have been under way, so that an unanswered call leaves its outcome open.
 */
export function problemOf(error: unknown, writing: boolean): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof InputError) {
    return new ProblemError(isCode(error.code) ? error.code : 'invalid-item', error.message, {
      ...(error.path !== undefined && { errors: [{ path: error.path, detail: error.message }] }),
    });
  }
  if (error instanceof RemoteError) return remoteProblem(error.kind, error, writing);
  return new ProblemError('internal', 'The request could not be handled. Its id is in "instance"; the log has more.', {}, { cause: error });
}

/** The problem of a failed call to DynamoDB. */
function remoteProblem(kind: RemoteErrorKind, error: RemoteError, writing: boolean): ProblemError {
  const cause = { cause: error };
  switch (kind) {
    case 'throttled':
      return new ProblemError(
        'busy',
        'DynamoDB refused the request for load. Nothing was changed; try again, more slowly.',
        { retryAfterS: RETRY_AFTER_S },
        cause,
      );
    case 'unanswered':
      if (writing) return unknownOutcome(cause);
      return new ProblemError('store-unavailable', 'The table did not answer in time. Try again.', { retryAfterS: RETRY_AFTER_S }, cause);
    case 'transient':
    case 'notIssued':
      return new ProblemError('store-unavailable', 'The table cannot be reached now. Nothing was changed; try again.', { retryAfterS: RETRY_AFTER_S }, cause);
    case 'denied':
    case 'missing':
      return new ProblemError(
        'store-unavailable',
        'The table cannot be used: it, or the right to use it, is missing. Nothing was changed.',
        { retryAfterS: RETRY_AFTER_LONG_S },
        cause,
      );
    case 'invalid':
      // DynamoDB's words are about the caller's item (an index key of another type, for one), so they are shown.
      return new ProblemError('refused-by-table', `DynamoDB refused the request: ${error.message.slice(0, 300)}`, {}, cause);
  }
}

/** A write that got no answer. */
export const unknownOutcome = (options?: ErrorOptions): ProblemError =>
  new ProblemError(
    'unknown-outcome',
    'The write got no answer, so nothing is known of it: it may have taken effect, or not. Read the item, then repeat the write with If-Match.',
    { retryAfterS: RETRY_AFTER_S },
    options,
  );

/** A problem as a document. */
export function problemDocument(problem: ProblemError, instance: string): object {
  const [status, title] = PROBLEMS[problem.code];
  const { errors, primary } = problem.extra;
  return {
    type: `urn:syncline:problem:${problem.code}`,
    title,
    status,
    detail: problem.message,
    instance: `urn:syncline:request:${instance}`,
    ...(errors !== undefined && { errors }),
    ...(primary !== undefined && { primary }),
  };
}

/** A problem as a response. */
export function problemResponse(problem: ProblemError, instance: string): ApiResponse {
  const { headers, retryAfterS } = problem.extra;
  return {
    status: problem.status,
    headers: {
      'content-type': PROBLEM_TYPE,
      'cache-control': 'no-store',
      ...(retryAfterS !== undefined && { 'retry-after': String(retryAfterS) }),
      ...headers,
    },
    body: JSON.stringify(problemDocument(problem, instance)),
  };
}

/** What a body may be sent as, for messages and the `accept` header. */
const BODY_TYPES = `${JSON_TYPE}, ${ITEM_TYPE}`;

/** 415: what to send instead. RFC 9110, 15.5.16. */
export const unsupportedType = (seen: string): ProblemError =>
  new ProblemError(
    'unsupported-media-type',
    `Send the body as ${JSON_TYPE} (plain JSON) or ${ITEM_TYPE} (DynamoDB JSON), in UTF-8; got ${seen === '' ? 'no content type' : JSON.stringify(seen.slice(0, 80))}.`,
    { headers: { accept: BODY_TYPES } },
  );

/** 415 for a content coding that is not known. RFC 9110, 15.5.16 and 12.5.3. */
export const unsupportedEncoding = (seen: string, known: readonly string[]): ProblemError =>
  new ProblemError(
    'unsupported-media-type',
    `The content encoding ${JSON.stringify(seen.slice(0, 80))} is not known. Send the body as it is, or as one of ${known.join(', ')}.`,
    {
      headers: { 'accept-encoding': `${known.join(', ')}, identity` },
    },
  );

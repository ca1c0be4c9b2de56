import type { Item, Key } from '../core/attribute.ts';
import { RESERVED } from '../core/attribute.ts';
import { FormatError } from '../core/errors.ts';
import { revFromText } from '../core/formats/rev.ts';
import { metaValue } from '../core/formats/seal.ts';
import type { KeySchema } from '../core/key.ts';
import { keyAttributes } from '../core/key.ts';
import { CONSISTENCY_HEADER } from './consistency.ts';
import type { ApiRequest, ApiResponse } from './http.ts';
import { ITEM_TYPE } from './http.ts';
import type { ProblemCode } from './problem.ts';
import { PROBLEMS, ProblemError, RETRY_AFTER_S } from './problem.ts';

/**
 * A strong read of one item as one member's API asks another's: for DynamoDB JSON whatever the caller takes, so that the
 * answer is an item again, and without preconditions, which are judged where the request came in.
 */

/** The request to the primary. */
export function strongRequest(key: Key, schema: KeySchema, from: Pick<ApiRequest, 'id' | 'forwarded'>): ApiRequest {
  const headers = new Map([
    ['accept', ITEM_TYPE],
    [CONSISTENCY_HEADER, 'strong'],
  ]);
  return { method: 'GET', path: '/items', query: keyToQuery(key, schema), headers, body: '', id: from.id, forwarded: from.forwarded };
}

/** A key as query parameters: what keyFromQuery reads. */
export function keyToQuery(key: Key, schema: KeySchema): ReadonlyMap<string, readonly string[]> {
  return new Map(keyAttributes(schema).map(({ name, type }) => [name, [(key[name] as Record<string, string>)[type] as string]]));
}

/** What the primary answered, and its name. */
export interface StrongAnswer {
  /** With its rev as metadata; undefined when there is none. */
  readonly item: Item | undefined;
  readonly member: string;
}

/** The item in the primary's answer. @throws ProblemError: the primary's own, or primary-unreachable for an answer that is none. */
export function strongAnswer({ status, headers, body }: ApiResponse): StrongAnswer {
  const member = headers['syncline-member'] ?? 'unknown';
  if (status !== 200) {
    const problem = problemIn(body, member);
    if (problem.code === 'not-found') return { item: undefined, member };
    throw problem;
  }
  try {
    const item = JSON.parse(body) as Item;
    const revision = headers['syncline-revision'];
    return { item: revision === undefined ? item : { ...item, [RESERVED]: metaValue(revFromText(revision), undefined) }, member };
  } catch (error) {
    if (error instanceof FormatError || error instanceof SyntaxError) throw notUnderstood(member, error);
    throw error;
  }
}

const TYPE = /^urn:syncline:problem:([a-z-]{1,64})$/;

const isCode = (text: string): text is ProblemCode => Object.hasOwn(PROBLEMS, text);

/** Another member's problem document as a problem. */
function problemIn(body: string, member: string): ProblemError {
  let found: { readonly type?: unknown; readonly detail?: unknown };
  try {
    found = JSON.parse(body) as typeof found;
  } catch (error) {
    return notUnderstood(member, error);
  }
  const code = typeof found.type === 'string' ? TYPE.exec(found.type)?.[1] : undefined;
  if (code === undefined || !isCode(code) || typeof found.detail !== 'string') return notUnderstood(member, undefined);
  const problem = new ProblemError(code, found.detail);
  // Of a read that this member made itself nothing can be the caller's fault, so it is a matter of versions.
  if (problem.status < 500 && code !== 'not-found') return notUnderstood(member, problem);
  return new ProblemError(code, found.detail, problem.status === 503 ? { retryAfterS: RETRY_AFTER_S } : {});
}

const notUnderstood = (member: string, cause: unknown): ProblemError =>
  new ProblemError(
    'primary-unreachable',
    `The primary, "${member}", gave an answer that this member cannot read. Deploy all members of the set with one version.`,
    { retryAfterS: RETRY_AFTER_S },
    { cause },
  );

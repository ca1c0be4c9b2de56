import type { AttributeValue } from '../lib/core/attribute.ts';
import type { ApiAnswer } from './attempt.ts';
import { regionOfUrl } from './auth.ts';
import { marshalCondition, marshalOperation, marshalSort } from './conditions.ts';
import { SynclineError } from './errors.ts';
import type { Place } from './members.ts';
import { isRevision } from './session-token.ts';
import type { BatchWrite, Patch, Query, QueryPage, ReadItem, ReadOptions, WriteOptions, WriteOutcome } from './types.ts';
import type { NativeItem, NativeValue } from './values.ts';
import { marshal, marshalItem } from './values.ts';

/** What callers say, as the API takes it, and its answers, as callers get them. Pure. */

/** A member's API before anything is known of it but its URL. @throws SynclineError "invalid-value" */
export function seed(endpoint: string): Place {
  const parsed = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || `${parsed.username}${parsed.search}${parsed.hash}` !== '') {
    throw new SynclineError('invalid-value', `endpoints: ${JSON.stringify(endpoint)} is no URL of an API, such as https://….amazonaws.com/v1.`);
  }
  const url = endpoint.replace(/\/+$/, '');
  const region = regionOfUrl(url);
  return { name: url, url, ...(region !== undefined && { region }) };
}

/** A text in a query, encoded as a signature encodes it, so that no gateway reads the one for the other: a space is "%20", never "+". */
export const encoded = (text: string): string => encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** A key in the query: text, numbers as text, binaries as base64url. @throws SynclineError "invalid-value" */
export function keyQuery(key: NativeItem): string {
  return Object.entries(key)
    .map(([name, value]) => `${encoded(name)}=${encoded(keyText(value, `key.${name}`))}`)
    .join('&');
}

function keyText(value: NativeValue, path: string): string {
  const marshalled = marshal(value, path);
  if ('N' in marshalled) return marshalled.N;
  if ('B' in marshalled) return marshalled.B.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  if (!('S' in marshalled)) throw new SynclineError('invalid-value', `${path}: a key attribute is text, a number or a binary.`);
  if (!marshalled.S.isWellFormed()) throw new SynclineError('invalid-value', `${path}: the text is not well-formed Unicode: it has half of a surrogate pair.`);
  return marshalled.S;
}

export const patchJson = (patch: Patch): object => ({
  operations: patch.operations.map(marshalOperation),
  ...(patch.if !== undefined && { if: marshalCondition(patch.if) }),
});

export function batchJson(write: BatchWrite): object {
  if ('put' in write) return { ...write, put: marshalItem(write.put) };
  if ('delete' in write) return { ...write, delete: marshalItem(write.delete) };
  return { ...write, patch: { key: marshalItem(write.patch.key), ...patchJson(write.patch) } };
}

export function queryJson({ partition, sort, filter, ...more }: Query): { readonly partition: AttributeValue } & object {
  return {
    ...more,
    partition: marshal(partition, 'partition'),
    ...(sort !== undefined && { sort: marshalSort(sort) }),
    ...(filter !== undefined && { filter: marshalCondition(filter) }),
  };
}

/** @throws SynclineError "invalid-value" */
export function consistencyHeader(consistency: ReadOptions['consistency']): Record<string, string> {
  if (consistency === undefined) return {};
  if (typeof consistency !== 'string' && !isRevision(consistency.atLeast)) {
    throw new SynclineError('invalid-value', `consistency.atLeast: ${JSON.stringify(consistency.atLeast.slice(0, 80))} is no revision.`);
  }
  return { 'syncline-consistency': typeof consistency === 'string' ? consistency : `at-least=${consistency.atLeast}` };
}

export const conditionHeaders = ({ ifMatch, ifNoneMatch }: WriteOptions): Record<string, string> => ({
  ...(ifMatch !== undefined && { 'if-match': ifMatch }),
  ...(ifNoneMatch !== undefined && { 'if-none-match': ifNoneMatch }),
});

export function tagsOf({ headers }: ApiAnswer): { etag?: string; revision?: string } {
  const etag = headers.get('etag');
  const revision = headers.get('syncline-revision');
  return { ...(etag !== null && { etag }), ...(revision !== null && { revision }) };
}

export const outcomeOf = (answer: ApiAnswer, idempotencyKey: string): WriteOutcome => ({
  created: answer.status === 201,
  ...tagsOf(answer),
  idempotencyKey,
  replayed: answer.headers.get('idempotency-replayed') === 'true',
  member: answer.member,
});

export const badAnswer = (answer: ApiAnswer): SynclineError =>
  new SynclineError('bad-answer', `The answer of ${answer.member} is not one of Syncline’s API (HTTP ${answer.status}). Is the URL right, stage included?`, {
    status: answer.status,
  });

/** @throws SynclineError "bad-answer" */
export function bodyOf<T>(answer: ApiAnswer): T {
  try {
    return JSON.parse(answer.text) as T;
  } catch {
    throw badAnswer(answer);
  }
}

/** Pages that one iteration over a query reads at most: an endless one is a bug. */
const PAGES_MAX = 1_000_000;

/** Page after page, as they are asked for. @param after where the first one begins */
export async function* pagesOf<P extends { readonly next?: string }>(
  after: string | undefined,
  read: (after: { after?: string }) => Promise<P>,
): AsyncGenerator<P, void, undefined> {
  let from = after;
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const page = await read(from === undefined ? {} : { after: from });
    yield page;
    if (page.next === undefined) return;
    from = page.next;
  }
}

export async function* itemsOf(pages: AsyncIterable<QueryPage>): AsyncGenerator<ReadItem, void, undefined> {
  for await (const page of pages) yield* page.items;
}

export async function countAll(pages: AsyncIterable<{ readonly count: number }>): Promise<number> {
  let count = 0;
  for await (const page of pages) count += page.count;
  return count;
}

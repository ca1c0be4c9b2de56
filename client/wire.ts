import type { AttributeValue } from '../lib/core/attribute.ts';
import { regionOfUrl } from './auth.ts';
import type { Condition, Operation } from './conditions.ts';
import { marshalCondition, marshalOperation, marshalSort } from './conditions.ts';
import { SynclineError } from './errors.ts';
import type { Place } from './members.ts';
import type { ApiAnswer } from './transport.ts';
import type { BatchWrite, Query, ReadOptions, WriteOutcome } from './types.ts';
import type { NativeItem } from './values.ts';
import { marshal, marshalItem } from './values.ts';

/** What callers say, as the API takes it, and its answers, as callers get them. Pure. */

/** A member's API before anything is known of it but its URL. @throws SynclineError "invalid-value" */
export function seed(endpoint: string): Place {
  if (!URL.canParse(endpoint)) throw new SynclineError('invalid-value', `endpoints: ${JSON.stringify(endpoint)} is no URL.`);
  const url = endpoint.replace(/\/+$/, '');
  const region = regionOfUrl(url);
  return { name: url, url, ...(region !== undefined && { region }) };
}

/** A key in the query: text, numbers as text, binaries as base64url. */
export function keyQuery(key: NativeItem): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(key)) {
    const marshalled = marshal(value, `key.${name}`);
    if ('S' in marshalled) query.set(name, marshalled.S);
    else if ('N' in marshalled) query.set(name, marshalled.N);
    else if ('B' in marshalled) query.set(name, marshalled.B.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''));
    else throw new SynclineError('invalid-value', `key.${name}: a key attribute is text, a number or a binary.`);
  }
  return query;
}

export const patchJson = (patch: { readonly operations: readonly Operation[]; readonly if?: Condition }): object => ({
  operations: patch.operations.map(marshalOperation),
  ...(patch.if !== undefined && { if: marshalCondition(patch.if) }),
});

export function batchJson(write: BatchWrite): object {
  if ('put' in write) return { ...write, put: marshalItem(write.put) };
  if ('delete' in write) return { ...write, delete: marshalItem(write.delete) };
  return { patch: { key: marshalItem(write.patch.key), ...patchJson(write.patch) } };
}

export function queryJson({ partition, sort, filter, ...more }: Query): { readonly partition: AttributeValue } & object {
  return {
    ...more,
    partition: marshal(partition, 'partition'),
    ...(sort !== undefined && { sort: marshalSort(sort) }),
    ...(filter !== undefined && { filter: marshalCondition(filter) }),
  };
}

export function consistencyHeader(consistency: ReadOptions['consistency']): Record<string, string> {
  if (consistency === undefined) return {};
  return { 'syncline-consistency': typeof consistency === 'string' ? consistency : `at-least=${consistency.atLeast}` };
}

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

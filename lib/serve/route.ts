import type { HistoryOption } from '../core/history-query.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { ServeContext } from './context.ts';
import type { ApiRequest, ApiResponse } from './http.ts';
import { matchPath } from './path.ts';
import type { ProblemCode } from './problem.ts';
import type { AuthFacts, Scope } from './scopes.ts';

export type Method = 'GET' | 'HEAD' | 'PUT' | 'PATCH' | 'DELETE' | 'POST';

/** What an operation is told of the deployment, beside its member. */
export interface ApiFacts {
  readonly auth: AuthFacts;
  readonly members: readonly { readonly name: string; readonly region: string }[];
}

/** An operation: takes a request and gives a response, or throws what problem.ts turns into one. */
export type Operation = (ctx: ServeContext, runtime: Runtime, request: ApiRequest, facts: ApiFacts) => Promise<ApiResponse>;

/** Request headers that routes read, by the names that the document's components have. */
export type HeaderName = 'if-match' | 'if-none-match' | 'idempotency-key' | 'syncline-consistency' | 'syncline-consistency-many' | 'prefer';

/** What a body, or an answer's body, holds: by name, as each has two forms or is one of the document's components. */
export type ContentName =
  | 'item'
  | 'patch'
  | 'batch'
  | 'query'
  | 'count'
  | 'batch-results'
  | 'query-page'
  | 'history-page'
  | 'count-page'
  | 'health'
  | 'discovery'
  | 'status'
  | 'proof'
  | 'check-list'
  | 'check'
  | 'findings-page'
  | 'orphan-page'
  | 'orphan'
  | 'diff'
  | 'openapi'
  | 'page';

/** Parameters in the path, or in a query without a key, by name. */
export type OptionName = 'check-id' | 'orphan-id' | 'limit' | 'cursor' | 'state' | 'member';

/** Response headers, by name. */
export type AnswerHeader = 'etag' | 'syncline-revision' | 'syncline-member' | 'syncline-consistency' | 'idempotency-replayed' | 'preference-applied';

/** One answer that is no problem. */
export interface Answer {
  readonly description: string;
  readonly content?: ContentName;
  readonly headers?: readonly AnswerHeader[];
}

/**
 * One route: what the router, the scopes, the OpenAPI document and the page are made from.
 */
export interface Route {
  readonly method: Method;
  /** A name in braces stands for one part: `/checks/{id}`. */
  readonly path: string;
  readonly scope: Scope;
  /** Name of the operation, for generated clients. */
  readonly id: string;
  readonly tag: 'Items' | 'Queries' | 'Checks' | 'Service';
  /** A few words. */
  readonly summary: string;
  /** A few plain sentences. */
  readonly description: string;
  /** Whether it may change items, so that a call without an answer leaves its outcome open. */
  readonly writes: boolean;
  /** Whether a member takes it from another one: it is then for the primary, or for the one member that can answer it. */
  readonly forwardable: boolean;
  /** Whether the query string holds a key: all of it must, or may be given beside a body. */
  readonly key?: 'required' | 'optional';
  /** Parameters of the query beside the key. */
  readonly query?: readonly HistoryOption[];
  /** Parameters in the path, and those of a query without a key. */
  readonly options?: readonly OptionName[];
  readonly headers?: readonly HeaderName[];
  readonly body?: ContentName;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Problems beside those of every route. */
  readonly problems: readonly ProblemCode[];
  readonly run: Operation;
}

/** The route of a request, or what is allowed at its path, or undefined when there is nothing at it. */
export function findRoute(routes: readonly Route[], method: string, path: string): Route | { readonly allow: string } | undefined {
  const here = routesAt(routes, path);
  if (here.length === 0) return undefined;
  return here.find((route) => route.method === method) ?? { allow: here.map((route) => route.method).join(', ') };
}

/** The routes at a path, whatever their methods. */
export const routesAt = (routes: readonly Route[], path: string): readonly Route[] => routes.filter((route) => matchPath(route.path, path) !== undefined);

import type { MiddyfiedHandler } from '@middy/core';
import httpHeaderNormalizer from '@middy/http-header-normalizer';
import type { Route } from '@middy/http-router';
import httpRouterHandler from '@middy/http-router';
import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda';
import { whyText } from '../../lib/ports/errors.ts';
import type { Runtime } from '../../lib/ports/runtime.ts';
import { deleteItem, getItem, health, putItem } from '../../lib/serve/api.ts';
import type { ServeContext } from '../../lib/serve/context.ts';
import type { AnswerPayload } from '../../lib/serve/forward.ts';
import { decodeForward, encodeAnswer, isForward } from '../../lib/serve/forward.ts';
import type { ApiRequest, ApiResponse } from '../../lib/serve/http.ts';
import { ProblemError, problemOf, problemResponse } from '../../lib/serve/problem.ts';
import type { Base } from '../shared/base.ts';
import { frames, wrap } from '../shared/base.ts';
import { fromGateway, toGateway } from './request.ts';

type Operation = (ctx: ServeContext, runtime: Runtime, request: ApiRequest) => Promise<ApiResponse>;

/** Path → method → operation: the whole API. */
const OPERATIONS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  '/items': { GET: getItem, HEAD: getItem, PUT: putItem, DELETE: deleteItem },
  '/health': { GET: health, HEAD: async (...args) => ({ ...(await health(...args)), body: '' }) },
};

/** A path without a slash at its end, as the router matches it. */
const plain = (path: string): string => (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path);

/** 404, or 405 with what is allowed. */
function noRoute({ method, path }: { method: string; path: string }): never {
  const known = Object.hasOwn(OPERATIONS, plain(path)) ? OPERATIONS[plain(path)] : undefined;
  if (known === undefined) {
    throw new ProblemError(
      'no-route',
      `There is nothing at ${JSON.stringify(path.slice(0, 200))}. The paths are ${Object.keys(OPERATIONS).join(' and ')}; a key goes into the query.`,
    );
  }
  const allow = Object.keys(known).join(', ');
  throw new ProblemError('method-not-allowed', `${method} is not allowed at ${path}. Allowed are ${allow}.`, { headers: { allow } });
}

/**
 * The API's handler: requests of the gateway, and requests that another member's API handed on. It answers every
 * error with a problem document, so that the gateway never shows one of its own for ours.
 */
export function apiHandler(base: Base, ctx: ServeContext): MiddyfiedHandler<unknown, APIGatewayProxyResult | AnswerPayload> {
  const { runtime } = base;
  const routes: Route<APIGatewayProxyEvent, APIGatewayProxyResult>[] = Object.entries(OPERATIONS).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method as 'GET',
      path,
      handler: async (event: APIGatewayProxyEvent) => toGateway(await operation(ctx, runtime, fromGateway(event))),
    })),
  );
  const router = httpRouterHandler<APIGatewayProxyEvent, APIGatewayProxyResult>({ routes, notFoundResponse: noRoute });

  const http = async (event: APIGatewayProxyEvent, context: Context): Promise<APIGatewayProxyResult> => {
    try {
      return await router(event, context);
    } catch (error) {
      return toGateway(problem(error, event.httpMethod, event.requestContext?.requestId ?? context.awsRequestId));
    }
  };
  const forwarded = async (event: unknown, context: Context): Promise<AnswerPayload> => {
    let method = 'PUT';
    let id = context.awsRequestId;
    try {
      const request = decodeForward(event);
      ({ method, id } = request);
      const operation = Object.hasOwn(OPERATIONS, request.path) ? OPERATIONS[request.path]?.[method] : undefined;
      if (operation === undefined) noRoute(request);
      return encodeAnswer(await operation(ctx, runtime, request));
    } catch (error) {
      return encodeAnswer(problem(error, method, id));
    }
  };
  const problem = (error: unknown, method: string, id: string): ApiResponse => {
    const found = problemOf(error, method === 'PUT' || method === 'DELETE');
    if (found.status >= 500) {
      const cause = found.cause ?? error;
      runtime.log[found.code === 'internal' ? 'error' : 'warn']('problem', {
        code: found.code,
        id,
        why: whyText(cause),
        at: found.code === 'internal' ? frames(cause) : [],
      });
      runtime.metrics.count('Problems', 1, { code: found.code });
    }
    const response = problemResponse(found, id);
    const headers = { 'syncline-member': ctx.member, ...response.headers };
    return { ...response, headers, body: method === 'HEAD' ? '' : response.body };
  };

  return wrap(base, async (event: unknown, context: Context) =>
    isForward(event) ? forwarded(event, context) : http(event as APIGatewayProxyEvent, context),
  ).use(httpHeaderNormalizer()) as MiddyfiedHandler<unknown, APIGatewayProxyResult | AnswerPayload>;
}

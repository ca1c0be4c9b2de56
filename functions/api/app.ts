import type { MiddyfiedHandler } from '@middy/core';
import httpHeaderNormalizer from '@middy/http-header-normalizer';
import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda';
import { whyText } from '../../lib/ports/errors.ts';
import type { ServeContext } from '../../lib/serve/context.ts';
import type { AnswerPayload } from '../../lib/serve/forward.ts';
import { decodeForward, encodeAnswer, isForward } from '../../lib/serve/forward.ts';
import type { ApiRequest, ApiResponse } from '../../lib/serve/http.ts';
import { PATHS, ROUTES } from '../../lib/serve/operations.ts';
import { ProblemError, problemOf, problemResponse, RETRY_AFTER_LONG_S } from '../../lib/serve/problem.ts';
import type { ApiFacts, Route } from '../../lib/serve/route.ts';
import { findRoute, routesAt } from '../../lib/serve/route.ts';
import { allows } from '../../lib/serve/scopes.ts';
import type { Base } from '../shared/base.ts';
import { frames, wrap } from '../shared/base.ts';
import { authority } from './auth.ts';
import { preflight, withCors } from './cors.ts';
import { fromGateway, toGateway, withBody } from './request.ts';

/** 404, or 405 with what is allowed. */
function noRoute({ method, path }: ApiRequest, found: { readonly allow: string } | undefined): never {
  if (found === undefined) {
    throw new ProblemError(
      'no-route',
      `There is nothing at ${JSON.stringify(path.slice(0, 200))}. The paths are ${PATHS.join(', ')}; a key goes into the query.`,
    );
  }
  throw new ProblemError('method-not-allowed', `${method} is not allowed at ${path}. Allowed are ${found.allow}.`, { headers: { allow: found.allow } });
}

/**
 * The API's handler: requests of the gateway, and requests that another member's API handed on. It answers every
 * error with a problem document, so that the gateway never shows one of its own for ours.
 *
 * A handed-on request is not asked for a token: only members' api functions may invoke this one (IAM), and the member
 * where it came in has asked. The gateway cannot make such an event, as it always wraps what clients send.
 */
export function apiHandler(base: Base, ctx: ServeContext): MiddyfiedHandler<unknown, APIGatewayProxyResult | AnswerPayload> {
  const { runtime } = base;
  const { auth, corsOrigins } = base.settings;
  const gate = authority(auth, runtime.clock);
  const facts: ApiFacts = { auth, members: base.settings.config.members };

  const http = async (event: APIGatewayProxyEvent): Promise<APIGatewayProxyResult> => {
    const request = fromGateway(event);
    const found = findRoute(ROUTES, request.method, request.path);
    const route = found !== undefined && 'run' in found ? found : undefined;
    let response: ApiResponse;
    try {
      response = preflight(request, corsOrigins, allowed(request.path)) ?? (await answer(request, event, found));
    } catch (error) {
      response = problem(error, route, request);
    }
    return toGateway(withCors(response, request, corsOrigins), request);
  };

  /** Nobody unknown learns even which paths there are, and nothing of a body is read before its sender is known. */
  const answer = async (request: ApiRequest, event: APIGatewayProxyEvent, found: ReturnType<typeof findRoute>): Promise<ApiResponse> => {
    const route = found !== undefined && 'run' in found ? found : undefined;
    if (auth.type === 'iam') mustBeChecked(event);
    const scopes = await gate.admit(request.headers, route?.scope);
    if (route === undefined) noRoute(request, found as Exclude<typeof found, Route>);
    const known = allows(scopes, 'read') ? request : showingNothing(request);
    return route.run(ctx, runtime, route.body === undefined ? known : withBody(known, event), facts);
  };

  const forwarded = async (event: unknown, context: Context): Promise<AnswerPayload> => {
    let request: ApiRequest | undefined;
    let route: Route | undefined;
    try {
      request = decodeForward(event);
      const found = findRoute(ROUTES, request.method, request.path);
      if (found === undefined || !('run' in found)) noRoute(request, found);
      if (!found.forwardable) throw new ProblemError('method-not-allowed', `${request.method} ${request.path} is not handed on between members.`);
      route = found;
      return encodeAnswer(await route.run(ctx, runtime, request, facts));
    } catch (error) {
      return encodeAnswer(problem(error, route, request ?? { method: 'PUT', id: context.awsRequestId }));
    }
  };

  /** @param route absent when none was found; a forwarded request may then have been meant to write. */
  const problem = (error: unknown, route: Route | undefined, { id }: Pick<ApiRequest, 'id'> & { readonly method: string }): ApiResponse => {
    const found = problemOf(error, route?.writes ?? false);
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
    return { ...response, headers: { 'syncline-member': ctx.member, ...response.headers } };
  };

  return wrap(base, async (event: unknown, context: Context) => (isForward(event) ? forwarded(event, context) : http(event as APIGatewayProxyEvent))).use(
    httpHeaderNormalizer(),
  ) as MiddyfiedHandler<unknown, APIGatewayProxyResult | AnswerPayload>;
}

/**
 * ⚠ With IAM it is the gateway that checks who asks, and its stage says so in a variable. When a set goes from tokens to
 * IAM, CloudFormation changes the function before the gateway; what comes through an open gateway meanwhile is refused.
 *
 * @throws ProblemError deploying
 */
function mustBeChecked(event: APIGatewayProxyEvent): void {
  if (event.stageVariables?.['auth'] === 'iam') return;
  throw new ProblemError('deploying', 'This API is being deployed: its gateway does not check signatures yet. Nothing was changed; try again.', {
    retryAfterS: RETRY_AFTER_LONG_S,
  });
}

/** The methods at a path, or undefined when there is nothing at it. */
const allowed = (path: string): string | undefined => {
  const methods = routesAt(ROUTES, path).map((route) => route.method);
  return methods.length === 0 ? undefined : methods.join(', ');
};

/** Who may write, but not read, is not shown an item: a patch answers as if the caller had asked for no body. */
function showingNothing(request: ApiRequest): ApiRequest {
  return { ...request, headers: new Map([...request.headers, ['prefer', 'return=minimal']]) };
}

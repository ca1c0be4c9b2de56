import type { ApiRequest, ApiResponse } from '../../lib/serve/http.ts';
import { varied } from './request.ts';

/**
 * Cross-origin requests of browsers (https://fetch.spec.whatwg.org/#http-cors-protocol). Only origins that the
 * deployment names are answered; there is no wildcard, and no cookie is ever involved.
 */

/** How long a browser may keep the answer to a preflight (s). */
const PREFLIGHT_AGE_S = 600;
/** Headers that pages may send: those that the API reads, and those of signatures. */
const REQUEST_HEADERS = [
  'authorization',
  'content-type',
  'content-encoding',
  'accept',
  'if-match',
  'if-none-match',
  'prefer',
  'idempotency-key',
  'syncline-consistency',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-content-sha256',
  'x-api-key',
];
/** Headers of answers that pages may read, beside the few that they always may. */
const RESPONSE_HEADERS = [
  'etag',
  'retry-after',
  'allow',
  'idempotency-replayed',
  'preference-applied',
  'syncline-consistency',
  'syncline-member',
  'syncline-revision',
  'www-authenticate',
];

/**
 * The answer to a preflight; undefined when the request is none, or comes from an origin that is not let in: then it is
 * handled as any other OPTIONS request.
 *
 * @param allow the methods at the path, as for the Allow header.
 */
export function preflight(request: ApiRequest, origins: readonly string[], allow: string | undefined): ApiResponse | undefined {
  const origin = request.headers.get('origin');
  if (request.method !== 'OPTIONS' || !request.headers.has('access-control-request-method')) return undefined;
  if (origin === undefined || !origins.includes(origin) || allow === undefined) return undefined;
  return {
    status: 204,
    headers: {
      'access-control-allow-methods': allow,
      'access-control-allow-headers': REQUEST_HEADERS.join(', '),
      'access-control-max-age': String(PREFLIGHT_AGE_S),
    },
    body: '',
  };
}

/** The response with what lets a page of an allowed origin read it. */
export function withCors(response: ApiResponse, request: ApiRequest, origins: readonly string[]): ApiResponse {
  if (origins.length === 0) return response;
  const vary = varied(response.headers['vary'], 'origin');
  const origin = request.headers.get('origin');
  if (origin === undefined || !origins.includes(origin)) return { ...response, headers: { ...response.headers, vary } };
  return {
    ...response,
    headers: { ...response.headers, vary, 'access-control-allow-origin': origin, 'access-control-expose-headers': RESPONSE_HEADERS.join(', ') },
  };
}

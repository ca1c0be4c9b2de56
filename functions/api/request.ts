import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import type { ApiRequest, ApiResponse } from '../../lib/serve/http.ts';
import { ProblemError } from '../../lib/serve/problem.ts';
import { COMPRESS_BYTES_MIN, codingFor, packed, unpacked } from './encoding.ts';

/** Events of API Gateway's REST API (payload 1.0) as the flows see requests, and responses as the gateway takes them. */

/**
 * A request without its body, which is read only once the caller is known: unpacking is work.
 * Header names are in lower case already.
 */
export function fromGateway(event: APIGatewayProxyEvent): ApiRequest {
  const path = pathOf(event);
  const base = baseOf(event, path);
  return {
    method: event.httpMethod,
    path,
    query: queryOf(event),
    headers: headersOf(event),
    body: '',
    id: event.requestContext?.requestId ?? 'unknown',
    forwarded: false,
    ...(base !== undefined && { base }),
  };
}

/**
 * The same request with its body, as text without content coding.
 *
 * @throws ProblemError invalid-body when it is not UTF-8 or cannot be unpacked; body-too-large; unsupported-media-type.
 */
export function withBody(request: ApiRequest, event: APIGatewayProxyEvent): ApiRequest {
  const raw = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
  const bytes = unpacked(raw, request.headers.get('content-encoding'));
  const headers = new Map(request.headers);
  headers.delete('content-encoding');
  try {
    return { ...request, headers, body: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch (error) {
    throw new ProblemError('invalid-body', 'The body is not UTF-8 text. Send JSON in UTF-8.', {}, { cause: error });
  }
}

/** The path below the stage: under a custom domain's base path, `event.path` has that, too, but the proxy's parameter has not. */
function pathOf(event: APIGatewayProxyEvent): string {
  const proxy = event.resource === '/{proxy+}' ? event.pathParameters?.['proxy'] : undefined;
  const path = proxy === undefined ? event.path : `/${proxy}`;
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** The URL below which the paths lie. The gateway names its own host: the Host header could be anybody's. */
function baseOf(event: APIGatewayProxyEvent, path: string): string | undefined {
  const { domainName, path: whole } = event.requestContext ?? {};
  if (domainName === undefined || whole === undefined) return undefined;
  const trimmed = whole.endsWith('/') ? whole.slice(0, -1) : whole;
  if (path !== '/' && !trimmed.endsWith(path)) return undefined;
  return `https://${domainName}${path === '/' ? trimmed : trimmed.slice(0, -path.length)}`;
}

/** All values of each parameter; the single-value form where a local cloud gives only that. */
function queryOf(event: APIGatewayProxyEvent): ReadonlyMap<string, readonly string[]> {
  const out = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(event.queryStringParameters ?? {})) if (typeof value === 'string') out.set(name, [value]);
  for (const [name, values] of Object.entries(event.multiValueQueryStringParameters ?? {})) if (Array.isArray(values)) out.set(name, values);
  return out;
}

/** Repeated headers are one list, as RFC 9110, 5.3 has it. */
function headersOf(event: APIGatewayProxyEvent): ReadonlyMap<string, string> {
  const out = new Map<string, string>();
  for (const [name, value] of Object.entries(event.headers ?? {})) if (typeof value === 'string') out.set(name, value);
  for (const [name, values] of Object.entries(event.multiValueHeaders ?? {})) if (Array.isArray(values) && values.length > 0) out.set(name, values.join(', '));
  return out;
}

/**
 * A response as API Gateway takes it, compressed where the caller accepts that and it is long enough.
 *
 * ⚠ A gateway decodes a base64 answer only for requests whose Accept header matches its binary media types, and those
 * are all types: so a request without that header gets its answer as it is.
 */
export function toGateway(response: ApiResponse, request?: Pick<ApiRequest, 'headers' | 'method'>): APIGatewayProxyResult {
  if (request?.method === 'HEAD' || response.body === '') return { statusCode: response.status, headers: { ...response.headers }, body: '' };
  const headers = { ...response.headers, vary: varied(response.headers['vary'], 'accept-encoding') };
  const plain = { statusCode: response.status, headers, body: response.body };
  const accept = request?.headers.get('accept')?.trim() ?? '';
  const coding = accept === '' ? undefined : codingFor(request?.headers.get('accept-encoding'));
  // A text has at least as many bytes in UTF-8 as UTF-16 units.
  if (coding === undefined || response.body.length < COMPRESS_BYTES_MIN) return plain;
  const bytes = packed(Buffer.from(response.body, 'utf8'), coding);
  return { ...plain, headers: { ...headers, 'content-encoding': coding }, body: bytes.toString('base64'), isBase64Encoded: true };
}

/** A Vary header with one more name in it. */
export const varied = (vary: string | undefined, name: string): string => (vary === undefined ? name : `${vary}, ${name}`);

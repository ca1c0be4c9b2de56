import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import type { ApiRequest, ApiResponse } from '../../lib/serve/http.ts';
import { ProblemError } from '../../lib/serve/problem.ts';

/**
 * A request of API Gateway's REST API (payload 1.0) as the flows see it. Header names are in lower case already.
 *
 * @throws ProblemError invalid-body when the body is not UTF-8.
 */
export function fromGateway(event: APIGatewayProxyEvent): ApiRequest {
  return {
    method: event.httpMethod,
    path: event.path,
    query: queryOf(event),
    headers: headersOf(event),
    body: bodyOf(event),
    id: event.requestContext?.requestId ?? 'unknown',
    forwarded: false,
  };
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

function bodyOf(event: APIGatewayProxyEvent): string {
  const body = event.body ?? '';
  if (!event.isBase64Encoded) return body;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(body, 'base64'));
  } catch (error) {
    throw new ProblemError('invalid-body', 'The body is not UTF-8 text. Send the item as JSON in UTF-8.', {}, { cause: error });
  }
}

/** A response as API Gateway takes it. */
export const toGateway = (response: ApiResponse): APIGatewayProxyResult => ({
  statusCode: response.status,
  headers: { ...response.headers },
  body: response.body,
});

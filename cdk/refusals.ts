import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import { ResponseType } from 'aws-cdk-lib/aws-apigateway';

/** What the gateway itself answers with, before any code of ours runs. */
const REFUSALS: readonly { readonly type: ResponseType; readonly id: string; readonly status?: number; readonly title: string }[] = [
  { id: 'AccessDenied', type: ResponseType.ACCESS_DENIED, status: 403, title: 'Access denied' },
  { id: 'BadRequestBody', type: ResponseType.BAD_REQUEST_BODY, status: 400, title: 'Bad request body' },
  { id: 'BadRequestParameters', type: ResponseType.BAD_REQUEST_PARAMETERS, status: 400, title: 'Bad request parameters' },
  { id: 'ExpiredToken', type: ResponseType.EXPIRED_TOKEN, status: 403, title: 'Expired credentials' },
  { id: 'IntegrationFailure', type: ResponseType.INTEGRATION_FAILURE, status: 504, title: 'The service did not answer' },
  { id: 'IntegrationTimeout', type: ResponseType.INTEGRATION_TIMEOUT, status: 504, title: 'The service did not answer in time' },
  { id: 'InvalidSignature', type: ResponseType.INVALID_SIGNATURE, status: 403, title: 'Wrong signature' },
  { id: 'MissingAuthenticationToken', type: ResponseType.MISSING_AUTHENTICATION_TOKEN, status: 403, title: 'Unsigned request, or no such route' },
  { id: 'QuotaExceeded', type: ResponseType.QUOTA_EXCEEDED, status: 429, title: 'Quota exceeded' },
  { id: 'RequestTooLarge', type: ResponseType.REQUEST_TOO_LARGE, status: 413, title: 'Request too large' },
  { id: 'ResourceNotFound', type: ResponseType.RESOURCE_NOT_FOUND, status: 404, title: 'No such route' },
  { id: 'Throttled', type: ResponseType.THROTTLED, status: 429, title: 'Too many requests' },
  { id: 'Unauthorized', type: ResponseType.UNAUTHORIZED, status: 401, title: 'Unauthorized' },
  { id: 'UnsupportedMediaType', type: ResponseType.UNSUPPORTED_MEDIA_TYPE, status: 415, title: 'Unsupported media type' },
  { id: 'WafFiltered', type: ResponseType.WAF_FILTERED, status: 403, title: 'Refused by the web application firewall' },
  { id: 'Default4xx', type: ResponseType.DEFAULT_4XX, title: 'The request was refused' },
  { id: 'Default5xx', type: ResponseType.DEFAULT_5XX, title: 'The request failed' },
];

/**
 * Has the gateway answer its own refusals with problem documents.
 *
 * @param origin the one origin that pages call from: without this header a browser hides a refusal from its page. With
 * several origins there is no such header: a gateway's response cannot choose.
 */
export function shapeRefusals(api: RestApi, origin: string | undefined): void {
  for (const refusal of REFUSALS) {
    api.addGatewayResponse(refusal.id, {
      type: refusal.type,
      ...(refusal.status !== undefined && { statusCode: String(refusal.status) }),
      responseHeaders: {
        'Content-Type': "'application/problem+json'",
        ...(origin !== undefined && { 'Access-Control-Allow-Origin': `'${origin}'` }),
      },
      templates: { 'application/json': problem(refusal.title, refusal.status) },
    });
  }
}

/** A problem document (RFC 9457). The gateway fills in its own message, quoted, and the request's id. A default response serves many statuses, so it names none. */
function problem(title: string, status?: number): string {
  return `{"type":"about:blank","title":${JSON.stringify(title)},${status === undefined ? '' : `"status":${status},`}"detail":$context.error.messageString,"instance":"urn:request:$context.requestId"}`;
}

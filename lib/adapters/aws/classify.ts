import type { RemoteErrorKind } from '../../ports/errors.ts';
import { RemoteError } from '../../ports/errors.ts';

/**
 * What a failed call means, by one pure function. The question behind every row: may it have taken effect?
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */

/** What an adapter saw of a failure. Every field is optional: errors of many makers come by. */
export interface Failure {
  /** The service's code ("ValidationException"), or the error's name. */
  readonly code: string;
  readonly message: string;
  /** HTTP status of the answer, when there was one. */
  readonly status: number | undefined;
  /** Whether a byte of the request may have left; undefined when not known. */
  readonly issued: boolean | undefined;
  /** Whether the request only reads. Then an answer that says "failed" is a failure without effect. */
  readonly reads?: boolean;
}

/** Refused for load: nothing was done. */
const THROTTLED: ReadonlySet<string> = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'Throttling',
  'ThrottledException',
  'RequestThrottled',
  'RequestThrottledException',
  'RequestLimitExceeded',
  'RequestLimitExceededException',
  'LimitExceededException',
  'TooManyRequestsException',
  'TooManyRequests',
  'SlowDown',
  'OverLimit',
  'KmsThrottled',
  'KMSThrottlingException',
  'EC2ThrottledException',
  'ReplicatedWriteConflictException',
]);

/** Refused for a state that passes; nothing was done. */
const TRANSIENT: ReadonlySet<string> = new Set([
  'TransactionConflictException',
  'ResourceInUseException',
  'ResourceConflictException',
  'ResourceNotReadyException',
  'SnapStartNotReadyException',
  'SnapStartTimeoutException',
  'RequestTimeTooSkewed',
  'RequestExpired',
  // S3: another conditional request for the key is under way; the body did not arrive whole (these two are 400s); the name of a
  // bucket that was just made does not lead to its region yet (307).
  'ConditionalRequestConflict',
  'OperationAborted',
  'RequestTimeout',
  'IncompleteBody',
  'TemporaryRedirect',
]);

/** Credentials, policies, keys. */
const DENIED: ReadonlySet<string> = new Set([
  'CredentialsProviderError',
  'AccessDenied',
  'AccessDeniedException',
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'IncompleteSignature',
  'IncompleteSignatureException',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'ExpiredTokenException',
  'ExpiredToken',
  'InvalidClientTokenId',
  'InvalidSecurity',
  'NotAuthorized',
  'OptInRequired',
  'KMSAccessDeniedException',
  'KMSDisabledException',
  'KMSInvalidStateException',
  'KMSNotFoundException',
  'KmsAccessDenied',
  'KmsDisabled',
  'KmsInvalidState',
  'KmsNotFound',
  'KMS.DisabledException',
  'KMS.InvalidStateException',
  'KMS.NotFoundException',
  'KMS.KMSInvalidStateException',
]);

/** What it was for is not there. */
const MISSING: ReadonlySet<string> = new Set([
  'ResourceNotFoundException',
  'TableNotFoundException',
  'QueueDoesNotExist',
  'QueueDeletedRecently',
  'AWS.SimpleQueueService.NonExistentQueue',
  'AWS.SimpleQueueService.QueueDeletedRecently',
  // S3: the bucket is not there, or not in this region (301).
  'NoSuchBucket',
  'PermanentRedirect',
]);

/** Codes of the socket and the resolver that come before a byte is sent. */
const NOT_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENFILE',
  'ConnectTimeout',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
]);

/**
 * The kind of a failure.
 *
 * A 4xx answer is a refusal that had no effect, whatever its code. ⚠ A 5xx to a write may come from behind the point where the
 * write was made: InternalServerError is documented so, and nothing documents ServiceUnavailable (503) to come before it. So every
 * 5xx to a write counts as unanswered, unless its code is one of the refusals above. Without an answer it is unanswered unless it is
 * known that no byte left; for reads, too, so that a frozen service is not asked again and again.
 */
export function kindOf(failure: Failure): RemoteErrorKind {
  const code = bareCode(failure.code);
  if (THROTTLED.has(code)) return 'throttled';
  if (DENIED.has(code)) return 'denied';
  if (MISSING.has(code)) return 'missing';
  if (TRANSIENT.has(code)) return 'transient';
  const { status } = failure;
  if (status !== undefined) {
    if (status === 429) return 'throttled';
    if (status === 401 || status === 403) return 'denied';
    if (status === 404) return 'missing';
    if (status === 408) return 'unanswered';
    if (status >= 400 && status < 500) return 'invalid';
    if (status >= 500 && failure.reads === true) return 'transient';
    return 'unanswered';
  }
  if (failure.issued === false || (failure.issued === undefined && NOT_SENT.has(code))) return 'transient';
  return 'unanswered';
}

/** A code without its namespace and its suffix: "com.amazonaws.dynamodb.v20120810#ValidationException" and "Foo:http://…" are given so on the wire. */
export function bareCode(code: string): string {
  const hash = code.lastIndexOf('#');
  const after = hash < 0 ? code : code.slice(hash + 1);
  const colon = after.indexOf(':');
  return colon < 0 ? after : after.slice(0, colon);
}

/** Any error of a call, as a RemoteError. One that is a RemoteError already stays what it is. @param reads whether the call only reads */
export function remoteError(error: unknown, reads = false): RemoteError {
  if (error instanceof RemoteError) return error;
  const failure = { ...failureOf(error), reads };
  return new RemoteError(kindOf(failure), bareCode(failure.code), failure.message, { cause: error });
}

/** Reads what an error of the SDK, of a socket, or of the socket handler says of itself. */
export function failureOf(error: unknown): Failure {
  const e = (error ?? {}) as {
    name?: unknown;
    code?: unknown;
    message?: unknown;
    issued?: unknown;
    $metadata?: { httpStatusCode?: unknown };
    $response?: { statusCode?: unknown };
  };
  const issued = typeof e.issued === 'boolean' ? e.issued : undefined;
  // An error of the socket handler's says that there was no answer worth the name; the SDK hangs the broken one's status on it all the same.
  const status =
    issued !== undefined
      ? undefined
      : typeof e.$metadata?.httpStatusCode === 'number'
        ? e.$metadata.httpStatusCode
        : typeof e.$response?.statusCode === 'number'
          ? e.$response.statusCode
          : undefined;
  // A refusal's name is the service's code; a socket's error is named "Error" and has its code beside it.
  const name = typeof e.name === 'string' ? e.name : 'Unknown';
  const code = status === undefined && typeof e.code === 'string' ? e.code : name;
  return {
    code,
    message: typeof e.message === 'string' && e.message !== '' ? e.message : String(error),
    status,
    issued,
  };
}

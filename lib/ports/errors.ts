/**
 * What a remote service answered, classified. Adapters throw only these (and InvariantError); flows decide by `kind`.
 *
 * | kind | meaning | what flows do |
 * |---|---|---|
 * | throttled | refused for load; had no effect | fewer requests, back off, try again |
 * | transient | a failure of the service that had no effect (refused connection, 5xx before work) | back off, try again |
 * | unanswered | no answer, or a broken one: it may have taken effect, at the latest R after its issue | hold until R, then write conditionally |
 * | notIssued | `admit` refused at the socket: it was never sent | give the lane back |
 * | invalid | the request itself is at fault (ValidationException, too large) | split; refuse the record |
 * | denied | credentials, policy, key | the target is failing; needs a human, nothing is lost |
 * | missing | the table, queue or function is not there | as denied |
 */
export type RemoteErrorKind = 'throttled' | 'transient' | 'unanswered' | 'notIssued' | 'invalid' | 'denied' | 'missing';

/** A remote call that failed. */
export class RemoteError extends Error {
  readonly kind: RemoteErrorKind;
  /** The service's own code, e.g. "ProvisionedThroughputExceededException". */
  readonly code: string;
  constructor(kind: RemoteErrorKind, code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RemoteError';
    this.kind = kind;
    this.code = code;
  }
}

/** Whether an error is a RemoteError of one of these kinds. */
export const isRemote = (error: unknown, ...kinds: RemoteErrorKind[]): error is RemoteError =>
  error instanceof RemoteError && (kinds.length === 0 || kinds.includes(error.kind));

/** A short text for `why` fields and logs: kind, code and message, never an item's content. */
export const whyText = (error: unknown): string =>
  (error instanceof RemoteError ? `${error.kind}: ${error.code}: ${error.message}` : String(error)).slice(0, 300);

/** One attempt of a call, for whoever looks into a failure. */
export interface Attempt {
  /** The member that was asked; its URL where its name is not known. */
  readonly member: string;
  /** The answer's status; absent when there was none. */
  readonly status?: number;
  /** Why it was not the answer to the call. */
  readonly why: string;
  readonly ms: number;
}

/** A problem document (RFC 9457), as the API sends it. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status?: number;
  readonly detail: string;
  readonly instance?: string;
  readonly errors?: readonly { readonly path: string; readonly detail: string }[];
  readonly primary?: string;
}

/** What a SynclineError may carry beside its code and message. */
export interface ErrorFacts {
  readonly status?: number;
  readonly problem?: Problem;
  readonly attempts?: readonly Attempt[];
  readonly idempotencyKey?: string;
}

/**
 * A call that failed. `code` is the problem's code as the API's documentation lists them ("not-found", "condition-failed",
 * …), or one of the client's own:
 *
 * | code | meaning |
 * |---|---|
 * | `timeout` | the call's time was up, and nothing was changed |
 * | `unknown-outcome` | a write got no answer in time, and may have taken effect: repeat it with the same `idempotencyKey` |
 * | `unreachable` | nobody answered, nothing was changed, and there is no time or budget for another attempt |
 * | `aborted` | the caller's signal ended it; a write may have taken effect |
 * | `no-credentials` | `auth.credentials` or `auth.token` failed |
 * | `invalid-value` | a value that DynamoDB has no type for |
 * | `invalid-expression` | an expression that cannot be read, or has no translation |
 * | `bad-answer` | an answer that is not one of this API |
 */
export class SynclineError extends Error {
  readonly code: string;
  readonly status: number | undefined;
  readonly problem: Problem | undefined;
  /** What was tried, in order. */
  readonly attempts: readonly Attempt[];
  /** Of a write: repeat it with this key, and it takes effect once. */
  readonly idempotencyKey: string | undefined;

  constructor(code: string, message: string, facts: ErrorFacts = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SynclineError';
    this.code = code;
    this.status = facts.status;
    this.problem = facts.problem;
    this.attempts = facts.attempts ?? [];
    this.idempotencyKey = facts.idempotencyKey;
  }
}

const TYPE = /^urn:syncline:problem:([a-z-]+)$/;

/** The code of a problem document; of a refusal of the gateway's own, which has none, a code by its status. */
export function codeOf(problem: Problem | undefined, status: number): string {
  const code = TYPE.exec(problem?.type ?? '')?.[1];
  if (code !== undefined) return code;
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  if (status === 429) return 'too-many-requests';
  return status >= 500 ? 'unreachable' : 'bad-answer';
}

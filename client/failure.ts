import type { ApiAnswer, Call } from './attempt.ts';
import type { Attempt, Problem } from './errors.ts';
import { codeOf, SynclineError } from './errors.ts';

/** What answers and the lack of them mean: of the member, of the write, for the caller. Pure. */

/**
 * Problems of an answer of 5xx that say nothing of the member that gave it: it is well, but DynamoDB, the primary, the archive or
 * the time is not. Such a member still serves eventual reads.
 */
const NOT_OF_MEMBER: ReadonlySet<string> = new Set([
  'busy',
  'not-initialised',
  'no-primary',
  'primary-unreachable',
  'not-started',
  'unknown-outcome',
  'issuer-unreachable',
  'member-unreachable',
  'archive-unavailable',
  'archive-damaged',
]);

/** Problems that say of a request that may be repeated: it changed nothing. */
const CHANGED_NOTHING: ReadonlySet<string> = new Set([
  'busy',
  'not-initialised',
  'no-primary',
  'primary-unreachable',
  'store-unavailable',
  'issuer-unreachable',
  'deploying',
  'not-primary',
  'too-many-requests',
]);

/**
 * Refusals that the primary gives after it has looked whether the write was done under its key; and those that any member gives
 * of such a request. Any other refusal tells nothing of an earlier attempt that got no answer.
 */
const JUDGED: ReadonlySet<number | undefined> = new Set([400, 409, 412, 413, 415, 422]);

/** Whether the member itself is at fault, so that it is avoided. */
export const isOfMember = ({ status = 0, code }: SynclineError): boolean => status >= 500 && !NOT_OF_MEMBER.has(code);

/** Whether a refusal tells that its request had no effect. */
export const changedNothing = ({ code }: SynclineError): boolean => CHANGED_NOTHING.has(code);

/** Whether a refusal holds although an earlier attempt of the same write got no answer. */
export const isJudged = ({ status, problem }: SynclineError): boolean => JUDGED.has(status) && problem?.type?.startsWith('urn:syncline:') === true;

/** Failures to connect, as Node names them. A browser does not tell them from others. */
const NOT_CONNECTED: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

/** Whether a failed fetch never reached anybody. */
export function neverSent(error: unknown): boolean {
  const cause = (error as { readonly cause?: { readonly code?: unknown } } | undefined)?.cause;
  return NOT_CONNECTED.has(cause?.code);
}

const ofWrite = ({ idempotencyKey }: Call): { readonly idempotencyKey?: string } => (idempotencyKey === undefined ? {} : { idempotencyKey });

/** An answer that is no success, as an error. */
export function refusalOf(answer: ApiAnswer, call: Call, attempts: readonly Attempt[]): SynclineError {
  const problem = problemIn(answer.text);
  const code = codeOf(problem, answer.status);
  const detail = problem?.detail ?? problem?.title ?? `HTTP ${answer.status}`;
  return new SynclineError(code, `${detail} (${answer.status} ${code}, ${answer.member})`, {
    status: answer.status,
    attempts,
    ...(problem !== undefined && { problem }),
    ...ofWrite(call),
  });
}

/** Undefined for a proxy's page, or nothing: the status has to do. */
function problemIn(text: string): Problem | undefined {
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === 'object' && found !== null ? (found as Problem) : undefined;
  } catch {
    return undefined;
  }
}

/** The caller's signal ended the call. @param attempts what was tried until then */
export const aborted = (call: Call, attempts: readonly Attempt[], reason: unknown): SynclineError =>
  new SynclineError('aborted', 'The call was ended by its signal.', { attempts, ...ofWrite(call) }, { cause: reason });

/** How a call stands that got no answer. */
export interface Standing {
  readonly attempts: readonly Attempt[];
  /** The last refusal, if there was one. */
  readonly last: SynclineError | undefined;
  /** Whether an attempt of a write may have taken effect. */
  readonly open: boolean;
  /** Whether the time was up. */
  readonly late: boolean;
}

/** What a call without an answer ends with. */
export function failed(call: Call, timeoutMs: number, { attempts, last, open, late }: Standing): SynclineError {
  const tried = attempts.map((a) => `${a.member}: ${a.why}`).join('; ') || 'nobody was asked';
  const why = late ? `No answer within ${timeoutMs} ms` : 'No member answered it, and there is no time or budget for another attempt';
  const facts = {
    attempts,
    ...(last?.status !== undefined && { status: last.status }),
    ...(last?.problem !== undefined && { problem: last.problem }),
    ...ofWrite(call),
  };
  const cause = last === undefined ? undefined : { cause: last };
  if (call.idempotencyKey !== undefined && open) {
    return new SynclineError(
      'unknown-outcome',
      `${why}: the write may have taken effect, or not. Repeat it with the same idempotency key. (${tried})`,
      facts,
      cause,
    );
  }
  const nothing = call.idempotencyKey === undefined ? '' : ' Nothing was changed.';
  return new SynclineError(late ? 'timeout' : (last?.code ?? 'unreachable'), `${why}.${nothing} (${tried})`, facts, cause);
}

/** A refusal that leaves an earlier attempt of the same write open. */
export const openAfter = (call: Call, refusal: SynclineError): SynclineError =>
  new SynclineError(
    'unknown-outcome',
    `An earlier attempt got no answer, and this one was refused: ${refusal.message} The write may have taken effect, or not. Repeat it with the same idempotency key.`,
    {
      attempts: refusal.attempts,
      ...(refusal.status !== undefined && { status: refusal.status }),
      ...(refusal.problem !== undefined && { problem: refusal.problem }),
      ...ofWrite(call),
    },
    { cause: refusal },
  );

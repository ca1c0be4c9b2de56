import { z } from 'zod';
import { RemoteError } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { ServeContext } from './context.ts';
import type { ApiRequest, ApiResponse } from './http.ts';
import { ProblemError, RETRY_AFTER_LONG_S, RETRY_AFTER_S, unknownOutcome } from './problem.ts';

/**
 * A write that came to a secondary, handed to the primary's API function by name. The receiver does not hand it on: when
 * it is not primary it answers 421 with its own hint, and the member where the write came in tries that one.
 */

/** Members that one write is handed to, one after the other, at most. */
export const HOPS_MAX = 2;
/** Headers that travel along: those that a write reads. */
const HEADERS = ['content-type', 'content-encoding', 'if-match', 'if-none-match'] as const;

const forwardSchema = z.strictObject({
  syncline: z.literal('forward'),
  v: z.literal(1),
  request: z.strictObject({
    method: z.enum(['PUT', 'DELETE']),
    path: z.string(),
    query: z.array(z.tuple([z.string(), z.array(z.string())])),
    headers: z.array(z.tuple([z.string(), z.string()])),
    body: z.string(),
    id: z.string(),
  }),
});

const answerSchema = z.strictObject({
  syncline: z.literal('answer'),
  v: z.literal(1),
  response: z.strictObject({ status: z.int().min(200).max(599), headers: z.record(z.string(), z.string()), body: z.string() }),
});

/** The payload of a handed-on request. The gateway cannot make one: it always wraps what clients send. */
export type ForwardPayload = z.infer<typeof forwardSchema>;
/** The answer to one. */
export type AnswerPayload = z.infer<typeof answerSchema>;

/** Whether an invocation's event is a handed-on request, of whatever version. */
export const isForward = (event: unknown): boolean => (event as { syncline?: unknown } | null)?.syncline === 'forward';

/** The payload that hands a request on. */
export function encodeForward(request: ApiRequest, body: string): ForwardPayload {
  const headers = HEADERS.flatMap((name): [string, string][] => {
    const value = request.headers.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  return {
    syncline: 'forward',
    v: 1,
    request: {
      method: request.method as 'PUT' | 'DELETE',
      path: request.path,
      query: [...request.query].map(([k, v]) => [k, [...v]]),
      headers,
      body,
      id: request.id,
    },
  };
}

/** Reads a handed-on request. @throws ProblemError invalid-body: the sender is of another version. */
export function decodeForward(event: unknown): ApiRequest {
  const result = forwardSchema.safeParse(event);
  if (!result.success)
    throw new ProblemError('invalid-body', 'This member cannot read the forwarded request: it is of another version. Deploy all members of the set.');
  const r = result.data.request;
  return { method: r.method, path: r.path, query: new Map(r.query), headers: new Map(r.headers), body: r.body, id: r.id, forwarded: true };
}

export const encodeAnswer = (response: ApiResponse): AnswerPayload => ({
  syncline: 'answer',
  v: 1,
  response: { ...response, headers: { ...response.headers } },
});

/** The answer in an invocation's result, or undefined when it is none. */
export function decodeAnswer(text: string): ApiResponse | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const result = answerSchema.safeParse(json);
  return result.success ? result.data.response : undefined;
}

/** Whom a 421 answer names as the primary. */
export function hintOf(response: ApiResponse): string | undefined {
  try {
    const primary = (JSON.parse(response.body) as { primary?: unknown }).primary;
    return typeof primary === 'string' ? primary : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Hands a write to the primary, and its answer back.
 *
 * @param hint name of the primary, as far as it is known here.
 * @throws ProblemError no-primary, primary-unreachable (nothing was changed), unknown-outcome.
 */
export async function forward(ctx: ServeContext, runtime: Runtime, request: ApiRequest, body: string, hint: string): Promise<ApiResponse> {
  const payload = JSON.stringify(encodeForward(request, body));
  const tried: string[] = [];
  let name = hint;
  while (tried.length < HOPS_MAX) {
    const peer = ctx.peers.get(name);
    if (peer === undefined) break;
    tried.push(name);
    const answer = await invoked(name, () => peer.port.invoke(peer.functionName, payload));
    runtime.metrics.count('Forwarded', 1);
    if (answer.status !== 421) return answer;
    const next = hintOf(answer);
    if (next === undefined || tried.includes(next)) break;
    name = next;
  }
  throw new ProblemError('no-primary', `No member accepts writes now (asked: ${tried.join(', ') || 'none'}). Nothing was changed; try again.`, {
    retryAfterS: RETRY_AFTER_S,
  });
}

async function invoked(name: string, call: () => Promise<string>): Promise<ApiResponse> {
  let text: string;
  try {
    text = await call();
  } catch (error) {
    if (!(error instanceof RemoteError) || error.kind === 'unanswered') throw unknownOutcome({ cause: error });
    throw new ProblemError(
      'primary-unreachable',
      `The primary, "${name}", cannot be reached from here. Nothing was changed; try again, or write to the primary's own API.`,
      { primary: name, retryAfterS: error.kind === 'denied' || error.kind === 'missing' ? RETRY_AFTER_LONG_S : RETRY_AFTER_S },
      { cause: error },
    );
  }
  const answer = decodeAnswer(text);
  // The function ran, but died or is of another version: the write may have been done before.
  if (answer === undefined) throw unknownOutcome();
  return answer;
}

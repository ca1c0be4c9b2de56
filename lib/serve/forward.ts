import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { RemoteError } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { ServeContext } from './context.ts';
import type { ApiRequest, ApiResponse } from './http.ts';
import { BODY_BYTES_MAX } from './http.ts';
import { ProblemError, RETRY_AFTER_LONG_S, RETRY_AFTER_S, unknownOutcome } from './problem.ts';

/**
 * A request that came to a member, handed by name to the API function of the one that can do it: the primary, mostly. The receiver does not hand it on: when
 * it is not primary it answers 421 with its own hint, and the member where the request came in tries that one.
 */

/** Members that one request is handed to, one after the other, at most. */
export const HOPS_MAX = 2;
/** Headers that travel along: those that the operations read. */
const HEADERS = ['content-type', 'accept', 'if-match', 'if-none-match', 'idempotency-key', 'syncline-consistency', 'prefer'] as const;
const METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'POST'] as const;

/** Payload of a synchronous invocation, and of its answer (bytes). https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const INVOKE_BYTES_MAX = 6 * 1_024 * 1_024;
/**
 * Longer texts (characters) travel compressed: as JSON within JSON a text may double, and the largest would not fit.
 * Compressed and as base64, BODY_BYTES_MAX take at most 4/3 of that.
 */
const COMPRESS_FROM = 256 * 1_024;
/** An answer never unpacks to more than this (bytes). */
const ANSWER_BYTES_MAX = 16 * 1_024 * 1_024;

const pairs = z.array(z.tuple([z.string(), z.string()]));
const query = z.array(z.tuple([z.string(), z.array(z.string())]));

/** The previous format: writes of single items. */
const forwardSchema1 = z.strictObject({
  syncline: z.literal('forward'),
  v: z.literal(1),
  request: z.strictObject({ method: z.enum(['PUT', 'DELETE']), path: z.string(), query, headers: pairs, body: z.string(), id: z.string() }),
});

const forwardSchema2 = z.strictObject({
  syncline: z.literal('forward'),
  v: z.literal(2),
  request: z.strictObject({
    method: z.enum(METHODS),
    path: z.string(),
    query,
    headers: pairs,
    body: z.string().exactOptional(),
    /** The body as a zstd frame, in base64. */
    zstd: z.string().exactOptional(),
    id: z.string(),
  }),
});

const head = { status: z.int().min(200).max(599), headers: z.record(z.string(), z.string()) };

const answerSchema = z.discriminatedUnion('v', [
  z.strictObject({ syncline: z.literal('answer'), v: z.literal(1), response: z.strictObject({ ...head, body: z.string() }) }),
  /** Long answers, which senders of the previous format never ask for. */
  z.strictObject({ syncline: z.literal('answer'), v: z.literal(2), response: z.strictObject({ ...head, zstd: z.string() }) }),
]);

/** The payload of a handed-on request. The gateway cannot make one: it always wraps what clients send. */
export type ForwardPayload = z.infer<typeof forwardSchema2>;
/** The answer to one. */
export type AnswerPayload = z.infer<typeof answerSchema>;

/** Whether an invocation's event is a handed-on request, of whatever version. */
export const isForward = (event: unknown): boolean => (event as { syncline?: unknown } | null)?.syncline === 'forward';

/** The payload that hands a request on. */
export function encodeForward(request: ApiRequest): ForwardPayload {
  const headers = HEADERS.flatMap((name): [string, string][] => {
    const value = request.headers.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  return {
    syncline: 'forward',
    v: 2,
    request: {
      method: request.method as (typeof METHODS)[number],
      path: request.path,
      query: [...request.query].map(([k, v]) => [k, [...v]]),
      headers,
      ...packed(request.body),
      id: request.id,
    },
  };
}

/** Reads a handed-on request. @throws ProblemError invalid-body: the sender is of another version. */
export function decodeForward(event: unknown): ApiRequest {
  const previous = forwardSchema1.safeParse(event);
  const result = previous.success ? previous : forwardSchema2.safeParse(event);
  const body = result.success ? unpacked(result.data.request, BODY_BYTES_MAX) : undefined;
  if (!result.success || body === undefined)
    throw new ProblemError('invalid-body', 'This member cannot read the forwarded request: it is of another version. Deploy all members of the set.');
  const r = result.data.request;
  return { method: r.method, path: r.path, query: new Map(r.query), headers: new Map(r.headers), body, id: r.id, forwarded: true };
}

export function encodeAnswer({ status, headers, body }: ApiResponse): AnswerPayload {
  const text = packed(body);
  if (text.zstd !== undefined) return { syncline: 'answer', v: 2, response: { status, headers: { ...headers }, zstd: text.zstd } };
  return { syncline: 'answer', v: 1, response: { status, headers: { ...headers }, body } };
}

/** The answer in an invocation's result, or undefined when it is none. */
export function decodeAnswer(text: string): ApiResponse | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const result = answerSchema.safeParse(json);
  if (!result.success) return undefined;
  const { status, headers } = result.data.response;
  const body = unpacked(result.data.response, ANSWER_BYTES_MAX);
  return body === undefined ? undefined : { status, headers, body };
}

/** A text as it travels. */
interface Packed {
  readonly body?: string;
  readonly zstd?: string;
}

const packed = (text: string): Packed => (text.length < COMPRESS_FROM ? { body: text } : { zstd: zstdCompressSync(text).toString('base64') });

/** The text; undefined when it is none, or longer than that. */
function unpacked({ body, zstd }: Packed, bytesMax: number): string | undefined {
  if (zstd === undefined || body !== undefined) return zstd === undefined ? body : undefined;
  try {
    return zstdDecompressSync(Buffer.from(zstd, 'base64'), { maxOutputLength: bytesMax }).toString('utf8');
  } catch {
    return undefined;
  }
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
 * Hands a request to the primary, and its answer back.
 *
 * @param hint name of the primary, as far as it is known here.
 * @param effect whether it may change something, so that a call without an answer leaves the outcome open.
 * @throws ProblemError no-primary, primary-unreachable, body-too-large (nothing was changed), unknown-outcome.
 */
export async function forward(ctx: ServeContext, runtime: Runtime, request: ApiRequest, hint: string, effect: 'reads' | 'writes'): Promise<ApiResponse> {
  const payload = JSON.stringify(encodeForward(request));
  const bytes = Buffer.byteLength(payload, 'utf8');
  if (bytes > INVOKE_BYTES_MAX) {
    throw new ProblemError(
      'body-too-large',
      `The request has ${bytes} bytes on its way to the primary, "${hint}"; at most ${INVOKE_BYTES_MAX} can be handed on. Send less at once, or write to the primary's own API.`,
      { primary: hint },
    );
  }
  const tried: string[] = [];
  let name = hint;
  while (tried.length < HOPS_MAX) {
    const peer = ctx.peers.get(name);
    if (peer === undefined) break;
    tried.push(name);
    const answer = await invoked(name, effect, () => peer.port.invoke(peer.functionName, payload));
    runtime.metrics.count('Forwarded', 1);
    if (answer.status !== 421) return answer;
    const next = hintOf(answer);
    if (next === undefined || tried.includes(next)) break;
    name = next;
  }
  const nothing = effect === 'writes' ? 'Nothing was changed; try again.' : 'Try again.';
  throw new ProblemError('no-primary', `No member is primary now (asked: ${tried.join(', ') || 'none'}). ${nothing}`, { retryAfterS: RETRY_AFTER_S });
}

/**
 * Hands a read to the one member that can answer it, and its answer back.
 *
 * @throws ProblemError member-unreachable
 */
export async function forwardTo(ctx: ServeContext, runtime: Runtime, request: ApiRequest, member: string): Promise<ApiResponse> {
  const gone = (cause?: unknown): ProblemError =>
    new ProblemError(
      'member-unreachable',
      `The member "${member}" cannot be reached from here. Try again, or ask another one.`,
      { retryAfterS: isForLong(cause) ? RETRY_AFTER_LONG_S : RETRY_AFTER_S },
      { cause },
    );
  const peer = ctx.peers.get(member);
  if (peer === undefined) throw gone();
  let text: string;
  try {
    text = await peer.port.invoke(peer.functionName, JSON.stringify(encodeForward(request)));
  } catch (error) {
    throw gone(error);
  }
  runtime.metrics.count('Forwarded', 1);
  const answer = decodeAnswer(text);
  if (answer === undefined) throw gone();
  return answer;
}

async function invoked(name: string, effect: 'reads' | 'writes', call: () => Promise<string>): Promise<ApiResponse> {
  let text: string;
  try {
    text = await call();
  } catch (error) {
    const open = !(error instanceof RemoteError) || error.kind === 'unanswered';
    if (open && effect === 'writes') throw unknownOutcome({ cause: error });
    throw unreachable(name, effect, error);
  }
  const answer = decodeAnswer(text);
  if (answer !== undefined) return answer;
  // The function ran, but died or is of another version: a write may have been done before.
  throw effect === 'writes' ? unknownOutcome() : unreachable(name, effect, undefined);
}

/** Whether a human must act before it can be called. */
const isForLong = (cause: unknown): boolean => cause instanceof RemoteError && (cause.kind === 'denied' || cause.kind === 'missing');

function unreachable(name: string, effect: 'reads' | 'writes', cause: unknown): ProblemError {
  const rest =
    effect === 'writes'
      ? "Nothing was changed; try again, or write to the primary's own API."
      : 'Try again, or read with "Syncline-Consistency: eventual" from this member.';
  return new ProblemError(
    'primary-unreachable',
    `The primary, "${name}", cannot be reached from here. ${rest}`,
    { primary: name, retryAfterS: isForLong(cause) ? RETRY_AFTER_LONG_S : RETRY_AFTER_S },
    { cause },
  );
}

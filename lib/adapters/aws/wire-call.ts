import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { SigningCredentials } from './sigv4.ts';
import { Signer } from './sigv4.ts';
import type { WireRequest, WireResponse } from './socket-handler.ts';
import { readAnswer, WireError } from './wire-protocol.ts';

/**
 * DynamoDB calls past the SDK's middleware. The SDK makes a client's first request; what it decided (endpoint, path, signing
 * scope, user agent) is noted, and later calls are framed like it: the body as JSON, a signature, the same socket handler.
 * Some forty middlewares, the endpoint's rules and the signer were two thirds of the CPU of a call (0.4 of 0.6 ms, measured).
 *
 * Credentials stay the SDK's: its provider is asked at every call, and renews them. A client whose first request was not
 * signed with SigV4 as above stays with the SDK for ever.
 */

/** What the SDK decided once, for all calls of a client. */
export interface Frame {
  readonly protocol: string;
  readonly hostname: string;
  readonly port: number | undefined;
  /** `x-amz-target` without the operation. */
  readonly targetPrefix: string;
  /** Headers of every call, in lower case. */
  readonly signed: Readonly<Record<string, string>>;
  /** Headers that are sent and not signed. */
  readonly unsigned: Readonly<Record<string, string>>;
  readonly signer: Signer;
}

const SCOPE = /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request,/;
/** Codes with which a service says that our clock is wrong; its answer has its own time. */
const SKEWED: ReadonlySet<string> = new Set(['RequestTimeTooSkewed', 'RequestExpired', 'InvalidSignatureException']);
/** A clock that is off by less is not the reason of a refusal (ms). The SDK's own limit. */
const SKEW_MIN_MS = 300_000;

/** The frame that a request of the SDK's shows, or undefined when it is not one that can be made here. Pure. */
export function frameOf(request: WireRequest): Frame | undefined {
  const header = (name: string): string | undefined => Object.entries(request.headers).find(([n]) => n.toLowerCase() === name)?.[1];
  const scope = SCOPE.exec(header('authorization') ?? '');
  const target = header('x-amz-target');
  const query = Object.keys(request.query ?? {}).length;
  if (scope === null || target === undefined || request.method !== 'POST' || request.path !== '/' || query > 0) return undefined;
  const host = header('host') ?? (request.port === undefined ? request.hostname : `${request.hostname}:${request.port}`);
  const agent = header('user-agent');
  return {
    protocol: request.protocol,
    hostname: request.hostname,
    port: request.port,
    targetPrefix: target.slice(0, target.indexOf('.') + 1),
    signed: { 'content-type': header('content-type') ?? 'application/x-amz-json-1.0', host },
    unsigned: agent === undefined ? {} : { 'user-agent': agent },
    signer: new Signer({ region: scope[1] as string, service: scope[2] as string }),
  };
}

interface ClientState {
  /** Undefined before the first request, null when the client must stay with the SDK. */
  frame: Frame | null | undefined;
  /** The service's clock minus ours (ms), as its answers have shown it. */
  offsetMs: number;
}

const states = new WeakMap<DynamoDBClient, ClientState>();

/** Notes the frame of a client's first request that the SDK has made. */
export function noteFrame(client: DynamoDBClient, request: WireRequest): void {
  const state = stateOf(client);
  if (state.frame === undefined) state.frame = frameOf(request) ?? null;
}

function stateOf(client: DynamoDBClient): ClientState {
  let state = states.get(client);
  if (state === undefined) {
    state = { frame: undefined, offsetMs: 0 };
    states.set(client, state);
  }
  return state;
}

interface WireConfig {
  readonly credentials: () => Promise<SigningCredentials>;
  readonly requestHandler: { handle(request: WireRequest): Promise<{ response: WireResponse }> };
}

/**
 * One call.
 *
 * @param bySdk makes the same call by the SDK: a client's first ones.
 * @throws what the SDK would: WireError, SocketError, RemoteError "notIssued", errors of the credentials' provider.
 */
export async function wireCall<T>(
  client: DynamoDBClient,
  operation: string,
  input: object,
  admit: (() => void) | undefined,
  bySdk: () => Promise<unknown>,
): Promise<T> {
  const state = stateOf(client);
  const { frame } = state;
  if (frame === undefined || frame === null) return (await bySdk()) as T;
  const config = client.config as unknown as WireConfig;
  const credentials = await config.credentials();
  const body = JSON.stringify(input);
  const headers = frame.signer.sign({ ...frame.signed, 'x-amz-target': frame.targetPrefix + operation }, body, credentials, Date.now() + state.offsetMs);
  Object.assign(headers, frame.unsigned);
  headers['content-length'] = String(Buffer.byteLength(body, 'utf8'));
  const { response } = await config.requestHandler.handle({
    protocol: frame.protocol,
    hostname: frame.hostname,
    ...(frame.port !== undefined && { port: frame.port }),
    path: '/',
    method: 'POST',
    headers,
    body,
    ...(admit !== undefined && { admit }),
  });
  try {
    return readAnswer(response) as T;
  } catch (error) {
    if (error instanceof WireError && SKEWED.has(error.name)) noteSkew(state, response);
    throw error;
  }
}

/** Learns from a refusal for the time's sake how far our clock is off, as the SDK does, so that the next attempt passes. */
function noteSkew(state: ClientState, response: WireResponse): void {
  const theirs = Date.parse(response.headers['date'] ?? '');
  if (Number.isFinite(theirs) && Math.abs(theirs - (Date.now() + state.offsetMs)) >= SKEW_MIN_MS) state.offsetMs = theirs - Date.now();
}

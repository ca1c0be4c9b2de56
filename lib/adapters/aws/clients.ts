import { Readable } from 'node:stream';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import type { SQSClientConfig } from '@aws-sdk/client-sqs';
import { SQSClient } from '@aws-sdk/client-sqs';
import { API_TIMEOUT_MS, CONNECT_TIMEOUT_MS, REQUEST_EFFECT_MAX_MS, REQUEST_TIMEOUT_MS } from '../../core/constants.ts';
import { assert } from '../../core/errors.ts';
import type { RemoteError } from '../../ports/errors.ts';
import { remoteError } from './classify.ts';
import type { SocketHandlerOptions, WireRequest, WireResponse } from './socket-handler.ts';
import { SocketHandler } from './socket-handler.ts';
import { noteFrame } from './wire-call.ts';
import type { SdkProtocol } from './wire-protocol.ts';
import { wireProtocol } from './wire-protocol.ts';

type Logger = NonNullable<SQSClientConfig['logger']>;

/** Attempts of one SendMessageBatch: the deduplication ids of a call make SQS store each message once. */
const SEND_ATTEMPTS = 3;
/** Longest synchronous invocation (ms): the HTTP API that waits for it must still answer. */
const INVOKE_TIMEOUT_MS = API_TIMEOUT_MS - 2_000;

/** Under this key a request's input carries its `admit`; JSON does not see it. */
export const ADMIT: unique symbol = Symbol('admit');

/**
 * A logger for the SDK's clients that writes nothing. It lacks `info` and `error` on purpose: the SDK walks every input and
 * output for them, even when they do nothing (20–38 % of the CPU, measured). It has `debug`, which the default credential
 * provider calls without asking: `logger: {}` fails on the first call wherever credentials are not given in the code.
 */
export const QUIET_LOGGER = { debug: () => undefined, trace: () => undefined, warn: () => undefined } as unknown as Logger;

/** How clients of one region are made. */
export interface AwsClientsOptions {
  readonly region: string;
  /** URL of a local cloud; AWS's own endpoints (or AWS_ENDPOINT_URL) when absent. */
  readonly endpoint?: string;
  readonly timeouts?: {
    /** Until a connection is there (ms). */
    readonly connectMs?: number;
    /** For the whole call (ms). Less than R, so that a call that timed out is over at R. */
    readonly requestMs?: number;
    /** For a synchronous invocation (ms). */
    readonly invokeMs?: number;
  };
  /** Connections to each service. */
  readonly maxSockets?: number;
}

/** The SDK's clients of one region. Make them once a process: they keep connections. */
export interface AwsClients {
  readonly region: string;
  /** ⚠ Speaks wire DynamoDB JSON: inputs and outputs are the bodies as they travel, not the SDK's typed values. */
  readonly dynamodb: DynamoDBClient;
  readonly streams: DynamoDBStreamsClient;
  /** No retries. */
  readonly sqs: SQSClient;
  /** Retries; for sends only. */
  readonly sqsSend: SQSClient;
  readonly lambda: LambdaClient;
  /** Closes all connections. */
  destroy(): void;
}

/**
 * Makes the clients.
 *
 * `maxAttempts` is 1: flows retry themselves, since they must know when a request can still take effect. See QUIET_LOGGER
 * for `logger`.
 *
 * @throws InvariantError when a call could outlive R (A1).
 */
export function awsClients(options: AwsClientsOptions): AwsClients {
  const { connectMs, requestMs } = timeouts(options);
  const handler = (own: SocketHandlerOptions): SocketHandler => socketHandler(options, own);
  const data = handler({ connectMs, requestMs });
  const queues = handler({ connectMs, requestMs });
  const invocations = handler({ connectMs, requestMs: options.timeouts?.invokeMs ?? INVOKE_TIMEOUT_MS });
  const common = {
    ...settings(options),
    // The middleware stack is the same for every command of a class: it is resolved once, not for each call.
    cacheMiddleware: true,
  };
  // ⚠ Not the queue URL's host: the SDK would prefer it to AWS_ENDPOINT_URL, and a local cloud's queue URLs name AWS. On AWS both are the same.
  const sqs = { ...common, requestHandler: queues as never, useQueueUrlAsEndpoint: false, md5: false as const };
  const clients = {
    region: options.region,
    dynamodb: new DynamoDBClient({ ...common, requestHandler: data as never }),
    streams: new DynamoDBStreamsClient({ ...common, requestHandler: data as never }),
    sqs: new SQSClient(sqs),
    sqsSend: new SQSClient({ ...sqs, maxAttempts: SEND_ATTEMPTS }),
    lambda: new LambdaClient({ ...common, requestHandler: invocations as never }),
    destroy: () => {
      for (const one of [data, queues, invocations]) one.destroy();
    },
  };
  rememberUnanswered(clients.sqsSend);
  const config = clients.dynamodb.config as unknown as { protocol: SdkProtocol };
  config.protocol = wireProtocol(config.protocol);
  clients.dynamodb.middlewareStack.add(
    (next) => (args) => {
      carryAdmit(args);
      noteFrame(clients.dynamodb, args.request as WireRequest);
      return next(args);
    },
    ADMIT_MIDDLEWARE,
  );
  return clients;
}

/** S3's client of one region. Make it once a process: it keeps connections. */
export interface ObjectClient {
  readonly s3: S3Client;
  /** Closes all connections. */
  destroy(): void;
}

/**
 * Makes S3's client, apart from the others, so that a function without a bucket does not carry its code.
 *
 * A call may outlive R (A1): nothing waits until a put without an answer is over. Objects are put only if there is none of their
 * name, or over the etag that was read, so one that comes late changes nothing that was decided meanwhile.
 */
export function objectClient(options: AwsClientsOptions): ObjectClient {
  const { connectMs = CONNECT_TIMEOUT_MS, requestMs = REQUEST_TIMEOUT_MS } = options.timeouts ?? {};
  const handler = socketHandler(options, { connectMs, requestMs });
  const s3 = new S3Client({
    // ⚠ No `cacheMiddleware`: with it all calls of a command share one context, in which the SDK keeps the endpoint of the call's
    // bucket; of two calls at the same time one would go to the other's bucket.
    ...settings(options),
    requestHandler: streaming(handler) as never,
    // A local cloud has one host, whatever the bucket; its names do not resolve with a bucket in front.
    forcePathStyle: [options.endpoint, process.env['AWS_ENDPOINT_URL'], process.env['AWS_ENDPOINT_URL_S3']].some((url) => (url ?? '') !== ''),
    // The port asks for the sum of every whole get. By itself the SDK would ask for a range's, too.
    responseChecksumValidation: 'WHEN_REQUIRED',
    // It would cost a round trip before the body; and the handler sends headers and body as one.
    expectContinueHeader: false,
  });
  s3.middlewareStack.add(
    (next) => (args) => {
      carryAdmit(args);
      return next(args);
    },
    ADMIT_MIDDLEWARE,
  );
  return { s3, destroy: () => handler.destroy() };
}

/** The SDK makes an object's body of a stream only; the handler reads answers whole, so that one deadline covers all of them. */
function streaming(handler: SocketHandler): Pick<SocketHandler, 'metadata' | 'destroy' | 'updateHttpClientConfig' | 'httpHandlerConfigs'> & {
  handle(request: WireRequest): Promise<{ response: Omit<WireResponse, 'body'> & { body: Readable } }>;
} {
  return {
    metadata: handler.metadata,
    handle: async (request) => {
      const { response } = await handler.handle(request);
      return { response: { ...response, body: Readable.from(response.body) } };
    },
    destroy: () => handler.destroy(),
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
  };
}

/** The innermost place: after signing, right before the request handler. */
const ADMIT_MIDDLEWARE = { name: 'synclineAdmit', step: 'deserialize', priority: 'low' } as const;

/** Puts the `admit` of a call's input on its request, where the socket handler finds it. */
function carryAdmit(args: { readonly input: object; readonly request: unknown }): void {
  const admit = (args.input as { [ADMIT]?: () => void })[ADMIT];
  if (admit !== undefined) (args.request as { admit?: WireRequest['admit'] }).admit = admit;
}

/** What all clients have in common: no retries of their own, and no log. */
export const settings = (options: AwsClientsOptions) => ({
  region: options.region,
  ...(options.endpoint !== undefined && { endpoint: options.endpoint }),
  logger: QUIET_LOGGER,
  maxAttempts: 1,
});

/** The connections of a client. */
export const socketHandler = (options: AwsClientsOptions, own: SocketHandlerOptions): SocketHandler =>
  new SocketHandler({ ...own, ...(options.maxSockets !== undefined && { maxSockets: options.maxSockets }) });

/** @throws InvariantError when a call could outlive R (A1). */
function timeouts(options: AwsClientsOptions): { readonly connectMs: number; readonly requestMs: number } {
  const connectMs = options.timeouts?.connectMs ?? CONNECT_TIMEOUT_MS;
  const requestMs = options.timeouts?.requestMs ?? REQUEST_TIMEOUT_MS;
  assert(connectMs <= requestMs && requestMs < REQUEST_EFFECT_MAX_MS, 'connect timeout ≤ request timeout < R', {
    connectMs,
    requestMs,
    r: REQUEST_EFFECT_MAX_MS,
  });
  return { connectMs, requestMs };
}

/**
 * ⚠ A call of several attempts fails with its last attempt's error. An earlier attempt without an answer may have taken effect
 * all the same, so it decides: the call is unanswered even where its last attempt was surely refused.
 */
function rememberUnanswered(client: SQSClient): void {
  // By the call's input, which all its attempts share. (The SDK's context is no place for it: with `cacheMiddleware` all calls share one.)
  const unanswered = new WeakMap<object, RemoteError>();
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        const seen = remoteError(error);
        if (seen.kind === 'unanswered') unanswered.set(args.input, seen);
        throw error;
      }
    },
    // Inside the retry: it sees every attempt.
    { name: 'synclineAttempt', step: 'deserialize', priority: 'high' },
  );
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        throw unanswered.get(args.input) ?? error;
      }
    },
    { name: 'synclineCall', step: 'initialize', priority: 'high' },
  );
}

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { LambdaClient } from '@aws-sdk/client-lambda';
import type { SQSClientConfig } from '@aws-sdk/client-sqs';
import { SQSClient } from '@aws-sdk/client-sqs';
import { API_TIMEOUT_MS, CONNECT_TIMEOUT_MS, REQUEST_EFFECT_MAX_MS, REQUEST_TIMEOUT_MS } from '../../core/constants.ts';
import { assert } from '../../core/errors.ts';
import type { RemoteError } from '../../ports/errors.ts';
import { remoteError } from './classify.ts';
import type { SocketHandlerOptions, WireRequest } from './socket-handler.ts';
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
  const connectMs = options.timeouts?.connectMs ?? CONNECT_TIMEOUT_MS;
  const requestMs = options.timeouts?.requestMs ?? REQUEST_TIMEOUT_MS;
  assert(connectMs <= requestMs && requestMs < REQUEST_EFFECT_MAX_MS, 'connect timeout ≤ request timeout < R', {
    connectMs,
    requestMs,
    r: REQUEST_EFFECT_MAX_MS,
  });
  const handler = (own: SocketHandlerOptions): SocketHandler =>
    new SocketHandler({ ...own, ...(options.maxSockets !== undefined && { maxSockets: options.maxSockets }) });
  const data = handler({ connectMs, requestMs });
  const queues = handler({ connectMs, requestMs });
  const invocations = handler({ connectMs, requestMs: options.timeouts?.invokeMs ?? INVOKE_TIMEOUT_MS });
  const common = {
    region: options.region,
    ...(options.endpoint !== undefined && { endpoint: options.endpoint }),
    logger: QUIET_LOGGER,
    maxAttempts: 1,
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
      const admit = (args.input as { [ADMIT]?: () => void })[ADMIT];
      if (admit !== undefined) (args.request as { admit?: WireRequest['admit'] }).admit = admit;
      noteFrame(clients.dynamodb, args.request as WireRequest);
      return next(args);
    },
    // The innermost place: after signing, right before the request handler.
    { name: 'synclineAdmit', step: 'deserialize', priority: 'low' },
  );
  return clients;
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

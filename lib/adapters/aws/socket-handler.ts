import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { RemoteError } from '../../ports/errors.ts';

/** A reused connection that was idle for longer than this is not trusted with a request (ms): services close theirs, and a thawed sandbox has not heard of it. */
const IDLE_SOCKET_MAX_MS = 20_000;
/** Connections of one client by default. A request that finds none waits, before it is admitted. */
const SOCKETS_MAX = 64;
/** Largest answer (bytes): DynamoDB's largest is 16 MB of items, with JSON around them. */
const RESPONSE_BYTES_MAX = 48 * 1_024 * 1_024;

/** The request as the SDK hands it to its handler; `admit` is put on it by clients.ts. */
export interface WireRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly query?: Record<string, string | readonly string[] | null>;
  readonly body?: unknown;
  readonly admit?: () => void;
}

/** The answer, read whole. */
export interface WireResponse {
  readonly statusCode: number;
  readonly reason: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

/** A request that got no whole answer. `issued` says whether a byte of it may have left. */
export class SocketError extends Error {
  readonly code: string;
  readonly issued: boolean;
  constructor(code: string, message: string, issued: boolean, options?: ErrorOptions) {
    super(message, options);
    this.name = code;
    this.code = code;
    this.issued = issued;
  }
}

export interface SocketHandlerOptions {
  /** Longest time until a connection is there (ms). */
  readonly connectMs: number;
  /** Longest time for the whole call, connecting and reading the answer included (ms). */
  readonly requestMs: number;
  readonly maxSockets?: number;
}

/**
 * The SDK's request handler, in place of NodeHttpHandler, for three things that handler cannot do:
 *
 * - ⚠ `admit` is called on an open connection, with nothing but the write after it: waits for a free socket, the connection
 *   and TLS come before it. NodeHttpHandler's caller can only ask before all of them, up to a second too early.
 * - It knows whether a byte has left, so that "no effect" is a fact and not read off an error code.
 * - One deadline covers the whole answer; NodeHttpHandler's ends with the headers, and a server frozen after them would hold the call for minutes.
 *
 * It also keeps connections alive, and does not write to one that was idle for long. Bodies are strings or bytes, answers are read whole.
 */
export class SocketHandler {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  readonly #options: SocketHandlerOptions;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;
  /** When a connection last finished an answer. */
  readonly #lastUsed = new WeakMap<Socket, Moment>();

  constructor(options: SocketHandlerOptions) {
    this.#options = options;
    const agent = { keepAlive: true, maxSockets: options.maxSockets ?? SOCKETS_MAX };
    this.#http = new HttpAgent(agent);
    this.#https = new HttpsAgent(agent);
  }

  /** Sends one request. @throws SocketError; RemoteError "notIssued" when `admit` refuses */
  handle(request: WireRequest): Promise<{ response: WireResponse }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ response: WireResponse }>();
    const { connectMs, requestMs } = this.#options;
    let live: ClientRequest | undefined;
    let issued = false;
    const done = (settle: () => void): void => {
      clearTimeout(connectTimer);
      clearTimeout(requestTimer);
      const last = live;
      live = undefined;
      settle();
      last?.destroy();
    };
    const fail = (error: Error): void => done(() => reject(error));
    const connectTimer = setTimeout(() => {
      if (!issued) fail(new SocketError('ConnectTimeout', `No connection to ${request.hostname} within ${connectMs} ms`, false));
    }, connectMs);
    const requestTimer = setTimeout(() => {
      fail(new SocketError('TimeoutError', `No whole answer from ${request.hostname} within ${requestMs} ms`, issued));
    }, requestMs);

    const attempt = (): void => {
      const secure = request.protocol === 'https:';
      const own = (secure ? httpsRequest : httpRequest)({
        host: request.hostname.replace(/^\[(.*)\]$/, '$1'),
        port: request.port,
        path: pathOf(request),
        method: request.method,
        headers: request.headers,
        agent: secure ? this.#https : this.#http,
      });
      live = own;
      own.on('error', (error: NodeJS.ErrnoException) => {
        if (live === own) fail(new SocketError(error.code ?? 'SocketError', error.message, issued, { cause: error }));
      });
      own.on('response', (answer) => {
        if (live === own) this.#read(answer, own, (response) => settleAnswer(response), fail);
      });
      own.once('socket', (socket) => {
        if (live !== own) return;
        if (own.reusedSocket && idleMs(this.#lastUsed.get(socket)) > IDLE_SOCKET_MAX_MS) {
          // Nothing was written yet: drop it, and take another. Each round closes one of at most `maxSockets` idle connections.
          live = undefined;
          own.destroy();
          attempt();
          return;
        }
        whenOpen(socket, secure, () => {
          if (live !== own) return;
          try {
            request.admit?.();
          } catch (error) {
            fail(new RemoteError('notIssued', 'NotAdmitted', error instanceof Error ? error.message : String(error), { cause: error }));
            return;
          }
          clearTimeout(connectTimer);
          issued = true;
          own.end(request.body as string | Uint8Array | undefined);
        });
      });
    };
    // An answered request must not be destroyed: its connection goes back to the agent.
    const settleAnswer = (response: WireResponse): void => {
      live = undefined;
      done(() => resolve({ response }));
    };
    attempt();
    return promise;
  }

  /** Closes all connections. */
  destroy(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  updateHttpClientConfig(): void {
    // The SDK offers changed settings here; this handler's are fixed at its making.
  }

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }

  #read(answer: IncomingMessage, request: ClientRequest, resolve: (response: WireResponse) => void, fail: (error: Error) => void): void {
    const socket = request.socket;
    const chunks: Buffer[] = [];
    let bytes = 0;
    answer.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > RESPONSE_BYTES_MAX) fail(new SocketError('ResponseTooLarge', `The answer is larger than ${RESPONSE_BYTES_MAX} bytes`, true));
      else chunks.push(chunk);
    });
    answer.on('end', () => {
      if (!answer.complete) {
        fail(new SocketError('IncompleteAnswer', 'The connection ended within the answer', true));
        return;
      }
      // ⚠ An answer that came before the whole request had left (a refusal of its size): the rest must not go out behind the caller's back.
      if (!request.writableFinished) socket?.destroy();
      else if (socket !== null) this.#lastUsed.set(socket, moment());
      resolve({
        statusCode: answer.statusCode ?? 0,
        reason: answer.statusMessage ?? '',
        headers: answer.headers as Record<string, string>,
        body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks),
      });
    });
    answer.on('error', (error: NodeJS.ErrnoException) => fail(new SocketError(error.code ?? 'SocketError', error.message, true, { cause: error })));
  }
}

/** A moment by both clocks: a paused sandbox may stop one of them. */
interface Moment {
  readonly elapsedMs: number;
  readonly wallMs: number;
}

const moment = (): Moment => ({ elapsedMs: performance.now(), wallMs: Date.now() });

const idleMs = (since: Moment | undefined): number => {
  if (since === undefined) return 0;
  const now = moment();
  return Math.max(now.elapsedMs - since.elapsedMs, now.wallMs - since.wallMs);
};

function whenOpen(socket: Socket, secure: boolean, then: () => void): void {
  if (secure) {
    if ((socket as Socket & { secureConnecting?: boolean }).secureConnecting === true || socket.connecting) socket.once('secureConnect', then);
    else then();
  } else if (socket.connecting) socket.once('connect', then);
  else then();
}

function pathOf(request: WireRequest): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(request.query ?? {})) {
    const key = encodeURIComponent(name);
    if (value === null || value === undefined) parts.push(key);
    else for (const one of typeof value === 'string' ? [value] : value) parts.push(`${key}=${encodeURIComponent(one)}`);
  }
  return parts.length === 0 ? request.path : `${request.path}?${parts.join('&')}`;
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { APIGatewayProxyResult } from 'aws-lambda';
import type { FuzzSet } from './set.ts';

/** A small gateway: HTTP on this machine, and events of API Gateway's REST API to the handlers, member after member in turn. */

/** The stage, as the paths of requests begin. */
export const STAGE = '/v1';
/** Largest request (bytes), as with API Gateway. */
const REQUEST_BYTES_MAX = 10 * 1_024 * 1_024;

export interface FuzzServer {
  /** The API's base URL. */
  readonly url: string;
  /** Answers by status. */
  readonly answered: ReadonlyMap<number, number>;
  /** Requests whose answer was a 5xx: what was sent, and what came. */
  readonly failures: readonly { readonly request: string; readonly answer: string }[];
  stop(): Promise<void>;
}

/** Serves the set on a free port of the loopback address. */
export async function startServer(set: FuzzSet): Promise<FuzzServer> {
  const handlers = [...set.handlers.values()];
  const answered = new Map<number, number>();
  const failures: { request: string; answer: string }[] = [];
  let turn = 0;
  const server = createServer((request, response) => {
    const handler = handlers[turn % handlers.length] ?? handlers[0];
    turn += 1;
    answer(request, handler as NonNullable<typeof handler>)
      .catch((error: unknown) => ({ statusCode: 502, headers: {}, body: `the handler threw: ${String(error)}` }))
      .then(
        (result) => {
          answered.set(result.statusCode, (answered.get(result.statusCode) ?? 0) + 1);
          if (result.statusCode >= 500) failures.push({ request: `${request.method} ${request.url}`, answer: result.body });
          send(response, result);
        },
        () => response.destroy(),
      );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${STAGE}`, answered, failures, stop };
}

async function answer(request: IncomingMessage, handler: (event: unknown) => Promise<unknown>): Promise<APIGatewayProxyResult> {
  const url = new URL(request.url ?? '/', 'http://gateway');
  if (!url.pathname.startsWith(STAGE)) return { statusCode: 404, headers: { 'content-type': 'application/problem+json' }, body: '{}' };
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= REQUEST_BYTES_MAX) chunks.push(chunk);
  }
  if (bytes > REQUEST_BYTES_MAX) return { statusCode: 413, headers: { 'content-type': 'application/problem+json' }, body: '{}' };
  return (await handler(eventOf(request, url, Buffer.concat(chunks)))) as APIGatewayProxyResult;
}

/** What API Gateway makes of a request when all media types count as binary. */
function eventOf(request: IncomingMessage, url: URL, body: Buffer): object {
  const path = decoded(url.pathname.slice(STAGE.length)) || '/';
  const query: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (const [name, value] of url.searchParams) query[name] = [...(query[name] ?? []), value];
  const names = Object.keys(query);
  const headers = Object.entries(request.headersDistinct).filter((entry): entry is [string, string[]] => entry[1] !== undefined);
  return {
    resource: path === '/' ? '/' : '/{proxy+}',
    path,
    httpMethod: request.method,
    headers: Object.fromEntries(headers.map(([name, values]) => [name, values.at(-1)])),
    multiValueHeaders: Object.fromEntries(headers),
    queryStringParameters: names.length === 0 ? null : Object.fromEntries(names.map((name) => [name, query[name]?.at(-1)])),
    multiValueQueryStringParameters: names.length === 0 ? null : query,
    pathParameters: path === '/' ? null : { proxy: path.slice(1) },
    body: body.length === 0 ? null : body.toString('base64'),
    isBase64Encoded: body.length > 0,
    stageVariables: { auth: 'iam' },
    requestContext: { requestId: 'fuzz', stage: STAGE.slice(1), path: `${STAGE}${path}` },
  };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function send(response: ServerResponse, { statusCode, headers = {}, body, isBase64Encoded }: APIGatewayProxyResult): void {
  response.writeHead(statusCode, headers as Record<string, string>);
  response.end(isBase64Encoded === true ? Buffer.from(body, 'base64') : body);
}

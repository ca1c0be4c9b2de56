import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Item } from '../lib/core/attribute.ts';

/**
 * A null endpoint: takes DynamoDB and SQS calls and answers at once that all is well and nothing is there. With it, the
 * processor time of a handler is its own and the SDK's, free of an emulator's. Knows of the tables only what a handler
 * cannot do without: the rows of `self`. Counts what it was sent, so that a run can be checked.
 */

/** The rows that are there, by `control` table: those of `self`, the seat among them. */
export interface NullRows {
  readonly [controlTable: string]: readonly Item[];
}

/** What was sent, since the start. */
export interface NullCounts {
  /** Put and delete requests in BatchWriteItem calls. */
  readonly writes: number;
  /** Calls of all kinds. */
  readonly calls: number;
  /** Messages in SendMessageBatch calls. */
  readonly messages: number;
}

const SEAT = '"seat"';
const EMPTY_BATCH = '{"Successful":[],"Failed":[]}';
/** Idle connections stay open for longer than any pause of the bench (ms). */
const KEEP_ALIVE_MS = 120_000;

/** Answers calls. Pure but for its counters. */
export class NullService {
  readonly #rows: NullRows;
  #writes = 0;
  #calls = 0;
  #messages = 0;

  constructor(rows: NullRows) {
    this.#rows = rows;
  }

  get counts(): NullCounts {
    return { writes: this.#writes, calls: this.#calls, messages: this.#messages };
  }

  /** The answer's body. @throws Error for a call that no handler of the bench makes. */
  answer(target: string, body: Buffer): string {
    this.#calls += 1;
    const call = target.slice(target.indexOf('.') + 1);
    switch (call) {
      case 'BatchWriteItem':
        this.#writes += occurrences(body, '"PutRequest"') + occurrences(body, '"DeleteRequest"');
        return '{"UnprocessedItems":{}}';
      case 'BatchGetItem': {
        const table = body.includes(SEAT) ? this.#tableIn(body) : undefined;
        const responses = table === undefined ? {} : { [table]: this.#rows[table]?.filter(isSeat) ?? [] };
        return JSON.stringify({ Responses: responses, UnprocessedKeys: {} });
      }
      case 'GetItem': {
        const seat = body.includes(SEAT) ? this.#rows[this.#tableIn(body) ?? '']?.find(isSeat) : undefined;
        return JSON.stringify(seat === undefined ? {} : { Item: seat });
      }
      case 'Query': {
        const items = this.#rows[this.#tableIn(body) ?? ''] ?? [];
        return JSON.stringify({ Items: items, Count: items.length, ScannedCount: items.length });
      }
      case 'PutItem':
      case 'DeleteItem':
        this.#writes += 1;
        return '{}';
      case 'UpdateItem':
        return '{}';
      case 'DescribeStream':
        return JSON.stringify({
          StreamDescription: { StreamStatus: 'ENABLED', Shards: [{ ShardId: 'shardId-0', SequenceNumberRange: { StartingSequenceNumber: '0' } }] },
        });
      case 'SendMessageBatch':
        this.#messages += occurrences(body, '"MessageBody"');
        return EMPTY_BATCH;
      case 'ChangeMessageVisibilityBatch':
      case 'DeleteMessageBatch':
        return EMPTY_BATCH;
      default:
        throw new Error(`The null endpoint knows no call "${call}".`);
    }
  }

  #tableIn(body: Buffer): string | undefined {
    return Object.keys(this.#rows).find((table) => body.includes(`"${table}"`));
  }
}

const isSeat = (row: Item): boolean => (row['sk'] as { readonly S?: string } | undefined)?.S === 'seat';

/** How often a text stands in some bytes. */
export function occurrences(bytes: Buffer, text: string): number {
  let found = 0;
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + text.length)) found += 1;
  return found;
}

function serve(service: NullService, request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const send = (status: number, body: string): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', 'content-length': Buffer.byteLength(body) });
      response.end(body);
    };
    if (request.method === 'GET') {
      send(200, JSON.stringify(service.counts));
      return;
    }
    try {
      send(200, service.answer(String(request.headers['x-amz-target']), chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    } catch (error) {
      send(400, JSON.stringify({ __type: 'UnknownOperationException', message: (error as Error).message }));
    }
  });
}

/** Starts the endpoint on a free port of this machine, and says which. */
export async function startNullEndpoint(rows: NullRows): Promise<{ readonly url: string; readonly service: NullService; close(): Promise<void> }> {
  const service = new NullService(rows);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => serve(service, request, response));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.on('error', reject).listen(0, '127.0.0.1', resolve);
  await promise;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    service,
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

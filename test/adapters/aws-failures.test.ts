import type { Server as HttpServer } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { crc32 } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { awsClients } from '../../lib/adapters/aws/clients.ts';
import { AwsQueuePort } from '../../lib/adapters/aws/queue-port.ts';
import { AwsTablePort } from '../../lib/adapters/aws/table-port.ts';
import { isRemote, type RemoteError } from '../../lib/ports/errors.ts';
import { localCredentials } from './support/aws-world.ts';
import { EVERY_TYPE } from './support/values.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Seen {
  readonly target: string;
  readonly body: string;
  readonly authorization: string;
  readonly token: string | undefined;
}
type Answer = { readonly status?: number; readonly body: string; readonly headers?: Record<string, string> } | 'hang' | 'reset' | 'half';

/** A server of one's own answers, which remembers what came. */
async function serve(answer: (seen: Seen, number: number) => Answer): Promise<{ endpoint: string; seen: Seen[]; connections(): number }> {
  const seen: Seen[] = [];
  let connections = 0;
  const server: HttpServer = createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      seen.push({
        target: String(request.headers['x-amz-target']),
        body: Buffer.concat(chunks).toString('utf8'),
        authorization: String(request.headers.authorization),
        token: request.headers['x-amz-security-token']?.toString(),
      });
      const what = answer(seen.at(-1) as Seen, seen.length);
      if (what === 'hang') return;
      if (what === 'reset') {
        request.socket.resetAndDestroy();
        return;
      }
      if (what === 'half') {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"Item":');
        return;
      }
      response.writeHead(what.status ?? 200, { 'content-type': 'application/x-amz-json-1.0', ...what.headers });
      response.end(what.body);
    });
  });
  server.on('connection', () => {
    connections += 1;
  });
  const endpoint = await listen(server);
  return { endpoint, seen, connections: () => connections };
}

const socketsOf = new WeakMap<Server, Set<Socket>>();

async function listen(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  socketsOf.set(server, sockets);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function portsOf(endpoint: string, timeouts = { connectMs: 300, requestMs: 600 }, maxSockets?: number): { table: AwsTablePort; queue: AwsQueuePort } {
  localCredentials();
  const clients = awsClients({ region: 'eu-central-1', endpoint, timeouts, ...(maxSockets !== undefined && { maxSockets }) });
  closers.push(() => clients.destroy());
  return { table: new AwsTablePort(clients.dynamodb), queue: new AwsQueuePort(clients) };
}

/** Open connections of a server made by `listen`. */
const paused = (server: Server): readonly Socket[] => [...(socketsOf.get(server) ?? [])];

async function failure(call: Promise<unknown>): Promise<RemoteError> {
  const error = await call.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!isRemote(error)) throw new Error(`expected a RemoteError, got ${String(error)}`);
  return error;
}

const json = (type: string, message = 'why', status = 400): Answer => ({
  status,
  body: JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message }),
});
const KEY = { pk: { S: 'a' } };

describe('the wire', () => {
  it('sends exactly the items that it was given, signed, and gives back exactly what came', async () => {
    const odd = { ...KEY, n: { N: '1.50E+1' }, b: { B: 'BBB=' }, big: { N: '12345678901234567890123456789012345678' }, ...EVERY_TYPE };
    const server = await serve(({ target }) => ({
      body: target.endsWith('BatchGetItem')
        ? JSON.stringify({ Responses: { t: [odd] }, UnprocessedKeys: { t: { Keys: [KEY] } } })
        : JSON.stringify({ UnprocessedItems: { t: [{ PutRequest: { Item: odd } }, { DeleteRequest: { Key: KEY } }] } }),
    }));
    const { table } = portsOf(server.endpoint);
    expect(
      await table.batchWrite([
        { table: 't', put: odd },
        { table: 't', delete: KEY },
        { table: 'u', delete: KEY },
      ]),
    ).toEqual({
      unprocessed: [
        { table: 't', put: odd },
        { table: 't', delete: KEY },
      ],
    });
    expect(server.seen[0]?.body).toBe(
      JSON.stringify({ RequestItems: { t: [{ PutRequest: { Item: odd } }, { DeleteRequest: { Key: KEY } }], u: [{ DeleteRequest: { Key: KEY } }] } }),
    );
    expect(server.seen[0]?.target).toBe('DynamoDB_20120810.BatchWriteItem');
    expect(server.seen[0]?.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=local\/\d{8}\/eu-central-1\/dynamodb\/aws4_request/);
    const answer = await table.batchGet({ tables: [{ table: 't', keys: [KEY], project: [['_s', 'p'], ['pk']] }] });
    expect(answer.items.get('t')).toEqual([odd]);
    expect(answer.unprocessed.get('t')).toEqual([KEY]);
    expect(server.seen[1]?.body).toBe(
      JSON.stringify({
        RequestItems: {
          t: { Keys: [KEY], ConsistentRead: true, ProjectionExpression: '#n0.#n1, #n2', ExpressionAttributeNames: { '#n0': '_s', '#n1': 'p', '#n2': 'pk' } },
        },
      }),
    );
  });

  it('reads the old item of a failed condition as it is on the wire', async () => {
    const old = { ...KEY, b: { B: 'AAE=' }, n: { N: '1' } };
    const server = await serve(() => ({
      status: 400,
      body: JSON.stringify({
        __type: 'com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException',
        message: 'The conditional request failed',
        Item: old,
      }),
    }));
    const { table } = portsOf(server.endpoint);
    expect(await table.put('t', { ...KEY }, { op: 'absent', path: ['pk'] })).toEqual({ ok: false, old });
  });

  it('keeps its connection', async () => {
    const server = await serve(() => ({ body: '{}' }));
    const { table } = portsOf(server.endpoint);
    for (let i = 0; i < 5; i += 1) await table.get('t', KEY);
    expect(server.connections()).toBe(1);
  });
});

describe('failures of a server', () => {
  it.each<[string, Answer, string]>([
    ['throttling', json('ProvisionedThroughputExceededException'), 'throttled'],
    ['request limit', json('RequestLimitExceeded'), 'throttled'],
    ['a bad request', json('ValidationException'), 'invalid'],
    ['no permission', json('AccessDeniedException'), 'denied'],
    ['an expired token', json('ExpiredTokenException'), 'denied'],
    ['a missing table', json('ResourceNotFoundException'), 'missing'],
    ['an internal error', json('InternalServerError', 'why', 500), 'unanswered'],
    ['unavailable', json('ServiceUnavailable', 'why', 503), 'unanswered'],
    ['an answer with a wrong checksum', { body: '{}', headers: { 'x-amz-crc32': '1' } }, 'unanswered'],
    ['a refusal with a wrong checksum', { status: 400, body: '{"__type":"ValidationException"}', headers: { 'x-amz-crc32': '1' } }, 'unanswered'],
    ['a redirect, which is not followed', { status: 307, body: '', headers: { location: 'http://127.0.0.1:1/' } }, 'unanswered'],
    ['a proxy’s page', { status: 502, body: '<html>bad gateway</html>' }, 'unanswered'],
    ['an answer that is no JSON', { status: 200, body: '{"Item":' }, 'unanswered'],
    ['no answer', 'hang', 'unanswered'],
    ['half an answer, then silence', 'half', 'unanswered'],
    ['a reset after the request', 'reset', 'unanswered'],
  ])('%s', async (_label, answer, kind) => {
    const server = await serve(() => answer);
    const { table } = portsOf(server.endpoint);
    const error = await failure(table.put('t', KEY));
    expect(error.kind).toBe(kind);
    expect(error.message).not.toBe('');
    // One request: nothing is retried inside.
    expect(server.seen.length).toBe(1);
  });

  it('a read that was answered with a failure had no effect', async () => {
    const server = await serve(() => json('InternalServerError', 'why', 500));
    expect((await failure(portsOf(server.endpoint).table.get('t', KEY))).kind).toBe('transient');
  });

  it('takes an answer whose checksum is right', async () => {
    const body = JSON.stringify({ Item: { pk: { S: 'Zürich' } } });
    const server = await serve(() => ({ body, headers: { 'x-amz-crc32': String(crc32(body)) } }));
    expect(await portsOf(server.endpoint).table.get('t', KEY)).toEqual({ pk: { S: 'Zürich' } });
  });

  it('an answer before the whole request has left ends the connection: the rest is not sent', async () => {
    let bytes = 0;
    let closed = 0;
    const early = createServer((socket) => {
      socket.on('close', () => {
        closed += 1;
      });
      // Takes the first bytes, refuses, and reads no more until the caller has its answer.
      socket.once('data', (chunk) => {
        bytes += chunk.length;
        socket.pause();
        socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\n{}');
      });
    });
    const { table } = portsOf(await listen(early), { connectMs: 1_000, requestMs: 2_500 });
    const large = { ...KEY, text: { S: 'x'.repeat(32 * 1_024 * 1_024) } };
    const error = await failure(table.put('t', large));
    expect(error).toMatchObject({ kind: 'invalid', code: 'Http413' });
    for (const socket of paused(early)) {
      socket.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      socket.resume();
    }
    await expect.poll(() => closed, { timeout: 5_000 }).toBe(1);
    expect(bytes).toBeLessThan(32 * 1_024 * 1_024);
  });

  it('a dead port had no effect', async () => {
    const server = createServer();
    const endpoint = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    const error = await failure(portsOf(endpoint).table.put('t', KEY));
    expect(error).toMatchObject({ kind: 'transient', code: 'ECONNREFUSED' });
  });

  it('a name that does not resolve had no effect', async () => {
    const error = await failure(portsOf('http://no-such-host.invalid:1').table.put('t', KEY));
    expect(error.kind).toBe('transient');
  });

  it('a frozen server is unanswered after the timeout, and the connection is closed', async () => {
    let ended = 0;
    const frozen = createServer((socket) => {
      socket.resume();
      socket.on('close', () => {
        ended += 1;
      });
    });
    const { table } = portsOf(await listen(frozen));
    const start = performance.now();
    const error = await failure(table.put('t', KEY));
    expect(error).toMatchObject({ kind: 'unanswered', code: 'TimeoutError' });
    expect(performance.now() - start).toBeGreaterThan(500);
    await expect.poll(() => ended).toBe(1);
  });

  it('waiting for a free connection is not being issued', async () => {
    const server = await serve(() => 'hang');
    const { table } = portsOf(server.endpoint, { connectMs: 200, requestMs: 900 }, 1);
    let admitted = 0;
    const admit = (): void => {
      admitted += 1;
    };
    const first = failure(table.put('t', KEY, undefined, { admit }));
    const second = failure(table.put('t', KEY, undefined, { admit }));
    // Which of the two gets the connection is not said.
    const codes = [(await first).code, (await second).code].sort();
    const kinds = [(await first).kind, (await second).kind].sort();
    expect(codes).toEqual(['ConnectTimeout', 'TimeoutError']);
    expect(kinds).toEqual(['transient', 'unanswered']);
    expect(admitted).toBe(1);
    expect(server.seen.length).toBe(1);
  });

  it('admission comes after the wait for a connection', async () => {
    // The one connection is busy until the first call is answered, 150 ms later.
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const server = createHttpServer((request, response) => {
      request.resume();
      request.on('end', () => void held.then(() => response.end('{}')));
    });
    const { table } = portsOf(await listen(server), { connectMs: 2_000, requestMs: 2_500 }, 1);
    let admitted = false;
    const first = table.get('t', KEY);
    const second = table.get('t', KEY, {
      admit: () => {
        admitted = true;
      },
    });
    await expect.poll(() => server.listening).toBe(true);
    expect(admitted).toBe(false);
    release?.();
    await first;
    await second;
    expect(admitted).toBe(true);
  });

  it('sends are retried with the same deduplication ids; other calls to SQS are not', async () => {
    const server = await serve((_seen, number) =>
      number < 3 ? { status: 500, body: JSON.stringify({ __type: 'InternalError' }) } : { body: '{"Successful":[]}' },
    );
    const { queue } = portsOf(server.endpoint);
    expect(await queue.sendBatch(`${server.endpoint}/000000000000/q.fifo`, [{ id: 'a', body: 'x', group: 'g', dedup: 'd-1' }])).toEqual({ failed: [] });
    expect(server.seen.length).toBe(3);
    expect(new Set(server.seen.map((s) => s.body)).size).toBe(1);
    expect(server.seen[0]?.body).toContain('"MessageDeduplicationId":"d-1"');
    // An earlier attempt without an answer decides, also where the last one was surely refused.
    const mixed = await serve((_seen, number) => (number === 1 ? 'reset' : json('ThrottlingException')));
    expect(
      (await failure(portsOf(mixed.endpoint).queue.sendBatch(`${mixed.endpoint}/000000000000/q.fifo`, [{ id: 'a', body: 'x', group: 'g', dedup: 'd-2' }])))
        .kind,
    ).toBe('unanswered');
    expect(mixed.seen.length).toBe(3);
    const other = await serve(() => ({ status: 500, body: JSON.stringify({ __type: 'InternalError' }) }));
    expect((await failure(portsOf(other.endpoint).queue.deleteBatch(`${other.endpoint}/000000000000/q.fifo`, [{ id: 'a', receipt: 'r' }]))).kind).toBe(
      'unanswered',
    );
    expect(other.seen.length).toBe(1);
  });
});

describe('the environment', () => {
  const saved = { ...process.env };
  afterEach(() => {
    for (const name of ['AWS_ENDPOINT_URL', 'AWS_SESSION_TOKEN']) {
      if (saved[name] === undefined) delete process.env[name];
      else process.env[name] = saved[name];
    }
  });

  it('AWS_ENDPOINT_URL is where calls go when no endpoint is given, whatever the host of a queue’s URL', async () => {
    const server = await serve(() => ({ body: '{"Successful":[]}' }));
    process.env['AWS_ENDPOINT_URL'] = server.endpoint;
    localCredentials();
    const clients = awsClients({ region: 'eu-central-1', timeouts: { connectMs: 500, requestMs: 1_000 } });
    closers.push(() => clients.destroy());
    await new AwsTablePort(clients.dynamodb).get('t', KEY);
    await new AwsQueuePort(clients).sendBatch('https://sqs.eu-central-1.invalid/1/q.fifo', [{ id: 'a', body: 'x', group: 'g', dedup: 'd' }]);
    expect(server.seen.map((s) => s.target)).toEqual(['DynamoDB_20120810.GetItem', 'AmazonSQS.SendMessageBatch']);
    expect(server.seen[1]?.body).toContain('"QueueUrl":"https://sqs.eu-central-1.invalid/1/q.fifo"');
  });

  it('a session token is sent and signed, as in Lambda', async () => {
    const server = await serve(() => ({ body: '{}' }));
    process.env['AWS_SESSION_TOKEN'] = 'token-1';
    await portsOf(server.endpoint).table.get('t', KEY);
    expect(server.seen[0]?.token).toBe('token-1');
    expect(server.seen[0]?.authorization).toMatch(/SignedHeaders=[^,]*x-amz-security-token/);
  });
});

it('refuses timeouts that would let a call outlive R', () => {
  expect(() => awsClients({ region: 'eu-central-1', timeouts: { requestMs: 3_000 } })).toThrow(/request timeout < R/);
});

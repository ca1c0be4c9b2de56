import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { awsClients } from '../../lib/adapters/aws/clients.ts';
import { Signer } from '../../lib/adapters/aws/sigv4.ts';
import type { WireRequest } from '../../lib/adapters/aws/socket-handler.ts';
import { AwsTablePort } from '../../lib/adapters/aws/table-port.ts';
import { frameOf } from '../../lib/adapters/aws/wire-call.ts';

/** Calls past the SDK's middleware: the signature is the SDK's own, and an answer means the same as on the SDK's way. */

const SECRETS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

/** The request that the SDK makes of a put. */
async function requestOfSdk(note: string, sessionToken?: string): Promise<WireRequest> {
  const { promise, resolve } = Promise.withResolvers<WireRequest>();
  const client = new DynamoDBClient({
    region: 'ap-southeast-2',
    endpoint: 'http://127.0.0.1:4566',
    credentials: { ...SECRETS, ...(sessionToken !== undefined && { sessionToken }) },
    maxAttempts: 1,
    requestHandler: {
      handle: (request: WireRequest) => {
        resolve(request);
        return Promise.reject(new Error('not sent'));
      },
    } as never,
  });
  await expect(client.send(new PutItemCommand({ TableName: 'cities', Item: { id: { S: note } } }))).rejects.toThrow('not sent');
  return promise;
}

const bodyOf = (request: WireRequest): string => (typeof request.body === 'string' ? request.body : Buffer.from(request.body as Uint8Array).toString('utf8'));

it.each([
  ['plain text', undefined],
  ['Ünïcode, 東京, 🏙', undefined],
  ['with a session', 'FwoGZXIvYXdzEBYaD+token/=='],
])('signs as the SDK does: %s', async (note, sessionToken) => {
  const request = await requestOfSdk(note, sessionToken);
  const authorization = request.headers['authorization'] ?? '';
  const names = (/SignedHeaders=([^,]+)/.exec(authorization)?.[1] ?? '').split(';');
  const headers = Object.fromEntries(names.filter((n) => n !== 'x-amz-date' && n !== 'x-amz-security-token').map((n) => [n, request.headers[n] ?? '']));
  const at = (request.headers['x-amz-date'] ?? '').replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const signer = new Signer({ region: 'ap-southeast-2', service: 'dynamodb' });
  // Twice: the second time with the key that was kept.
  for (let i = 0; i < 2; i += 1) {
    const signed = signer.sign(headers, bodyOf(request), { ...SECRETS, sessionToken }, Date.parse(at));
    expect(signed['authorization']).toBe(authorization);
  }
  const other = signer.sign(headers, `${bodyOf(request)} `, { ...SECRETS, sessionToken }, Date.parse(at));
  expect(other['authorization']).not.toBe(authorization);
});

it('takes over the endpoint and scope of the SDK’s request, and nothing from one that is signed in another way', async () => {
  const request = await requestOfSdk('x');
  expect(frameOf(request)).toMatchObject({ protocol: 'http:', hostname: '127.0.0.1', port: 4566, targetPrefix: 'DynamoDB_20120810.' });
  expect(frameOf({ ...request, headers: { ...request.headers, authorization: 'Bearer abc' } })).toBeUndefined();
  expect(frameOf({ ...request, path: '/proxy' })).toBeUndefined();
});

let url = '';
let answer: { status: number; body: string; headers?: Record<string, string> } = { status: 200, body: '{}' };
let heard: { readonly request: IncomingMessage; readonly body: string }[] = [];
const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (text: string) => {
    body += text;
  });
  request.on('end', () => {
    heard.push({ request, body });
    response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0', ...answer.headers }).end(answer.body);
  });
});

beforeEach(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'local');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
  heard = [];
  answer = { status: 200, body: '{}' };
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

/** A port whose client has made its first call by the SDK. */
async function warmPort(): Promise<{ readonly table: AwsTablePort; close(): void }> {
  const clients = awsClients({ region: 'eu-central-1', endpoint: url });
  const table = new AwsTablePort(clients.dynamodb);
  await table.get('cities', { id: { S: 'first' } });
  expect(heard[0]?.request.headers['amz-sdk-invocation-id']).toBeDefined();
  return { table, close: () => clients.destroy() };
}

it('sends the second call by itself: same target, same kind of signature, the body as it is', async () => {
  const { table, close } = await warmPort();
  await table.put('cities', { id: { S: 'Köln' }, n: { N: '12345678901234567890123456789012345678' } });
  const { request, body } = heard[1] ?? { request: undefined, body: '' };
  expect(request?.headers['amz-sdk-invocation-id']).toBeUndefined();
  expect(request?.headers).toMatchObject({
    host: new URL(url).host,
    'x-amz-target': 'DynamoDB_20120810.PutItem',
    'user-agent': heard[0]?.request.headers['user-agent'],
    'content-length': String(Buffer.byteLength(body)),
  });
  expect(request?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=local\/\d{8}\/eu-central-1\/dynamodb\/aws4_request, SignedHeaders=/);
  expect(JSON.parse(body)).toEqual({ TableName: 'cities', Item: { id: { S: 'Köln' }, n: { N: '12345678901234567890123456789012345678' } } });
  close();
});

it('gives refusals the same meaning', async () => {
  const { table, close } = await warmPort();
  answer = { status: 400, body: JSON.stringify({ __type: 'com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException', Item: { id: { S: 'a' } } }) };
  expect(await table.put('cities', { id: { S: 'a' } }, { op: 'absent', path: ['id'] })).toEqual({ ok: false, old: { id: { S: 'a' } } });
  answer = { status: 400, body: JSON.stringify({ __type: 'ProvisionedThroughputExceededException', message: 'slow' }) };
  await expect(table.put('cities', { id: { S: 'a' } })).rejects.toMatchObject({ kind: 'throttled' });
  answer = { status: 500, body: JSON.stringify({ __type: 'InternalServerError', message: 'perhaps' }) };
  await expect(table.put('cities', { id: { S: 'a' } })).rejects.toMatchObject({ kind: 'unanswered' });
  close();
});

it('asks `admit` before anything is written', async () => {
  const { table, close } = await warmPort();
  const admit = (): void => {
    throw new Error('too late');
  };
  await expect(table.put('cities', { id: { S: 'a' } }, undefined, { admit })).rejects.toMatchObject({ kind: 'notIssued' });
  expect(heard).toHaveLength(1);
  close();
});

it('learns from a refusal for the time’s sake', async () => {
  const { table, close } = await warmPort();
  const theirs = Date.now() + 3_600_000;
  answer = { status: 400, body: JSON.stringify({ __type: 'RequestTimeTooSkewed', message: 'clock' }), headers: { date: new Date(theirs).toUTCString() } };
  await expect(table.get('cities', { id: { S: 'a' } })).rejects.toMatchObject({ kind: 'transient' });
  answer = { status: 200, body: '{}' };
  await table.get('cities', { id: { S: 'a' } });
  const stamp = String(heard.at(-1)?.request.headers['x-amz-date']).replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  expect(Math.abs(Date.parse(stamp) - theirs)).toBeLessThan(60_000);
  close();
});

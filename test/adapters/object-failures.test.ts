import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { objectClient } from '../../lib/adapters/aws/clients.ts';
import { AwsObjectPort } from '../../lib/adapters/aws/object-port.ts';
import type { RemoteError } from '../../lib/ports/errors.ts';
import { isRemote } from '../../lib/ports/errors.ts';
import type { ObjectPort } from '../../lib/ports/objects.ts';
import { OBJECT_CALL_BYTES_MAX } from '../../lib/ports/objects.ts';
import { localCredentials } from './support/aws-world.ts';

/** What AwsObjectPort makes of answers that no local cloud gives. */

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}
type Answer = { readonly status: number; readonly body?: string | Buffer; readonly headers?: Record<string, string> } | 'hang' | 'reset';

/** A port to a server of one's own answers, which remembers what came. */
async function portTo(answer: Answer, byEnvironment = false): Promise<{ port: ObjectPort; seen: Seen[]; endpoint: string }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) });
      if (answer === 'hang') return;
      if (answer === 'reset') request.socket.resetAndDestroy();
      else response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  localCredentials();
  if (byEnvironment) process.env['AWS_ENDPOINT_URL'] = endpoint;
  const { s3, destroy } = objectClient({ region: 'eu-central-1', ...(!byEnvironment && { endpoint }), timeouts: { connectMs: 1_000, requestMs: 1_500 } });
  closers.push(async () => {
    delete process.env['AWS_ENDPOINT_URL'];
    destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: new AwsObjectPort(s3), seen, endpoint };
}

const refusal = (status: number, code: string, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/xml', ...headers },
  body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>why</Message><RequestId>1</RequestId></Error>`,
});

async function failure(call: Promise<unknown>): Promise<RemoteError> {
  const error = await call.then(
    (answer) => answer,
    (e: unknown) => e,
  );
  if (!isRemote(error)) throw new Error(`expected a RemoteError, got ${String(error)}`);
  return error;
}

const BODY = Buffer.from('the body');
const SUM = hash('sha256', BODY, 'base64');
const put = (port: ObjectPort): Promise<unknown> => port.put('bucket', 'key', BODY, { sha256: SUM, ifNoneMatch: '*' });

describe('what is sent', () => {
  it('a put: the bytes, the condition, the sum that was given, once, with a length and without waiting', async () => {
    const { port, seen } = await portTo({ status: 200, headers: { etag: '"e"' } });
    expect(await port.put('bucket', 'a b/ü+%', BODY, { sha256: SUM, ifMatch: '"before"' })).toEqual({ ok: true, etag: '"e"' });
    expect(seen).toHaveLength(1);
    const [{ method, url, headers, body }] = seen as [Seen];
    expect([method, url.split('?')[0], body.toString()]).toEqual(['PUT', '/bucket/a%20b/%C3%BC%2B%25', 'the body']);
    expect(headers).toMatchObject({ 'x-amz-checksum-sha256': SUM, 'if-match': '"before"', 'content-length': '8' });
    expect(headers['expect']).toBeUndefined();
    expect(headers['transfer-encoding']).toBeUndefined();
    expect(headers['x-amz-content-sha256']).toBe(hash('sha256', BODY, 'hex'));
    expect(Object.keys(headers).filter((h) => h.startsWith('x-amz-checksum-'))).toEqual(['x-amz-checksum-sha256']);
    expect(headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=local\/\d{8}\/eu-central-1\/s3\/aws4_request/);
  });

  it('a get asks for the sum of a whole object, and for none of a range', async () => {
    const { port, seen } = await portTo({ status: 206, headers: { 'content-range': 'bytes 2-4/8' }, body: 'e b' });
    await port.get('bucket', 'key', { range: { from: 2, to: 5 } });
    await port.get('bucket', 'key', { range: { last: 7 } });
    await port.get('bucket', 'key');
    expect(seen.map(({ headers }) => [headers['range'], headers['x-amz-checksum-mode']])).toEqual([
      ['bytes=2-4', undefined],
      ['bytes=-7', undefined],
      [undefined, 'ENABLED'],
    ]);
  });

  it('the endpoint of the environment has the bucket in the path, too', async () => {
    const { port, seen } = await portTo({ status: 204 }, true);
    await port.delete('bucket', 'key');
    expect(seen.map(({ method, url }) => `${method} ${url.split('?')[0]}`)).toEqual(['DELETE /bucket/key']);
  });
});

describe('refusals and failures', () => {
  it.each<[string, Answer, string, string?]>([
    ['a conflict with a request under way', refusal(409, 'ConditionalRequestConflict'), 'transient'],
    ['an operation under way', refusal(409, 'OperationAborted'), 'transient'],
    ['a body that did not arrive in time', refusal(400, 'RequestTimeout'), 'transient'],
    ['a body that did not arrive whole', refusal(400, 'IncompleteBody'), 'transient'],
    ['a bucket whose name leads nowhere yet', refusal(307, 'TemporaryRedirect', { location: 'http://127.0.0.1:1/' }), 'transient'],
    ['a bucket of another region', refusal(301, 'PermanentRedirect'), 'missing'],
    ['no bucket', refusal(404, 'NoSuchBucket'), 'missing'],
    ['a wrong sum', refusal(400, 'BadDigest'), 'invalid'],
    ['too large', refusal(400, 'EntityTooLarge'), 'invalid'],
    ['no permission', refusal(403, 'AccessDenied'), 'denied'],
    ['an expired token', refusal(400, 'ExpiredToken'), 'denied'],
    ['a disabled key', refusal(400, 'KMS.DisabledException'), 'denied'],
    ['too many requests', refusal(503, 'SlowDown'), 'throttled'],
    ['unavailable', refusal(503, 'ServiceUnavailable'), 'unanswered'],
    ['an internal error', refusal(500, 'InternalError'), 'unanswered'],
    ['a proxy’s page', { status: 502, body: '<html><body>bad gateway</body></html>' }, 'unanswered'],
    ['no answer', 'hang', 'unanswered', 'TimeoutError'],
    ['a reset', 'reset', 'unanswered', 'ECONNRESET'],
  ])('of a put: %s', async (_label, answer, kind, code) => {
    const { port, seen } = await portTo(answer);
    const error = await failure(put(port));
    expect(error.kind).toBe(kind);
    if (code !== undefined) expect(error.code).toBe(code);
    // Nothing is retried, no redirect is followed.
    expect(seen).toHaveLength(1);
  });

  it.each<[string, Answer, string]>([
    ['an internal error', refusal(500, 'InternalError'), 'transient'],
    ['too many requests', refusal(503, 'SlowDown'), 'throttled'],
    ['no permission', refusal(403, 'AccessDenied'), 'denied'],
    ['no answer', 'hang', 'unanswered'],
  ])('of reads: %s', async (_label, answer, kind) => {
    const { port } = await portTo(answer);
    expect((await failure(port.get('bucket', 'key'))).kind).toBe(kind);
    expect((await failure(port.list('bucket', { prefix: '', limit: 1 }))).kind).toBe(kind);
  });

  it.each<[number, string]>([
    [403, 'denied'],
    [500, 'transient'],
    [503, 'transient'],
    [400, 'invalid'],
  ])('of a head, which has no code in its answer: %i', async (status, kind) => {
    expect((await failure((await portTo({ status })).port.head('bucket', 'key'))).kind).toBe(kind);
  });

  it('a head that does not say how large the object is', async () => {
    expect(await failure((await portTo({ status: 200 })).port.head('bucket', 'key'))).toMatchObject({ kind: 'unanswered', code: 'NoContentLength' });
  });

  it('a 404 to a put that has no ifMatch is no answer to a condition', async () => {
    expect((await failure(put((await portTo(refusal(404, 'NoSuchKey'))).port))).kind).toBe('missing');
  });

  it('a get of a range beyond the object', async () => {
    const { port } = await portTo(refusal(416, 'InvalidRange', { 'content-range': 'bytes */8' }));
    expect(await failure(port.get('bucket', 'key', { range: { from: 8, to: 9 } }))).toMatchObject({ kind: 'invalid', code: 'InvalidRange' });
  });

  it.each<[string, Record<string, string>]>([
    ['without a range', {}],
    ['with a range of nothing', { 'content-range': 'bytes 0--1/0' }],
  ])('a range of an empty object that is answered as if it were one, %s', async (_label, headers) => {
    const { port } = await portTo({ status: 206, headers: { 'content-length': '0', ...headers } });
    expect(await failure(port.get('bucket', 'key', { range: { last: 3 } }))).toMatchObject({ kind: 'invalid', code: 'InvalidRange' });
  });

  it('a whole object where a range was asked for', async () => {
    const { port } = await portTo({ status: 200, body: BODY });
    expect(await failure(port.get('bucket', 'key', { range: { last: 3 } }))).toMatchObject({ kind: 'unanswered', code: 'NoContentRange' });
  });
});

describe('sums', () => {
  it('bytes that are not those of their sum are no answer', async () => {
    const { port } = await portTo({ status: 200, headers: { 'x-amz-checksum-sha256': SUM, etag: '"e"' }, body: 'the bodx' });
    expect(await failure(port.get('bucket', 'key'))).toMatchObject({ kind: 'unanswered', code: 'ChecksumMismatch' });
  });

  it('another sum than SHA-256 is checked, too, and not shown', async () => {
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(BODY));
    const right = await portTo({ status: 200, headers: { 'x-amz-checksum-crc32': sum.toString('base64'), etag: '"e"' }, body: BODY });
    expect(await right.port.get('bucket', 'key')).toMatchObject({ etag: '"e"', size: BODY.length });
    expect((await right.port.get('bucket', 'key'))?.sha256).toBeUndefined();
    const wrong = await portTo({ status: 200, headers: { 'x-amz-checksum-crc32': sum.toString('base64') }, body: 'the bodx' });
    expect((await failure(wrong.port.get('bucket', 'key'))).code).toBe('ChecksumMismatch');
  });

  it('the sum of sums of several parts is not the sum of the bytes', async () => {
    const headers = { 'x-amz-checksum-sha256': `${SUM}-3`, 'x-amz-checksum-type': 'COMPOSITE', etag: '"e-3"', 'content-length': String(BODY.length) };
    const { port } = await portTo({ status: 200, headers, body: BODY });
    const read = await port.get('bucket', 'key');
    expect(Buffer.from(read?.body ?? []).equals(BODY)).toBe(true);
    expect(read?.sha256).toBeUndefined();
    expect(await port.head('bucket', 'key')).toEqual({ etag: '"e-3"', size: 8 });
  });
});

describe('sizes', () => {
  it('an object that is larger than a call carries is refused with what to do, and read by ranges', async () => {
    const large = await portTo({ status: 200, body: Buffer.alloc(OBJECT_CALL_BYTES_MAX + 1) });
    expect(await failure(large.port.get('bucket', 'key'))).toMatchObject({
      kind: 'invalid',
      code: 'EntityTooLarge',
      message: expect.stringContaining('ranges'),
    });
    const far = await portTo({ status: 200, body: Buffer.alloc(2 * OBJECT_CALL_BYTES_MAX) });
    expect(await failure(far.port.get('bucket', 'key'))).toMatchObject({ kind: 'invalid', code: 'EntityTooLarge', message: expect.stringContaining('ranges') });
  });
});

describe('lists', () => {
  it('reads keys as S3 writes them: a space as a plus', async () => {
    const contents = ['a+b', 'a%2Bb', 'a%20b', '%C3%BC', 'a%2525', 'a/b', '%01'].map(
      (k) => `<Contents><Key>${k}</Key><ETag>&quot;e&quot;</ETag><Size>1</Size></Contents>`,
    );
    const { port, seen } = await portTo({
      status: 200,
      body: `<?xml version="1.0"?><ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>${contents.join('')}</ListBucketResult>`,
    });
    const page = await port.list('bucket', { prefix: 'a b+', after: 'a c+', limit: 7 });
    expect(page.objects.map((o) => o.key)).toEqual(['a b', 'a+b', 'a b', 'ü', 'a%25', 'a/b', '\u0001']);
    expect(page.objects[0]).toEqual({ key: 'a b', etag: '"e"', size: 1 });
    expect(page.next).toBe('\u0001');
    const query = new URL(`http://x${seen[0]?.url}`).searchParams;
    expect(Object.fromEntries(query)).toMatchObject({ 'list-type': '2', prefix: 'a b+', 'start-after': 'a c+', 'max-keys': '7', 'encoding-type': 'url' });
  });
});

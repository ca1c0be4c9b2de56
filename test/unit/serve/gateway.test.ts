import type { APIGatewayProxyResult, Context } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readSettings, SettingsError } from '../../../functions/shared/settings.ts';
import type { KeySchema } from '../../../lib/core/key.ts';
import { ITEM_TYPE, JSON_TYPE } from '../../../lib/serve/http.ts';
import { PATHS, ROUTES } from '../../../lib/serve/operations.ts';
import type { Issuer } from '../../../local/issuer.ts';
import { startIssuer } from '../../../local/issuer.ts';
import type { FuzzSet } from '../../fuzz/set.ts';
import { fuzzSet, PRIMARY, SECONDARY } from '../../fuzz/set.ts';

/** The whole handler with tokens and with browsers: who gets in, what they may do, and what they are shown. */

const KEY: KeySchema = { partition: { name: 'id', type: 'S' } };
const ORIGIN = 'https://app.example.com';

let issuer: Issuer;
let set: FuzzSet;

beforeAll(async () => {
  issuer = await startIssuer();
  const auth = { type: 'jwt', issuer: issuer.url, audience: issuer.audience, jwksUri: issuer.jwksUri };
  set = await fuzzSet({ key: KEY, seed: 1, env: { SYNCLINE_AUTH: JSON.stringify(auth), SYNCLINE_CORS: JSON.stringify([ORIGIN]) } });
});
afterAll(() => issuer.stop());

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

async function send(sent: Sent, member: string = PRIMARY): Promise<APIGatewayProxyResult> {
  const handler = set.handlers.get(member);
  if (handler === undefined) throw new Error(`no member ${member}`);
  const { method = 'GET', path = '/items', query = {}, headers = {}, body } = sent;
  return (await handler({
    resource: '/{proxy+}',
    path,
    httpMethod: method,
    headers,
    queryStringParameters: query,
    body: body === undefined ? null : JSON.stringify(body),
    isBase64Encoded: false,
    stageVariables: { auth: 'jwt' },
    requestContext: { requestId: 'r' },
  })) as APIGatewayProxyResult;
}

const bearer = async (scope: string): Promise<Readonly<Record<string, string>>> => ({ Authorization: `Bearer ${await issuer.token({ scope })}` });
const ITEM = { id: 'a', secret: 'only for readers' };

describe('with tokens', () => {
  it('no route is answered without one, known or not', async () => {
    for (const { method, path } of [
      ...ROUTES,
      { method: 'GET', path: '/unknown' },
      { method: 'TRACE', path: '/items' },
      { method: 'OPTIONS', path: '/items' },
    ]) {
      const answer = await send({ method, path, query: { id: 'a' } });
      expect(answer.statusCode, `${method} ${path}`).toBe(401);
      expect(answer.headers).toMatchObject({ 'www-authenticate': 'Bearer realm="syncline"', 'content-type': 'application/problem+json' });
    }
  });

  it('each route needs its scope: who has another one gets 403, and nothing is read or written', async () => {
    for (const route of ROUTES) {
      const other = route.scope === 'read' ? 'write' : 'read';
      const answer = await send({ method: route.method, path: route.path, query: { id: 'a' }, headers: await bearer(other) });
      expect(answer.statusCode, route.id).toBe(403);
      expect(answer.headers?.['www-authenticate']).toBe(`Bearer realm="syncline", error="insufficient_scope", scope="${route.scope}"`);
    }
  });

  it('admin may do everything', async () => {
    const headers = await bearer('admin');
    for (const path of PATHS.filter((p) => !p.includes('{') && ROUTES.some((r) => r.path === p && r.method === 'GET' && r.key === undefined)))
      expect((await send({ path, headers })).statusCode, path).toBe(200);
    expect((await send({ method: 'PUT', headers: { ...headers, 'Content-Type': JSON_TYPE }, body: ITEM })).statusCode).toBe(201);
  });

  it('an unknown path is 404, and another method 405, for whoever has a token of any scope', async () => {
    const headers = await bearer('');
    expect((await send({ path: '/unknown', headers })).statusCode).toBe(404);
    expect(await send({ method: 'POST', headers })).toMatchObject({ statusCode: 405, headers: { allow: 'GET, HEAD, PUT, PATCH, DELETE' } });
  });

  it.each([PRIMARY, SECONDARY])('who may only write is shown no item by a patch at %s', async (member) => {
    const content = { 'Content-Type': JSON_TYPE };
    await send({ method: 'PUT', headers: { ...(await bearer('write')), ...content }, body: ITEM });
    const patch: Sent = { method: 'PATCH', query: { id: 'a' }, body: { operations: [{ op: 'set-if-absent', path: 'b', value: 1 }] } };
    const blind = await send({ ...patch, headers: { ...(await bearer('write')), ...content, Prefer: 'return=representation' } }, member);
    expect(blind).toMatchObject({ statusCode: 204, body: '', headers: { 'preference-applied': 'return=minimal' } });
    const seeing = await send({ ...patch, headers: { ...(await bearer('write read')), ...content } }, member);
    expect(JSON.parse(seeing.body)).toEqual({ ...ITEM, b: 1 });
  });

  it('nothing of a body is read before its sender is known', async () => {
    const answer = await send({ method: 'PUT', headers: { 'Content-Type': JSON_TYPE, 'Content-Encoding': 'gzip' }, body: 'not gzip' });
    expect(answer.statusCode).toBe(401);
  });

  it('the document says so', async () => {
    const document = JSON.parse((await send({ path: '/openapi.json', headers: await bearer('read') })).body) as Record<string, unknown>;
    expect(document).toMatchObject({ security: [{ bearer: ['read'] }] });
  });

  it('nothing of a token is logged, whether it is taken or refused, nor of an item', async () => {
    const written: string[] = [];
    const spies = [
      ...(['log', 'info', 'warn', 'error', 'debug'] as const).map((level) =>
        vi.spyOn(console, level).mockImplementation((...parts) => void written.push(parts.map(String).join(' '))),
      ),
      ...[process.stdout, process.stderr].map((stream) =>
        vi.spyOn(stream, 'write').mockImplementation((chunk) => {
          written.push(String(chunk));
          return true;
        }),
      ),
    ];
    const token = await issuer.token({ scope: 'read write' });
    const secret = 'not-to-be-logged';
    try {
      // The logger of the real function, told to log everything, events included.
      vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'DEBUG');
      vi.stubEnv('POWERTOOLS_LOGGER_LOG_EVENT', 'true');
      const { base } = await import('../../../functions/shared/base.ts');
      const { apiHandler } = await import('../../../functions/api/app.ts');
      const dead = { type: 'jwt', issuer: issuer.url, audience: issuer.audience, jwksUri: 'http://127.0.0.1:1/' };
      for (const auth of [{ ...dead, jwksUri: issuer.jwksUri }, dead]) {
        const config = { set: 'cities', key: KEY, members: [{ name: 'eu', region: 'eu-central-1', account: '000000000000', generation: 1, items: 'x' }] };
        const settings = readSettings({ SYNCLINE_CONFIG: JSON.stringify(config), SYNCLINE_MEMBER: 'eu', SYNCLINE_AUTH: JSON.stringify(auth) });
        // Without a table every operation fails inside, which logs the most.
        const handler = apiHandler(base('api', settings), { member: 'eu', key: KEY, set: 'cities' } as unknown as Parameters<typeof apiHandler>[1]);
        for (const text of [token, `${token}x`, secret]) {
          const event = {
            httpMethod: 'PUT',
            path: '/items',
            headers: { authorization: `Bearer ${text}`, 'content-type': ITEM_TYPE },
            body: `{"id":{"S":"${secret}"}}`,
          };
          await handler({ ...event, stageVariables: { auth: 'jwt' }, requestContext: { requestId: 'r' } }, {
            awsRequestId: 'x',
            functionName: 'api',
          } as unknown as Context);
        }
      }
    } finally {
      for (const spy of spies) spy.mockRestore();
      vi.unstubAllEnvs();
    }
    const all = written.join('\n');
    expect(all).toContain('"message":"problem"');
    for (const part of [...token.split('.'), secret]) expect(all).not.toContain(part);
  });
});

describe('browsers', () => {
  const preflight = (origin: string, path = '/items'): Promise<APIGatewayProxyResult> =>
    send({ method: 'OPTIONS', path, headers: { Origin: origin, 'Access-Control-Request-Method': 'PUT', 'Access-Control-Request-Headers': 'authorization' } });

  it('may ask from an allowed origin, without a token', async () => {
    const answer = await preflight(ORIGIN);
    expect(answer).toMatchObject({
      statusCode: 204,
      body: '',
      headers: { 'access-control-allow-origin': ORIGIN, 'access-control-allow-methods': 'GET, HEAD, PUT, PATCH, DELETE', vary: 'origin' },
    });
    expect(answer.headers?.['access-control-allow-headers']).toContain('authorization');
  });

  it('are told nothing from another origin, or of an unknown path', async () => {
    for (const answer of [await preflight('https://evil.example'), await preflight('null'), await preflight(ORIGIN, '/unknown')])
      expect(answer.statusCode).toBe(401);
    expect((await preflight('https://evil.example')).headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('may read answers, problems too, and their headers', async () => {
    const headers = { Origin: ORIGIN, ...(await bearer('read')) };
    const good = await send({ path: '/health', headers });
    expect(good.headers).toMatchObject({ 'access-control-allow-origin': ORIGIN, vary: 'origin, accept-encoding' });
    expect(good.headers?.['access-control-expose-headers']).toContain('etag');
    expect((await send({ query: { id: 'none' }, headers })).headers).toMatchObject({ 'access-control-allow-origin': ORIGIN });
    expect((await send({ headers: { Origin: ORIGIN } })).headers).toMatchObject({ 'access-control-allow-origin': ORIGIN });
  });

  it('without an origin are told that the answer depends on one', async () => {
    const answer = await send({ path: '/health', headers: await bearer('read') });
    expect(answer.headers?.['vary']).toBe('origin, accept-encoding');
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  });
});

describe('the settings', () => {
  const config = JSON.stringify({
    set: 'cities',
    key: KEY,
    members: [{ name: 'eu', region: 'eu-central-1', account: '000000000000', generation: 1, items: 'x' }],
  });
  const read = (env: Readonly<Record<string, string>>): ReturnType<typeof readSettings> =>
    readSettings({ SYNCLINE_CONFIG: config, SYNCLINE_MEMBER: 'eu', ...env });
  const jwt = { type: 'jwt', issuer: 'https://issuer.example', audience: 'cities' };

  it('are IAM, and no origin, unless set', () => {
    expect(read({})).toMatchObject({ auth: { type: 'iam' }, corsOrigins: [] });
    expect(read({ SYNCLINE_AUTH: '', SYNCLINE_CORS: '' })).toMatchObject({ auth: { type: 'iam' }, corsOrigins: [] });
    expect(read({ SYNCLINE_AUTH: '{"type":"iam"}' }).auth).toEqual({ type: 'iam' });
  });

  it('of tokens have names of scopes, by default our own', () => {
    expect(read({ SYNCLINE_AUTH: JSON.stringify(jwt) }).auth).toEqual({ ...jwt, scopes: { read: 'read', write: 'write', admin: 'admin' } });
    const scopes = { read: 'r', write: 'w', admin: 'a' };
    expect(read({ SYNCLINE_AUTH: JSON.stringify({ ...jwt, scopes }) }).auth).toMatchObject({ scopes });
  });

  it.each([
    ['an unknown type', '{"type":"none"}'],
    ['no type', '{}'],
    ['no JSON', 'iam'],
    ['no audience', '{"type":"jwt","issuer":"https://issuer.example"}'],
    ['an empty audience', JSON.stringify({ ...jwt, audience: '' })],
    ['an issuer over plain HTTP', JSON.stringify({ ...jwt, issuer: 'http://issuer.example' })],
    ['an issuer that only looks like loopback', JSON.stringify({ ...jwt, issuer: 'http://127.0.0.1.example' })],
    ['keys over plain HTTP', JSON.stringify({ ...jwt, jwksUri: 'http://issuer.example/keys' })],
    ['one name for two scopes', JSON.stringify({ ...jwt, scopes: { read: 'x', write: 'x' } })],
    ['a scope with a space', JSON.stringify({ ...jwt, scopes: { read: 'x y' } })],
    ['an unknown field', JSON.stringify({ ...jwt, algorithms: ['none'] })],
  ])('with %s keep the function from starting', (_name, text) => {
    expect(() => read({ SYNCLINE_AUTH: text })).toThrow(SettingsError);
    expect(() => read({ SYNCLINE_AUTH: text })).toThrow('SYNCLINE_AUTH');
  });

  it.each(['["*"]', '["https://a.example/"]', '["https://a.example/path"]', '["a.example"]', '["HTTPS://A.example"]', '"https://a.example"', 'x'])(
    'with the origins %s keep the function from starting',
    (text) => {
      expect(() => read({ SYNCLINE_CORS: text })).toThrow('SYNCLINE_CORS');
    },
  );

  it('take origins', () => {
    expect(read({ SYNCLINE_CORS: '["https://a.example","http://localhost:5173"]' }).corsOrigins).toHaveLength(2);
  });
});

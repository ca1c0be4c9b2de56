import { generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SynclineClient } from '../../client/client.ts';
import { type Cloud, startCloud } from '../../local/cloud.ts';
import { type Deployment, deploy, makeSeeds } from '../../local/deploy.ts';
import { type Issuer, startIssuer } from '../../local/issuer.ts';
import { browserOf, Site } from './support/browser.ts';

/** An API that takes tokens in place of signatures, deployed: one region is enough. */

const REGION = 'eu-central-1';
/** One request (ms). */
const REQUEST_MAX_MS = 15_000;
const ITEM = '{"pk":"a","sk":1,"n":1}';

let issuer: Issuer;
let cloud: Cloud;
let site: Site;
let deployment: Deployment;
beforeAll(async () => {
  issuer = await startIssuer({ audience: 'items' });
  site = await Site.start();
  await makeSeeds([REGION]);
  cloud = await startCloud({ regions: [REGION], seeded: true });
  deployment = await deploy(cloud, {
    set: 'tokens',
    keys: 'pk:S,sk:N',
    context: { auth: 'jwt', issuer: issuer.url, audience: issuer.audience, jwksUri: issuer.jwksUri, corsOrigins: `https://app.example.com,${site.origin}` },
  });
});
afterAll(async () => {
  await cloud?.stop();
  await issuer?.stop();
  await site?.stop();
});

const url = (path: string): string => `${deployment.apis[REGION] ?? ''}${path}`;
const send = (path: string, token: string | undefined, init: RequestInit = {}): Promise<Response> =>
  fetch(url(path), {
    ...init,
    signal: AbortSignal.timeout(REQUEST_MAX_MS),
    headers: {
      accept: 'application/json',
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(init.headers as object),
    },
  });
const unsigned = (claims: object): string =>
  `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`;

describe('an API that takes tokens', () => {
  test('lets nobody in without a valid one', async () => {
    const nowS = Math.floor(Date.now() / 1_000);
    const claims = { iss: issuer.url, aud: issuer.audience, scope: 'admin', exp: nowS + 600 };
    const { privateKey } = await generateKeyPair('ES256');
    const bad: Readonly<Record<string, string | undefined>> = {
      none: undefined,
      nonsense: 'nonsense',
      expired: await issuer.token({ lifeS: -60 }),
      'of another audience': await issuer.token({ audience: 'others' }),
      'without a signature': unsigned(claims),
      'of another key': await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'local' }).sign(privateKey),
      'signed with a shared secret': await new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', kid: 'local' })
        .sign(Buffer.from('a secret of thirty-two characters')),
    };
    for (const [kind, token] of Object.entries(bad)) {
      const answer = await send('/items', token, { method: 'PUT', body: ITEM });
      expect(answer.status, kind).toBe(401);
      expect(answer.headers.get('content-type'), kind).toBe('application/problem+json');
    }
    expect((await send('/items?pk=a&sk=1', await issuer.token({ scope: 'read' }))).status).toBe(404);
  });

  test('refuses what a token’s scope does not cover, and does what it covers', async () => {
    const [reader, writer] = [await issuer.token({ scope: 'read' }), await issuer.token({ scope: 'write' })];
    expect((await send('/items', reader, { method: 'PUT', body: ITEM })).status).toBe(403);
    expect((await send('/items', writer, { method: 'PUT', body: ITEM })).status).toBe(201);
    expect((await send('/items?pk=a&sk=1', writer)).status).toBe(403);
    const read = await send('/items?pk=a&sk=1', reader);
    expect(await read.json()).toEqual({ pk: 'a', sk: 1, n: 1 });
    expect((await send('/status', writer)).status).toBe(403);
    expect((await send('/status', await issuer.token({ scope: 'admin' }))).status).toBe(200);
  });

  test('lets pages of the named origin ask, and no others', async () => {
    const preflight = (origin: string): Promise<Response> =>
      send('/items', undefined, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization' },
      });
    const allowed = await preflight('https://app.example.com');
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example.com');
    expect((await preflight('https://evil.example.com')).headers.get('access-control-allow-origin')).toBeNull();
  });

  test('serves the client with a token', async () => {
    const client = new SynclineClient({ endpoints: [url('')], auth: { type: 'bearer', token: () => issuer.token({ scope: 'read write' }) } });
    await client.put({ pk: 'client', sk: 1, text: 'ünï–🚀' });
    expect((await client.get({ pk: 'client', sk: 1 })).item).toEqual({ pk: 'client', sk: 1, text: 'ünï–🚀' });
  });

  const browser = browserOf();
  if (browser === undefined) {
    console.warn('Skipped: the client in a browser, since there is no Chromium on the PATH.');
    // biome-ignore lint/suspicious/noSkippedTests: said aloud, with the reason, and counted as skipped.
    test.skip('serves the client in a browser, on a page of a named origin', () => undefined);
  } else {
    test('serves the client in a browser, on a page of a named origin', async () => {
      const told = await site.run(
        browser,
        `import { NumberValue, SynclineClient } from './client/index.ts';
        async function run() {
          const client = new SynclineClient({ endpoints: [${JSON.stringify(url(''))}], auth: { type: 'bearer', token: async () => ${JSON.stringify(await issuer.token({ scope: 'read write' }))} } });
          const session = client.session();
          await session.put({ pk: 'browser/ü', sk: 1, big: new NumberValue('12345678901234567890.5'), bytes: new Uint8Array([1, 255]), tags: new Set(['x']) });
          const { item } = await session.get({ pk: 'browser/ü', sk: 1 });
          const { item: patched } = await client.patch({ pk: 'browser/ü', sk: 1 }, { operations: [{ op: 'increment', path: 'n', value: 2 }] });
          const code = await client.get({ pk: '', sk: 1 }).catch((error) => error.code);
          return { big: String(item.big), bytes: [...item.bytes], tags: [...item.tags], n: patched.n, count: await client.count({ partition: 'browser/ü' }), code };
        }`,
      );
      expect(told).toEqual({ big: '12345678901234567890.5', bytes: [1, 255], tags: ['x'], n: 2, count: 1, code: 'invalid-key' });
    });
  }
});

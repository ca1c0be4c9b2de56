import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CryptoKey } from 'jose';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authority, sameSafety } from '../../../functions/api/auth.ts';
import type { AuthSettings } from '../../../functions/shared/settings.ts';
import { ManualClock } from '../../../lib/adapters/memory/clock.ts';
import type { ProblemError } from '../../../lib/serve/problem.ts';
import type { Scope } from '../../../lib/serve/scopes.ts';

/** Bearer tokens: each way in which one can be wrong is refused, and a dead issuer opens nothing. */

const AUDIENCE = 'cities';
const clock = new ManualClock();
const nowS = (): number => Math.floor(clock.now() / 1_000);

let server: Server;
let issuer: string;
let keys: { publicKey: CryptoKey; privateKey: CryptoKey };
let otherKeys: { publicKey: CryptoKey; privateKey: CryptoKey };
/** Requests that the server got. */
let fetched: string[] = [];
let status = 200;

beforeAll(async () => {
  keys = await generateKeyPair('RS256', { extractable: true });
  otherKeys = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' };
  server = createServer((request, response) => {
    fetched.push(request.url ?? '');
    const body = request.url === '/keys' ? { keys: [jwk] } : { issuer, jwks_uri: `${issuer}/keys` };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(
  () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
);

type Jwt = Extract<AuthSettings, { type: 'jwt' }>;
const settings = (more: Partial<Jwt> = {}): Jwt => ({
  type: 'jwt',
  issuer,
  audience: AUDIENCE,
  scopes: { read: 'read', write: 'write', admin: 'admin' },
  ...more,
});

interface Made {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly key?: CryptoKey | Uint8Array;
  readonly alg?: string;
  readonly kid?: string;
}

/** A token; a claim that is undefined is left out. */
async function token({ claims = {}, key = keys.privateKey, alg = 'RS256', kid = 'k1' }: Made = {}): Promise<string> {
  const all = { iss: issuer, aud: AUDIENCE, sub: 'somebody', iat: nowS(), exp: nowS() + 60, scope: 'read write', ...claims };
  return new SignJWT(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))).setProtectedHeader({ alg, kid }).sign(key);
}

const bearer = (text: string): ReadonlyMap<string, string> => new Map([['authorization', `Bearer ${text}`]]);

async function refused(headers: ReadonlyMap<string, string>, needs: Scope = 'read', of: AuthSettings = settings()): Promise<ProblemError> {
  return authority(of, clock)
    .admit(headers, needs)
    .then(
      () => {
        throw new Error('was let in');
      },
      (error: unknown) => error as ProblemError,
    );
}

const challenge = (problem: ProblemError): string | undefined => problem.extra.headers?.['www-authenticate'];

const unsecured = (): string => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none', kid: 'k1' })}.${part({ iss: issuer, aud: AUDIENCE, exp: nowS() + 60, scope: 'read write admin' })}.`;
};

const WRONG: readonly [string, () => Promise<string> | string, RegExp][] = [
  ['signed with another key', () => token({ key: otherKeys.privateKey }), /signature is wrong/],
  ['of an unknown key', () => token({ kid: 'k2' }), /key of this token/],
  ['that has expired', () => token({ claims: { exp: nowS() - 6 } }), /expired/],
  ['that is not yet valid', () => token({ claims: { nbf: nowS() + 6 } }), /"nbf"/],
  ['for another audience', () => token({ claims: { aud: 'towns' } }), /another audience/],
  ['for several other audiences', () => token({ claims: { aud: ['towns', 'rivers'] } }), /another audience/],
  ['for no audience', () => token({ claims: { aud: undefined } }), /another audience/],
  ['whose client, not its audience, is ours', () => token({ claims: { aud: 'towns', client_id: AUDIENCE } }), /another audience/],
  ['of another issuer', () => token({ claims: { iss: 'http://127.0.0.1:1' } }), /"iss"/],
  ['of no issuer', () => token({ claims: { iss: undefined } }), /"iss"/],
  ['without an end', () => token({ claims: { exp: undefined } }), /"exp"/],
  ['without a signature ("alg": "none")', unsecured, /not accepted/],
  [
    'signed with the public key as a secret (HS256)',
    async () => token({ alg: 'HS256', key: new TextEncoder().encode(await exportSPKI(keys.publicKey)) }),
    /not accepted/,
  ],
  ['that is no JWT', () => 'abc', /not a signed JWT/],
  ['whose parts are no JSON', () => 'a.b.c', /not a signed JWT/],
  ['that is too long', () => 'a'.repeat(10_241), /10240 characters/],
];

describe('a token', () => {
  it.each(WRONG)('%s is refused', async (_name, make, detail) => {
    const problem = await refused(bearer(await make()));
    expect(problem).toMatchObject({ code: 'unauthorized', status: 401 });
    expect(problem.message).toMatch(detail);
    expect(challenge(problem)).toBe('Bearer realm="syncline", error="invalid_token"');
  });

  it('must be there, as a bearer token', async () => {
    const none = await refused(new Map());
    expect(none).toMatchObject({ code: 'unauthorized', status: 401 });
    expect(challenge(none)).toBe('Bearer realm="syncline"');
    for (const header of ['Basic YTpi', 'Bearer', 'Bearer a b', 'AWS4-HMAC-SHA256 Credential=x']) {
      expect(challenge(await refused(new Map([['authorization', header]])))).toBe('Bearer realm="syncline", error="invalid_request"');
    }
  });

  it('may be late, or early, by as much as clocks differ', async () => {
    const of = authority(settings(), clock);
    for (const claims of [{ exp: nowS() - 4 }, { nbf: nowS() + 5 }])
      expect([...(await of.admit(bearer(await token({ claims })), 'read'))]).toEqual(['read', 'write']);
  });

  it('names its scopes in "scope", "scp" or "permissions"', async () => {
    const of = authority(settings(), clock);
    for (const claims of [{ scope: 'openid  write' }, { scope: undefined, scp: ['write'] }, { scope: undefined, permissions: ['x', 'write', 1] }])
      expect([...(await of.admit(bearer(await token({ claims })), 'write'))]).toEqual(['write']);
  });

  it("may be one of Cognito's, which names its client, and no audience", async () => {
    const claims = { aud: undefined, client_id: AUDIENCE };
    expect([...(await authority(settings(), clock).admit(bearer(await token({ claims })), 'read'))]).toContain('read');
  });
});

describe('scopes', () => {
  it.each([
    ['read', 'read', true],
    ['read', 'write', false],
    ['read', 'admin', false],
    ['write', 'read', false],
    ['write', 'write', true],
    ['write read', 'admin', false],
    ['admin', 'read', true],
    ['admin', 'write', true],
    ['admin', 'admin', true],
    ['', 'read', false],
    ['readwrite', 'read', false],
    ['READ', 'read', false],
  ] as const)('"%s" and what needs "%s": %s', async (scope, needs, allowed) => {
    const headers = bearer(await token({ claims: { scope } }));
    if (allowed) {
      await expect(authority(settings(), clock).admit(headers, needs)).resolves.toBeDefined();
      return;
    }
    const problem = await refused(headers, needs);
    expect(problem).toMatchObject({ code: 'insufficient-scope', status: 403 });
    expect(challenge(problem)).toBe(`Bearer realm="syncline", error="insufficient_scope", scope="${needs}"`);
  });

  it('have the names that the deployment gives them', async () => {
    const of = settings({ scopes: { read: 'cities/read', write: 'cities/write', admin: 'cities/admin' } });
    expect([...(await authority(of, clock).admit(bearer(await token({ claims: { scope: 'cities/read' } })), 'read'))]).toEqual(['read']);
    expect(challenge(await refused(bearer(await token()), 'read', of))).toContain('scope="cities/read"');
  });

  it('do not matter where any valid token will do, but the token does', async () => {
    const of = authority(settings(), clock);
    expect([...(await of.admit(bearer(await token({ claims: { scope: '' } })), undefined))]).toEqual([]);
    await expect(of.admit(bearer('abc'), undefined)).rejects.toMatchObject({ code: 'unauthorized' });
  });
});

describe('the issuer’s keys', () => {
  it('are found by discovery, and fetched once', async () => {
    fetched = [];
    const of = authority(settings(), clock);
    for (let n = 0; n < 3; n += 1) await of.admit(bearer(await token()), 'read');
    await expect(of.admit(bearer(await token({ kid: 'k2' })), 'read')).rejects.toMatchObject({ code: 'unauthorized' });
    expect(fetched).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  it('are taken from where the deployment says', async () => {
    fetched = [];
    await authority(settings({ jwksUri: `${issuer}/keys` }), clock).admit(bearer(await token()), 'read');
    expect(fetched).toEqual(['/keys']);
  });

  it('that cannot be fetched let nobody in, and are asked for again later', async () => {
    const waits = new ManualClock();
    const of = authority(settings(), waits);
    const text = await token({ claims: { exp: Math.floor(waits.now() / 1_000) + 60 } });
    status = 500;
    fetched = [];
    try {
      for (let n = 0; n < 3; n += 1)
        await expect(of.admit(bearer(text), 'read')).rejects.toMatchObject({ code: 'issuer-unreachable', status: 503, extra: { retryAfterS: 10 } });
      expect(fetched).toHaveLength(1);
    } finally {
      status = 200;
    }
    await waits.run(waits.sleep(1_000));
    await expect(of.admit(bearer(text), 'read')).resolves.toBeDefined();
  });

  it.each([
    ['nobody listens', { jwksUri: 'http://127.0.0.1:1/keys' }],
    ['what is there is no set of keys', { jwksUri: 'PLACE/.well-known/openid-configuration' }],
  ])('where %s: nobody is let in', async (_name, { jwksUri }) => {
    const problem = await refused(bearer(await token()), 'read', settings({ jwksUri: jwksUri.replace('PLACE', issuer) }));
    expect(problem).toMatchObject({ code: 'issuer-unreachable', status: 503 });
  });

  it.each([
    ['https://issuer.example', 'https://keys.example/jwks', true],
    ['https://issuer.example', 'http://issuer.example/jwks', false],
    ['http://127.0.0.1:80', 'http://127.0.0.1:80/jwks', true],
    ['http://127.0.0.1:80', 'http://127.0.0.1:8080/jwks', false],
    ['http://127.0.0.1:80', 'http://127.0.0.1:80@evil.example/jwks', false],
    ['http://127.0.0.1:80', 'file:///etc/passwd', false],
    ['http://127.0.0.1:80', 'no url', false],
  ])('of %s may come from %s: %s', (of, from, safe) => {
    expect(sameSafety(of, from)).toBe(safe);
  });

  it('of another issuer than the discovery document names are not taken', async () => {
    const problem = await refused(bearer(await token({ claims: { iss: `${issuer}/` } })), 'read', settings({ issuer: `${issuer}/` }));
    expect(problem).toMatchObject({ code: 'issuer-unreachable', status: 503 });
  });
});

it('IAM has decided before: everybody who comes here may do everything', async () => {
  expect([...(await authority({ type: 'iam' }, clock).admit(new Map(), 'admin'))]).toEqual(['read', 'write', 'admin']);
});

import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Issuer } from '../../local/issuer.ts';
import { startIssuer } from '../../local/issuer.ts';

describe('the local issuer of tokens', () => {
  let issuer: Issuer;
  beforeAll(async () => {
    issuer = await startIssuer({ audience: 'cities' });
  });
  afterAll(() => issuer?.stop());
  const get = async (path: string): Promise<{ status: number; body: Record<string, unknown> }> => {
    const answer = await fetch(`${issuer.url}${path}`);
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const verify = (token: string): Promise<unknown> =>
    jwtVerify(token, createRemoteJWKSet(new URL(issuer.jwksUri)), { issuer: issuer.url, audience: 'cities', algorithms: ['ES256'] });

  it('makes tokens that its published keys verify', async () => {
    await expect(verify(await issuer.token({ scope: 'read' }))).resolves.toMatchObject({ payload: { scope: 'read', iss: issuer.url, aud: 'cities' } });
    const { body } = await get('/token?scope=admin&subject=me&life=60');
    const token = body['access_token'] as string;
    await expect(verify(token)).resolves.toMatchObject({ payload: { scope: 'admin', sub: 'me' } });
    const { exp = 0, iat = 0 } = decodeJwt(token);
    expect(exp - iat).toBe(60);
  });

  it('makes expired tokens and tokens for others when asked, which verification then refuses', async () => {
    await expect(verify(await issuer.token({ lifeS: -60 }))).rejects.toThrow(/exp/);
    await expect(verify(await issuer.token({ audience: 'others' }))).rejects.toThrow(/aud/);
  });

  it('publishes where its keys are, and says what it does not have', async () => {
    expect((await get('/.well-known/openid-configuration')).body).toMatchObject({ issuer: issuer.url, jwks_uri: issuer.jwksUri });
    expect((await get('/elsewhere')).status).toBe(404);
    expect((await get('/token?life=forever')).status).toBe(400);
    expect((await get('/token?life=99999999')).status).toBe(400);
  });
});

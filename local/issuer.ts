import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';

/**
 * An issuer of bearer tokens for this machine: the set of keys that verifies them, and a way to have one made. So an API
 * that is deployed with `-c auth=jwt` can be tried without an identity provider. It listens on the loopback address only,
 * and its key lives as long as it does.
 */

/** How long a token is valid, unless asked otherwise (s). */
const TOKEN_LIFE_S = 3_600;
/** Longest life that it gives a token (s). */
const TOKEN_LIFE_MAX_S = 86_400;
const ALGORITHM = 'ES256';
const KEY_ID = 'local';

/** What a token says. */
export interface TokenRequest {
  /** Default: the issuer's audience. */
  readonly audience?: string;
  /** Scopes, separated by spaces. Default: `read write`. */
  readonly scope?: string;
  readonly subject?: string;
  /** s from now; below 0 for one that has expired. Default: an hour. */
  readonly lifeS?: number;
}

/** A running issuer. */
export interface Issuer {
  /** The `iss` of its tokens. */
  readonly url: string;
  readonly audience: string;
  /** Where its public keys are. */
  readonly jwksUri: string;
  /** Makes a token. */
  token(request?: TokenRequest): Promise<string>;
  stop(): Promise<void>;
}

/** Starts an issuer. @param options.port a free one when absent. @throws Error when the port is taken */
export async function startIssuer(options: { readonly audience?: string; readonly port?: number } = {}): Promise<Issuer> {
  const audience = options.audience ?? 'syncline';
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM);
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: KEY_ID, alg: ALGORITHM, use: 'sig' }] };
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const jwksUri = `${url}/.well-known/jwks.json`;
  const token = (request: TokenRequest = {}): Promise<string> => sign(privateKey, url, { audience, ...request });
  server.on('request', (request, response) => {
    answer(new URL(request.url ?? '/', url), { issuer: url, jwksUri, jwks, token }).then(
      ({ status, body }) => response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(body)),
      (error: unknown) => response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error: String(error) })),
    );
  });
  return { url, audience, jwksUri, token, stop: () => closed(server) };
}

async function sign(
  key: CryptoKey,
  issuer: string,
  { audience, scope = 'read write', subject = 'local-user', lifeS = TOKEN_LIFE_S }: TokenRequest,
): Promise<string> {
  const nowS = Math.floor(Date.now() / 1_000);
  return new SignJWT({ scope })
    .setProtectedHeader({ alg: ALGORITHM, kid: KEY_ID, typ: 'JWT' })
    .setIssuer(issuer)
    .setAudience(audience ?? 'syncline')
    .setSubject(subject)
    .setIssuedAt(Math.min(nowS, nowS + lifeS))
    .setExpirationTime(nowS + lifeS)
    .sign(key);
}

interface Answers {
  readonly issuer: string;
  readonly jwksUri: string;
  readonly jwks: object;
  readonly token: Issuer['token'];
}

/** `/token?scope=read%20write&audience=…&life=3600`, the keys, and OpenID Connect's discovery document. */
async function answer(url: URL, { issuer, jwksUri, jwks, token }: Answers): Promise<{ readonly status: number; readonly body: object }> {
  switch (url.pathname) {
    case '/.well-known/jwks.json':
      return { status: 200, body: jwks };
    case '/.well-known/openid-configuration':
      return { status: 200, body: { issuer, jwks_uri: jwksUri, id_token_signing_alg_values_supported: [ALGORITHM] } };
    case '/token':
      return { status: 200, body: { access_token: await token(requestOf(url.searchParams)), token_type: 'Bearer' } };
    default:
      return { status: 404, body: { error: `There is nothing at ${url.pathname}. Try /token, /.well-known/jwks.json or /.well-known/openid-configuration.` } };
  }
}

/** What a query asks for. @throws RangeError */
function requestOf(query: URLSearchParams): TokenRequest {
  const life = Number(query.get('life') ?? TOKEN_LIFE_S);
  if (!Number.isInteger(life) || life > TOKEN_LIFE_MAX_S)
    throw new RangeError(`"life" must be whole seconds, at most ${TOKEN_LIFE_MAX_S}; got ${query.get('life')}.`);
  const given = (name: 'audience' | 'scope' | 'subject'): object => (query.has(name) ? { [name]: query.get(name) } : {});
  return { lifeS: life, ...given('audience'), ...given('scope'), ...given('subject') };
}

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

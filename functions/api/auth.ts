import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { Clock } from '../../lib/ports/runtime.ts';
import { ProblemError, RETRY_AFTER_LONG_S } from '../../lib/serve/problem.ts';
import type { Scope } from '../../lib/serve/scopes.ts';
import { ALL_SCOPES, allows, scopesOf } from '../../lib/serve/scopes.ts';
import type { AuthSettings } from '../shared/settings.ts';

/**
 * Who may do what. With IAM the gateway has checked the signature, and the right to invoke the API, before this runs.
 * With tokens (JWT, RFC 7519 and RFC 8725) the gateway lets everything through, and this decides: without a valid token
 * nothing is answered, and when the issuer's keys cannot be fetched, nothing either.
 *
 * A REST API hands `www-authenticate` of a function on under the name `x-amzn-remapped-www-authenticate`.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
 *
 * ⚠ Nothing of a token goes into a message, a log or a metric.
 */

/** Asymmetric signatures only: a shared secret has no place here, and `none` is none. */
export const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
/** How far the issuer's clock may differ from ours (s). */
export const CLOCK_TOLERANCE_S = 5;
/** Longest wait for the issuer's keys, and for its discovery document (ms). */
const FETCH_TIMEOUT_MS = 3_000;
/** Least time between two fetches of the keys that unknown key ids cause (ms). */
const COOLDOWN_MS = 30_000;
/** Age at which the keys are fetched anew (ms): so long does a key that was taken back still count, at most. */
const KEYS_AGE_MAX_MS = 600_000;
/** After the keys could not be fetched, requests are refused for so long without another try (ms): a flood does not wait on a dead issuer. */
const FAILURE_PAUSE_MS = 1_000;
/** Longest token (characters). The gateway takes 10,240 bytes of headers in all. */
const TOKEN_CHARACTERS_MAX = 10_240;

/** Decides whether a request may go on. */
export interface Authority {
  /**
   * The scopes of whoever sent the request.
   *
   * @param needs what the route needs; absent when any valid token will do.
   * @throws ProblemError unauthorized, insufficient-scope, issuer-unreachable.
   */
  admit(headers: ReadonlyMap<string, string>, needs: Scope | undefined): Promise<ReadonlySet<Scope>>;
}

/** The authority of an API with these settings. Keys are kept for the life of the sandbox. */
export function authority(settings: AuthSettings, clock: Pick<Clock, 'now' | 'elapsed'>): Authority {
  if (settings.type === 'iam') return { admit: () => Promise.resolve(ALL_SCOPES) };
  const keys = issuerKeys(settings.issuer, settings.jwksUri);
  let failed: { readonly at: number; readonly problem: ProblemError } | undefined;
  return {
    async admit(headers, needs) {
      const token = tokenOf(headers.get('authorization'));
      if (failed !== undefined && clock.elapsed() - failed.at < FAILURE_PAUSE_MS) throw failed.problem;
      const claims = await verified(token, settings, keys, clock.now()).catch((error: unknown) => {
        if (error instanceof ProblemError && error.code === 'issuer-unreachable') failed = { at: clock.elapsed(), problem: error };
        throw error;
      });
      const has = scopesOf(claims, settings.scopes);
      if (needs !== undefined && !allows(has, needs)) throw insufficient(settings.scopes[needs]);
      return has;
    },
  };
}

/** Reads `Authorization: Bearer …` (RFC 6750, 2.1). */
function tokenOf(header: string | undefined): string {
  const missing = 'Send "Authorization: Bearer TOKEN" with a token of the configured issuer.';
  // RFC 6750, 3.1: a request without any credentials is not told an error code.
  if (header === undefined || header.trim() === '') throw unauthorized(`The request has no token. ${missing}`, undefined);
  const token = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(header)?.[1];
  if (token === undefined) throw unauthorized(`The header "Authorization" holds no bearer token. ${missing}`, 'invalid_request');
  if (token.length > TOKEN_CHARACTERS_MAX) throw unauthorized(`The token has more than ${TOKEN_CHARACTERS_MAX} characters.`, 'invalid_token');
  return token;
}

/** The claims of a token whose signature, issuer, audience and times hold. */
async function verified(token: string, settings: JwtSettings, keys: JWTVerifyGetKey, nowMs: number): Promise<JWTPayload> {
  let claims: JWTPayload;
  try {
    ({ payload: claims } = await jwtVerify(token, keys, {
      issuer: settings.issuer,
      algorithms: ALGORITHMS,
      clockTolerance: CLOCK_TOLERANCE_S,
      requiredClaims: ['exp'],
      currentDate: new Date(nowMs),
    }));
  } catch (error) {
    throw refusal(error);
  }
  if (!isFor(claims, settings.audience)) throw unauthorized('The token is for another audience.', 'invalid_token');
  return claims;
}

type JwtSettings = Extract<AuthSettings, { type: 'jwt' }>;

/**
 * Whether a token is meant for this API: `aud` names it. Cognito's access tokens have no `aud`; of these, and of no
 * others, `client_id` counts, as with API Gateway's own JWT authorizer.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
 */
function isFor({ aud, client_id: clientId }: JWTPayload, audience: string): boolean {
  return aud === undefined ? clientId === audience : [aud].flat().includes(audience);
}

/** What an error of the verification means to the caller. What is not known to be the token's fault is ours: 503, never an open door. */
function refusal(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof errors.JWTExpired) return unauthorized('The token has expired. Get a new one.', 'invalid_token');
  if (error instanceof errors.JWTClaimValidationFailed) return unauthorized(`The token's "${claimName(error.claim)}" is not what it must be.`, 'invalid_token');
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported) {
    return unauthorized(`The token is signed in a way that is not accepted. Accepted are ${ALGORITHMS.join(', ')}.`, 'invalid_token');
  }
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
    return unauthorized('None of the keys of the configured issuer, or not just one, is the key of this token.', 'invalid_token');
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return unauthorized("The token's signature is wrong.", 'invalid_token');
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return unauthorized('The token is not a signed JWT.', 'invalid_token');
  return issuerUnreachable(error);
}

/** Only claims that we ask about are named: the rest is the token's own. */
const claimName = (claim: string): string => (['exp', 'nbf', 'iat', 'iss', 'aud'].includes(claim) ? claim : 'claims');

/** The issuer's keys, fetched when they are first needed; an unknown key id makes them be fetched anew. */
function issuerKeys(issuer: string, jwksUri: string | undefined): JWTVerifyGetKey {
  let keys: Promise<JWTVerifyGetKey> | undefined;
  const found = async (): Promise<JWTVerifyGetKey> =>
    createRemoteJWKSet(new URL(jwksUri ?? (await discovered(issuer))), {
      timeoutDuration: FETCH_TIMEOUT_MS,
      cooldownDuration: COOLDOWN_MS,
      cacheMaxAge: KEYS_AGE_MAX_MS,
    });
  return async (header, token) => {
    keys ??= found();
    let set: JWTVerifyGetKey;
    try {
      set = await keys;
    } catch (error) {
      // The next request asks again.
      keys = undefined;
      throw error;
    }
    return set(header, token);
  };
}

/** Where an issuer says that its keys are. https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig */
async function discovered(issuer: string): Promise<string> {
  const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
    headers: { accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`the issuer's discovery document: status ${response.status}`);
  const said = (await response.json()) as { readonly issuer?: unknown; readonly jwks_uri?: unknown };
  if (said.issuer !== issuer) throw new Error('the discovery document is of another issuer');
  if (typeof said.jwks_uri !== 'string' || !sameSafety(issuer, said.jwks_uri))
    throw new Error('the discovery document names no keys that can be fetched safely');
  return said.jwks_uri;
}

/** Whether keys may be fetched from there: over TLS, or from the very place of an issuer that has none, which is one on loopback. Pure. */
export const sameSafety = (issuer: string, jwksUri: string): boolean =>
  jwksUri.startsWith('https://') || (issuer.startsWith('http://') && URL.parse(jwksUri)?.origin === new URL(issuer).origin);

const REALM = 'Bearer realm="syncline"';

function unauthorized(detail: string, code: 'invalid_request' | 'invalid_token' | undefined): ProblemError {
  return new ProblemError('unauthorized', detail, { headers: { 'www-authenticate': code === undefined ? REALM : `${REALM}, error="${code}"` } });
}

function insufficient(scope: string): ProblemError {
  return new ProblemError('insufficient-scope', `The token is valid, but lacks the scope "${scope}", which this needs.`, {
    headers: { 'www-authenticate': `${REALM}, error="insufficient_scope", scope="${scope}"` },
  });
}

const issuerUnreachable = (cause: unknown): ProblemError =>
  new ProblemError(
    'issuer-unreachable',
    "The issuer's keys cannot be fetched now, so no token can be verified. Try again.",
    { retryAfterS: RETRY_AFTER_LONG_S },
    { cause },
  );

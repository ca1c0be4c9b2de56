import { readSettings, SettingsError } from '../functions/shared/settings.ts';
import type { MemberConfig, SetConfig } from '../lib/core/config.ts';
import { SetPropsError } from './set.ts';

/** How callers of the API prove who they are. There is no third way: an API without either cannot be made. */
export type ApiAuth =
  /** They sign requests (SigV4) as IAM principals that may invoke the API. The gateway checks. */
  | { readonly type: 'iam' }
  /** They carry a bearer token of an issuer. The api function checks. */
  | {
      readonly type: 'jwt';
      /** The `iss` of the tokens, an https URL, letter for letter. */
      readonly issuer: string;
      /** The `aud` of the tokens. */
      readonly audience: string;
      /** Where the issuer's public keys are. Default: where its OpenID Connect discovery document says. */
      readonly jwksUri?: string;
      /** Names of the scopes with this issuer. Default: `read`, `write`, `admin`. */
      readonly scopes?: { readonly read?: string; readonly write?: string; readonly admin?: string };
    };

/** What of an API's settings the api function must know. */
export interface ApiAccess {
  /** Default: `iam`. */
  readonly auth?: ApiAuth;
  /** Origins whose pages may call the API from a browser. Default: none. */
  readonly corsOrigins?: readonly string[];
}

/**
 * Variables of the api function that say who may call it. Read with the function's own code, so that what it would refuse
 * when it starts is refused before anything is deployed.
 *
 * @throws SetPropsError naming the setting and what it must look like.
 */
export function apiEnvironment(config: SetConfig, member: MemberConfig, { auth, corsOrigins }: ApiAccess): Readonly<Record<string, string>> {
  const environment = {
    ...(auth !== undefined && auth.type !== 'iam' && { SYNCLINE_AUTH: JSON.stringify(auth) }),
    ...(corsOrigins !== undefined && corsOrigins.length > 0 && { SYNCLINE_CORS: JSON.stringify(corsOrigins) }),
  };
  try {
    readSettings({ SYNCLINE_CONFIG: JSON.stringify(config), SYNCLINE_MEMBER: member.name, ...environment });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    throw new SetPropsError(`The API's auth or corsOrigins cannot be used. ${error.message.replace(/ The CDK app writes it.*/s, '')}`);
  }
  return environment;
}

import { z } from 'zod';
import type { MemberConfig, SetConfig } from '../../lib/core/config.ts';
import { memberNamed, setConfigSchema } from '../../lib/core/config.ts';
import type { CheckSettings } from '../../lib/reconcile/schedule/settings.ts';
import { checkSettingsSchema } from '../../lib/reconcile/schedule/settings.ts';
import { SCOPES } from '../../lib/serve/scopes.ts';

/** What a function's environment says, checked. */
export interface Settings {
  readonly config: SetConfig;
  /** The member that this function belongs to. */
  readonly member: MemberConfig;
  /** Local clouds only: region → endpoint URL. Empty on AWS. */
  readonly endpoints: Readonly<Record<string, string>>;
  /** How callers of the API prove who they are. */
  readonly auth: AuthSettings;
  /** Origins whose pages may call the API from a browser; none unless set. */
  readonly corsOrigins: readonly string[];
  /** How long the archive keeps what, and how often a snapshot is taken. */
  readonly archive: ArchiveSettings;
  /** How often the checker sweeps, for how much, and what it does with what it finds. */
  readonly check: CheckSettings;
  /** How long stream batches wait for more records (ms). Reserved: the event source mapping batches. */
  readonly lingerMs: number;
}

/** Tokens and keys are fetched over TLS; on this machine alone it may be plain HTTP. */
const issuerUrl = z.url().refine((text) => /^https:\/\//.test(text) || /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(\/|$)/.test(text), {
  error: 'must be an https URL (http is for loopback addresses only)',
});

const scopeName = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,255}$/, { error: 'must be a scope name of RFC 6749: 1 to 255 visible characters, without quotes and spaces' });

const authSchema = z.discriminatedUnion('type', [
  /** The gateway has checked a signature (SigV4) before anything of ours runs. */
  z.strictObject({ type: z.literal('iam') }),
  /** The api function checks a bearer token. */
  z.strictObject({
    type: z.literal('jwt'),
    /** The `iss` of the tokens, letter for letter. */
    issuer: issuerUrl,
    audience: z.string().min(1).max(1_024),
    /** Where the issuer's public keys are; by default where its OpenID Connect discovery document says. */
    jwksUri: issuerUrl.exactOptional(),
    /** Names of the scopes with this issuer. */
    scopes: z.strictObject({ read: scopeName.default('read'), write: scopeName.default('write'), admin: scopeName.default('admin') }).prefault({}),
  }),
]);

/** How callers of the API prove who they are. */
export type AuthSettings = z.infer<typeof authSchema>;

/** An origin as browsers send it: no path, no slash at its end. */
const originSchema = z
  .string()
  .regex(/^https?:\/\/[a-z0-9.[\]:-]+$/, { error: 'must be an origin like https://app.example.com, in lower case, without a path; "*" is not taken' });

/** Origins that one API may name. */
const ORIGINS_MAX = 50;

const archiveSchema = z.strictObject({
  /** How long the observer's mapping gathers records (s). */
  windowS: z.int().min(1).max(300).exactOptional(),
  /** How long the log is kept (days). */
  retentionDays: z.int().min(1),
  /** How often a snapshot is taken (ms); absent: never by itself. */
  snapshotEveryMs: z.int().min(60_000).exactOptional(),
});

/** What the minute run must know of the archive. */
export type ArchiveSettings = z.infer<typeof archiveSchema>;

/** Where the environment says nothing: the default retention of cdk/archive.ts, and no snapshots by schedule. */
const ARCHIVE_DEFAULT: ArchiveSettings = { retentionDays: 35 };

/** Where the environment says nothing: the functions were deployed by an older version of the constructs, so nothing new begins by itself. */
const CHECK_DEFAULT: CheckSettings = { repair: 'off' };

/** The environment is wrong: the deployment is at fault, not a caller. */
export class SettingsError extends Error {
  constructor(variable: string, problem: string) {
    super(`The environment variable ${variable} ${problem} The CDK app writes it; deploy again, or set it as lib/core/config.ts describes.`);
    this.name = 'SettingsError';
  }
}

const jsonText = z.string().transform((text, ctx) => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    ctx.issues.push({ code: 'custom', message: 'is not JSON', input: text });
    return z.NEVER;
  }
});

const endpointsSchema = jsonText.pipe(z.record(z.string(), z.url({ protocol: /^https?$/ })));
const lingerSchema = z.string().regex(/^\d{1,4}$/, { error: 'must be whole milliseconds, 0 to 9999' });

/**
 * Reads the settings out of an environment. Pure.
 *
 * @throws SettingsError naming the variable, what is wrong with it, and what to do.
 */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const config = read(env, 'SYNCLINE_CONFIG', jsonText.pipe(setConfigSchema));
  const name = read(env, 'SYNCLINE_MEMBER', z.string().min(1));
  let member: MemberConfig;
  try {
    member = memberNamed(config, name);
  } catch (error) {
    throw new SettingsError('SYNCLINE_MEMBER', `names no member of SYNCLINE_CONFIG: ${(error as Error).message}`);
  }
  return {
    config,
    member,
    endpoints: given(env, 'SYNCLINE_ENDPOINTS') ? read(env, 'SYNCLINE_ENDPOINTS', endpointsSchema) : {},
    auth: given(env, 'SYNCLINE_AUTH') ? read(env, 'SYNCLINE_AUTH', jsonText.pipe(authSchema.check(distinctScopes))) : { type: 'iam' },
    corsOrigins: given(env, 'SYNCLINE_CORS') ? read(env, 'SYNCLINE_CORS', jsonText.pipe(z.array(originSchema).max(ORIGINS_MAX))) : [],
    archive: given(env, 'SYNCLINE_ARCHIVE') ? read(env, 'SYNCLINE_ARCHIVE', jsonText.pipe(archiveSchema)) : ARCHIVE_DEFAULT,
    check: given(env, 'SYNCLINE_CHECK') ? read(env, 'SYNCLINE_CHECK', jsonText.pipe(checkSettingsSchema)) : CHECK_DEFAULT,
    lingerMs: given(env, 'SYNCLINE_LINGER_MS') ? Number(read(env, 'SYNCLINE_LINGER_MS', lingerSchema)) : 0,
  };
}

/** One name for two scopes would let a reader write. */
function distinctScopes(ctx: z.core.ParsePayload<AuthSettings>): void {
  const { value } = ctx;
  if (value.type === 'jwt' && new Set(SCOPES.map((scope) => value.scopes[scope])).size < SCOPES.length) {
    ctx.issues.push({ code: 'custom', path: ['scopes'], message: 'two scopes have the same name', input: value.scopes });
  }
}

/** An optional variable that is set to nothing counts as not set: local clouds and shells leave such behind. */
const given = (env: Readonly<Record<string, string | undefined>>, variable: string): boolean => (env[variable] ?? '') !== '';

function read<T>(env: Readonly<Record<string, string | undefined>>, variable: string, schema: z.ZodType<T>): T {
  const text = env[variable];
  if (text === undefined || text === '') throw new SettingsError(variable, 'is not set.');
  const result = schema.safeParse(text);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => (issue.path.length === 0 ? issue.message : `${issue.path.join('.')}: ${issue.message}`));
  throw new SettingsError(variable, `is not valid: ${problems.slice(0, 5).join('; ')}.`);
}

let cached: Settings | undefined;

/** This function's settings, read once a sandbox. @throws SettingsError */
export function settings(): Settings {
  cached ??= readSettings(process.env);
  return cached;
}

/**
 * How to reach a region, as the client factory takes it. Without an entry in SYNCLINE_ENDPOINTS the endpoint is left
 * out, so that the SDK looks at AWS_ENDPOINT_URL and then takes AWS's own.
 */
export function regionAccess(of: Settings, region: string): { readonly region: string; readonly endpoint?: string } {
  const endpoint = of.endpoints[region];
  return endpoint === undefined ? { region } : { region, endpoint };
}

import { LANES_MAX } from '../lib/core/constants.ts';
import type { KeyAttribute, KeySchema } from '../lib/core/key.ts';
import type { ArchiveProps } from './archive.ts';
import type { ApiAuth } from './auth.ts';
import type { CheckProps } from './check.ts';
import type { ApiClient } from './clients.ts';
import { parseAuth, parseClients } from './context-api.ts';
import { parseArchive } from './context-archive.ts';
import { parseCheck } from './context-check.ts';
import { parseMembers } from './context-members.ts';
import type { Text } from './context-text.ts';
import type { Encryption, MemberProps } from './set.ts';
import { SetPropsError } from './set.ts';

/**
 * Reads what `cdk -c name=value` says about the set to deploy. Pure.
 *
 * | setting | value | default |
 * |---|---|---|
 * | set | the set's name | cities |
 * | regions | one member a region, parted by commas | eu-central-1,us-east-1,ap-southeast-2 |
 * | account | 12 digits | the account of the credentials |
 * | accounts | one account for each region, parted by commas | all the same |
 * | keys | the key, as name:TYPE or name:TYPE,name:TYPE | country:S,cityId:N |
 * | latency | low, cheap | low |
 * | lanes | 1 to 256 | 16 |
 * | existingTables | JSON: `{"REGION": {"tableName": "…", "streamArn": "…"}}` | none: tables are made |
 * | encryption | aws-owned, aws-managed | aws-owned |
 * | encryptionKeys | JSON: `{"REGION": "arn:aws:kms:…"}` | none |
 * | auth | iam, jwt | iam |
 * | issuer, audience, jwksUri | of the tokens, with auth=jwt | none |
 * | scopes | JSON: `{"read": "…", "write": "…", "admin": "…"}`, with auth=jwt | read, write, admin |
 * | corsOrigins | origins, parted by commas | none |
 * | clients | name:ratePerSecond:burst or name:ratePerSecond:burst:quotaPerDay, parted by commas | none: no API keys |
 * | archiveWindow | seconds that the observer gathers records, 1 to 300 | 60 |
 * | archiveRetention | days that the log is kept | 35 |
 * | snapshotEvery | hours or days as 6h or 7d, or off | 7d |
 * | objectLock | governance:DAYS or compliance:DAYS, for new buckets only | none |
 * | expiryAttribute | the attribute by which the items tables expire items | none |
 * | sweepEvery | hours or days as 12h or 7d, or off | 7d |
 * | sweepMonthlyUsd | US dollars that sweeps may cost in a month | no limit |
 * | repair | auto, ask, off | auto |
 * | terminationProtection, accountLogRole | true, false | see ReplicaSetProps |
 */
export interface AppSettings {
  readonly set: string;
  readonly account: string;
  readonly members: readonly MemberProps[];
  readonly key: KeySchema;
  readonly latency: 'low' | 'cheap';
  /** Lanes of each link; part of the format, so fixed for a set. Absent: LANES_DEFAULT. */
  readonly lanes?: number;
  /** Absent, like all that follow: the construct's default. */
  readonly encryption?: Encryption;
  readonly auth?: ApiAuth;
  readonly corsOrigins?: readonly string[];
  readonly clients?: readonly ApiClient[];
  readonly archive?: ArchiveProps;
  readonly expiryAttribute?: string;
  readonly check?: CheckProps;
  readonly terminationProtection?: boolean;
  readonly accountLogRole?: boolean;
}

const DEFAULTS = { set: 'cities', regions: 'eu-central-1,us-east-1,ap-southeast-2', keys: 'country:S,cityId:N', latency: 'low' } as const;

/**
 * The settings in a context.
 *
 * @param context the value of `-c name=…`, or undefined.
 * @param defaultAccount the account of the credentials in use (CDK_DEFAULT_ACCOUNT).
 * @throws SetPropsError naming the setting, what was seen, and what it must look like.
 */
export function appSettings(context: (name: string) => unknown, defaultAccount: string | undefined): AppSettings {
  const text: Text = (name, otherwise) => {
    const value = context(name);
    if (value === undefined || value === null || value === '') return otherwise;
    return String(value).trim();
  };
  const account = text('account', defaultAccount);
  if (account === undefined) {
    throw new SetPropsError(
      'No AWS account is known: there are no credentials. Sign in (for example "aws sso login"), or name the account with -c account=123456789012.',
    );
  }
  const latency = text('latency', DEFAULTS.latency);
  if (latency !== 'low' && latency !== 'cheap') throw new SetPropsError(`-c latency must be "low" or "cheap"; got ${JSON.stringify(latency)}.`);
  const lanes = text('lanes');
  if (lanes !== undefined && !/^\d{1,3}$/.test(lanes))
    throw new SetPropsError(`-c lanes must be a whole number from 1 to ${LANES_MAX}; got ${JSON.stringify(lanes)}.`);
  const encryption = text('encryption');
  if (encryption !== undefined && encryption !== 'aws-owned' && encryption !== 'aws-managed') {
    throw new SetPropsError(`-c encryption must be "aws-owned" or "aws-managed"; got ${JSON.stringify(encryption)}.`);
  }
  const auth = parseAuth(text);
  const corsOrigins = text('corsOrigins')
    ?.split(',')
    .map((origin) => origin.trim());
  const clients = text('clients');
  const archive = parseArchive(text);
  const check = parseCheck(text);
  const expiryAttribute = text('expiryAttribute');
  const terminationProtection = flag('terminationProtection', text('terminationProtection'));
  const accountLogRole = flag('accountLogRole', text('accountLogRole'));
  return {
    set: text('set', DEFAULTS.set) as string,
    account,
    members: parseMembers(text, DEFAULTS.regions),
    key: parseKeys(text('keys', DEFAULTS.keys) as string),
    latency,
    ...(lanes !== undefined && { lanes: Number(lanes) }),
    ...(encryption !== undefined && { encryption }),
    ...(auth !== undefined && { auth }),
    ...(corsOrigins !== undefined && { corsOrigins }),
    ...(clients !== undefined && { clients: parseClients(clients) }),
    ...(archive !== undefined && { archive }),
    ...(expiryAttribute !== undefined && { expiryAttribute }),
    ...(check !== undefined && { check }),
    ...(terminationProtection !== undefined && { terminationProtection }),
    ...(accountLogRole !== undefined && { accountLogRole }),
  };
}

function flag(name: string, value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  if (value !== 'true' && value !== 'false') throw new SetPropsError(`-c ${name} must be "true" or "false"; got ${JSON.stringify(value)}.`);
  return value === 'true';
}

/** Reads a key schema as "name:type" or "name:type,name:type". @throws SetPropsError */
export function parseKeys(value: string): KeySchema {
  const [partition, sort, ...more] = value.split(',').map((part) => keyAttribute(part.trim(), value));
  if (partition === undefined || more.length > 0) {
    throw new SetPropsError(`-c keys must name a partition key and at most a sort key, as "country:S,cityId:N"; got ${JSON.stringify(value)}.`);
  }
  return sort === undefined ? { partition } : { partition, sort };
}

function keyAttribute(part: string, whole: string): KeyAttribute {
  // The type follows the last colon: a name may hold colons.
  const at = part.lastIndexOf(':');
  const name = part.slice(0, Math.max(at, 0));
  const type = part.slice(at + 1);
  if (name === '' || (type !== 'S' && type !== 'N' && type !== 'B')) {
    throw new SetPropsError(
      `-c keys: ${JSON.stringify(part)} in ${JSON.stringify(whole)} is not "name:type" with the type S (string), N (number) or B (binary).`,
    );
  }
  return { name, type };
}

import { LANES_MAX } from '../lib/core/constants.ts';
import type { KeyAttribute, KeySchema } from '../lib/core/key.ts';
import { SetPropsError } from './set.ts';

/**
 * Reads what `cdk -c name=value` says about the set to deploy. Pure.
 */
export interface AppSettings {
  readonly set: string;
  readonly account: string;
  readonly regions: readonly string[];
  readonly key: KeySchema;
  readonly latency: 'low' | 'cheap';
  /** Lanes of each link; part of the format, so fixed for a set. Absent: LANES_DEFAULT. */
  readonly lanes?: number;
  /** Absent: the construct's default. */
  readonly terminationProtection?: boolean;
  /** Absent: the construct's default. */
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
  const text = (name: string, otherwise?: string): string | undefined => {
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
  const terminationProtection = flag('terminationProtection', text('terminationProtection'));
  const accountLogRole = flag('accountLogRole', text('accountLogRole'));
  return {
    set: text('set', DEFAULTS.set) as string,
    account,
    regions: parseRegions(text('regions', DEFAULTS.regions) as string),
    key: parseKeys(text('keys', DEFAULTS.keys) as string),
    latency,
    ...(lanes !== undefined && { lanes: Number(lanes) }),
    ...(terminationProtection !== undefined && { terminationProtection }),
    ...(accountLogRole !== undefined && { accountLogRole }),
  };
}

function flag(name: string, value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  if (value !== 'true' && value !== 'false') throw new SetPropsError(`-c ${name} must be "true" or "false"; got ${JSON.stringify(value)}.`);
  return value === 'true';
}

function parseRegions(value: string): readonly string[] {
  const regions = value.split(',').map((region) => region.trim());
  const twice = regions.find((region, i) => regions.indexOf(region) !== i);
  if (twice !== undefined) throw new SetPropsError(`-c regions names ${twice} twice; each region has one member.`);
  return regions;
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

import type { AdoptFacts } from '../lib/adopt/check.ts';
import { modelledRate } from '../lib/adopt/pace.ts';
import { sampleSource } from '../lib/adopt/ready.ts';
import type { MemberConfig, SetConfig } from '../lib/core/config.ts';
import type { KeySchema } from '../lib/core/key.ts';
import { keyAttributes } from '../lib/core/key.ts';
import { memberNames } from '../lib/core/names.ts';
import type { Fact } from '../lib/doctor/facts.ts';
import { isRemote } from '../lib/ports/errors.ts';
import { retried } from '../lib/replicate/retry.ts';
import type { AdoptPort } from './adopt-aws.ts';
import { CliError } from './errors.ts';
import type { Session } from './session.ts';
import { located, placeOf, readConfig } from './session.ts';

/** Bytes of one read unit. */
const READ_UNIT = 4_096;

/** What is known before anything is decided. */
export interface Gathered {
  readonly facts: AdoptFacts;
  /** 12 digits; absent where the credentials do not say. */
  readonly account?: string;
}

/** What the user says about the look. */
export interface GatherOptions {
  /** The key that was named. */
  readonly key?: AdoptFacts['key'];
  readonly allowReaders: boolean;
  readonly ratePerS?: number;
}

/** Looks at the table, its stream's readers and the other members' tables. Changes nothing. @throws CliError when there is no such table. */
export async function gatherAdopt(session: Session, member: MemberConfig, name: string, port: AdoptPort, options: GatherOptions): Promise<Gathered> {
  const { config, runtime, until, outside, where } = session;
  const ports = await outside.facts(member.region, where.endpoints[member.region], where.local);
  const ask = <T>(read: () => Promise<T>): Promise<T> => located(session, member, () => retried(runtime, until, read));
  const look = async <T>(read: () => Promise<T>): Promise<Fact<T>> => {
    try {
      return { seen: true, value: await retried(runtime, until, read) };
    } catch (error) {
      if (!isRemote(error)) throw error;
      return { seen: false, why: `${error.code}: ${error.message}`, denied: error.kind === 'denied' };
    }
  };
  const table = await ask(() => ports.table(name));
  if (table === undefined)
    throw new CliError('failed', 'no-such-table', `There is no table "${name}" in ${placeOf(session, member)}. Check its name, and the region with --member.`);
  const { stream } = table;
  const names = memberNames(config.set, member);
  const others = config.members.filter((m) => m.name !== member.name);
  const [more, readers, sample, identity, ...replicas] = await Promise.all([
    ask(() => port.more(name)),
    stream === undefined ? ({ seen: true, value: [] } as const) : look(() => ports.readers(stream.arn)),
    look(() => sampleSource(session.ports(member).table, name, schemaOf(table.key), runtime)),
    look(() => ports.identity()),
    ...others.map(async (other) => {
      const there = await outside.facts(other.region, where.endpoints[other.region], where.local);
      return { member: other.name, table: await look(() => there.table(other.items)) };
    }),
  ]);
  const average = table.itemCount === 0 ? 0 : more.bytes / table.itemCount;
  const readsPerKey = average / READ_UNIT + others.length * Math.max(1, Math.ceil(average / READ_UNIT));
  return {
    facts: {
      member: member.name,
      name,
      table,
      more,
      ...(options.key !== undefined && { key: options.key }),
      readers,
      ownReaders: [names.fn('fanout'), names.fn('observe')],
      sample,
      replicas,
      allowReaders: options.allowReaders,
      readsPerKey,
      keysPerS: options.ratePerS ?? modelledRate(config.lanes),
    },
    ...(identity.seen && { account: identity.value.identity.account }),
  };
}

/** A table's key, as a schema. @param key as DescribeTable says it, the partition key first. */
export function schemaOf(key: readonly { readonly name: string; readonly type: string }[]): KeySchema {
  const [partition, sort] = key as readonly KeySchema['partition'][];
  if (partition === undefined) throw new CliError('failed', 'no-key', 'DynamoDB does not say the table’s key.');
  return { partition, ...(sort !== undefined && { sort }) };
}

/** The configuration that the deployed functions of a member have; undefined where nothing is deployed. @throws CliError when it is of another table or region. */
export async function deployedWith(session: Session, member: MemberConfig, table: string): Promise<SetConfig | undefined> {
  const fn = memberNames(session.config.set, member).fn('fanout');
  const text = await located(session, member, async () => {
    try {
      return await retried(session.runtime, session.until, () => session.ports(member).stacks.deployedConfig(fn));
    } catch (error) {
      if (isRemote(error, 'missing')) return undefined;
      throw error;
    }
  });
  const config = readConfig(text);
  if (config === undefined) return undefined;
  const found = config.members.find((m) => m.name === member.name);
  if (found?.items !== table) {
    throw new CliError(
      'failed',
      'other-table',
      `The set "${config.set}" is deployed in ${member.region} with the items table "${found?.items ?? 'none'}", not with "${table}". A member's table cannot be exchanged: adopt into a set of another name (--set).`,
    );
  }
  return config;
}

/** The session of the deployed set: the deployed configuration is the truth, and names adopted tables. */
export async function sessionOf(session: Session, config: SetConfig): Promise<Session> {
  const { outside, where } = session;
  const opened = new Map(
    await Promise.all(config.members.map(async ({ region }) => [region, await outside.connect(region, where.endpoints[region], where.local)] as const)),
  );
  return { ...session, config, ports: (member) => opened.get(member.region) as ReturnType<Session['ports']> };
}

/** A key as options and messages have it. */
export const keysText = (key: readonly { readonly name: string; readonly type: string }[]): string => key.map((k) => `${k.name}:${k.type}`).join(',');

/** The key attributes of a set. */
export const keyOfSet = (config: SetConfig): AdoptFacts['key'] & object => keyAttributes(config.key as KeySchema);

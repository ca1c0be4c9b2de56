import type { SetConfig } from '../lib/core/config.ts';
import { setConfigSchema } from '../lib/core/config.ts';
import { inequalities } from '../lib/core/constants.ts';
import type { KeySchema } from '../lib/core/key.ts';
import { memberNames } from '../lib/core/names.ts';
import type { ArchiveProps } from './archive.ts';
import type { CheckProps } from './check.ts';

/**
 * What a user says about a replica set, and the configuration that the functions read, made from it. Pure: nothing here
 * knows of stacks.
 */

/** Bytes of the environment that Lambda allows a function, all names and values together. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const ENVIRONMENT_BYTES_MAX = 4_096;
/** What is kept of it for the other variables (bytes). */
const ENVIRONMENT_BYTES_OTHERS = 596;

/** A table that exists already and becomes the items table of a member. It is in the member's own account and region, and never changed. */
export interface ExistingTable {
  /** The table's name. */
  readonly tableName: string;
  /**
   * ARN of its stream. With new and old images (`NEW_AND_OLD_IMAGES`) changes travel as they are; with any other view
   * type each change is a repair that reads the item, which is slower and costs a read.
   */
  readonly streamArn: string;
  /** ARN of the KMS key that the table is encrypted with, when it is one of yours. Default: none that needs a grant. */
  readonly encryptionKeyArn?: string;
}

/** One member, as a user names it. */
export interface MemberProps {
  readonly region: string;
  /** Unique within the set, 2 to 24 characters. Default: the region. */
  readonly name?: string;
  /** Grows when a member of the same name is added again after it was removed. Default: 1. */
  readonly generation?: number;
  /** 12-digit AWS account of this member. Default: the set's. */
  readonly account?: string;
  /** Adopts a table in place of making one. It is never changed. */
  readonly existingTable?: ExistingTable;
  /**
   * ARN of a KMS key of yours, in the member's region, that encrypts this member's tables, bucket and queues. Its key
   * policy must let IAM policies of its account decide; for a set of several accounts also those of the other members.
   * Default: what `encryption` of the set says.
   */
  readonly encryptionKeyArn?: string;
  /** Settings of this member's archive that differ from the set's. */
  readonly archive?: ArchiveProps;
}

/** Whose keys encrypt what a member keeps, where a member names no key of its own. */
export type Encryption = 'aws-owned' | 'aws-managed';

/** A replica set, as a user describes it. All stacks of a set must be given the same. */
export interface SetProps {
  /** The set's name, 2 to 16 characters. */
  readonly set: string;
  /** 12-digit AWS account of all members that name none of their own. */
  readonly account: string;
  readonly members: readonly MemberProps[];
  readonly key: KeySchema;
  /** Lanes of a link: part of the format, fixed for the set's life. Default: 16. */
  readonly lanes?: number;
  /** Whether TTL removals are fanned out. Default: `local`, each member expires its own copies. */
  readonly expiry?: 'local' | 'replicate';
  /**
   * The attribute by which the items tables expire items (DynamoDB's TTL), the same at all members. Tables that are made here get it; an adopted table is
   * never changed. Items that expire are compared by the day on which they do, since each member removes its own at another time. Default: none.
   */
  readonly expiryAttribute?: string;
  /**
   * `aws-owned`: the services' own keys (DynamoDB's, SSE-S3, SSE-SQS), which cost nothing. `aws-managed`: the account's
   * keys `aws/dynamodb`, `aws/s3` and `aws/sqs`, whose use is in CloudTrail and has a price; they cannot be shared with
   * another account. Default: `aws-owned`.
   */
  readonly encryption?: Encryption;
  /** The log of changes and the snapshots: how often, how long, how safe. */
  readonly archive?: ArchiveProps;
  /** The checker: how often it sweeps, for how much, and what it does with what it finds. */
  readonly check?: CheckProps;
}

/** A mistake in what a user asked of the constructs. The message says what was seen and what to do. */
export class SetPropsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SetPropsError';
  }
}

/** The configuration of a set. @throws SetPropsError naming each problem. */
export function setConfig(props: SetProps): SetConfig {
  const parsed = setConfigSchema.safeParse({
    set: props.set,
    ...(props.lanes !== undefined && { lanes: props.lanes }),
    key: props.key,
    ...(props.expiry !== undefined && { expiry: props.expiry }),
    ...(props.expiryAttribute !== undefined && { expiryAttribute: props.expiryAttribute }),
    members: props.members.map((m) => {
      const member = { name: m.name ?? m.region, region: m.region, account: m.account ?? props.account, generation: m.generation ?? 1 };
      return { ...member, items: m.existingTable?.tableName ?? memberNames(props.set, member).items };
    }),
  });
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `  ${issue.path.join('.') || 'the whole'}: ${issue.message}`);
    throw new SetPropsError(`The replica set ${JSON.stringify(props.set)} cannot be made:\n${lines.join('\n')}`);
  }
  const config = parsed.data;
  const foreign = config.members.find((m) => FOREIGN_PARTITION.test(m.region));
  if (foreign !== undefined) {
    throw new SetPropsError(
      `The member "${foreign.name}" is in ${foreign.region}, which is not in AWS's standard partition ("aws"). Only regions of that partition are supported.`,
    );
  }
  checkEncryption(props, config);
  const bytes = Buffer.byteLength(JSON.stringify(config));
  const most = ENVIRONMENT_BYTES_MAX - ENVIRONMENT_BYTES_OTHERS;
  if (bytes > most) {
    throw new SetPropsError(
      `The set's configuration has ${bytes} bytes; a function's environment has room for ${most} of it. Use fewer members, or shorter names of members and adopted tables.`,
    );
  }
  return config;
}

/** The KMS keys of the members that have one of the user's, by member: for what is made here, and for an adopted table. */
export interface MemberKeys {
  readonly own: ReadonlyMap<string, string>;
  readonly existingTable: ReadonlyMap<string, string>;
}

/** The keys that a set names. */
export function memberKeys(props: Pick<SetProps, 'members'>): MemberKeys {
  const of = (arn: (m: MemberProps) => string | undefined): ReadonlyMap<string, string> =>
    new Map(
      props.members.flatMap((m) => {
        const found = arn(m);
        return found === undefined ? [] : [[m.name ?? m.region, found] as const];
      }),
    );
  return { own: of((m) => m.encryptionKeyArn), existingTable: of((m) => m.existingTable?.encryptionKeyArn) };
}

/** A key by its id: an alias could be pointed at another key, and IAM policies name no aliases. */
const KEY_ARN = /^arn:aws:kms:([a-z0-9-]+):\d{12}:key\/(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

function checkEncryption(props: SetProps, config: SetConfig): void {
  const keys = memberKeys(props);
  for (const { name, region } of config.members) {
    for (const arn of [keys.own.get(name), keys.existingTable.get(name)]) {
      if (arn === undefined) continue;
      const found = KEY_ARN.exec(arn);
      if (found === null) {
        throw new SetPropsError(
          `The encryption key of the member "${name}" must be the ARN of a KMS key, as arn:aws:kms:${region}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab; got ${JSON.stringify(arn)}.`,
        );
      }
      if (found[1] !== region) {
        throw new SetPropsError(`The encryption key of the member "${name}" is in ${found[1]}, the member in ${region}. Name a key of the member's region.`);
      }
    }
  }
  const accounts = new Set(config.members.map((m) => m.account));
  const bare = config.members.find((m) => !keys.own.has(m.name));
  if (props.encryption === 'aws-managed' && accounts.size > 1 && bare !== undefined) {
    throw new SetPropsError(
      `The set has members in ${accounts.size} accounts, and AWS's managed keys cannot be used from another account. Give the member "${bare.name}" an encryptionKeyArn, or leave encryption out.`,
    );
  }
}

/**
 * Numbers of a set that a user may change, each one side of an inequality. Defaults: lib/core/constants.ts. Timeouts and
 * visibility are not among them: the functions' code goes by the constants.
 */
export interface Limits {
  /** Retention of the links' queues (ms, whole seconds, at most 14 days). */
  readonly queueRetentionMs?: number;
  /** Retention of the links' dead-letter queues (ms, whole seconds, at most 14 days). */
  readonly dlqRetentionMs?: number;
}

/** Partitions of AWS in which the ARNs of lib/core/names.ts would be wrong. */
const FOREIGN_PARTITION = /^(cn|us-gov|us-iso[a-z]*|eu-isoe|eusc)-/;

/** Refuses numbers under which a protocol would no longer hold. @throws SetPropsError naming the inequality and both sides. */
export function checkInequalities(limits: Parameters<typeof inequalities>[0] = {}): void {
  const broken = inequalities(limits).filter((i) => !i.holds);
  if (broken.length === 0) return;
  const lines = broken.map((i) => {
    const values = Object.entries(i.values).map(([name, value]) => `${name} = ${value}`);
    return `  ${i.name} (${values.join(', ')})`;
  });
  throw new SetPropsError(`These settings break what the replication rests on. It must hold that:\n${lines.join('\n')}`);
}

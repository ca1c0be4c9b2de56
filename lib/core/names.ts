import { createHash } from 'node:crypto';

/**
 * Physical names. Stacks do not refer to each other: each computes the names and ARNs of the others from
 * (set, member, generation). A name here is therefore API; a unit test pins them.
 */

/** One member of a replica set. */
export interface Member {
  /** Unique within the set; by default the region's name. */
  readonly name: string;
  readonly region: string;
  /** 12-digit AWS account id. */
  readonly account: string;
  /** Grows when a member of the same name is added again after it was removed. Starts at 1. */
  readonly generation: number;
}

/** The functions of a member, by their short names. */
export const FUNCTIONS = ['fanout', 'observe', 'apply', 'reconcile', 'control', 'api'] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

const SET_NAME = /^[a-z][a-z0-9-]{0,14}[a-z0-9]$/;
const MEMBER_NAME = /^[a-z][a-z0-9-]{0,22}[a-z0-9]$/;

/** Says what is wrong with a set's name, or undefined. Names end up in bucket, queue and function names, hence the limits. */
export function setNameProblem(name: string): string | undefined {
  return SET_NAME.test(name)
    ? undefined
    : `The set's name must be 2 to 16 characters, a–z, 0–9 and "-", beginning with a letter and not ending in "-"; got ${JSON.stringify(name)}.`;
}

/** Says what is wrong with a member's name, or undefined. */
export function memberNameProblem(name: string): string | undefined {
  return MEMBER_NAME.test(name)
    ? undefined
    : `A member's name must be 2 to 24 characters, a–z, 0–9 and "-", beginning with a letter and not ending in "-"; got ${JSON.stringify(name)}.`;
}

/** All names of one member's resources. */
export interface MemberNames {
  readonly prefix: string;
  /** Default name of the items table; an adopted table has its own. */
  readonly items: string;
  readonly tombstones: string;
  readonly control: string;
  /** Remembered idempotency keys. */
  readonly requests: string;
  readonly bucket: string;
  /** Where Lambda reports stream batches that fan-out or observe could not process before they grew too old. */
  readonly streamFailures: string;
  readonly api: string;
  readonly dataStack: string;
  readonly appStack: string;
  fn(name: FunctionName): string;
}

/** The names of a member's resources. Pure; lengths stay within AWS's limits for valid set and member names. */
export function memberNames(set: string, member: Member): MemberNames {
  const prefix = `syncline-${set}-${member.name}-g${member.generation}`;
  return {
    prefix,
    items: `${prefix}-items`,
    tombstones: `${prefix}-tombstones`,
    control: `${prefix}-control`,
    requests: `${prefix}-requests`,
    bucket: bucketName(prefix, member),
    streamFailures: `${prefix}-stream-failures`,
    api: `${prefix}-api`,
    dataStack: `${prefix}-data`,
    appStack: `${prefix}-app`,
    fn: (name) => `${prefix}-${name}`,
  };
}

/** Bucket names are global and at most 63 characters, so the account is in them, as a hash where the whole would be too long. */
function bucketName(prefix: string, member: Member): string {
  const whole = `${prefix}-${member.account}`;
  if (whole.length <= 63) return whole;
  return `${prefix}-${createHash('sha256').update(member.account).digest('hex').slice(0, 8)}`.slice(0, 63);
}

/** The two queues of a link, both in the source's region. */
export interface LinkNames {
  readonly queue: string;
  readonly dlq: string;
}

/**
 * The queue names of the link source → target. SQS allows 80 characters: where the whole is longer, the target's
 * name is replaced by a hash of it.
 */
export function linkNames(set: string, source: Member, target: Member): LinkNames {
  const base = memberNames(set, source).prefix;
  const to = `${target.name}-g${target.generation}`;
  const fits = `${base}-to-${to}-dlq.fifo`.length <= 80;
  const tail = fits ? to : createHash('sha256').update(to).digest('hex').slice(0, 10);
  return { queue: `${base}-to-${tail}.fifo`, dlq: `${base}-to-${tail}-dlq.fifo` };
}

/** ARN of a table. */
export const tableArn = (m: Member, table: string): string => `arn:aws:dynamodb:${m.region}:${m.account}:table/${table}`;
/**
 * A table or function of a member, as callers of another one name it: in its own account by its name, in another account
 * by its ARN, since DynamoDB and Lambda look bare names up in the caller's account.
 */
export const nameFor = (caller: Member, of: Member, name: string, arn: (m: Member, name: string) => string): string =>
  caller.account === of.account ? name : arn(of, name);
/** ARN of a queue. */
export const queueArn = (m: Member, queue: string): string => `arn:aws:sqs:${m.region}:${m.account}:${queue}`;
/** ARN of a function. */
export const functionArn = (m: Member, fn: string): string => `arn:aws:lambda:${m.region}:${m.account}:function:${fn}`;
/** URL of a queue, as SQS forms it; local clouds ignore its host. */
export const queueUrl = (m: Member, queue: string): string => `https://sqs.${m.region}.amazonaws.com/${m.account}/${queue}`;

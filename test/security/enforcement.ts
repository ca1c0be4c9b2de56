import { readFileSync } from 'node:fs';
import { CloudFormationClient, CreateStackCommand, DescribeStackEventsCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import type { Stack } from 'aws-cdk-lib';
import { App, RemovalPolicy } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { ReplicaSet } from '../../cdk/replica-set.ts';
import type { Cloud } from '../../local/cloud.ts';
import { startCloud } from '../../local/cloud.ts';
import { until } from '../../local/processes.ts';
import { LOCAL_ACCOUNT, LOCAL_CREDENTIALS } from '../../local/region.ts';

/**
 * A cloud that enforces IAM: MiniStack with `AUTH=true`, with the tables, queues, buckets and roles of two members as
 * they are synthesized. One process serves both regions, since IAM is one for an account.
 *
 * It evaluates a role's policies with their resources, and `ForAllValues` and `ForAnyValue` over keys that it does not
 * know as if they were absent: so partitions and attributes of `control` are judged by test/cdk/policy.ts instead.
 */
export const HERE = 'eu-central-1';
export const THERE = 'us-east-1';
const SET = 'guarded';
/** Creating the resources of a stack takes a second or two (ms). */
const STACK_MAX_MS = 60_000;
/** What is made of the templates: what policies speak of. */
const KEPT = ['AWS::DynamoDB::Table', 'AWS::SQS::Queue', 'AWS::S3::Bucket', 'AWS::IAM::Role', 'AWS::Logs::LogGroup'];

/** Credentials of one role. */
export interface Identity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

export interface GuardedCloud {
  readonly set: ReplicaSet;
  readonly endpoint: string;
  /** Credentials of a function's role, of the member HERE. */
  assume(fn: string): Promise<Identity>;
  stop(): Promise<void>;
}

interface Part {
  readonly Type: string;
  readonly Properties: Record<string, unknown>;
}

/** The resources of a stack that are kept. Roles may be assumed by the account, as a test is no Lambda function. */
function kept(stack: Stack): Record<string, Part> {
  const resources = Template.fromStack(stack).toJSON()['Resources'] as Record<string, Part>;
  const trust = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { AWS: `arn:aws:iam::${LOCAL_ACCOUNT}:root` } }] };
  return Object.fromEntries(
    Object.entries(resources)
      .filter(([, r]) => KEPT.includes(r.Type) && (r.Type !== 'AWS::IAM::Role' || r.Properties['RoleName'] !== undefined))
      .map(([id, r]) => [id, r.Type === 'AWS::IAM::Role' ? { Type: r.Type, Properties: { ...r.Properties, AssumeRolePolicyDocument: trust } } : r]),
  );
}

async function create(endpoint: string, region: string, name: string, resources: Record<string, Part>): Promise<void> {
  const client = new CloudFormationClient({ region, endpoint, credentials: LOCAL_CREDENTIALS });
  try {
    await client.send(
      new CreateStackCommand({ StackName: name, TemplateBody: JSON.stringify({ Resources: resources }), Capabilities: ['CAPABILITY_NAMED_IAM'] }),
    );
    let status = '';
    const done = await until(async () => {
      status = (await client.send(new DescribeStacksCommand({ StackName: name }))).Stacks?.[0]?.StackStatus ?? '';
      return !status.endsWith('IN_PROGRESS');
    }, STACK_MAX_MS);
    if (done && status === 'CREATE_COMPLETE') return;
    const { StackEvents = [] } = await client.send(new DescribeStackEventsCommand({ StackName: name }));
    throw new Error(`The stack ${name} is ${status}: ${StackEvents.map((e) => e.ResourceStatusReason ?? '').join(' ')}`);
  } finally {
    client.destroy();
  }
}

/** Starts the cloud. @throws Error when a stack cannot be made. */
export async function guardedCloud(): Promise<GuardedCloud> {
  const { context } = JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8')) as { context: Record<string, unknown> };
  const set = new ReplicaSet(new App({ context }), 'ReplicaSet', {
    set: SET,
    account: LOCAL_ACCOUNT,
    members: [{ region: HERE }, { region: THERE }],
    key: { partition: { name: 'id', type: 'S' } },
    code: () => Code.fromInline('exports.handler = async () => undefined;'),
    removalPolicy: RemovalPolicy.DESTROY,
    deletionProtection: false,
  });
  const cloud: Cloud = await startCloud({ regions: [HERE], environment: { AUTH: 'true' } });
  try {
    const endpoint = cloud.endpoints[HERE] ?? '';
    for (const region of [HERE, THERE]) {
      const stacks = set.stacks.get(region);
      if (stacks === undefined) throw new Error(`no member ${region}`);
      await create(endpoint, region, `guarded-${region}`, { ...kept(stacks.data), ...kept(stacks.app) });
    }
    return { set, endpoint, assume: (fn) => assume(endpoint, fn), stop: () => cloud.stop() };
  } catch (error) {
    await cloud.stop();
    throw error;
  }
}

async function assume(endpoint: string, fn: string): Promise<Identity> {
  const sts = new STSClient({ region: HERE, endpoint, credentials: LOCAL_CREDENTIALS });
  try {
    const RoleArn = `arn:aws:iam::${LOCAL_ACCOUNT}:role/syncline-${SET}-${HERE}-g1-${fn}`;
    const { Credentials: c } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'test' }));
    if (c?.AccessKeyId === undefined || c.SecretAccessKey === undefined || c.SessionToken === undefined) throw new Error(`no credentials of ${fn}`);
    return { accessKeyId: c.AccessKeyId, secretAccessKey: c.SecretAccessKey, sessionToken: c.SessionToken };
  } finally {
    sts.destroy();
  }
}

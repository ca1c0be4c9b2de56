import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ReplicaSet } from '../../cdk/replica-set.ts';
import { ReplicaSetMember } from '../../cdk/replica-set-member.ts';
import { roleArn, roleName, tablePolicy } from '../../cdk/sharing.ts';
import type { FunctionName } from '../../lib/core/names.ts';
import { FUNCTIONS, memberNames, tableArn } from '../../lib/core/names.ts';
import type { Resource } from './fixture.ts';
import { ACCOUNT, byType, newApp, only, PROPS, replicaSet, resourcesOf, stacksOf } from './fixture.ts';
import type { Statement } from './policy.ts';
import { allows, letsIn } from './policy.ts';

/** Three members: two in one account, one in another. */
const OTHER = '210987654321';
const STRANGER = '999999999999';
const HOME = 'eu-central-1';
const GUEST = 'us-east-1';
const NEIGHBOUR = 'ap-southeast-2';
const MEMBERS = [{ region: HOME }, { region: GUEST, account: OTHER }, { region: NEIGHBOUR }];
const EXISTING = { tableName: 'Orders', streamArn: `arn:aws:dynamodb:${HOME}:${ACCOUNT}:table/Orders/stream/2026-01-01T00:00:00.000` };

let set: ReplicaSet;
let data: Readonly<Record<string, Resource>>;
let app: Readonly<Record<string, Resource>>;
beforeAll(() => {
  set = replicaSet({ members: MEMBERS });
  data = resourcesOf(stacksOf(set, HOME).data);
  app = resourcesOf(stacksOf(set, HOME).app);
});

const member = (name: string) => {
  const found = set.config.members.find((m) => m.name === name);
  if (found === undefined) throw new Error(`no member ${name}`);
  return found;
};
const role = (name: string, fn: FunctionName): string => roleArn(set.config, member(name), fn);
const policyOf = (name: string): { Statement: Statement[] } | undefined =>
  only(byType(data, 'AWS::DynamoDB::Table').filter(([, r]) => r.Properties.TableName.endsWith(`-${name}`))).Properties.ResourcePolicy?.PolicyDocument;
const table = (name: string): string => tableArn(member(HOME), `syncline-cities-${HOME}-g1-${name}`);

describe('role names', () => {
  test('are fixed, since other accounts’ policies name them', () => {
    expect(
      byType(app, 'AWS::IAM::Role')
        .map(([, r]) => r.Properties.RoleName)
        .filter((name) => name !== undefined)
        .sort(),
    ).toEqual(['api', 'apply', 'fanout', 'observe', 'reconcile'].map((fn) => `syncline-cities-${HOME}-g1-${fn}`));
    expect(role(GUEST, 'apply')).toBe(`arn:aws:iam::${OTHER}:role/syncline-cities-us-east-1-g1-apply`);
  });

  test('fit into 64 characters with the longest names there can be', () => {
    const longest = { name: 'm'.repeat(24), region: HOME, account: ACCOUNT, generation: 99, items: 'items' };
    const config = { ...set.config, set: 's'.repeat(16), members: [longest] };
    for (const fn of FUNCTIONS) expect(roleName(config, longest, fn).length, fn).toBeLessThanOrEqual(64);
    expect(roleName(config, longest, 'reconcile')).toHaveLength(64);
  });
});

describe('a member of another account', () => {
  test('is let into exactly the tables, actions and rows that its own role allows', () => {
    const ask = (name: string, caller: string, action: string, partitions?: string[], attributes?: string[]): boolean =>
      letsIn(policyOf(name) ?? { Statement: [] }, {
        action: `dynamodb:${action}`,
        resource: table(name),
        caller,
        ...(partitions && { partitions }),
        ...(attributes && { attributes }),
      });
    for (const name of ['items', 'tombstones']) {
      for (const action of ['BatchGetItem', 'BatchWriteItem', 'PutItem', 'DeleteItem']) expect(ask(name, role(GUEST, 'apply'), action), action).toBe(true);
      for (const action of ['GetItem', 'Query']) expect(ask(name, role(GUEST, 'api'), action), action).toBe(true);
      for (const action of ['PutItem', 'DeleteItem', 'Scan']) expect(ask(name, role(GUEST, 'api'), action), action).toBe(false);
      expect(ask(name, role(GUEST, 'apply'), 'Scan')).toBe(false);
      expect(ask(name, role(GUEST, 'fanout'), 'GetItem')).toBe(false);
    }
    expect(ask('control', role(GUEST, 'apply'), 'UpdateItem', ['self'], ['pk', 'sk', 'fence', 'open', 'primary'])).toBe(true);
    expect(ask('control', role(GUEST, 'apply'), 'UpdateItem', ['self'], ['pk', 'sk', 'own'])).toBe(false);
    expect(ask('control', role(GUEST, 'apply'), 'PutItem', ['refused'])).toBe(true);
    expect(ask('control', role(GUEST, 'apply'), 'PutItem', ['acceptor'])).toBe(false);
    expect(ask('control', role(GUEST, 'reconcile'), 'Query', ['refused'])).toBe(true);
    // Its api reads the seat, to know whose copy it serves while its own tables do not answer; it reads nothing else there, and writes nothing.
    expect(ask('control', role(GUEST, 'api'), 'GetItem', ['self'])).toBe(true);
    for (const partition of ['acceptor', 'refused', 'job', 'shard']) expect(ask('control', role(GUEST, 'api'), 'GetItem', [partition]), partition).toBe(false);
    for (const action of ['PutItem', 'UpdateItem', 'DeleteItem', 'Query']) expect(ask('control', role(GUEST, 'api'), action, ['self']), action).toBe(false);
  });

  test('another role of its account, and any other account, is not', () => {
    const ask = (caller: string): boolean => letsIn(policyOf('items') ?? { Statement: [] }, { action: 'dynamodb:PutItem', resource: table('items'), caller });
    expect(ask(`arn:aws:iam::${OTHER}:role/Admin`)).toBe(false);
    expect(ask(`arn:aws:iam::${STRANGER}:role/syncline-cities-us-east-1-g1-apply`)).toBe(false);
    expect(ask(role(NEIGHBOUR, 'apply'))).toBe(false);
  });

  test('sees nothing of remembered requests', () => {
    expect(policyOf('requests')).toBeUndefined();
  });

  test('has in its own role what the resource lets it do, on the same names', () => {
    const guest = resourcesOf(stacksOf(set, GUEST).app);
    const apply = only(byType(guest, 'AWS::IAM::Role').filter(([, r]) => r.Properties.RoleName?.endsWith('-apply')));
    expect(allows(apply, { action: 'dynamodb:BatchWriteItem', resource: table('items') })).toBe(true);
    expect(table('items')).toBe(`arn:aws:dynamodb:${HOME}:${ACCOUNT}:table/syncline-cities-${HOME}-g1-items`);
  });

  test('reads the log and scans of the bucket, and writes nothing there', () => {
    const { PolicyDocument } = only(byType(data, 'AWS::S3::BucketPolicy')).Properties;
    const statements = PolicyDocument.Statement.filter((s: Statement) => s.Effect === 'Allow');
    const bucket = `arn:aws:s3:::${memberNames('cities', member(HOME)).bucket}`;
    const ask = (action: string, resource: string, caller = role(GUEST, 'reconcile')) => letsIn({ Statement: statements }, { action, resource, caller });
    expect(ask('s3:GetObject', `${bucket}/log/1/2`)).toBe(true);
    expect(ask('s3:GetObject', `${bucket}/scans/1`)).toBe(true);
    expect(ask('s3:ListBucket', bucket)).toBe(true);
    expect(ask('s3:GetObject', `${bucket}/reports/1`)).toBe(false);
    expect(ask('s3:PutObject', `${bucket}/log/1/2`)).toBe(false);
    expect(ask('s3:GetObject', `${bucket}/log/1/2`, role(GUEST, 'apply'))).toBe(false);
  });

  test('may invoke the api function, and no other one', () => {
    const across = byType(app, 'AWS::Lambda::Permission').filter(([, r]) => r.Properties.Principal === OTHER);
    const permission = only(across).Properties;
    expect(permission.Action).toBe('lambda:InvokeFunction');
    expect(app[permission.FunctionName['Fn::GetAtt'][0]]?.Properties.FunctionName).toBe(`syncline-cities-${HOME}-g1-api`);
  });
});

describe('a member in a stack of the user’s', () => {
  const place = (account: string): ReplicaSetMember =>
    new ReplicaSetMember(new Stack(newApp(), 'Mine', { env: { account, region: GUEST } }), 'Member', { ...PROPS, members: MEMBERS, member: GUEST });

  test('stands in its own account, and in no other', () => {
    expect(() => place(OTHER)).not.toThrow();
    expect(() => place(ACCOUNT)).toThrow(/"us-east-1" is in the account 210987654321, its stack in 123456789012/);
  });

  test('gives what a user must attach or look up', () => {
    const { data: own, app: part } = place(OTHER);
    expect([own.adoptPolicy, [...part.apiKeyIds]]).toEqual([undefined, []]);
  });
});

describe('members of one account', () => {
  test('need no policies of resources', () => {
    const plain = stacksOf(replicaSet());
    const text = JSON.stringify([resourcesOf(plain.data), resourcesOf(plain.app)]);
    expect(text).not.toContain('ResourcePolicy');
    expect(text).not.toContain('aws:PrincipalArn');
  });
});

describe('an adopted table', () => {
  const outputs = (of: ReplicaSet): Record<string, { Value: string }> => Template.fromStack(stacksOf(of, HOME).data).toJSON()['Outputs'];

  test('is given no policy: the user gets it to attach, and it is the one that a made table would have', () => {
    const adopted = replicaSet({ members: [{ region: HOME, existingTable: EXISTING }, ...MEMBERS.slice(1)] });
    const policy = JSON.parse(outputs(adopted)['AdoptPolicy']?.Value ?? '{}');
    const arn = tableArn(member(HOME), 'Orders');
    const ask = (caller: string, action: string) => letsIn(policy, { action: `dynamodb:${action}`, resource: arn, caller });
    expect(ask(role(GUEST, 'apply'), 'BatchWriteItem')).toBe(true);
    expect(ask(role(GUEST, 'api'), 'GetItem')).toBe(true);
    expect(ask(role(GUEST, 'api'), 'PutItem')).toBe(false);
    const tables = byType(resourcesOf(stacksOf(adopted, HOME).data), 'AWS::DynamoDB::Table').map(([, r]) => r.Properties.TableName);
    expect(tables).not.toContain('Orders');
  });

  test('needs none while all members are in its account', () => {
    expect(outputs(replicaSet({ members: [{ region: HOME, existingTable: EXISTING }, { region: GUEST }] }))['AdoptPolicy']).toBeUndefined();
  });
});

test('the longest policy that there can be is one that DynamoDB takes', () => {
  // 16 members is the most that a set takes, each here in an account of its own, all names as long as they may be.
  const members = Array.from({ length: 16 }, (_, i) => ({
    name: `${'m'.repeat(22)}${String(i).padStart(2, '0')}`,
    region: 'ap-southeast-2',
    account: String(200_000_000_000 + i),
    generation: 99,
    items: 'i'.repeat(255),
  }));
  const config = { ...set.config, set: 's'.repeat(16), members };
  const [first] = members;
  const names = memberNames(config.set, first as (typeof members)[number]);
  const bytes = ['i'.repeat(255), names.tombstones, names.control].map((name) => {
    const arn = tableArn(first as (typeof members)[number], name);
    return Buffer.byteLength(JSON.stringify(tablePolicy(config, first as (typeof members)[number], arn)?.toJSON()));
  });
  expect(Math.min(...bytes)).toBeGreaterThan(2_000);
  expect(Math.max(...bytes)).toBeLessThan(20_480);
});

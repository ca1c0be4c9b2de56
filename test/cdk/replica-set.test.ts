import { Stack, Stage } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, test } from 'vitest';
import { ReplicaSet } from '../../cdk/replica-set.ts';
import { ReplicaSetMember } from '../../cdk/replica-set-member.ts';
import type { Resource } from './fixture.ts';
import { ACCOUNT, byType, counts, newApp, PROPS, REGIONS, replicaSet, resourcesOf, stacksOf } from './fixture.ts';

const EXISTING = { tableName: 'Orders', streamArn: `arn:aws:dynamodb:eu-central-1:${ACCOUNT}:table/Orders/stream/2026-01-01T00:00:00.000` };

let set: ReplicaSet;
let data: Readonly<Record<string, Resource>>;
let app: Readonly<Record<string, Resource>>;
beforeAll(() => {
  set = replicaSet();
  data = resourcesOf(stacksOf(set).data);
  app = resourcesOf(stacksOf(set).app);
});

describe('three members', () => {
  test.each(REGIONS)('%s has these resources', (region) => {
    expect(counts(stacksOf(set, region).data)).toEqual({
      'AWS::DynamoDB::Table': 4,
      'AWS::Lambda::EventSourceMapping': 2,
      'AWS::S3::Bucket': 1,
      'AWS::S3::BucketPolicy': 1,
    });
    expect(counts(stacksOf(set, region).app)).toEqual({
      'AWS::ApiGateway::Account': 1,
      'AWS::ApiGateway::Deployment': 1,
      'AWS::ApiGateway::GatewayResponse': 17,
      'AWS::ApiGateway::Method': 2,
      'AWS::ApiGateway::Resource': 1,
      'AWS::ApiGateway::RestApi': 1,
      'AWS::ApiGateway::Stage': 1,
      'AWS::Events::Rule': 1,
      'AWS::IAM::Role': 6,
      'AWS::Lambda::EventInvokeConfig': 1,
      'AWS::Lambda::EventSourceMapping': 2,
      'AWS::Lambda::Function': 5,
      'AWS::Lambda::Permission': 3,
      'AWS::Logs::LogGroup': 6,
      'AWS::SQS::Queue': 5,
      'AWS::SQS::QueuePolicy': 5,
    });
  });

  test('the logical ids of tables, bucket, queues and mappings are API: a changed one replaces what it names', () => {
    const ids = (resources: Readonly<Record<string, Resource>>): string[] =>
      ['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::SQS::Queue', 'AWS::Lambda::EventSourceMapping']
        .flatMap((type) => byType(resources, type).map(([id]) => id))
        .sort();
    expect(ids(data)).toMatchInlineSnapshot(`
      [
        "DataBucketE6B0FAA8",
        "DataControl358E5239",
        "DataFanoutMapping87DD5E99",
        "DataItems2E91B8E8",
        "DataObserveMappingCEB1B355",
        "DataRequests8B7FC09E",
        "DataTombstonesB3CA73E2",
      ]
    `);
    expect(ids(app)).toMatchInlineSnapshot(`
      [
        "AppStreamFailuresC12AB6C6",
        "AppToapsoutheast2DeadLetters5F10FFE5",
        "AppToapsoutheast2Mapping99709C46",
        "AppToapsoutheast2Queue3E705541",
        "AppTouseast1DeadLetters3D7E5BBE",
        "AppTouseast1Mapping29A7B4BC",
        "AppTouseast1Queue2959B232",
      ]
    `);
  });

  test('stacks are named by set, member and generation, in the region and account of the member', () => {
    expect([...set.stacks.values()].flatMap((s) => [s.data, s.app]).map((s) => [s.stackName, s.region, s.account])).toEqual(
      REGIONS.flatMap((region) => ['data', 'app'].map((part) => [`syncline-cities-${region}-g1-${part}`, region, ACCOUNT])),
    );
  });

  test('no stack imports from or exports to another, and nothing is a custom resource', () => {
    for (const { data: d, app: a } of set.stacks.values()) {
      for (const stack of [d, a]) {
        const template = Template.fromStack(stack).toJSON();
        const text = JSON.stringify(template);
        for (const coupling of ['Fn::ImportValue', 'Fn::GetStackOutput', '"Export"', 'Custom::', 'AWS::CloudFormation::CustomResource', '{{resolve:'])
          expect(text).not.toContain(coupling);
        expect(Object.keys(template['Parameters'] ?? {})).toEqual(['BootstrapVersion']);
      }
    }
  });

  test('a member’s App stack goes before its Data stack, and waits for no other member', () => {
    for (const { data: d, app: a } of set.stacks.values()) {
      expect(d.dependencies).toEqual([a]);
      expect(a.dependencies).toEqual([]);
    }
  });

  test('outputs say what the command looks up', () => {
    const outputs = (stack: Stack) =>
      Object.fromEntries(Object.entries(Template.fromStack(stack).toJSON()['Outputs']).map(([name, o]) => [name, (o as { Value: unknown }).Value]));
    expect(outputs(stacksOf(set).data)).toEqual({
      ItemsTable: 'syncline-cities-eu-central-1-g1-items',
      TombstonesTable: 'syncline-cities-eu-central-1-g1-tombstones',
      ControlTable: 'syncline-cities-eu-central-1-g1-control',
      RequestsTable: 'syncline-cities-eu-central-1-g1-requests',
      BucketName: `syncline-cities-eu-central-1-g1-${ACCOUNT}`,
    });
    expect(Object.keys(outputs(stacksOf(set).app))).toEqual(['ApiUrl']);
  });

  test('the same settings make the same templates', () => {
    const again = replicaSet();
    for (const region of REGIONS) {
      for (const part of ['data', 'app'] as const)
        expect(Template.fromStack(stacksOf(again, region)[part]).toJSON()).toEqual(Template.fromStack(stacksOf(set, region)[part]).toJSON());
    }
  });

  test('one member has no link, and needs none', () => {
    const one = replicaSet({ members: [{ region: 'eu-central-1' }] });
    expect(counts(stacksOf(one).app)['AWS::SQS::Queue']).toBe(1);
    expect(counts(stacksOf(one).app)['AWS::Lambda::EventSourceMapping']).toBeUndefined();
  });
});

describe('under a Stage, or in a stack of the user’s', () => {
  test('stacks are made under the nearest Stage', () => {
    const stage = new Stage(newApp(), 'Prod');
    const staged = new ReplicaSet(stage, 'ReplicaSet', PROPS);
    expect(stacksOf(staged).data.node.scope).toBe(stage);
    expect(stacksOf(staged).data.stackName).toBe('syncline-cities-eu-central-1-g1-data');
  });

  test('a member in one stack has all of both, its mappings after the functions and roles that they need', () => {
    const stack = new Stack(newApp(), 'Mine', { env: { account: ACCOUNT, region: 'us-east-1' } });
    new ReplicaSetMember(stack, 'Member', { ...PROPS, member: 'us-east-1' });
    const resources = resourcesOf(stack);
    expect(byType(resources, 'AWS::DynamoDB::Table')).toHaveLength(4);
    expect(byType(resources, 'AWS::Lambda::Function')).toHaveLength(5);
    const readers = byType(resources, 'AWS::Lambda::EventSourceMapping').filter(([, r]) => r.Properties.StartingPosition === 'TRIM_HORIZON');
    expect(readers).toHaveLength(2);
    for (const [, r] of readers) {
      const needs = (r.DependsOn ?? []).map((id) => resources[id]?.Type);
      expect(needs).toEqual(expect.arrayContaining(['AWS::Lambda::Function', 'AWS::IAM::Role']));
    }
    Template.fromStack(stack).hasResourceProperties('AWS::SQS::Queue', Match.objectLike({ QueueName: 'syncline-cities-us-east-1-g1-to-eu-central-1-g1.fifo' }));
  });

  test.each([
    ['another region', { account: ACCOUNT, region: 'eu-west-1' }, 'us-east-1', /"us-east-1" is in us-east-1, its stack in eu-west-1.*env\.region/],
    ['another account', { account: '210987654321', region: 'us-east-1' }, 'us-east-1', /in the account 123456789012, its stack in 210987654321/],
    ['a member that is none', { account: ACCOUNT, region: 'us-east-1' }, 'us-west-2', /No member "us-west-2".*eu-central-1, us-east-1, ap-southeast-2/],
  ])('refuses %s', (_what, env, member, message) => {
    const stack = new Stack(newApp(), 'Mine', { env });
    expect(() => new ReplicaSetMember(stack, 'Member', { ...PROPS, member })).toThrow(message);
  });

  test('a set of 16 members still fits into IAM’s and Lambda’s limits, or says that it does not', () => {
    const many = (n: number) => replicaSet({ members: Array.from({ length: n }, (_, i) => ({ region: REGIONS[i % 3] as string, name: `m${i}` })) });
    expect(() => many(8)).not.toThrow();
    expect(() => many(16)).toThrow(/The policy of "\w+" has \d+ characters; IAM takes 10240/);
  });
});

describe('adopting a table', () => {
  test('makes and changes no items table, and reads exactly its stream', () => {
    const adopted = replicaSet({ members: [{ region: 'eu-central-1', existingTable: EXISTING }, { region: 'us-east-1' }] });
    const resources = resourcesOf(stacksOf(adopted).data);
    expect(
      byType(resources, 'AWS::DynamoDB::Table')
        .map(([, r]) => r.Properties.TableName.split('-').at(-1))
        .sort(),
    ).toEqual(['control', 'requests', 'tombstones']);
    for (const [, r] of byType(resources, 'AWS::Lambda::EventSourceMapping')) expect(r.Properties.EventSourceArn).toBe(EXISTING.streamArn);
    const here = JSON.stringify(byType(resourcesOf(stacksOf(adopted).app), 'AWS::IAM::Role'));
    expect(here).toContain(`"${EXISTING.streamArn}"`);
    expect(here).not.toContain('/stream/*');
    expect(here).not.toContain('eu-central-1-g1-items"');
    // The other member's applier writes to the adopted table, under its own name.
    const others = JSON.stringify(byType(resourcesOf(stacksOf(adopted, 'us-east-1').app), 'AWS::IAM::Role'));
    expect(others).toContain(`table/${EXISTING.tableName}"`);
    expect(byType(resourcesOf(stacksOf(adopted, 'us-east-1').data), 'AWS::DynamoDB::Table')).toHaveLength(4);
  });
});

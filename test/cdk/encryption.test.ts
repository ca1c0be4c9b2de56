import { beforeAll, describe, expect, test } from 'vitest';
import type { Resource } from './fixture.ts';
import { ACCOUNT, byType, only, replicaSet, resourcesOf, stacksOf } from './fixture.ts';
import type { Statement } from './policy.ts';
import { allows, refuses, statementsOf } from './policy.ts';

const HERE = 'eu-central-1';
const THERE = 'us-east-1';
const OWN = '1234abcd-12ab-34cd-56ef-1234567890ab';
const THEIRS = 'mrk-1234567890abcdef1234567890abcdef';
const key = (region: string, id = OWN): string => `arn:aws:kms:${region}:${ACCOUNT}:key/${id}`;
const KEYED = { members: [HERE, THERE].map((region) => ({ region, encryptionKeyArn: key(region) })) };

const both = (props: Parameters<typeof replicaSet>[0] = {}): Readonly<Record<string, Resource>> => {
  const { data, app } = stacksOf(replicaSet(props));
  return { ...resourcesOf(data), ...resourcesOf(app) };
};
let keyed: Readonly<Record<string, Resource>>;
let plain: Readonly<Record<string, Resource>>;
beforeAll(() => {
  keyed = both(KEYED);
  plain = both({ members: [{ region: HERE }, { region: THERE }] });
});
const roleOf = (resources: Readonly<Record<string, Resource>>, fn: string): Resource =>
  only(byType(resources, 'AWS::IAM::Role').filter(([, r]) => r.Properties.RoleName === `syncline-cities-${HERE}-g1-${fn}`));

/** What of each table, bucket and queue says how it is encrypted. */
const said = (resources: Readonly<Record<string, Resource>>) => ({
  tables: byType(resources, 'AWS::DynamoDB::Table').map(([, r]) => r.Properties.SSESpecification),
  buckets: byType(resources, 'AWS::S3::Bucket').map(
    ([, r]) => r.Properties.BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault,
  ),
  queues: byType(resources, 'AWS::SQS::Queue').map(([, r]) => [r.Properties.KmsMasterKeyId, r.Properties.SqsManagedSseEnabled]),
});
const distinct = (values: readonly unknown[]): readonly unknown[] => [...new Set(values.map((v) => JSON.stringify(v) ?? 'undefined'))];

describe('at rest', () => {
  test('by default with the services’ own keys', () => {
    const { tables, buckets, queues } = said(plain);
    expect([distinct(tables), distinct(buckets), distinct(queues)]).toEqual([['undefined'], ['{"SSEAlgorithm":"AES256"}'], ['[null,true]']]);
  });

  test('with the account’s managed keys where that is asked, which need no grant', () => {
    const resources = both({ encryption: 'aws-managed', members: [{ region: HERE }] });
    const { tables, buckets, queues } = said(resources);
    expect([distinct(tables), distinct(buckets), distinct(queues)]).toEqual([
      ['{"SSEEnabled":true}'],
      ['{"SSEAlgorithm":"aws:kms"}'],
      ['["alias/aws/sqs",null]'],
    ]);
    expect(JSON.stringify(byType(resources, 'AWS::IAM::Role'))).not.toContain('kms:');
  });

  test('with a member’s own key: all its tables, its bucket and all its queues', () => {
    const { tables, buckets, queues } = said(keyed);
    expect(tables).toHaveLength(4);
    expect(queues).toHaveLength(3);
    expect(distinct(tables)).toEqual([JSON.stringify({ KMSMasterKeyId: key(HERE), SSEEnabled: true, SSEType: 'KMS' })]);
    expect(distinct(buckets)).toEqual([JSON.stringify({ KMSMasterKeyID: key(HERE), SSEAlgorithm: 'aws:kms' })]);
    expect(distinct(queues)).toEqual([JSON.stringify([key(HERE), null])]);
  });

  test('no key is made here, and no policy of a key', () => {
    expect(byType(keyed, 'AWS::KMS::Key')).toEqual([]);
  });
});

describe('a key may be used', () => {
  const use = (fn: string, region: string, service: string, action = 'Decrypt', id = OWN) =>
    allows(roleOf(keyed, fn), { action: `kms:${action}`, resource: key(region, id), via: `${service}.${region}.amazonaws.com` });

  test('only through a service in whose resources the function has business', () => {
    expect(use('fanout', HERE, 'sqs', 'GenerateDataKey')).toBe(true);
    expect(use('fanout', HERE, 'dynamodb')).toBe(true);
    expect(use('fanout', HERE, 's3')).toBe(false);
    expect(use('fanout', THERE, 'dynamodb')).toBe(false);
    expect(use('observe', HERE, 's3', 'GenerateDataKey')).toBe(true);
    expect(use('apply', HERE, 'sqs')).toBe(true);
    expect(use('apply', THERE, 'dynamodb', 'GenerateDataKey')).toBe(true);
    expect(use('apply', THERE, 'sqs')).toBe(false);
    expect(use('reconcile', THERE, 's3')).toBe(true);
    expect(use('api', HERE, 'dynamodb', 'Encrypt')).toBe(true);
    expect(use('api', THERE, 'dynamodb')).toBe(true);
    expect(use('api', HERE, 'sqs')).toBe(false);
  });

  test('never by itself, never for another purpose, and no other key', () => {
    const r = roleOf(keyed, 'api');
    expect(allows(r, { action: 'kms:Decrypt', resource: key(HERE) })).toBe(false);
    expect(allows(r, { action: 'kms:Decrypt', resource: key(HERE), via: 'secretsmanager.eu-central-1.amazonaws.com' })).toBe(false);
    for (const action of ['CreateGrant', 'PutKeyPolicy', 'ScheduleKeyDeletion', 'DisableKey', 'Sign']) expect(use('api', HERE, 'dynamodb', action)).toBe(false);
    expect(use('api', HERE, 'dynamodb', 'Decrypt', THEIRS)).toBe(false);
  });

  test('an adopted table has a key of its own, and the member’s key does not count for it', () => {
    const existingTable = {
      tableName: 'Orders',
      streamArn: `arn:aws:dynamodb:${THERE}:${ACCOUNT}:table/Orders/stream/1`,
      encryptionKeyArn: key(THERE, THEIRS),
    };
    const resources = both({ members: [{ region: HERE }, { region: THERE, existingTable }] });
    const used = (fn: string): readonly unknown[] =>
      statementsOf(roleOf(resources, fn)).flatMap((s: Statement) => (s.Sid?.startsWith('UseKey') ? [s.Resource] : []));
    expect(used('apply')).toEqual([key(THERE, THEIRS)]);
    expect(used('fanout')).toEqual([]);
  });
});

describe('in transit', () => {
  test.each([
    ['AWS::SQS::QueuePolicy', 'sqs:SendMessage'],
    ['AWS::S3::BucketPolicy', 's3:GetObject'],
  ])('every %s refuses what is not TLS, whoever asks', (type, action) => {
    const policies = byType(plain, type);
    const holders = byType(plain, type.replace('Policy', ''));
    expect(policies).toHaveLength(holders.length);
    for (const [id, { Properties }] of policies) {
      // The resource is the queue or bucket itself, an attribute in the template: so any text will do for the question.
      const document = { Statement: Properties.PolicyDocument.Statement.map((s: Statement) => ({ ...s, Resource: '*' })) };
      expect(refuses(document, { action, resource: 'it', tls: false }), id).toBe(true);
      expect(refuses(document, { action, resource: 'it', tls: true }), id).toBe(false);
    }
  });
});

import { beforeAll, describe, expect, test } from 'vitest';
import type { Resource } from './fixture.ts';
import { ACCOUNT, byType, LOCAL, only, replicaSet, resourcesOf, stacksOf } from './fixture.ts';

let data: Readonly<Record<string, Resource>>;
beforeAll(() => {
  data = resourcesOf(stacksOf(replicaSet()).data);
});

describe('data', () => {
  const table = (name: string): Resource =>
    only(byType(data, 'AWS::DynamoDB::Table').filter(([, r]) => r.Properties.TableName === `syncline-cities-eu-central-1-g1-${name}`));

  test('items: the key of the set, a stream of both images, point-in-time recovery', () => {
    expect(table('items').Properties).toMatchObject({
      KeySchema: [
        { AttributeName: 'country', KeyType: 'HASH' },
        { AttributeName: 'cityId', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'country', AttributeType: 'S' },
        { AttributeName: 'cityId', AttributeType: 'N' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
      StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    });
  });

  test('tombstones: the same key, a TTL, no stream', () => {
    expect(table('tombstones').Properties).toMatchObject({
      KeySchema: table('items').Properties.KeySchema,
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    });
    expect(table('tombstones').Properties.StreamSpecification).toBeUndefined();
  });

  test('control: its own key, no stream, and no backup to be restored from', () => {
    expect(table('control').Properties.KeySchema).toEqual([
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ]);
    expect(table('control').Properties.StreamSpecification).toBeUndefined();
    expect(table('control').Properties.PointInTimeRecoverySpecification).toBeUndefined();
  });

  test('requests: remembered idempotency keys, with a TTL, and nothing to be restored', () => {
    expect(table('requests').Properties).toMatchObject({
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    });
    expect(table('requests').Properties.StreamSpecification).toBeUndefined();
    expect(table('requests').Properties.PointInTimeRecoverySpecification).toBeUndefined();
  });

  test('what holds data stays when it leaves the template, is protected, and its stack too', () => {
    for (const [id, r] of [...byType(data, 'AWS::DynamoDB::Table'), ...byType(data, 'AWS::S3::Bucket')]) {
      expect([r.DeletionPolicy, r.UpdateReplacePolicy], id).toEqual(['Retain', 'Retain']);
      if (r.Type === 'AWS::DynamoDB::Table') expect(r.Properties.DeletionProtectionEnabled, id).toBe(true);
    }
    expect(stacksOf(replicaSet()).data.terminationProtection).toBe(true);
    expect(stacksOf(replicaSet()).app.terminationProtection).toBe(false);
  });

  test('in a local cloud all of it can be removed', () => {
    const local = replicaSet(LOCAL);
    const resources = resourcesOf(stacksOf(local).data);
    for (const [id, r] of [...byType(resources, 'AWS::DynamoDB::Table'), ...byType(resources, 'AWS::S3::Bucket')]) {
      expect(r.DeletionPolicy, id).toBe('Delete');
      expect(r.Properties.DeletionProtectionEnabled ?? false, id).toBe(false);
    }
    expect(stacksOf(local).data.terminationProtection).toBe(false);
    expect(stacksOf(replicaSet({ ...LOCAL, terminationProtection: true })).data.terminationProtection).toBe(true);
  });

  test('the bucket is private, encrypted, unversioned, and takes only TLS', () => {
    const bucket = only(byType(data, 'AWS::S3::Bucket'));
    expect(bucket.Properties).toMatchObject({
      BucketName: `syncline-cities-eu-central-1-g1-${ACCOUNT}`,
      BucketEncryption: { ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }] },
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true },
    });
    expect(bucket.Properties.VersioningConfiguration).toBeUndefined();
    const [statement] = only(byType(data, 'AWS::S3::BucketPolicy')).Properties.PolicyDocument.Statement;
    expect(statement).toMatchObject({ Effect: 'Deny', Action: 's3:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } });
  });

  test('the two mappings of the stream: from its start, never giving up for an error, reporting what grew too old', () => {
    const mappings = byType(data, 'AWS::Lambda::EventSourceMapping').map(([, r]) => r.Properties);
    expect(mappings.map((m) => m.FunctionName.split(':').at(-1)).sort()).toEqual([
      'syncline-cities-eu-central-1-g1-fanout',
      'syncline-cities-eu-central-1-g1-observe',
    ]);
    const items = Object.entries(data).find(([, r]) => r === table('items'))?.[0];
    for (const m of mappings) {
      expect(m).toMatchObject({
        EventSourceArn: { 'Fn::GetAtt': [items, 'StreamArn'] },
        StartingPosition: 'TRIM_HORIZON',
        ParallelizationFactor: 1,
        MaximumRetryAttempts: -1,
        MaximumRecordAgeInSeconds: 82_800,
        BisectBatchOnFunctionError: false,
        DestinationConfig: { OnFailure: { Destination: `arn:aws:sqs:eu-central-1:${ACCOUNT}:syncline-cities-eu-central-1-g1-stream-failures` } },
      });
      expect(m.Enabled ?? true).toBe(true);
    }
  });

  test('fan-out takes small batches, the observer a window’s; their shards are named because the mappings have tumbling windows', () => {
    const of = (fn: string, resources = data) =>
      byType(resources, 'AWS::Lambda::EventSourceMapping').find(([, r]) => r.Properties.FunctionName.endsWith(fn))?.[1].Properties;
    expect(of('fanout')).toMatchObject({ BatchSize: 1_000, MaximumBatchingWindowInSeconds: 0, TumblingWindowInSeconds: 900 });
    expect(of('observe')).toMatchObject({ BatchSize: 10_000, MaximumBatchingWindowInSeconds: 60, TumblingWindowInSeconds: 900 });
    const own = resourcesOf(stacksOf(replicaSet({ archive: { windowS: 7 } })).data);
    expect(of('observe', own).MaximumBatchingWindowInSeconds).toBe(7);
  });

  test.each([
    ['low', 0],
    ['cheap', 5],
  ] as const)('latency %s waits %i s for more records', (latency, seconds) => {
    const resources = resourcesOf(stacksOf(replicaSet({ latency })).data);
    const fanout = byType(resources, 'AWS::Lambda::EventSourceMapping').find(([, r]) => r.Properties.FunctionName.endsWith('fanout'));
    expect(fanout?.[1].Properties.MaximumBatchingWindowInSeconds).toBe(seconds);
  });
});

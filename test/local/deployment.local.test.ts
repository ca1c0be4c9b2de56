import { CreateTableCommand, DescribeTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand, ResourceNotFoundException } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReplicaSetProps } from '../../cdk/replica-set.ts';
import { LOCAL_ACCOUNT, localClient } from '../../local/region.ts';
import type { CdkCloud } from '../cdk/cloud.ts';
import { cdkCloud, REGION } from '../cdk/cloud.ts';

/** What deployments do to what is there already, seen with the real `cdk` command: nothing is replaced, and data outlives its stacks. */

const PREFIX = `syncline-kept-${REGION}-g1`;
const TABLES = ['items', 'tombstones', 'control', 'requests'].map((name) => `${PREFIX}-${name}`);
const BUCKET = `${PREFIX}-${LOCAL_ACCOUNT}`;
const DAY = 86_400_000;
/** Several runs of the cdk command, 2 to 5 s each on a quiet machine (ms). */
const RUNS_MAX_MS = 180_000;

let cdk: CdkCloud;
let dynamodb: DynamoDBClient;
let s3: S3Client;
beforeAll(async () => {
  cdk = await cdkCloud();
  dynamodb = new DynamoDBClient(localClient(REGION, cdk.endpoint));
  s3 = new S3Client({ ...localClient(REGION, cdk.endpoint), forcePathStyle: true });
});
afterAll(async () => {
  dynamodb?.destroy();
  s3?.destroy();
  await cdk?.stop();
});

/** A table as it is, without what changes as it is used. */
async function described(TableName: string) {
  const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName }));
  const { ItemCount: _items, TableSizeBytes: _bytes, ...rest } = Table ?? {};
  return rest;
}

/** The resources that `cdk diff` names: kind of change, type and the rest of its line, with the lines below it. */
function changes(diff: string): readonly { readonly sign: string; readonly type: string; readonly text: string }[] {
  return diff.split(/\n(?=\[[-+~])/).flatMap((block) => {
    const found = /^\[([-+~]|[-+/]{3})\] (AWS::\S+)/.exec(block);
    return found === null ? [] : [{ sign: found[1] as string, type: found[2] as string, text: block }];
  });
}

/** What must never be replaced: it holds data, or the position in a stream. */
const LASTING = ['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::SQS::Queue', 'AWS::Lambda::EventSourceMapping', 'AWS::Lambda::Function', 'AWS::IAM::Role'];

describe('a replica set', { timeout: RUNS_MAX_MS }, () => {
  test('that is deployed has nothing left to change', async () => {
    await cdk.run('deploy');
    expect(await cdk.run('diff')).toContain('Number of stacks with differences: 0');
  });

  test('whose code and settings change keeps its tables, bucket, queues, mappings, functions and roles', async () => {
    const CHANGED: Partial<ReplicaSetProps> = {
      code: () => Code.fromInline('exports.handler = async () => 1;'),
      latency: 'cheap',
      queueRetentionMs: 13.5 * DAY,
      dlqRetentionMs: 10 * DAY,
      encryption: 'aws-managed',
      auth: { type: 'jwt', issuer: 'https://id.example', audience: 'items' },
      clients: [{ name: 'web', ratePerSecond: 5, burst: 5 }],
      corsOrigins: ['https://app.example'],
      throttle: { ratePerSecond: 10, burst: 10 },
    };
    const found = changes(await cdk.run('diff', CHANGED));
    const lasting = found.filter((c) => LASTING.includes(c.type));
    // All of them do change: the settings were chosen so.
    expect([...new Set(lasting.map((c) => c.type))].sort()).toEqual(LASTING.filter((type) => type !== 'AWS::IAM::Role').sort());
    for (const { sign, text } of lasting) {
      expect(sign, text).toBe('~');
      expect(text).not.toMatch(/requires replacement|may be replaced|may cause replacement|\breplace\b|destroy/);
    }
    // The question can be answered with yes: a gateway's deployment is made anew each time, under another name.
    expect(found.filter((c) => c.type === 'AWS::ApiGateway::Deployment').map((c) => c.sign)).toEqual(['-', '+']);
  });

  test('whose key changes would lose its tables: then the command says so', async () => {
    const found = changes(await cdk.run('diff', { key: { partition: { name: 'id', type: 'S' } } }));
    expect(found.filter((c) => c.type === 'AWS::DynamoDB::Table' && /replace/.test(c.text)).length).toBeGreaterThan(0);
  });

  test('that is destroyed leaves its tables and its bucket, with what is in them, and says so', async () => {
    const items = TABLES[0] as string;
    await dynamodb.send(new PutItemCommand({ TableName: items, Item: { country: { S: 'AT' }, cityId: { N: '1' } } }));
    await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'log/1', Body: 'kept' }));
    const before = await Promise.all(TABLES.map(described));

    const said = await cdk.run('destroy');

    const left = said.split('\n').filter((line) => line.includes('DELETE_SKIPPED'));
    for (const id of ['DataItems', 'DataTombstones', 'DataControl', 'DataRequests', 'DataBucket']) {
      expect(
        left.filter((line) => line.includes(`(${id}`)),
        id,
      ).toHaveLength(1);
    }
    expect(await Promise.all(TABLES.map(described))).toEqual(before);
    expect((await dynamodb.send(new GetItemCommand({ TableName: items, Key: { country: { S: 'AT' }, cityId: { N: '1' } } }))).Item).toBeDefined();
    expect(await (await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'log/1' }))).Body?.transformToString()).toBe('kept');
    for (const table of before) expect(table.DeletionProtectionEnabled, table.TableName).toBe(true);
  });
});

describe('an adopted table', { timeout: RUNS_MAX_MS }, () => {
  const TableName = 'Orders';
  const adopting = (streamArn: string): Partial<ReplicaSetProps> => ({
    set: 'adopting',
    key: { partition: { name: 'id', type: 'S' } },
    members: [{ region: REGION, existingTable: { tableName: TableName, streamArn } }, { region: 'us-east-1' }],
  });

  test('is as it was after a deployment, a change and a removal of the set', async () => {
    await dynamodb.send(
      new CreateTableCommand({
        TableName,
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
        StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
      }),
    );
    await dynamodb.send(new PutItemCommand({ TableName, Item: { id: { S: 'one' } } }));
    const before = await described(TableName);
    const props = adopting(before.LatestStreamArn as string);

    await cdk.run('deploy', props);
    expect(await described(TableName)).toEqual(before);
    await expect(described(`syncline-adopting-${REGION}-g1-items`)).rejects.toThrow(ResourceNotFoundException);

    await cdk.run('deploy', { ...props, latency: 'cheap', encryption: 'aws-managed' });
    expect(await described(TableName)).toEqual(before);

    await cdk.run('destroy', props);
    expect(await described(TableName)).toEqual(before);
    expect((await dynamodb.send(new GetItemCommand({ TableName, Key: { id: { S: 'one' } } }))).Item).toBeDefined();
  });
});

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { DescribeStreamCommand, DynamoDBStreamsClient, GetRecordsCommand, GetShardIteratorCommand } from '@aws-sdk/client-dynamodb-streams';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Cloud, startCloud } from '../../local/cloud.ts';
import { root } from '../../local/paths.ts';
import { identify, isAlive, until } from '../../local/processes.ts';
import { allRecords, readRecord, sweepAbandoned } from '../../local/record.ts';
import { askPid, localClient } from '../../local/region.ts';
import { startRouter } from '../../local/router.ts';

/** How long anything here may take (ms); conditions are waited for, not times. */
const DEADLINE_MS = 60_000;

const REGIONS = ['eu-central-1', 'us-east-1'] as const;
const TABLE = 'things';
let cloud: Cloud;
const clients: { destroy(): void }[] = [];

function dynamodb(region: string, requestTimeout = 10_000): DynamoDBClient {
  const client = new DynamoDBClient({
    ...localClient(region, cloud.endpoints[region]),
    maxAttempts: 6,
    requestHandler: { requestTimeout, throwOnRequestTimeout: true },
  });
  clients.push(client);
  return client;
}

async function makeTable(client: DynamoDBClient): Promise<string> {
  const { TableDescription } = await client.send(
    new CreateTableCommand({
      TableName: TABLE,
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
    }),
  );
  return TableDescription?.LatestStreamArn ?? '';
}

const put = async (client: DynamoDBClient, id: string, more: object = {}): Promise<unknown> =>
  client.send(new PutItemCommand({ TableName: TABLE, Item: { id: { S: id }, ...more } }));
const has = async (client: DynamoDBClient, id: string): Promise<boolean> =>
  (await client.send(new GetItemCommand({ TableName: TABLE, Key: { id: { S: id } }, ConsistentRead: true }))).Item !== undefined;

async function streamRecords(region: string, arn: string): Promise<{ name: string | undefined; by: string | undefined }[]> {
  const client = new DynamoDBStreamsClient(localClient(region, cloud.endpoints[region]));
  clients.push(client);
  const { StreamDescription } = await client.send(new DescribeStreamCommand({ StreamArn: arn }));
  const { ShardIterator } = await client.send(
    new GetShardIteratorCommand({ StreamArn: arn, ShardId: StreamDescription?.Shards?.[0]?.ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
  );
  const { Records } = await client.send(new GetRecordsCommand({ ShardIterator }));
  return (Records ?? []).map((record) => ({ name: record.eventName, by: record.userIdentity?.PrincipalId }));
}

beforeAll(async () => {
  cloud = await startCloud({ regions: [...REGIONS], environment: { SYNCLINE_LOCAL_TTL_SECONDS: '0.2' } });
}, DEADLINE_MS * 5);

afterAll(async () => {
  for (const client of clients) client.destroy();
  const pids = Object.values(readRecord(cloud.name)?.regions ?? {}).flatMap((r) => (r.process ? [r.process] : []));
  expect(pids).toHaveLength(REGIONS.length);
  await cloud.stop();
  await cloud.stop();
  expect(pids.filter(isAlive)).toEqual([]);
  expect(existsSync(cloud.directory)).toBe(false);
  expect(readRecord(cloud.name)).toBeUndefined();
}, DEADLINE_MS);

describe('a region', () => {
  test('is listened to on this machine only, by the process that the record names', async () => {
    for (const region of REGIONS) {
      const { hostname, port } = new URL(cloud.endpoints[region] ?? '');
      expect(hostname).toBe('127.0.0.1');
      expect(await askPid(Number(port))).toBe(readRecord(cloud.name)?.regions[region]?.process?.pid);
    }
  });

  test('of an unknown name is refused, naming those there are', async () => {
    await expect(cloud.fault('freeze', 'eu-west-9')).rejects.toThrow('its regions are eu-central-1, us-east-1');
    expect(() => cloud.environment('eu-west-9')).toThrow('its regions are');
  });

  test('under a name that is in use is not started again', async () => {
    await expect(startCloud({ regions: ['eu-west-1'], name: cloud.name })).rejects.toThrow('is up already');
  });
});

describe('an outage', () => {
  test('that freezes a region makes calls hang; what waited is not carried out when it ends', { timeout: DEADLINE_MS }, async () => {
    const region = 'us-east-1';
    const client = dynamodb(region);
    await makeTable(client);
    await put(client, 'before');
    await cloud.fault('freeze', region);
    const impatient = new DynamoDBClient({
      ...localClient(region, cloud.endpoints[region]),
      maxAttempts: 1,
      requestHandler: { requestTimeout: 300, throwOnRequestTimeout: true },
    });
    clients.push(impatient);
    await expect(put(impatient, 'given up')).rejects.toThrow();
    await expect(cloud.fault('freeze', region)).rejects.toThrow('it is frozen');
    await cloud.fault('resume', region);
    // For a moment after its end the cloud refuses what waited through the freeze, and with it what comes just then.
    await vi.waitFor(() => put(client, 'after'), { timeout: 10_000, interval: 200 });
    expect([await has(client, 'before'), await has(client, 'given up'), await has(client, 'after')]).toEqual([true, false, true]);
  });

  test('that stops a region keeps its items and its stream; a lost one comes back empty', { timeout: DEADLINE_MS }, async () => {
    const region = 'eu-central-1';
    const client = dynamodb(region);
    const stream = await makeTable(client);
    await put(client, 'kept');
    await cloud.fault('stop', region);
    await expect(fetch(`${cloud.endpoints[region]}/_ministack/health`)).rejects.toThrow();
    await cloud.fault('start', region);
    expect(await has(client, 'kept')).toBe(true);
    expect(await streamRecords(region, stream)).toEqual([{ name: 'INSERT', by: undefined }]);
    await put(client, 'more');
    expect(await streamRecords(region, stream)).toHaveLength(2);
    await cloud.fault('kill', region);
    await cloud.fault('start', region);
    await expect(client.send(new DescribeTableCommand({ TableName: TABLE }))).rejects.toThrow(/not found/i);
  });
});

describe('a gap of MiniStack that is closed', () => {
  test('a deletion by TTL is in the stream, as one by the service', { timeout: DEADLINE_MS }, async () => {
    const region = 'eu-central-1';
    const client = dynamodb(region);
    const stream = await makeTable(client);
    await client.send(new UpdateTimeToLiveCommand({ TableName: TABLE, TimeToLiveSpecification: { Enabled: true, AttributeName: 'expires' } }));
    await put(client, 'old', { expires: { N: String(Math.floor(Date.now() / 1_000) - 60) } });
    expect(await until(async () => !(await has(client, 'old')), DEADLINE_MS)).toBe(true);
    expect(await streamRecords(region, stream)).toEqual([
      { name: 'INSERT', by: undefined },
      { name: 'REMOVE', by: 'dynamodb.amazonaws.com' },
    ]);
  });
});

describe('the router', () => {
  test('hands a request to the region that it was signed for, and refuses one of another', async () => {
    const router = await startRouter(cloud.endpoints);
    try {
      const at = (region: string): DynamoDBClient => {
        const client = new DynamoDBClient({ ...localClient(region, router.url), maxAttempts: 1 });
        clients.push(client);
        return client;
      };
      const arn = async (region: string): Promise<string | undefined> =>
        (await at(region).send(new DescribeTableCommand({ TableName: TABLE }))).Table?.TableArn;
      expect(await arn('us-east-1')).toContain(':us-east-1:');
      await expect(arn('eu-west-3')).rejects.toThrow('it has eu-central-1, us-east-1');
    } finally {
      await router.close();
    }
  });
});

describe('a cloud whose owner is killed', () => {
  test('ends with it, and its files go at the next start', { timeout: DEADLINE_MS }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'syncline-test-'));
    try {
      const file = join(directory, 'owner.ts');
      writeFileSync(
        file,
        `import { startCloud } from ${JSON.stringify(join(root, 'local', 'cloud.ts'))};\nconst cloud = await startCloud({ regions: ['eu-west-1'] });\nconsole.log(cloud.name);\nsetInterval(() => undefined, 1_000);\n`,
      );
      const owner = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
      const name = await new Promise<string>((resolve, reject) => {
        owner.stdout.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()));
        owner.once('exit', () => reject(new Error('The owner ended before its cloud was up.')));
      });
      const region = readRecord(name)?.regions['eu-west-1']?.process;
      if (region === undefined) throw new Error('The record names no process.');
      expect(identify(region.pid)).toEqual(region);
      owner.removeAllListeners('exit');
      owner.kill('SIGKILL');
      expect(await until(() => !isAlive(region), DEADLINE_MS)).toBe(true);
      const left = readRecord(name);
      expect(left).toBeDefined();
      expect(await sweepAbandoned()).toContain(name);
      expect(existsSync(left?.directory ?? '')).toBe(false);
      expect(allRecords().map((r) => r.name)).toContain(cloud.name);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

import { zstdDecompressSync } from 'node:zlib';
import { CreateTableCommand, DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { awsClients, objectClient } from '../../lib/adapters/aws/clients.ts';
import { AwsExportsPort } from '../../lib/adapters/aws/exports-port.ts';
import { AwsObjectPort } from '../../lib/adapters/aws/object-port.ts';
import { systemChance, systemClock } from '../../lib/adapters/aws/runtime.ts';
import { AwsTablePort } from '../../lib/adapters/aws/table-port.ts';
import { archivePlace } from '../../lib/archive/place.ts';
import { exportSnapshot } from '../../lib/archive/snapshot/export.ts';
import { importSnapshot } from '../../lib/archive/snapshot/import.ts';
import { snapshotItems } from '../../lib/archive/snapshot/read.ts';
import { takeSnapshot } from '../../lib/archive/snapshot/take.ts';
import type { Item } from '../../lib/core/attribute.ts';
import { canonicalText } from '../../lib/core/canonical.ts';
import { setConfigSchema } from '../../lib/core/config.ts';
import type { Manifest } from '../../lib/core/formats/manifest.ts';
import { dataPrefix } from '../../lib/core/formats/manifest.ts';
import type { Runtime } from '../../lib/ports/runtime.ts';
import type { MemberContext } from '../../lib/replicate/context.ts';
import { memberContext } from '../../lib/replicate/context.ts';
import { type Cloud, startCloud } from '../../local/cloud.ts';
import { localClient } from '../../local/region.ts';

/** How long anything here may take (ms); conditions are waited for, not times. */
const DEADLINE_MS = 60_000;
const REGION = 'eu-central-1';
const ITEMS = 400;

const config = setConfigSchema.parse({
  set: 'archive',
  lanes: 1,
  key: { partition: { name: 'pk', type: 'S' }, sort: { name: 'sk', type: 'N' } },
  members: [REGION, 'us-east-1'].map((name) => ({ name, region: name, account: '000000000000', generation: 1, items: `archive-${name}` })),
});
const member: MemberContext = memberContext(config, config.members[0] as never);
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const runtime: Runtime = { clock: systemClock, chance: systemChance, log: silent, metrics: { count: () => undefined } };
const watcher = { progress: () => undefined, stopped: () => false };

let cloud: Cloud;
let dynamodb: DynamoDBClient;
let s3: S3Client;
let table: AwsTablePort;
let objects: AwsObjectPort;
let exports: AwsExportsPort;
let endpoint: string;

/** Every attribute type, and what is awkward in JSON and in lines. */
const itemOf = (i: number): Item => ({
  pk: { S: `k"${i}\n` },
  sk: { N: String(i) },
  n: { N: '-12345678901234567890.123456789' },
  b: { B: Buffer.from([i % 256, 10, 13, 0]).toString('base64') },
  yes: { BOOL: i % 2 === 0 },
  nothing: { NULL: true },
  empty: { S: '' },
  ss: { SS: ['\u{1F600}', 'b'] },
  ns: { NS: ['1', '2.5'] },
  bs: { BS: ['AA==', 'Cg=='] },
  l: { L: [{ S: 'x' }, { L: [] }, { M: { a: { N: '0' } } }] },
  m: { M: { deep: { M: { er: { S: 'line\u2028separators\u0085too' } } } } },
  _s: { M: { p: { B: 'AAEC' } } },
});
const ALL = Array.from({ length: ITEMS }, (_, i) => itemOf(i));
const texts = (items: readonly Item[]): string[] => items.map((item) => canonicalText({ M: item })).sort();

const makeTable = (name: string, key: readonly [string, 'S' | 'N'][]): Promise<unknown> =>
  dynamodb.send(
    new CreateTableCommand({
      TableName: name,
      AttributeDefinitions: key.map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
      KeySchema: key.map(([AttributeName], i) => ({ AttributeName, KeyType: i === 0 ? 'HASH' : 'RANGE' })),
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );

/** All items of a table, by the adapter that passes DynamoDB JSON through. */
async function itemsIn(name: string): Promise<Item[]> {
  const items: Item[] = [];
  for (let after: Item | undefined; ; ) {
    const page = await table.scan({ table: name, ...(after !== undefined && { after }) });
    items.push(...page.items);
    if (page.next === undefined) return items;
    after = page.next;
  }
}

const place = () => archivePlace(member, objects);
const take = async (compression: 'zstd' | 'gzip'): Promise<Manifest> =>
  (await takeSnapshot(member, { table, place: place() }, runtime, { owner: 'a test', compression, segments: 3 }, watcher)).manifest as Manifest;

beforeAll(async () => {
  cloud = await startCloud({ regions: [REGION] });
  endpoint = cloud.endpoints[REGION] as string;
  const local = localClient(REGION, endpoint);
  dynamodb = new DynamoDBClient(local);
  s3 = new S3Client({ ...local, forcePathStyle: true });
  process.env['AWS_ACCESS_KEY_ID'] ??= 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] ??= 'test';
  table = new AwsTablePort(awsClients({ region: REGION, endpoint }).dynamodb);
  objects = new AwsObjectPort(objectClient({ region: REGION, endpoint }).s3);
  exports = new AwsExportsPort(dynamodb);
  const key = [
    ['pk', 'S'],
    ['sk', 'N'],
  ] as const;
  await makeTable(member.tables.items, [...key] as never);
  await makeTable(member.tables.control, [
    ['pk', 'S'],
    ['sk', 'S'],
  ]);
  await s3.send(new CreateBucketCommand({ Bucket: member.bucket, CreateBucketConfiguration: { LocationConstraint: REGION } }));
  for (let at = 0; at < ITEMS; at += 25) {
    const { unprocessed } = await table.batchWrite(ALL.slice(at, at + 25).map((item) => ({ table: member.tables.items, put: item })));
    expect(unprocessed).toEqual([]);
  }
}, DEADLINE_MS * 5);

afterAll(async () => {
  dynamodb?.destroy();
  s3?.destroy();
  await cloud?.stop();
}, DEADLINE_MS);

describe('a snapshot', () => {
  test('is loaded into a new table by ImportTable, every type as it was', { timeout: DEADLINE_MS }, async () => {
    // This cloud's ImportTable knows gzip, and no zstd.
    const manifest = await take('gzip');
    expect(manifest).toMatchObject({ items: ITEMS, compression: 'gzip' });
    const end = await importSnapshot(place(), exports, runtime, manifest, { table: 'loaded', token: 'a-token' }, watcher);
    expect(end).toMatchObject({ status: 'done', imported: ITEMS, errors: 0 });
    expect(texts(await itemsIn('loaded'))).toEqual(texts(ALL));
    await expect(importSnapshot(place(), exports, runtime, manifest, { table: 'loaded', token: 'another' }, watcher)).rejects.toMatchObject({
      code: 'table-exists',
    });
  });

  test('in zstd is read as AWS describes its import format, by a reader that knows nothing of ours', { timeout: DEADLINE_MS }, async () => {
    const manifest = await take('zstd');
    const read = await readAsAwsDescribes(member.bucket, dataPrefix(manifest.id));
    expect(texts(read)).toEqual(texts(ALL));
    const own: Item[] = [];
    for (const file of manifest.files) for await (const item of snapshotItems(place(), runtime, manifest, file)) own.push(item);
    expect(texts(own)).toEqual(texts(ALL));
    // Where the service cannot unpack it, it says so, and leaves no table.
    const end = await importSnapshot(place(), exports, runtime, manifest, { table: 'zstd-loaded', token: 'a-third' }, watcher);
    expect(end).toMatchObject({ status: 'failed', why: expect.stringContaining('InputCompressionTypeNotSupported') });
    await expect(dynamodb.send(new ScanCommand({ TableName: 'zstd-loaded' }))).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  test('by an export is refused where the service only pretends to export', { timeout: DEADLINE_MS }, async () => {
    const tableArn = `arn:aws:dynamodb:${REGION}:000000000000:table/${member.tables.items}`;
    const work = exportSnapshot(member, { table, place: place(), exports }, runtime, { owner: 'a test', tableArn }, watcher);
    await expect(work).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('--via scan') });
  });
});

/**
 * What ImportTable does, from AWS's description alone: every object below the prefix, unpacked, is lines; each line is a JSON
 * object whose only member "Item" is an item in DynamoDB JSON; no two lines have the same key.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.Format.html
 */
async function readAsAwsDescribes(bucket: string, prefix: string): Promise<Item[]> {
  const { Contents = [], IsTruncated } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
  expect(IsTruncated).not.toBe(true);
  const items: Item[] = [];
  const keys = new Set<string>();
  for (const { Key } of Contents) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
    const text = new TextDecoder('utf-8', { fatal: true }).decode(zstdDecompressSync((await Body?.transformToByteArray()) as Uint8Array));
    expect(text.endsWith('\n')).toBe(true);
    for (const line of text.slice(0, -1).split('\n')) {
      const record = JSON.parse(line) as { Item: Item };
      expect(Object.keys(record)).toEqual(['Item']);
      for (const value of Object.values(record.Item)) expect(Object.keys(value)).toHaveLength(1);
      const key = JSON.stringify([record.Item['pk'], record.Item['sk']]);
      expect(keys.has(key)).toBe(false);
      keys.add(key);
      items.push(record.Item);
    }
  }
  return items;
}

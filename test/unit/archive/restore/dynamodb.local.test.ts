import { CreateTableCommand, DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newTablePort } from '../../../../cli/restore-aws.ts';
import { awsClients } from '../../../../lib/adapters/aws/clients.ts';
import { systemChance, systemClock } from '../../../../lib/adapters/aws/runtime.ts';
import { AwsTablePort } from '../../../../lib/adapters/aws/table-port.ts';
import { SeededChance } from '../../../../lib/adapters/memory/chance.ts';
import { MemoryCloud } from '../../../../lib/adapters/memory/cloud.ts';
import type { ArchivePlace } from '../../../../lib/archive/place.ts';
import { restoreJobId, restorePlace } from '../../../../lib/archive/restore/job.ts';
import { planRestore } from '../../../../lib/archive/restore/plan.ts';
import type { ToTableResult } from '../../../../lib/archive/restore/to-table.ts';
import { begunIn, restoreToTable } from '../../../../lib/archive/restore/to-table.ts';
import type { Item } from '../../../../lib/core/attribute.ts';
import type { Runtime } from '../../../../lib/ports/runtime.ts';
import { eventually, REGION } from '../../../adapters/support/aws-world.ts';
import { dynamoDbLocalTable, javaProblem } from '../../../adapters/support/dynamodb-local.ts';
import { HandWritten, item, KEY, START, valuesOf } from './support.ts';

/** The same on AWS's own DynamoDB Local, by the adapter that is used on AWS: its table, its indexes and its refusals are the second opinion. */

const MODEL = 'items';
const CONTROL = 'control';
const KEYS = 2_000;
const quiet = (): void => undefined;
const runtime: Runtime = { clock: systemClock, chance: systemChance, metrics: { count: quiet }, log: { debug: quiet, info: quiet, warn: quiet, error: quiet } };

describe.skipIf(javaProblem() !== undefined)('a restore on DynamoDB Local', () => {
  let server: Awaited<ReturnType<typeof dynamoDbLocalTable>>;
  let table: AwsTablePort;
  let place: ArchivePlace;
  let log: HandWritten;

  beforeAll(async () => {
    server = await dynamoDbLocalTable('another');
    await server.client.send(
      new CreateTableCommand({
        TableName: CONTROL,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: ['pk', 'sk'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' as const })),
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      }),
    );
    await server.client.send(
      new CreateTableCommand({
        TableName: MODEL,
        ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 5 },
        AttributeDefinitions: ['id', 'mail'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' as const })),
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        GlobalSecondaryIndexes: [
          {
            IndexName: 'by-mail',
            KeySchema: [{ AttributeName: 'mail', KeyType: 'HASH' }],
            Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['v'] },
            ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 5 },
          },
        ],
        StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
      }),
    );
    table = new AwsTablePort(awsClients({ region: REGION, endpoint: server.endpoint, maxSockets: 8 }).dynamodb);
    const region = new MemoryCloud({ clock: systemClock, chance: new SeededChance(1) }).region(REGION);
    region.buckets.createBucket('bucket-of-a-test');
    place = { objects: region.objects, bucket: 'bucket-of-a-test', set: 'cities', member: REGION, key: KEY };
    log = new HandWritten({
      region,
      bucket: place.bucket,
      member: REGION,
      tableId: 'x',
      stream: 'arn:aws:dynamodb:eu-west-1:000000000000:table/items/stream/1',
    });
    const items = Array.from({ length: KEYS }, (_, i) => ({ ...item(`k${i}`, 'first'), mail: { S: `m${i}@example.org` } }));
    // What no index of a table may hold: it was there before the index was.
    const odd: Item = { ...item('odd', 'first'), mail: { N: '7' } };
    await log.snapshot([...items, odd], START, START + 2_000, 300);
    await log.segment(Array.from({ length: 300 }, (_, i) => ({ key: `k${i * 2}`, at: START + 10_000, ...(i % 2 === 0 && { value: 'second' }) })));
  });

  afterAll(() => server.stop());

  /** As the command does. @param stopped after how many pieces it ends */
  async function restore(name: string, stopped = Number.POSITIVE_INFINITY): Promise<ToTableResult> {
    const target = { port: table, table: name, job: restorePlace(table, CONTROL, restoreJobId(name)) };
    const job = await begunIn(place, runtime, target);
    const plan = await planRestore(place, runtime, { at: 'latest', rows: [], ...(job && { pinned: job.pinned }) });
    let pieces = 0;
    return restoreToTable(
      place,
      runtime,
      plan,
      target,
      { owner: 'a test', what: '', keepMeta: false },
      { progress: quiet, stopped: () => ++pieces >= stopped },
    );
  }

  async function all(name: string): Promise<Item[]> {
    const found: Item[] = [];
    let page = await table.scan({ table: name });
    for (found.push(...page.items); page.next !== undefined; found.push(...page.items)) page = await table.scan({ table: name, after: page.next });
    return found;
  }

  it('makes a table with the indexes of the member’s, on demand and without a stream, and fills it in two runs', async () => {
    const indexes = await newTablePort(REGION, server.endpoint).create('restored', KEY, MODEL);
    expect(indexes).toEqual(['by-mail']);
    await eventually('the table', async () => ((await table.describe('restored')).status === 'ACTIVE' ? true : undefined));
    const { Table } = await server.client.send(new DescribeTableCommand({ TableName: 'restored' }));
    expect(Table?.BillingModeSummary?.BillingMode).toBe('PAY_PER_REQUEST');
    expect(Table?.StreamSpecification).toBeUndefined();
    expect(Table?.GlobalSecondaryIndexes).toMatchObject([{ IndexName: 'by-mail', Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['v'] } }]);

    const first = await restore('restored', 3);
    expect(first.ended).toBe('stopped');
    const { ended, resumed, job } = await restore('restored');
    expect({ ended, resumed, items: job.items, refused: job.refused }).toEqual({ ended: 'done', resumed: true, items: KEYS - 150, refused: 1 });
    expect(job.refusedNamed).toMatchObject([{ key: { id: { S: 'odd' } }, reason: expect.stringContaining('ValidationException') }]);
    const expected = new Map<string, string>();
    for (let i = 0; i < KEYS; i += 1) if (i % 4 !== 2 || i >= 600) expected.set(`k${i}`, i % 4 === 0 && i < 600 ? 'second' : 'first');
    expect(valuesOf(await all('restored'))).toEqual(expected);
  });

  it('refuses a table that holds anything', async () => {
    await table.put('another', { id: { S: 'mine' } });
    await expect(restore('another')).rejects.toMatchObject({ code: 'table-taken' });
  });

  it('makes a table by the key alone where there is none to be like', async () => {
    const key = { partition: { name: 'a', type: 'N' }, sort: { name: 'b', type: 'B' } } as const;
    expect(await newTablePort(REGION, server.endpoint).create('plain', key, 'not-there')).toBeUndefined();
    expect((await table.describe('plain')).key).toEqual([
      { name: 'a', type: 'N' },
      { name: 'b', type: 'B' },
    ]);
  });
});

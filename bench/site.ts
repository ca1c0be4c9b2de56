import { CreateTableCommand, DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type AwsClients, awsClients } from '../lib/adapters/aws/clients.ts';
import { AwsQueuePort } from '../lib/adapters/aws/queue-port.ts';
import { AwsTablePort } from '../lib/adapters/aws/table-port.ts';
import type { SetConfig } from '../lib/core/config.ts';
import { memberNamed, setConfigSchema } from '../lib/core/config.ts';
import { MAX_RECEIVE_COUNT, VISIBILITY_S } from '../lib/core/constants.ts';
import { encodeLink, encodeSeat } from '../lib/core/formats/rows.ts';
import { linkNames, memberNames, queueArn } from '../lib/core/names.ts';
import type { QueuePort } from '../lib/ports/queue.ts';
import { type LinkContext, linkContext } from '../lib/replicate/context.ts';
import { initSet } from '../lib/replicate/init.ts';
import { type Cloud, startCloud } from '../local/cloud.ts';
import { LOCAL_ACCOUNT, localClient } from '../local/region.ts';
import { KEY } from './items.ts';
import type { NullRows } from './null-endpoint.ts';

/**
 * The place where handlers are measured alone: two regions of the local cloud with the tables and queues of one link, and
 * nothing that would call a function by itself. The bench calls the handlers.
 */

export const SOURCE = 'eu-central-1';
export const TARGET = 'us-east-1';

/** The link's set. */
export const CONFIG: SetConfig = setConfigSchema.parse({
  set: 'bench',
  key: KEY,
  members: [SOURCE, TARGET].map((region) => ({ name: region, region, account: LOCAL_ACCOUNT, generation: 1, items: `bench-${region}-items` })),
});

const member = { source: memberNamed(CONFIG, SOURCE), target: memberNamed(CONFIG, TARGET) };

/** Where raw writes go, in the target's region: a table of its own, of the same kind as the target's, stream included. */
export const RAW_TABLE = 'bench-raw';

/** The link, as the handlers see it. */
export const LINK: LinkContext = linkContext(CONFIG, member.source, member.target);
/** The source member's bucket. */
export const BUCKET: string = memberNames(CONFIG.set, member.source).bucket;
/** ARN of the link's queue. */
export const LINK_QUEUE_ARN: string = queueArn(member.source, linkNames(CONFIG.set, member.source, member.target).queue);

/** The environment of the source member's functions, in any place that answers for both regions. */
export const functionEnvironment = (endpoints: Readonly<Record<string, string>>): Record<string, string> => ({
  SYNCLINE_CONFIG: JSON.stringify(CONFIG),
  SYNCLINE_MEMBER: SOURCE,
  SYNCLINE_ENDPOINTS: JSON.stringify(endpoints),
  AWS_REGION: SOURCE,
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
});

/** The environment of raw writes to the target's region. */
export const rawEnvironment = (endpoint: string, region: string = TARGET): Record<string, string> => ({
  AWS_REGION: region,
  AWS_ENDPOINT_URL: endpoint,
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
});

/** ARN of a stream that does not exist, for the null endpoint. */
export const NULL_STREAM_ARN = `arn:aws:dynamodb:${SOURCE}:${LOCAL_ACCOUNT}:table/${member.source.items}/stream/2026-01-01T00:00:00.000`;

/** The rows that handlers find at the null endpoint: what `syncline init` writes. */
export function nullRows(nowMs: number): NullRows {
  const seat = { fence: 1, open: { region: SOURCE, at: nowMs }, primary: SOURCE, v: 1 };
  return {
    [LINK.sourceTables.control]: [
      encodeSeat({ ...seat, own: 1, since: 0, stream: NULL_STREAM_ARN, tableId: 'bench-source' }),
      encodeLink({ target: TARGET, state: 'open', since: nowMs }),
    ],
    [LINK.targetTables.control]: [encodeSeat({ ...seat, own: 0, since: nowMs, stream: '', tableId: 'bench-target' })],
  };
}

/** A site that is up. */
export interface Site {
  readonly cloud: Cloud;
  /** The source region's queues. */
  readonly queue: QueuePort;
  /** A typed client of the target's region. */
  readonly target: DynamoDBClient;
  /** Typed clients of the source's region. */
  readonly source: DynamoDBClient;
  readonly objects: S3Client;
  /** ARN of the source table's stream. */
  readonly streamArn: string;
  stop(): Promise<void>;
}

/** Starts it. @throws Error when the local cloud does not start or refuses something. */
export async function openSite(signal: AbortSignal): Promise<Site> {
  const cloud = await startCloud({ regions: [SOURCE, TARGET], signal });
  const clients: AwsClients[] = [];
  const closers: (() => void)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers) close();
    for (const client of clients) client.destroy();
    await cloud.stop();
  };
  try {
    const dynamodb = {
      [SOURCE]: new DynamoDBClient(localClient(SOURCE, cloud.endpoints[SOURCE])),
      [TARGET]: new DynamoDBClient(localClient(TARGET, cloud.endpoints[TARGET])),
    };
    const objects = objectsOf(cloud.endpoints[SOURCE]);
    closers.push(
      () => objects.destroy(),
      () => dynamodb[SOURCE].destroy(),
      () => dynamodb[TARGET].destroy(),
    );
    await Promise.all([
      makeTables(dynamodb[SOURCE], LINK.sourceTables),
      makeTables(dynamodb[TARGET], LINK.targetTables),
      makeTable(dynamodb[TARGET], RAW_TABLE, 'items'),
    ]);
    await makeQueues(cloud);
    await objects.send(new CreateBucketCommand({ Bucket: BUCKET, CreateBucketConfiguration: { LocationConstraint: SOURCE } }));

    // The lean clients of the functions, for the rows of `control` and the queue.
    for (const region of [SOURCE, TARGET]) clients.push(leanClients(cloud, region));
    const portOf = (region: string): AwsTablePort => new AwsTablePort((clients.find((c) => c.region === region) as AwsClients).dynamodb);
    await initSet(CONFIG, member.source, (m) => portOf(m.region), Date.now());
    const described = await dynamodb[SOURCE].send(new DescribeTableCommand({ TableName: LINK.sourceTables.items }));
    return {
      cloud,
      queue: new AwsQueuePort(clients[0] as AwsClients),
      target: dynamodb[TARGET],
      source: dynamodb[SOURCE],
      objects,
      streamArn: described.Table?.LatestStreamArn ?? '',
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The functions' own clients; they take credentials from the environment. */
function leanClients(cloud: Cloud, region: string): AwsClients {
  process.env['AWS_ACCESS_KEY_ID'] ??= 'local';
  process.env['AWS_SECRET_ACCESS_KEY'] ??= 'local';
  return awsClients({ region, endpoint: cloud.endpoints[region] ?? '' });
}

/** A client of the source's S3; names with a bucket in front do not resolve on this machine. */
const objectsOf = (endpoint: string | undefined): S3Client => new S3Client({ ...localClient(SOURCE, endpoint), forcePathStyle: true });

async function makeTables(client: DynamoDBClient, tables: LinkContext['sourceTables']): Promise<void> {
  await Promise.all([
    makeTable(client, tables.items, 'items'),
    makeTable(client, tables.tombstones, 'tombstones'),
    makeTable(client, tables.control, 'control'),
  ]);
}

export async function makeTable(client: DynamoDBClient, table: string, kind: 'items' | 'tombstones' | 'control' | 'plain'): Promise<void> {
  const [partition, sort] =
    kind === 'control'
      ? ([
          { name: 'pk', type: 'S' },
          { name: 'sk', type: 'S' },
        ] as const)
      : ([KEY.partition, KEY.sort] as const);
  await client.send(
    new CreateTableCommand({
      TableName: table,
      KeySchema: [
        { AttributeName: partition.name, KeyType: 'HASH' },
        { AttributeName: sort.name, KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [partition, sort].map(({ name, type }) => ({ AttributeName: name, AttributeType: type })),
      BillingMode: 'PAY_PER_REQUEST',
      ...(kind === 'items' && { StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' } }),
    }),
  );
}

/** The link's queues, set as the CDK construct sets them (cdk/links.ts). */
async function makeQueues(cloud: Cloud): Promise<void> {
  const client = new SQSClient(localClient(SOURCE, cloud.endpoints[SOURCE]));
  try {
    const fifo = { FifoQueue: 'true', ContentBasedDeduplication: 'false', DeduplicationScope: 'messageGroup', FifoThroughputLimit: 'perMessageGroupId' };
    const names = linkNames(CONFIG.set, member.source, member.target);
    await client.send(new CreateQueueCommand({ QueueName: names.dlq, Attributes: fifo }));
    const redrive = JSON.stringify({ deadLetterTargetArn: queueArn(member.source, names.dlq), maxReceiveCount: MAX_RECEIVE_COUNT });
    await client.send(
      new CreateQueueCommand({ QueueName: names.queue, Attributes: { ...fifo, VisibilityTimeout: String(VISIBILITY_S), RedrivePolicy: redrive } }),
    );
  } finally {
    client.destroy();
  }
}

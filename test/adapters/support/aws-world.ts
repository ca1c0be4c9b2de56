import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateTableCommand, UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient, GetRecordsCommand, GetShardIteratorCommand } from '@aws-sdk/client-dynamodb-streams';
import { CreateQueueCommand, GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { awsClients, QUIET_LOGGER } from '../../../lib/adapters/aws/clients.ts';
import { AwsQueuePort } from '../../../lib/adapters/aws/queue-port.ts';
import { SocketHandler } from '../../../lib/adapters/aws/socket-handler.ts';
import { AwsStreamPort } from '../../../lib/adapters/aws/stream-port.ts';
import { AwsTablePort } from '../../../lib/adapters/aws/table-port.ts';
import type { SdkProtocol } from '../../../lib/adapters/aws/wire-protocol.ts';
import { wireProtocol } from '../../../lib/adapters/aws/wire-protocol.ts';
import type { Item, Key } from '../../../lib/core/attribute.ts';
import type { KeyAttribute } from '../../../lib/core/key.ts';
import { keyAttributes } from '../../../lib/core/key.ts';
import type { StreamRecord } from '../../../lib/ports/stream.ts';
import type { QueueWorld, TableWorld } from './world.ts';

export const REGION = 'eu-central-1';
/** How long a table or a record may take to appear (ms). */
const DEADLINE_MS = 20_000;
/** Pause between two looks at a condition (ms). */
const LOOK_MS = 50;

/** Keys for servers that check none; the SDK's default chain reads them. */
export function localCredentials(): void {
  process.env['AWS_ACCESS_KEY_ID'] = 'local';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'local';
}

/** Waits until `look` finds something. @throws Error when it has not by the deadline */
export async function eventually<T>(what: string, look: () => Promise<T | undefined>, ms = DEADLINE_MS): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`${what} did not come about within ${ms} ms.`);
    await sleep(LOOK_MS);
  }
}

const attributes = (all: readonly KeyAttribute[]): object[] => [
  ...new Map(all.map((a) => [a.name, { AttributeName: a.name, AttributeType: a.type }])).values(),
];

/** Tables and streams of a server at `endpoint`. */
export async function awsTableWorld(endpoint: string): Promise<TableWorld> {
  localCredentials();
  const clients = awsClients({ region: REGION, endpoint });
  const table = new AwsTablePort(clients.dynamodb);
  const handler = new SocketHandler({ connectMs: 1_000, requestMs: 10_000 });
  const reader = new DynamoDBStreamsClient({ region: REGION, endpoint, logger: QUIET_LOGGER, requestHandler: handler as never });
  const config = reader.config as unknown as { protocol: SdkProtocol };
  config.protocol = wireProtocol(config.protocol);
  const stream = new AwsStreamPort(clients.streams);
  const active = (name: string, wantStream?: boolean): Promise<unknown> =>
    eventually(`The table ${name}`, async () => {
      const found = await table.describe(name);
      return found.status === 'ACTIVE' && (wantStream === undefined || found.streamEnabled === wantStream) ? found : undefined;
    });
  const wire = (input: object): never => input as never;
  return {
    table,
    stream,
    async createTable({ key, index, stream: wanted }) {
      const name = `t-${randomBytes(8).toString('hex')}`;
      await clients.dynamodb.send(
        new CreateTableCommand(
          wire({
            TableName: name,
            BillingMode: 'PAY_PER_REQUEST',
            KeySchema: keyAttributes(key).map((a, i) => ({ AttributeName: a.name, KeyType: i === 0 ? 'HASH' : 'RANGE' })),
            AttributeDefinitions: attributes([...keyAttributes(key), ...(index === undefined ? [] : [index])]),
            ...(index !== undefined && {
              GlobalSecondaryIndexes: [
                { IndexName: 'index', KeySchema: [{ AttributeName: index.name, KeyType: 'HASH' }], Projection: { ProjectionType: 'ALL' } },
              ],
            }),
            ...(wanted === true && { StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' } }),
          }),
        ),
      );
      await active(name);
      return name;
    },
    async replaceStream(name) {
      await clients.dynamodb.send(new UpdateTableCommand(wire({ TableName: name, StreamSpecification: { StreamEnabled: false } })));
      await active(name, false);
      await clients.dynamodb.send(
        new UpdateTableCommand(wire({ TableName: name, StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' } })),
      );
      await active(name, true);
    },
    async records(name, count) {
      const { streamArn } = await table.describe(name);
      if (streamArn === undefined) return [];
      return eventually(`${count} records of ${name}`, async () => {
        const found = await allRecords(
          reader,
          streamArn,
          (await stream.shards(streamArn)).map((s) => s.id),
        );
        return found.length >= count ? found : undefined;
      });
    },
    async close() {
      clients.destroy();
      handler.destroy();
    },
  };
}

interface WireRecord {
  readonly eventName: StreamRecord['eventName'];
  readonly dynamodb: {
    readonly SequenceNumber: string;
    readonly ApproximateCreationDateTime: number;
    readonly Keys: Key;
    readonly NewImage?: Item;
    readonly OldImage?: Item;
  };
}

/** Reads every shard from its start until an empty answer. */
async function allRecords(reader: DynamoDBStreamsClient, streamArn: string, shards: readonly string[]): Promise<StreamRecord[]> {
  const records: StreamRecord[] = [];
  for (const shard of shards) {
    const { ShardIterator: first } = await reader.send(
      new GetShardIteratorCommand({ StreamArn: streamArn, ShardId: shard, ShardIteratorType: 'TRIM_HORIZON' }),
    );
    let iterator: string | undefined = first;
    for (let page = 0; iterator !== undefined && page < 100; page += 1) {
      const answer = (await reader.send(new GetRecordsCommand({ ShardIterator: iterator }))) as unknown as {
        Records: WireRecord[];
        NextShardIterator?: string;
      };
      if (answer.Records.length === 0) break;
      for (const { eventName, dynamodb: d } of answer.Records) {
        records.push({
          eventName,
          streamArn,
          sequence: d.SequenceNumber,
          createdMs: d.ApproximateCreationDateTime * 1_000,
          keys: d.Keys,
          ...(d.NewImage !== undefined && { newImage: d.NewImage }),
          ...(d.OldImage !== undefined && { oldImage: d.OldImage }),
          byTtl: false,
        });
      }
      iterator = answer.NextShardIterator;
    }
  }
  return records.sort((a, b) => (BigInt(a.sequence) < BigInt(b.sequence) ? -1 : 1));
}

/** Queues of a server at `endpoint`. */
export async function awsQueueWorld(endpoint: string): Promise<QueueWorld> {
  localCredentials();
  const clients = awsClients({ region: REGION, endpoint });
  const create = async (name: string, more: Record<string, string> = {}): Promise<string> => {
    const answer = await clients.sqs.send(
      new CreateQueueCommand({
        QueueName: name,
        Attributes: {
          FifoQueue: 'true',
          ContentBasedDeduplication: 'false',
          DeduplicationScope: 'messageGroup',
          FifoThroughputLimit: 'perMessageGroupId',
          ...more,
        },
      }),
    );
    return answer.QueueUrl ?? '';
  };
  return {
    queue: new AwsQueuePort(clients),
    async createQueue(definition) {
      const base = `q-${randomBytes(8).toString('hex')}`;
      if (definition?.dlqOf === undefined) return { url: await create(`${base}.fifo`), dlqUrl: undefined };
      const dlqUrl = await create(`${base}-dlq.fifo`);
      const found = await clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl: dlqUrl, AttributeNames: ['QueueArn'] }));
      const redrive = JSON.stringify({ deadLetterTargetArn: found.Attributes?.QueueArn, maxReceiveCount: definition.dlqOf.maxReceiveCount });
      return { url: await create(`${base}.fifo`, { RedrivePolicy: redrive }), dlqUrl };
    },
    pass: (ms) => sleep(ms),
    async close() {
      clients.destroy();
    },
  };
}

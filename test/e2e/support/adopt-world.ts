import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AttributeValue,
  BatchWriteItemCommand,
  CreateTableCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  type StreamViewType,
  type TableDescription,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { type MemberNames, memberNames } from '../../../lib/core/names.ts';
import { buildAssembly, cdkCommand, type StackSettings } from '../../../local/build.ts';
import { type Cloud, startCloud } from '../../../local/cloud.ts';
import { plainEnvironment, runCommand } from '../../../local/command.ts';
import { type Contents, readTable } from '../../../local/demo/compare.ts';
import { makeSeeds } from '../../../local/deploy.ts';
import { LOCAL_ACCOUNT, localClient } from '../../../local/region.ts';
import { startRouter } from '../../../local/router.ts';
import type { Running } from './running.ts';
import { documentOf, startSyncline } from './running.ts';

/** A cloud of two regions with a table in it that Syncline did not make, and what its owner does to adopt it. */

export const EU = 'eu-central-1';
export const US = 'us-east-1';
const REGIONS = [EU, US] as const;
export type Region = (typeof REGIONS)[number];
export const SET = 'adopt';
/** The user's table, and its key. */
export const TABLE = 'Orders.2026_live';
export const KEYS = 'customer:S,order:N';
const KEY_NAMES = ['customer', 'order'] as const;

/** One request (ms). */
const REQUEST_MAX_MS = 15_000;
/** One run of the command, and of the CDK (ms). 100,000 items take minutes. */
const RUN_MAX_MS = 30 * 60_000;
const CDK_MAX_MS = 5 * 60_000;
/** Requests in one BatchWriteItem call: DynamoDB's limit. Calls at the same time. */
const BATCH_MAX = 25;
const CALLS_AT_ONCE = 4;
/** Orders of one customer. */
const ORDERS_EACH = 20;
/** Wait between two writes of the live writer (ms). */
const WRITE_EVERY_MS = 20;

export type Item = Record<string, AttributeValue>;

/** The n-th order. */
export const order = (n: number, round: string): Item => ({
  customer: { S: `customer/${Math.floor(n / ORDERS_EACH)} ü` },
  order: { N: String(n) },
  round: { S: round },
  amount: { N: `${n}.10` },
  lines: { L: [{ M: { article: { S: `article ${n % 97}` }, pieces: { N: '3' } } }] },
  note: { S: `${round} ${n} `.repeat(6) },
});
const keyOf = (item: Item): Item => ({ customer: item['customer'] as AttributeValue, order: item['order'] as AttributeValue });

export class AdoptWorld {
  readonly cloud: Cloud;
  readonly #clients = new Map<string, DynamoDBClient>();

  private constructor(cloud: Cloud) {
    this.cloud = cloud;
  }

  /** Starts the cloud and makes the user's table in its first region. @param view what its stream shows; without, it has none */
  static async start(items: number, view?: StreamViewType): Promise<AdoptWorld> {
    await makeSeeds([...REGIONS]);
    const world = new AdoptWorld(await startCloud({ regions: [...REGIONS], seeded: true }));
    try {
      await world.#client(EU).send(
        new CreateTableCommand({
          TableName: TABLE,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: [
            { AttributeName: 'customer', AttributeType: 'S' },
            { AttributeName: 'order', AttributeType: 'N' },
          ],
          KeySchema: [
            { AttributeName: 'customer', KeyType: 'HASH' },
            { AttributeName: 'order', KeyType: 'RANGE' },
          ],
          ...(view !== undefined && { StreamSpecification: { StreamEnabled: true, StreamViewType: view } }),
          Tags: [{ Key: 'owner', Value: 'the shop' }],
        }),
      );
      await world.#fill(items);
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.values()) client.destroy();
    await this.cloud.stop();
  }

  names(region: Region): MemberNames {
    return memberNames(SET, { name: region, region, account: LOCAL_ACCOUNT, generation: 1 });
  }

  #client(region: Region): DynamoDBClient {
    const found = this.#clients.get(region);
    if (found !== undefined) return found;
    const made = new DynamoDBClient({
      ...localClient(region, this.cloud.endpoints[region]),
      requestHandler: { requestTimeout: REQUEST_MAX_MS, connectionTimeout: 2_000, throwOnRequestTimeout: true },
    });
    this.#clients.set(region, made);
    return made;
  }

  async #fill(items: number): Promise<void> {
    const batches: WriteRequest[][] = [];
    for (let n = 0; n < items; n += BATCH_MAX) {
      batches.push(Array.from({ length: Math.min(BATCH_MAX, items - n) }, (_, i) => ({ PutRequest: { Item: order(n + i, 'old') } })));
    }
    for (let i = 0; i < batches.length; i += CALLS_AT_ONCE) {
      await Promise.all(
        batches.slice(i, i + CALLS_AT_ONCE).map(async (batch) => {
          await this.#client(EU).send(new BatchWriteItemCommand({ RequestItems: { [TABLE]: batch } }));
        }),
      );
    }
  }

  /** The user's table, as DynamoDB describes it, without what grows by itself. */
  async described(): Promise<Omit<TableDescription, 'ItemCount' | 'TableSizeBytes'>> {
    const { Table } = await this.#client(EU).send(new DescribeTableCommand({ TableName: TABLE }));
    const { ItemCount: _, TableSizeBytes: __, ...rest } = Table ?? {};
    return rest;
  }

  /** A whole table, by plain scans. */
  async contents(region: Region): Promise<Contents> {
    return readTable(this.#client(region), region === EU ? TABLE : this.names(region).items, KEY_NAMES);
  }

  /** Keys that the backfill has saved as sent; undefined before it has begun. */
  async saved(): Promise<number | undefined> {
    const { Item } = await this.#client(EU).send(
      new GetItemCommand({ TableName: this.names(EU).control, Key: { pk: { S: 'job' }, sk: { S: 'adopt-1' } }, ConsistentRead: true }),
    );
    const keys = Item?.['counts']?.M?.['keys']?.N;
    return keys === undefined ? undefined : Number(keys);
  }

  /** Starts `syncline …` on the set. */
  syncline(args: readonly string[]): Running {
    return startSyncline([...args, '--set', SET, '--regions', REGIONS.join(',')], this.cloud.environment(EU), RUN_MAX_MS);
  }

  /** Runs `syncline … --json` to its end. @throws Error when standard output is no JSON. */
  async document<T>(args: readonly string[]): Promise<{ readonly code: number | null; readonly json: T }> {
    const asked = [...args, '--json'];
    return documentOf(asked, await this.syncline(asked).outcome);
  }

  /** Deploys the set with the user's table, or destroys its stacks. */
  async cdk(command: 'deploy' | 'destroy', streamArn: string): Promise<void> {
    const settings: StackSettings = {
      set: SET,
      regions: [...REGIONS],
      keys: KEYS,
      // The proof at the end waits for the log: a short window makes it quick. Nothing else may compare meanwhile.
      context: { archiveWindow: '1', sweepEvery: 'off', repair: 'off', existingTables: JSON.stringify({ [EU]: { tableName: TABLE, streamArn } }) },
    };
    const assembly = await buildAssembly(settings);
    const router = await startRouter(this.cloud.endpoints);
    const env = {
      ...plainEnvironment(),
      ...this.cloud.environment(EU),
      AWS_ENDPOINT_URL: router.url,
      AWS_ENDPOINT_URL_S3: router.url,
      CDK_DISABLE_CLI_TELEMETRY: '1',
    };
    const how = command === 'deploy' ? ['--require-approval', 'never', '--concurrency', '4', '--progress', 'events'] : ['--force'];
    try {
      await runCommand(process.execPath, [cdkCommand, command, '-a', assembly, '--all', ...how, '--no-notices', '--ci'], {
        cwd: this.cloud.directory,
        env,
        timeoutMs: CDK_MAX_MS,
      });
    } finally {
      await router.close();
    }
  }

  /** Writes, overwrites and deletes orders at the user's table with the SDK, one after the other, until it is told to end. */
  write(items: number): { end(): Promise<number> } {
    let over = false;
    let writes = 0;
    const work = (async () => {
      for (let n = 0; !over; n += 1) {
        // Old orders, in and out of turn, and new ones.
        const at = n % 3 === 0 ? items + n : (n * 7_919) % items;
        if (n % 4 === 1) await this.#client(EU).send(new DeleteItemCommand({ TableName: TABLE, Key: keyOf(order(at, '')) }));
        else await this.#client(EU).send(new PutItemCommand({ TableName: TABLE, Item: order(at, `live ${n}`) }));
        writes += 1;
        await sleep(WRITE_EVERY_MS);
      }
      return writes;
    })();
    return {
      end: async () => {
        over = true;
        return work;
      },
    };
  }
}

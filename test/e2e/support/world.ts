import { type IncomingHttpHeaders, request } from 'node:http';
import { type AttributeValue, BatchWriteItemCommand, DynamoDBClient, type WriteRequest } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { AwsClient, AwsV4Signer } from 'aws4fetch';
import { type FunctionName, linkNames, type MemberNames, memberNames, queueUrl } from '../../../lib/core/names.ts';
import { type Cloud, startCloud } from '../../../local/cloud.ts';
import { type Contents, differences, readTable } from '../../../local/demo/compare.ts';
import { type Deployment, deploy, makeSeeds } from '../../../local/deploy.ts';
import { LOCAL_ACCOUNT, LOCAL_CREDENTIALS, localClient } from '../../../local/region.ts';
import { eventually } from './eventually.ts';

/** The replica set that end-to-end tests share: three regions of a local cloud, with the real stacks deployed to them. */

export const SET = 'e2e';
/** The primary, and the two secondaries. */
export const REGIONS = ['eu-central-1', 'us-east-1', 'ap-southeast-2'] as const;
export const [EU, US, AP] = REGIONS;
/** The key: a text and a number. */
export const KEYS = 'pk:S,sk:N';
const KEY_NAMES = ['pk', 'sk'] as const;

/** One request of a test to the cloud (ms). */
const REQUEST_MAX_MS = 15_000;
/** Requests in one BatchWriteItem call: DynamoDB's limit. */
const BATCH_MAX = 25;
/** How long members may take to become equal (ms). A lane's head that was given back comes again after a wait as long as the outage was. */
const EQUAL_MAX_MS = 90_000;

export type Item = Record<string, AttributeValue>;
export type Region = (typeof REGIONS)[number];

/** A signed HTTP call of a member's API. */
export interface Call {
  readonly method?: string;
  readonly path?: string;
  readonly key?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Its answer. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** The deployed set. */
export class World {
  readonly cloud: Cloud;
  deployment: Deployment;
  readonly #dynamodb = new Map<string, DynamoDBClient>();
  readonly #lambda = new Map<string, LambdaClient>();
  readonly #sqs = new Map<string, SQSClient>();

  readonly #context: Readonly<Record<string, string>>;

  private constructor(cloud: Cloud, deployment: Deployment, context: Readonly<Record<string, string>>) {
    this.cloud = cloud;
    this.deployment = deployment;
    this.#context = context;
  }

  /** Starts the cloud, deploys, and gives the seats. Nothing keeps running when it fails. @param context of the app, as `cdk -c` has it @throws Error */
  static async start(context: Readonly<Record<string, string>> = {}): Promise<World> {
    await makeSeeds([...REGIONS]);
    const cloud = await startCloud({ regions: [...REGIONS], seeded: true });
    try {
      return new World(cloud, await deploy(cloud, { set: SET, keys: KEYS, context }), context);
    } catch (error) {
      await cloud.stop();
      throw error;
    }
  }

  /** Deploys again what is missing or changed, and gives seats where there are none. */
  async redeploy(): Promise<void> {
    this.deployment = await deploy(this.cloud, { set: SET, keys: KEYS, context: this.#context });
  }

  async stop(): Promise<void> {
    for (const client of [...this.#dynamodb.values(), ...this.#lambda.values(), ...this.#sqs.values()]) client.destroy();
    await this.cloud.stop();
  }

  names(region: Region): MemberNames {
    return memberNames(SET, member(region));
  }

  dynamodb(region: Region): DynamoDBClient {
    return cached(this.#dynamodb, region, () => new DynamoDBClient(this.#settings(region)));
  }

  sqs(region: Region): SQSClient {
    return cached(this.#sqs, region, () => new SQSClient(this.#settings(region)));
  }

  /** Runs one of a member's functions and gives its answer. @throws Error when the function failed. */
  async invoke(region: Region, fn: FunctionName, event: object = {}): Promise<unknown> {
    const client = cached(
      this.#lambda,
      region,
      () => new LambdaClient({ ...this.#settings(region), requestHandler: { requestTimeout: 60_000, throwOnRequestTimeout: true } }),
    );
    const { FunctionError, Payload } = await client.send(new InvokeCommand({ FunctionName: this.names(region).fn(fn), Payload: JSON.stringify(event) }));
    const text = Payload === undefined ? '' : Buffer.from(Payload).toString('utf8');
    if (FunctionError !== undefined) throw new Error(`${fn} in ${region} failed: ${FunctionError}: ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  #settings(region: Region): ConstructorParameters<typeof DynamoDBClient>[0] & { region: string } {
    return {
      ...localClient(region, this.cloud.endpoints[region]),
      requestHandler: { requestTimeout: REQUEST_MAX_MS, connectionTimeout: 2_000, throwOnRequestTimeout: true },
    };
  }

  /** Writes and deletes with the SDK, straight at a member's table, 25 requests a call. No key twice in one call of this. */
  async write(region: Region, puts: readonly Item[], deletes: readonly Item[] = []): Promise<void> {
    const table = this.names(region).items;
    const requests: WriteRequest[] = [...puts.map((Item) => ({ PutRequest: { Item } })), ...deletes.map((Key) => ({ DeleteRequest: { Key } }))];
    for (let i = 0; i < requests.length; i += BATCH_MAX) {
      const answer = await this.dynamodb(region).send(new BatchWriteItemCommand({ RequestItems: { [table]: requests.slice(i, i + BATCH_MAX) } }));
      const left = answer.UnprocessedItems?.[table]?.length ?? 0;
      if (left > 0) throw new Error(`${left} items were not processed by the local cloud, which never refuses for load.`);
    }
  }

  /** A member's whole table, by plain scans. */
  async contents(region: Region): Promise<Contents> {
    return readTable(this.dynamodb(region), this.names(region).items, KEY_NAMES);
  }

  /** Waits until the targets hold exactly what the primary holds, but for `except` differences, and gives the number of items there. @throws Error */
  async equal(targets: readonly Region[] = [US, AP], except = 0, deadlineMs = EQUAL_MAX_MS): Promise<number> {
    let items = 0;
    await eventually(
      `${targets.join(' and ')} equal ${EU}`,
      deadlineMs,
      async () => {
        const source = await this.contents(EU);
        items = source.size;
        return Promise.all(targets.map(async (t) => differences(source, await this.contents(t)).slice(0, except + 5)));
      },
      (found) => found.every((d) => d.length <= except),
    );
    return items;
  }

  /** Messages in the dead-letter queue of the primary's link, seen and unseen. */
  async deadLetters(target: Region): Promise<number> {
    const { dlq } = linkNames(SET, member(EU), member(target));
    const { Attributes } = await this.sqs(EU).send(
      new GetQueueAttributesCommand({
        QueueUrl: queueUrl(member(EU), dlq),
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      }),
    );
    return Number(Attributes?.['ApproximateNumberOfMessages'] ?? Number.NaN) + Number(Attributes?.['ApproximateNumberOfMessagesNotVisible'] ?? Number.NaN);
  }

  /** Calls a member's API, signed with SigV4, or as it is. */
  async call(region: Region, { method = 'GET', path = '/items', key, headers, body }: Call, signed = true): Promise<Answer> {
    const url = this.url(region, path, key);
    const init = {
      method,
      signal: AbortSignal.timeout(REQUEST_MAX_MS * 2),
      headers: { accept: ITEM_TYPE, ...(body !== undefined && { 'content-type': ITEM_TYPE }), ...headers },
      ...(body !== undefined && { body }),
    };
    const signer = new AwsClient({ ...LOCAL_CREDENTIALS, service: 'execute-api', region, retries: 0 });
    const answer = await (signed ? signer.fetch(url, init) : fetch(url, init));
    return { status: answer.status, headers: answer.headers, body: await answer.text() };
  }

  /** Sends a signed request, and gives its answer's bytes as they came: `fetch` would unpack them. */
  async raw(region: Region, path: string, headers: Readonly<Record<string, string>>): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
    const signed = await this.signed(region, 'GET', path, headers);
    return new Promise((resolve, reject) => {
      const sent = request(this.url(region, path), { headers: signed, timeout: REQUEST_MAX_MS }, (answer) => {
        const parts: Buffer[] = [];
        answer
          .on('data', (part: Buffer) => parts.push(part))
          .on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts) }));
      });
      sent.on('error', reject).on('timeout', () => sent.destroy(new Error('no answer in time')));
      sent.end();
    });
  }

  /** The headers of a signed request. */
  async signed(region: Region, method: string, path: string, headers: Readonly<Record<string, string>>, body?: Uint8Array): Promise<Record<string, string>> {
    const url = this.url(region, path);
    const signer = new AwsV4Signer({
      method,
      url,
      headers: { ...headers },
      ...LOCAL_CREDENTIALS,
      service: 'execute-api',
      region,
      ...(body !== undefined && { body }),
    });
    return Object.fromEntries((await signer.sign()).headers);
  }

  url(region: Region, path: string, key?: Readonly<Record<string, string>>): string {
    return `${this.deployment.apis[region] ?? ''}${path}${key === undefined ? '' : `?${new URLSearchParams(key)}`}`;
  }
}

/** The type of items in bodies. */
export const ITEM_TYPE = 'application/x-amz-json-1.0';

export const member = (region: Region): { name: string; region: string; account: string; generation: number } => ({
  name: region,
  region,
  account: LOCAL_ACCOUNT,
  generation: 1,
});

function cached<T>(kept: Map<string, T>, name: string, make: () => T): T {
  const found = kept.get(name) ?? make();
  kept.set(name, found);
  return found;
}

/** `count` items of a section's own, whose values tell in which round they were written. */
export const someItems = (pk: string, count: number, round: string, from = 0): Item[] =>
  Array.from({ length: count }, (_, i) => ({ pk: { S: pk }, sk: { N: String(from + i) }, round: { S: round }, text: { S: `${round} ${i} `.repeat(8) } }));

/** The key of an item. */
export const keyOf = ({ pk, sk }: Item): Item => ({ pk: pk as AttributeValue, sk: sk as AttributeValue });

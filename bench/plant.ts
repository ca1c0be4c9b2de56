import { setTimeout as sleep } from 'node:timers/promises';
import { BatchWriteItemCommand, DescribeTableCommand, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { LambdaClient, ListEventSourceMappingsCommand, UpdateEventSourceMappingCommand } from '@aws-sdk/client-lambda';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { MemberConfig } from '../lib/core/config.ts';
import { memberNamed } from '../lib/core/config.ts';
import { linkNames, memberNames, queueUrl } from '../lib/core/names.ts';
import type { Cloud } from '../local/cloud.ts';
import type { Deployment } from '../local/deploy.ts';
import { localClient } from '../local/region.ts';
import { checkCount, checkItems, itemCount, WrongResultError } from './check.ts';
import { itemsFrom } from './items.ts';
import { type LagResult, measureLag } from './lag.ts';
import { ITEM_BYTES } from './raw.ts';
import { SOURCE, TARGET } from './site.ts';

/** Pause between two looks at the target's number of items (ms). */
const LOOK_MS = 20;
/** Longest wait for a backlog to arrive, and for queues to be empty (ms). */
const ARRIVE_MAX_MS = 180_000;
const QUIET_MAX_MS = 60_000;
const QUIET_LOOK_MS = 100;
/** Requests in one BatchWriteItem call: DynamoDB's limit. */
export const WRITE_BATCH = 25;
/** Calls in flight while a backlog is written. */
const WRITE_CONCURRENCY = 2;
/** A lag measurement whose writer reached less than this part of its rate says nothing about that rate. */
const RATE_REACHED_MIN = 0.95;
const KIND = { bytes: ITEM_BYTES, version: 1 } as const;

/** The deployed stacks, seen from outside: tables, queue, mapping. */
export class Plant {
  readonly #source: DynamoDBClient;
  readonly #target: DynamoDBClient;
  readonly #lambda: LambdaClient;
  readonly #sqs: SQSClient;
  readonly #members: { readonly source: MemberConfig; readonly target: MemberConfig };
  readonly #cloud: Cloud;
  readonly #set: string;
  readonly #mapping: string;
  readonly #streamArn: string;
  readonly #signal: AbortSignal;
  #items = 0;

  private constructor(
    clients: { readonly source: DynamoDBClient; readonly target: DynamoDBClient; readonly lambda: LambdaClient; readonly sqs: SQSClient },
    cloud: Cloud,
    deployed: Deployment,
    mapping: string,
    streamArn: string,
    signal: AbortSignal,
  ) {
    this.#source = clients.source;
    this.#target = clients.target;
    this.#lambda = clients.lambda;
    this.#sqs = clients.sqs;
    this.#cloud = cloud;
    this.#set = deployed.set;
    this.#members = { source: memberNamed(deployed.config, SOURCE), target: memberNamed(deployed.config, TARGET) };
    this.#mapping = mapping;
    this.#streamArn = streamArn;
    this.#signal = signal;
  }

  static async open(cloud: Cloud, deployed: Deployment, signal: AbortSignal): Promise<Plant> {
    const at = (region: string): ReturnType<typeof localClient> => localClient(region, cloud.endpoints[region]);
    const clients = {
      source: new DynamoDBClient(at(SOURCE)),
      target: new DynamoDBClient(at(TARGET)),
      lambda: new LambdaClient(at(SOURCE)),
      sqs: new SQSClient(at(SOURCE)),
    };
    const fn = memberNames(deployed.set, memberNamed(deployed.config, SOURCE)).fn('fanout');
    const { EventSourceMappings } = await clients.lambda.send(new ListEventSourceMappingsCommand({ FunctionName: fn }));
    const mapping = EventSourceMappings?.[0]?.UUID;
    if (mapping === undefined || EventSourceMappings?.length !== 1)
      throw new Error(`The function ${fn} has ${EventSourceMappings?.length ?? 0} event source mappings, not 1.`);
    const { Table } = await clients.target.send(new DescribeTableCommand({ TableName: memberNamed(deployed.config, TARGET).items }));
    return new Plant(clients, cloud, deployed, mapping, Table?.LatestStreamArn ?? '', signal);
  }

  /** Writes a backlog, releases it, and gives the rate at which it arrived (items/s). @throws WrongResultError */
  async backlog(count: number): Promise<{ readonly rate: number; readonly firstMs: number }> {
    const before = this.#items;
    await this.#hold(true);
    // The last item is written after the release: the emulator looks at its mappings when something is written, else once a second.
    await this.#write(before, count - 1);
    if ((await itemCount(this.#target, this.#members.target.items)) !== before)
      throw new Error('The backlog was not held: changes arrived before the release.');
    this.#items += count;
    const released = performance.now();
    await this.#hold(false);
    await this.#source.send(new PutItemCommand({ TableName: this.#members.source.items, Item: itemsFrom(before + count - 1, 1, KIND)[0] as never }));
    const { firstMs, ms } = await this.#arrived(before, before + count, released);
    await this.#check({ from: before, count }, 'pipeline');
    return { rate: (count / ms) * 1_000, firstMs };
  }

  /** Lag at a rate; undefined when the writer could not keep to it, so that nothing can be said. @throws WrongResultError */
  async lag(rate: number, perCall: number, seconds: number, lookMs: number): Promise<LagResult | undefined> {
    const from = this.#items;
    const count = Math.ceil(rate * seconds);
    this.#items += count;
    const result = await measureLag(
      {
        source: this.#source,
        sourceTable: this.#members.source.items,
        target: { endpoint: this.#cloud.endpoints[TARGET] ?? '', region: TARGET, streamArn: this.#streamArn },
      },
      { from, count, kind: KIND, rate, perCall, lookMs },
      this.#signal,
    );
    await this.#check({ from, count }, `lag at ${Math.round(rate)} changes/s`);
    return result.rate < rate * RATE_REACHED_MIN ? undefined : result;
  }

  async #hold(held: boolean): Promise<void> {
    await this.#lambda.send(new UpdateEventSourceMappingCommand({ UUID: this.#mapping, Enabled: !held }));
  }

  async #write(from: number, count: number): Promise<void> {
    const items = itemsFrom(from, count, KIND);
    const starts = Array.from({ length: Math.ceil(count / WRITE_BATCH) }, (_, i) => i * WRITE_BATCH).values();
    const writer = async (): Promise<void> => {
      for (const start of starts) {
        this.#signal.throwIfAborted();
        const requests = items.slice(start, start + WRITE_BATCH).map((Item) => ({ PutRequest: { Item: Item as never } }));
        const { UnprocessedItems } = await this.#source.send(new BatchWriteItemCommand({ RequestItems: { [this.#members.source.items]: requests } }));
        if (UnprocessedItems !== undefined && Object.keys(UnprocessedItems).length > 0) throw new Error('The local cloud left items unwritten.');
      }
    };
    await Promise.all(Array.from({ length: WRITE_CONCURRENCY }, writer));
  }

  /** Waits until the target has `wanted` items; inserts only ever add, so that is when the last one has come. */
  async #arrived(before: number, wanted: number, since: number): Promise<{ readonly firstMs: number; readonly ms: number }> {
    let firstMs: number | undefined;
    for (;;) {
      this.#signal.throwIfAborted();
      const count = await itemCount(this.#target, this.#members.target.items);
      const ms = performance.now() - since;
      if (count > before) firstMs ??= ms;
      if (count >= wanted) return { firstMs: firstMs ?? ms, ms };
      if (ms > ARRIVE_MAX_MS)
        throw new WrongResultError('pipeline', `only ${count - before} of ${wanted - before} changes have arrived after ${ARRIVE_MAX_MS / 1_000} s`);
      await sleep(LOOK_MS);
    }
  }

  /** Everything is at the target as it was written, nothing else is, and nothing is on its way any more. */
  async #check(range: { readonly from: number; readonly count: number }, what: string): Promise<void> {
    const { source, target } = this.#members;
    await checkItems(this.#target, target.items, range, KIND, what);
    await checkCount(this.#target, target.items, this.#items, what);
    const names = linkNames(this.#set, source, target);
    const until = performance.now() + QUIET_MAX_MS;
    while ((await this.#depth(queueUrl(source, names.queue))) > 0) {
      if (performance.now() > until)
        throw new WrongResultError(what, `the link’s queue is not empty ${QUIET_MAX_MS / 1_000} s after the last change has arrived`);
      await sleep(QUIET_LOOK_MS);
    }
    const dead = await this.#depth(queueUrl(source, names.dlq));
    if (dead > 0) throw new WrongResultError(what, `${dead} dead letters`);
  }

  async #depth(url: string): Promise<number> {
    const { Attributes } = await this.#sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] }),
    );
    return Number(Attributes?.['ApproximateNumberOfMessages'] ?? 0) + Number(Attributes?.['ApproximateNumberOfMessagesNotVisible'] ?? 0);
  }

  close(): void {
    for (const client of [this.#source, this.#target, this.#lambda, this.#sqs]) client.destroy();
  }
}

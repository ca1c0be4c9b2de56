import { setTimeout as sleep } from 'node:timers/promises';
import { BatchWriteItemCommand, type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { AwsClient } from 'aws4fetch';
import { LOCAL_CREDENTIALS } from '../local/region.ts';
import { type ItemKind, itemOf } from './items.ts';

/**
 * Lag of each single change: from *before* its write was sent at the source to the answer of the target's stream that showed
 * it. It holds the write call and the look, so it is never too small; its resolution is the pause between two looks. Reading
 * the stream shows every change for one cheap call; polling the items would itself be the load.
 */

/** Write calls in flight at most; beyond that the writer falls behind its schedule, which the result shows. */
const CALLS_IN_FLIGHT_MAX = 16;
/** Changes that have not arrived this long after the last write count as lost (ms). */
const ARRIVAL_MAX_MS = 60_000;
/** Records in one look: the API's limit. */
const LOOK_RECORDS = 1_000;
/** One look (ms). */
const LOOK_MAX_MS = 10_000;

/** Where the changes go in and come out. */
export interface LagPath {
  readonly source: DynamoDBClient;
  readonly sourceTable: string;
  readonly target: { readonly endpoint: string; readonly region: string; readonly streamArn: string };
}

/** How to write. */
export interface LagLoad {
  readonly from: number;
  readonly count: number;
  readonly kind: ItemKind;
  /** Changes a second. */
  readonly rate: number;
  /** Changes in one call: 1 puts, more write batches. */
  readonly perCall: number;
  /** Pause between two looks at the target's stream (ms). */
  readonly lookMs: number;
}

/** What came out. */
export interface LagResult {
  /** Of every change (ms). */
  readonly lags: readonly number[];
  /** Rate that was really written (changes/s). */
  readonly rate: number;
}

/** Writes on schedule and measures. @throws Error when changes do not arrive */
export async function measureLag(path: LagPath, load: LagLoad, signal: AbortSignal): Promise<LagResult> {
  const sentAt = new Map<string, number>();
  const lags: number[] = [];
  const stream = new StreamReader(path.target);
  await stream.begin();
  let writing = true;
  let failure: unknown;

  const watcher = async (): Promise<void> => {
    let quietSince = performance.now();
    while (lags.length < load.count) {
      signal.throwIfAborted();
      if (failure !== undefined) throw failure;
      const keys = await stream.read();
      const now = performance.now();
      for (const key of keys) {
        const sent = sentAt.get(key);
        if (sent === undefined) continue;
        sentAt.delete(key);
        lags.push(now - sent);
        quietSince = now;
      }
      if (writing) quietSince = now;
      if (now - quietSince > ARRIVAL_MAX_MS)
        throw new Error(`${load.count - lags.length} of ${load.count} changes have not arrived ${ARRIVAL_MAX_MS / 1_000} s after the last one that did.`);
      if (keys.length < LOOK_RECORDS / 2) await sleep(load.lookMs);
    }
  };

  const began = performance.now();
  const writer = async (): Promise<number> => {
    try {
      await writeOnSchedule(path, load, sentAt, signal);
      return performance.now() - began;
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      writing = false;
    }
  };
  const [ms] = await Promise.all([writer(), watcher()]);
  return { lags, rate: (load.count / ms) * 1_000 };
}

async function writeOnSchedule(path: LagPath, load: LagLoad, sentAt: Map<string, number>, signal: AbortSignal): Promise<void> {
  const calls = Array.from({ length: Math.ceil(load.count / load.perCall) }, (_, i) => {
    const from = load.from + i * load.perCall;
    return Array.from({ length: Math.min(load.perCall, load.from + load.count - from) }, (__, j) => itemOf(from + j, load.kind) as never);
  });
  const periodMs = (load.perCall / load.rate) * 1_000;
  const began = performance.now();
  const flying = new Set<Promise<void>>();
  const broken: unknown[] = [];
  for (const [i, items] of calls.entries()) {
    signal.throwIfAborted();
    const wait = began + i * periodMs - performance.now();
    if (wait > 0) await sleep(wait);
    while (flying.size >= CALLS_IN_FLIGHT_MAX) await Promise.race(flying);
    if (broken.length > 0) throw broken[0];
    const task: Promise<void> = write(path, items, sentAt)
      .catch((error: unknown) => {
        broken.push(error);
      })
      .finally(() => flying.delete(task));
    flying.add(task);
  }
  await Promise.all(flying);
  if (broken.length > 0) throw broken[0];
}

async function write(
  { source, sourceTable }: LagPath,
  items: readonly { readonly cityId: { readonly N: string } }[],
  sentAt: Map<string, number>,
): Promise<void> {
  const now = performance.now();
  for (const item of items) sentAt.set(item.cityId.N, now);
  if (items.length === 1) {
    await source.send(new PutItemCommand({ TableName: sourceTable, Item: items[0] as never }));
    return;
  }
  const { UnprocessedItems } = await source.send(
    new BatchWriteItemCommand({ RequestItems: { [sourceTable]: items.map((Item) => ({ PutRequest: { Item: Item as never } })) } }),
  );
  if (UnprocessedItems !== undefined && Object.keys(UnprocessedItems).length > 0) throw new Error('The local cloud left items unwritten.');
}

interface StreamPage {
  readonly NextShardIterator?: string;
  readonly Records?: readonly { readonly dynamodb: { readonly Keys: { readonly cityId?: { readonly N: string } } } }[];
}

/** Reads a stream's newest records as JSON: the SDK would convert every image of every record, in the process that measures. */
class StreamReader {
  readonly #signer: AwsClient;
  readonly #endpoint: string;
  readonly #streamArn: string;
  #iterator = '';

  constructor({ endpoint, region, streamArn }: LagPath['target']) {
    this.#signer = new AwsClient({ ...LOCAL_CREDENTIALS, region, service: 'dynamodb', retries: 0 });
    this.#endpoint = endpoint;
    this.#streamArn = streamArn;
  }

  /** Begins after the newest record that is there. */
  async begin(): Promise<void> {
    const description = await this.#call<{ readonly StreamDescription: { readonly Shards: readonly { readonly ShardId: string }[] } }>('DescribeStream', {
      StreamArn: this.#streamArn,
    });
    const shard = description.StreamDescription.Shards.at(-1)?.ShardId;
    const answer = await this.#call<{ readonly ShardIterator: string }>('GetShardIterator', {
      StreamArn: this.#streamArn,
      ShardId: shard,
      ShardIteratorType: 'LATEST',
    });
    this.#iterator = answer.ShardIterator;
  }

  /** City ids of the records since the last look. */
  async read(): Promise<string[]> {
    const page = await this.#call<StreamPage>('GetRecords', { ShardIterator: this.#iterator, Limit: LOOK_RECORDS });
    if (page.NextShardIterator === undefined) throw new Error('The target’s stream has ended.');
    this.#iterator = page.NextShardIterator;
    return (page.Records ?? []).flatMap(({ dynamodb: { Keys } }) => (Keys.cityId === undefined ? [] : [Keys.cityId.N]));
  }

  async #call<T>(operation: string, input: object): Promise<T> {
    const answer = await this.#signer.fetch(this.#endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `DynamoDBStreams_20120810.${operation}` },
      body: JSON.stringify(input),
      signal: AbortSignal.timeout(LOOK_MAX_MS),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${operation} was answered ${answer.status}: ${text.slice(0, 500)}`);
    return JSON.parse(text) as T;
  }
}

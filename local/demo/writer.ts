import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AttributeValue,
  BatchWriteItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  UpdateItemCommand,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import type { AwsClient } from 'aws4fetch';
import { type City, type Item, keyOf } from './cities.ts';
import { after, type Change } from './mix.ts';

/** Carries out the demonstration's writes: with the SDK at the primary's table, and over HTTP, as users would. */

/** Requests in one BatchWriteItem call: DynamoDB's limit. */
const BATCH_MAX = 25;
/** Calls of the SDK in flight. The local cloud gains nothing from more. */
const SDK_CONCURRENCY = 4;
/** Attempts of what a BatchWriteItem call left undone, and the first wait between them (ms), which doubles. */
const UNPROCESSED_ATTEMPTS = 8;
const UNPROCESSED_WAIT_MS = 50;

/** What the writer reports as it goes. */
export type OnWritten = (changes: number) => void;

/** Does the work of `tasks`, at most `limit` at once. The first failure ends it. */
async function inParallel<T>(tasks: readonly T[], limit: number, work: (task: T) => Promise<void>, signal: AbortSignal): Promise<void> {
  const queue = tasks.values();
  const workers = Array.from({ length: limit }, async () => {
    for (const task of queue) {
      signal.throwIfAborted();
      await work(task);
    }
  });
  await Promise.all(workers);
}

/** Writes with the SDK, straight to the table. Puts of many keys go together; changes of one key stay in order. */
export async function writeBySdk(client: DynamoDBClient, table: string, changes: readonly Change[], signal: AbortSignal, onWritten: OnWritten): Promise<void> {
  const { batches, singles } = forSdk(changes);
  await inParallel(
    batches,
    SDK_CONCURRENCY,
    async (batch) => {
      await writeBatch(client, table, batch, signal);
      onWritten(batch.length);
    },
    signal,
  );
  await inParallel(
    singles,
    SDK_CONCURRENCY,
    async (ofKey) => {
      for (const change of ofKey) await writeOne(client, table, change);
      onWritten(ofKey.length);
    },
    signal,
  );
}

/** Sorts changes into batches of puts (keys with one change, a put) and single keys. Pure. */
export function forSdk(changes: readonly Change[]): { readonly batches: readonly (readonly Change[])[]; readonly singles: readonly (readonly Change[])[] } {
  const keys = [...Map.groupBy(changes, (change) => change.city.cityId).values()];
  const isPut = (ofKey: readonly Change[]): boolean => ofKey.length === 1 && ofKey[0]?.kind === 'put';
  const puts = keys.filter(isPut).flat();
  const batches = Array.from({ length: Math.ceil(puts.length / BATCH_MAX) }, (_, i) => puts.slice(i * BATCH_MAX, (i + 1) * BATCH_MAX));
  return { batches, singles: keys.filter((ofKey) => !isPut(ofKey)) };
}

async function writeBatch(client: DynamoDBClient, table: string, batch: readonly Change[], signal: AbortSignal): Promise<void> {
  let requests: WriteRequest[] = batch.flatMap((change) => (change.kind === 'put' ? [{ PutRequest: { Item: change.item } }] : []));
  for (let attempt = 0; requests.length > 0; attempt++) {
    if (attempt === UNPROCESSED_ATTEMPTS)
      throw new Error(`${requests.length} items were still unprocessed after ${UNPROCESSED_ATTEMPTS} calls of BatchWriteItem.`);
    if (attempt > 0) await sleep(UNPROCESSED_WAIT_MS * 2 ** attempt, undefined, { signal });
    const answer = await client.send(new BatchWriteItemCommand({ RequestItems: { [table]: requests } }));
    requests = answer.UnprocessedItems?.[table] ?? [];
  }
}

async function writeOne(client: DynamoDBClient, table: string, change: Change): Promise<void> {
  const Key = keyOf(change.city);
  if (change.kind === 'delete') await client.send(new DeleteItemCommand({ TableName: table, Key }));
  else if (change.kind === 'update') {
    await client.send(
      new UpdateItemCommand({
        TableName: table,
        Key,
        UpdateExpression: 'SET population = :population, counted = :counted',
        ExpressionAttributeValues: { ':population': { N: change.population }, ':counted': { S: change.counted } },
      }),
    );
  } else await writeBatch(client, table, [change], AbortSignal.timeout(60_000));
}

/** Writes over HTTP. A change that the API has no method for (an update) puts the whole item. */
export async function writeByApi(
  api: Api,
  changes: readonly Change[],
  present: (city: City) => Item | undefined,
  signal: AbortSignal,
  onWritten: OnWritten,
): Promise<void> {
  const keys = [...Map.groupBy(changes, (change) => change.city.cityId).values()];
  await inParallel(
    keys,
    API_CONCURRENCY,
    async (ofKey) => {
      let item = present(ofKey[0]?.city as City);
      for (const change of ofKey) {
        item = after(item, change);
        if (item === undefined) await api.delete(change.city);
        else await api.put(item);
      }
      onWritten(ofKey.length);
    },
    signal,
  );
}

/** HTTP requests in flight to one API: each keeps a process of the local cloud busy. */
const API_CONCURRENCY = 2;
/** One HTTP request (ms): the gateway gives up at 29 s. */
const API_TIMEOUT_MS = 30_000;

/** A member's HTTP API. */
export interface Api {
  put(item: Item): Promise<void>;
  delete(city: City): Promise<void>;
}

/** A client of a member's API that signs its requests. */
export function apiClient(signer: AwsClient, base: string): Api {
  const call = async (method: string, url: string, body?: string): Promise<void> => {
    const answer = await signer.fetch(url, {
      method,
      signal: AbortSignal.timeout(API_TIMEOUT_MS),
      ...(body !== undefined && { body, headers: { 'content-type': 'application/x-amz-json-1.0' } }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${url} was answered ${answer.status}: ${text.slice(0, 1_000)}`);
  };
  return {
    put: async (item) => call('PUT', `${base}/items`, dynamoJson(item)),
    delete: async (city) => call('DELETE', itemUrl(base, city)),
  };
}

/** The URL of a city's item. */
export const itemUrl = (base: string, city: City): string => `${base}/items?${new URLSearchParams({ country: city.country, cityId: String(city.cityId) })}`;

/** An item in DynamoDB JSON, in which binary is base64. Pure. */
export function dynamoJson(item: Record<string, AttributeValue>): string {
  return JSON.stringify(item, (_, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value));
}

import { BatchWriteItemCommand, DynamoDBClient, type WriteRequest } from '@aws-sdk/client-dynamodb';
import type { Item } from '../../lib/core/attribute.ts';
import { itemsFrom } from '../items.ts';
import type { Cost, Task } from './protocol.ts';
import { measured, serve } from './serve.ts';

/** A process that writes items with the SDK, for the limit that everything is compared with. */

/** Requests in one BatchWriteItem call: DynamoDB's limit. */
const REQUESTS_MAX = 25;
/** Attempts of what calls left unprocessed. A local cloud leaves nothing, so the first repeat would be a surprise. */
const ATTEMPTS_MAX = 5;

/**
 * The SDK as its documentation has it, but for the empty logger: the default one costs a fifth of the processor time and
 * writes nothing, so that with it the limit would be too easy to reach. Region, endpoint and credentials: environment.
 */
const client = new DynamoDBClient({
  logger: {} as Console,
  credentials: { accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? '', secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? '' },
});

let prepared: readonly Item[] = [];

function prepare(task: Extract<Task, { kind: 'prepare' }>): null {
  prepared = itemsFrom(task.from, task.count, task);
  return null;
}

async function raw(task: Extract<Task, { kind: 'raw' }>): Promise<Cost> {
  const items = prepared.slice(task.skip, task.skip + task.count);
  if (items.length !== task.count) throw new Error(`${items.length} items are prepared from ${task.skip} on, not ${task.count}.`);
  const calls = Array.from({ length: Math.ceil(items.length / REQUESTS_MAX) }, (_, i) =>
    // The items hold no binaries, so DynamoDB JSON is what the SDK takes.
    items.slice(i * REQUESTS_MAX, (i + 1) * REQUESTS_MAX).map((one) => ({ PutRequest: { Item: one } }) as unknown as WriteRequest),
  );
  const { ms, cpuUs } = await measured(async () => {
    const queue = calls.values();
    const caller = async (): Promise<void> => {
      for (const requests of queue) await write(task.table, requests);
    };
    await Promise.all(Array.from({ length: task.concurrency }, caller));
  });
  return { ms, cpuUs };
}

async function write(table: string, requests: WriteRequest[]): Promise<void> {
  let left = requests;
  for (let attempt = 0; left.length > 0; attempt += 1) {
    if (attempt === ATTEMPTS_MAX) throw new Error(`${left.length} items were still unprocessed after ${ATTEMPTS_MAX} calls of BatchWriteItem.`);
    const answer = await client.send(new BatchWriteItemCommand({ RequestItems: { [table]: left } }));
    left = answer.UnprocessedItems?.[table] ?? [];
  }
}

serve(async (task) => {
  if (task.kind === 'prepare') return prepare(task);
  if (task.kind === 'raw') return raw(task);
  throw new Error(`This worker does not do "${task.kind}".`);
});

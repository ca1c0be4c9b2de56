import { BatchGetItemCommand, DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { sameItem } from '../local/demo/equal.ts';
import { type ItemKind, itemOf, keyOf } from './items.ts';

/** Checks what a measurement left at the target, with the independent comparator: a fast wrong result is no result. */

/** Keys in one BatchGetItem call: DynamoDB's limit. */
const KEYS_MAX = 100;
/** Calls in flight. */
const CONCURRENCY = 4;
/** Differences that an error names. */
const SHOWN_MAX = 5;

/** The result of a measurement is not what it must be. */
export class WrongResultError extends Error {
  constructor(what: string, problem: string) {
    super(`${what}: the result is wrong: ${problem}. The measurement does not count.`);
    this.name = 'WrongResultError';
  }
}

/** Compares items `from` to `from + count - 1` of a table with what they must be. @throws WrongResultError */
export async function checkItems(
  client: DynamoDBClient,
  table: string,
  range: { readonly from: number; readonly count: number },
  kind: ItemKind,
  what: string,
): Promise<void> {
  const wrong: string[] = [];
  const starts = Array.from({ length: Math.ceil(range.count / KEYS_MAX) }, (_, i) => range.from + i * KEYS_MAX).values();
  const reader = async (): Promise<void> => {
    for (const start of starts) {
      const numbers = Array.from({ length: Math.min(KEYS_MAX, range.from + range.count - start) }, (_, i) => start + i);
      const found = await getAll(client, table, numbers);
      for (const n of numbers) {
        const item = found.get(String(n));
        if (item === undefined) wrong.push(`item ${n} is missing`);
        else if (!sameItem(item, itemOf(n, kind) as never)) wrong.push(`item ${n} differs`);
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, reader));
  if (wrong.length > 0) throw new WrongResultError(what, `${wrong.length} of ${range.count} items: ${wrong.slice(0, SHOWN_MAX).join(', ')}`);
}

type TypedItem = Parameters<typeof sameItem>[0];

async function getAll(client: DynamoDBClient, table: string, numbers: readonly number[]): Promise<Map<string, TypedItem>> {
  const { Responses, UnprocessedKeys } = await client.send(
    new BatchGetItemCommand({ RequestItems: { [table]: { Keys: numbers.map((n) => keyOf(n) as never), ConsistentRead: true } } }),
  );
  if (UnprocessedKeys !== undefined && Object.keys(UnprocessedKeys).length > 0) throw new Error(`The local cloud left keys of ${table} unread.`);
  return new Map((Responses?.[table] ?? []).map((item) => [item['cityId']?.N ?? '', item]));
}

/** Number of items in a table. Exact and at once on the local cloud (on AWS it would be hours old). */
export async function itemCount(client: DynamoDBClient, table: string): Promise<number> {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
  return Table?.ItemCount ?? 0;
}

/** @throws WrongResultError when the table has not exactly that many items. */
export async function checkCount(client: DynamoDBClient, table: string, expected: number, what: string): Promise<void> {
  const found = await itemCount(client, table);
  if (found !== expected) throw new WrongResultError(what, `the table has ${found} items, not ${expected}`);
}

/** @throws WrongResultError unless both are equal. */
export function checkEqual(found: number, expected: number, of: string, what: string): void {
  if (found !== expected) throw new WrongResultError(what, `${found} ${of}, not ${expected}`);
}

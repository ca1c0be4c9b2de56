import { type AttributeValue, type DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { plainNumber, sameItem } from './equal.ts';

/** Reads whole tables with plain scans and compares them item by item. Uses nothing of `lib/`. */

type Item = Record<string, AttributeValue>;

/** A table's items by key. */
export type Contents = ReadonlyMap<string, Item>;

/** What is different between two tables. */
export interface Difference {
  readonly key: string;
  readonly kind: 'missing' | 'extra' | 'different';
}

/** A text for a key, the same for equal keys. */
export function keyText(item: Item, keyNames: readonly string[]): string {
  return keyNames
    .map((name) => {
      const value = item[name];
      if (value?.S !== undefined) return `S${JSON.stringify(value.S)}`;
      if (value?.N !== undefined) return `N${plainNumber(value.N)}`;
      if (value?.B !== undefined) return `B${Buffer.from(value.B).toString('hex')}`;
      throw new Error(`An item without its key attribute "${name}": ${JSON.stringify(item)}`);
    })
    .join('|');
}

/** All items of a table, read consistently. @throws Error when a key comes twice, which a scan never does. */
export async function readTable(client: DynamoDBClient, table: string, keyNames: readonly string[], signal?: AbortSignal): Promise<Contents> {
  const contents = new Map<string, Item>();
  for await (const page of paginateScan({ client }, { TableName: table, ConsistentRead: true })) {
    signal?.throwIfAborted();
    for (const item of page.Items ?? []) {
      const key = keyText(item, keyNames);
      if (contents.has(key)) throw new Error(`The scan of ${table} gave the key ${key} twice.`);
      contents.set(key, item);
    }
  }
  return contents;
}

/** What `actual` has other than `expected`. Pure. */
export function differences(expected: Contents, actual: Contents): Difference[] {
  const found: Difference[] = [];
  for (const [key, item] of expected) {
    const other = actual.get(key);
    if (other === undefined) found.push({ key, kind: 'missing' });
    else if (!sameItem(item, other)) found.push({ key, kind: 'different' });
  }
  for (const key of actual.keys()) if (!expected.has(key)) found.push({ key, kind: 'extra' });
  return found;
}

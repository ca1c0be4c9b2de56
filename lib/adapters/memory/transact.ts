import type { Item } from '../../core/attribute.ts';
import type { TransactAnswer, TransactWrite } from '../../ports/table.ts';
import { checkedCondition, holds } from './condition.ts';
import type { MemoryTable } from './table.ts';
import { invalid } from './validate.ts';

/** Parts of one transaction. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html */
const TRANSACT_WRITES_MAX = 100;

/** All parts, or none: checks the whole request, then every condition, then writes. @throws RemoteError invalid, missing */
export function transaction(writes: readonly TransactWrite[], tableNamed: (name: string) => MemoryTable, nowMs: number): TransactAnswer {
  if (writes.length === 0 || writes.length > TRANSACT_WRITES_MAX)
    throw invalid(`1 validation error detected: a transaction has 1 to ${TRANSACT_WRITES_MAX} parts; got ${writes.length}`);
  const seen = new Set<string>();
  const parts = writes.map((write) => {
    const table = tableNamed(write.table);
    const checked = write.put !== undefined ? table.checkItem(write.put) : table.checkKey(write.delete ?? write.check);
    const key = table.keyText(checked);
    const id = `${write.table}|${key}`;
    if (seen.has(id)) throw invalid('Transaction request cannot include multiple operations on one item');
    seen.add(id);
    return { write, table, checked, key, condition: write.condition === undefined ? undefined : checkedCondition(write.condition) };
  });
  const failed: { readonly index: number; readonly old: Item | undefined }[] = [];
  parts.forEach(({ table, key, condition }, index) => {
    const old = table.readText(key);
    if (condition !== undefined && !holds(condition, old)) failed.push({ index, old });
  });
  if (failed.length > 0) return { ok: false, failed };
  for (const { write, table, checked, key } of parts) {
    if (write.put !== undefined) table.write(checked, nowMs, key);
    else if (write.delete !== undefined) table.removeText(key, nowMs);
  }
  return { ok: true };
}

import type { Item, Key } from '../core/attribute.ts';
import { ATTEMPTS_MAX } from '../core/constants.ts';
import { RemoteError } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { BatchGet, TablePort } from '../ports/table.ts';
import { retryDelayMs } from '../replicate/back-off.ts';
import { retried } from '../replicate/retry.ts';

/** One row of one table. */
export interface RowWanted {
  readonly table: string;
  readonly key: Key;
}

/**
 * One row of each of some tables, in one BatchGetItem. What it leaves unread is asked for again. Each row is read
 * consistently, but not all at one moment.
 *
 * @param until elapsed time (ms) after which no further attempt is begun.
 * @returns the rows that there are, by table.
 * @throws RemoteError
 */
export async function readRows(port: TablePort, runtime: Runtime, rows: readonly RowWanted[], until: number): Promise<ReadonlyMap<string, Item>> {
  const found = new Map<string, Item>();
  let wanted: BatchGet['tables'] = rows.map(({ table, key }) => ({ table, keys: [key] }));
  for (let n = 1; ; n += 1) {
    const answer = await retried(runtime, until, () => port.batchGet({ tables: wanted }));
    for (const [table, items] of answer.items) if (items[0] !== undefined) found.set(table, items[0]);
    wanted = [...answer.unprocessed].filter(([, keys]) => keys.length > 0).map(([table, keys]) => ({ table, keys }));
    if (wanted.length === 0) return found;
    const wait = retryDelayMs(n, runtime.chance.random());
    if (n >= ATTEMPTS_MAX || runtime.clock.elapsed() + wait >= until)
      throw new RemoteError('throttled', 'UnprocessedKeys', 'keys of a BatchGetItem were left unread');
    await runtime.clock.sleep(wait);
  }
}

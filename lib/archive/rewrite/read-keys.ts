import type { Item, Key } from '../../core/attribute.ts';
import { BATCH_GET_KEYS } from '../../core/constants.ts';
import type { KeySchema } from '../../core/key.ts';
import { keyText } from '../../core/key.ts';
import { RemoteError } from '../../ports/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { TablePort } from '../../ports/table.ts';
import { retryDelayMs } from '../../replicate/back-off.ts';
import { retried } from '../../replicate/retry.ts';
import { REQUEST_MAX_MS, STUCK_MAX_MS } from './limits.ts';

/** A table, and how it is read. */
export interface TableReader {
  readonly table: TablePort;
  readonly name: string;
  readonly key: KeySchema;
}

/**
 * Reads keys consistently, a call of at most BATCH_GET_KEYS at a time. What a call leaves unread is asked for again.
 *
 * @param keys no key twice.
 * @param take called once for each key, with the item or with nothing.
 * @throws RemoteError; "throttled" when nothing is read for STUCK_MAX_MS.
 */
export async function readKeys(at: TableReader, runtime: Runtime, keys: readonly Key[], take: (key: Key, item: Item | undefined) => void): Promise<void> {
  const { clock, chance } = runtime;
  for (let from = 0; from < keys.length; from += BATCH_GET_KEYS) {
    let left: readonly Key[] = keys.slice(from, from + BATCH_GET_KEYS);
    let until = clock.elapsed() + STUCK_MAX_MS;
    for (let n = 1; left.length > 0; n += 1) {
      const wanted = left;
      const answer = await retried(runtime, clock.elapsed() + REQUEST_MAX_MS, () => at.table.batchGet({ tables: [{ table: at.name, keys: wanted }] }));
      const items = new Map((answer.items.get(at.name) ?? []).map((item) => [keyText(item, at.key), item]));
      left = answer.unprocessed.get(at.name) ?? [];
      const unread = new Set(left.map((key) => keyText(key, at.key)));
      for (const key of wanted) {
        const text = keyText(key, at.key);
        if (!unread.has(text)) take(key, items.get(text));
      }
      if (left.length === 0) break;
      if (left.length < wanted.length) until = clock.elapsed() + STUCK_MAX_MS;
      if (clock.elapsed() >= until) throw new RemoteError('throttled', 'UnprocessedKeys', `keys were left unread for ${STUCK_MAX_MS / 1_000} s`);
      await clock.sleep(retryDelayMs(n, chance.random()));
    }
  }
}

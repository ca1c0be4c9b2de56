import type { Item, Key } from '../core/attribute.ts';
import { BATCH_GET_KEYS } from '../core/constants.ts';
import type { KeySchema } from '../core/key.ts';
import { keyText } from '../core/key.ts';
import { RemoteError } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { TablePort } from '../ports/table.ts';
import { retryDelayMs } from '../replicate/back-off.ts';
import { retried } from '../replicate/retry.ts';
import { together } from '../replicate/together.ts';
import type { Graves } from './drift.ts';

/** Calls in flight. */
const CALLS_AT_ONCE = 4;
/** Calls for the same keys, of which DynamoDB leaves some unread each time. */
const ROUNDS_MAX = 6;

/**
 * Reads the tombstones of keys, consistently: those that there are, by the key's text.
 *
 * @param keys no key twice.
 * @param until elapsed time (ms) after which no attempt is begun.
 * @throws RemoteError; "throttled" when keys stay unread.
 */
export async function readGraves(
  at: { readonly table: TablePort; readonly name: string; readonly key: KeySchema },
  keys: readonly Key[],
  runtime: Runtime,
  until: number,
): Promise<Graves> {
  const found = new Map<string, Item>();
  for (let from = 0; from < keys.length; from += CALLS_AT_ONCE * BATCH_GET_KEYS) {
    const calls = Array.from({ length: CALLS_AT_ONCE }, (_, i) => keys.slice(from + i * BATCH_GET_KEYS, from + (i + 1) * BATCH_GET_KEYS));
    await together(calls.filter((some) => some.length > 0).map(read));
  }
  return found;

  async function read(wanted: readonly Key[]): Promise<void> {
    let left = wanted;
    for (let round = 1; left.length > 0; round += 1) {
      const some = left;
      const answer = await retried(runtime, until, () => at.table.batchGet({ tables: [{ table: at.name, keys: some }] }));
      for (const item of answer.items.get(at.name) ?? []) found.set(keyText(item, at.key), item);
      left = answer.unprocessed.get(at.name) ?? [];
      if (left.length === 0) return;
      const wait = retryDelayMs(round, runtime.chance.random());
      if (round >= ROUNDS_MAX || runtime.clock.elapsed() + wait >= until)
        throw new RemoteError('throttled', 'UnprocessedKeys', `${left.length} tombstones were left unread`);
      await runtime.clock.sleep(wait);
    }
  }
}

import type { Item, Key } from '../core/attribute.ts';
import { ATTEMPTS_MAX } from '../core/constants.ts';
import { comparePositions } from '../core/formats/position.ts';
import type { Seat } from '../core/formats/rows.ts';
import { decodeSeat, isPrimary, SEAT_KEY } from '../core/formats/rows.ts';
import { metaOf, verifySeal } from '../core/formats/seal.ts';
import { readTombstone } from '../core/formats/tombstone.ts';
import type { KeySchema } from '../core/key.ts';
import { keyText } from '../core/key.ts';
import { RemoteError } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { BatchGet } from '../ports/table.ts';
import { retryDelayMs } from '../replicate/back-off.ts';
import { retried } from '../replicate/retry.ts';
import type { ServeContext } from './context.ts';

/**
 * The item as this member shows it: an eventual read. Item, tombstone and seat come in one BatchGetItem.
 *
 * @param until elapsed time (ms) after which no further attempt is begun.
 * @returns the item with its metadata, or undefined.
 * @throws RemoteError
 */
export async function readHere(ctx: ServeContext, runtime: Runtime, key: Key, until: number): Promise<Item | undefined> {
  const { items, tombstones, control } = ctx.tables;
  const found = new Map<string, Item>();
  let wanted: BatchGet['tables'] = [items, tombstones, control].map((table) => ({ table, keys: [table === control ? SEAT_KEY : key] }));
  for (let n = 1; wanted.length > 0; n += 1) {
    const answer = await retried(runtime, until, () => ctx.table.batchGet({ tables: wanted }));
    for (const [table, rows] of answer.items) if (rows[0] !== undefined) found.set(table, rows[0]);
    wanted = [...answer.unprocessed].filter(([, keys]) => keys.length > 0).map(([table, keys]) => ({ table, keys }));
    if (wanted.length === 0) break;
    const wait = retryDelayMs(n, runtime.chance.random());
    if (n >= ATTEMPTS_MAX || runtime.clock.elapsed() + wait >= until)
      throw new RemoteError('throttled', 'UnprocessedKeys', 'keys of a BatchGetItem were left unread');
    await runtime.clock.sleep(wait);
  }
  const row = found.get(control);
  return shown(found.get(items), found.get(tombstones), row === undefined ? undefined : decodeSeat(row), ctx.key);
}

/**
 * What a member shows of a key. At a secondary, an item that is older than its tombstone is a half-done delete, and is
 * not shown. At the primary the table itself is the truth: its tombstones are of earlier times. Pure.
 */
export function shown(item: Item | undefined, tombstone: Item | undefined, seat: Seat | undefined, schema: KeySchema): Item | undefined {
  if (item === undefined || tombstone === undefined || seat === undefined || isPrimary(seat)) return item;
  const text = keyText(item, schema);
  const seal = verifySeal(metaOf(item).seal, seat.tableId, text);
  const removed = readTombstone(tombstone, seat.tableId, text);
  if (seal === undefined || removed === undefined) return item;
  return comparePositions(seal.position, removed.seal.position) < 0 ? undefined : item;
}

import type { AttributeValue, Item, Key } from '../core/attribute.ts';
import { ATTEMPTS_MAX } from '../core/constants.ts';
import { metaOf } from '../core/formats/seal.ts';
import type { KeySchema } from '../core/key.ts';
import { keyOf, keyText } from '../core/key.ts';
import { itemBytes } from '../core/size.ts';
import { compareValues } from '../core/values.ts';
import { RemoteError } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { QueryRequest } from '../ports/table.ts';
import { retryDelayMs } from '../replicate/back-off.ts';
import { retried } from '../replicate/retry.ts';
import type { ServeContext } from './context.ts';

/**
 * The tombstones that a page of items must be judged by. They are read after the items: a delete writes its tombstone
 * first, so whatever was half deleted when the items were read has its tombstone by now.
 *
 * Mostly a stretch has few tombstones, and one query finds them all; but a partition in which much is deleted has many
 * more of them than items, and then the keys of the items are asked for instead.
 */

/** Keys in one BatchGetItem. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html */
const BY_KEY_MAX = 100;
/** So few keys are asked for at once: a query would cost about as much, and may miss some. */
const FEW_KEYS = 8;

/** The tombstones of a page. */
export interface Tombstones {
  /** By the key's canonical text. */
  readonly of: ReadonlyMap<string, Item>;
  /** Bytes that were read. */
  readonly bytes: number;
  /** Items after this key could not be judged within the bytes given; absent when all can be. */
  readonly upTo?: Key;
}

/**
 * Finds the tombstones of a page of items.
 *
 * @param request what the items were asked with; `after` is where their page began.
 * @param bytesMax no further query is made once so many bytes were read.
 * @param until elapsed time (ms) after which no attempt is begun.
 * @throws RemoteError
 */
export async function tombstonesOf(
  ctx: ServeContext,
  runtime: Runtime,
  request: QueryRequest,
  items: readonly Item[],
  bytesMax: number,
  until: number,
): Promise<Tombstones> {
  const of = new Map<string, Item>();
  // An item that no applier wrote was never half deleted by one.
  let left = items.filter((item) => metaOf(item).seal !== undefined).map((item) => keyOf(item, ctx.key));
  let bytes = 0;
  let after = request.after;
  const take = (rows: readonly Item[]): void => {
    for (const row of rows) {
      of.set(keyText(row, ctx.key), row);
      bytes += itemBytes(row);
    }
  };
  for (let page = 0; left.length > 0; page += 1) {
    if (left.length <= (page === 0 ? FEW_KEYS : BY_KEY_MAX)) {
      take(await byKey(ctx, runtime, left, until));
      break;
    }
    const { limit: _, ...asked } = request;
    const found = await retried(runtime, until, () => ctx.table.query({ ...asked, table: ctx.tables.tombstones, ...(after !== undefined && { after }) }));
    take(found.items);
    const { next } = found;
    if (next === undefined) break;
    after = next;
    left = left.filter((key) => isAfter(key, next, request.descending === true, ctx.key));
    if (left.length > BY_KEY_MAX && bytes >= bytesMax) return { of, bytes, upTo: next };
  }
  return { of, bytes };
}

/** Whether a key comes after another one of its partition, in the order of the query. */
export function isAfter(key: Key, other: Key, descending: boolean, { sort }: KeySchema): boolean {
  if (sort === undefined) return false;
  const order = compareValues(key[sort.name] as AttributeValue, other[sort.name] as AttributeValue) ?? 0;
  return descending ? order < 0 : order > 0;
}

/** Rows by their keys, at most BY_KEY_MAX; what a call leaves unread is asked for again. @throws RemoteError */
async function byKey(ctx: ServeContext, runtime: Runtime, keys: readonly Key[], until: number): Promise<readonly Item[]> {
  const table = ctx.tables.tombstones;
  const rows: Item[] = [];
  let left = keys;
  for (let n = 1; ; n += 1) {
    const wanted = left;
    const answer = await retried(runtime, until, () => ctx.table.batchGet({ tables: [{ table, keys: wanted }] }));
    rows.push(...(answer.items.get(table) ?? []));
    left = answer.unprocessed.get(table) ?? [];
    if (left.length === 0) return rows;
    const wait = retryDelayMs(n, runtime.chance.random());
    if (n >= ATTEMPTS_MAX || runtime.clock.elapsed() + wait >= until)
      throw new RemoteError('throttled', 'UnprocessedKeys', 'keys of a BatchGetItem were left unread');
    await runtime.clock.sleep(wait);
  }
}

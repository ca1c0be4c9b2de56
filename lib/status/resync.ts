import type { Item, Key } from '../core/attribute.ts';
import { itemHash } from '../core/canonical.ts';
import { RESYNC_KEYS_MAX } from '../core/constants.ts';
import { assert } from '../core/errors.ts';
import { decodeRefused, refusedKey } from '../core/formats/refused-row.ts';
import type { KeySchema } from '../core/key.ts';
import { keyHash, keyText } from '../core/key.ts';
import type { RemoteError } from '../ports/errors.ts';
import { isRemote } from '../ports/errors.ts';
import type { QueuePort } from '../ports/queue.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { TablePort } from '../ports/table.ts';
import type { LinkContext } from '../replicate/context.ts';
import { planResync } from '../replicate/fanout-plan.ts';
import { retried } from '../replicate/retry.ts';
import { sendToLanes } from '../replicate/send.ts';
import { linkName } from './dead-letters.ts';

/**
 * A resync that a person asked for: the keys go down their lanes as one repair message each lane, like every other
 * repair, and are then compared until source and target agree. Nothing here writes a replica: apply does.
 */

/**
 * Keys of one request. Not more than DELETE_COUNT_FREE, the number of deletions that a sender may cause without asking:
 * a resync of keys that the source does not have deletes them at the target.
 */
export const HAND_KEYS_MAX = RESYNC_KEYS_MAX;

/** First and longest wait between two comparisons (ms). */
const COMPARE_WAIT = { firstMs: 200, maxMs: 2_000 } as const;

/** What became of the sends to one link. */
export interface ResyncSent {
  readonly link: string;
  readonly messages: number;
  /** Lanes whose message was not, or may not have been, stored, and why. */
  readonly failed: readonly { readonly lane: number; readonly error: RemoteError }[];
}

/**
 * Sends the keys to a link's lanes.
 *
 * @param epoch the own epoch of the source's seat, which must be primary. ⚠ No lane message carries an epoch that its sender's seat does not own.
 */
export async function sendResync(queue: QueuePort, link: LinkContext, epoch: number, keys: readonly Key[], runtime: Runtime): Promise<ResyncSent> {
  assert(keys.length <= HAND_KEYS_MAX, 'too many keys for one resync by hand', { keys: keys.length });
  const sends = planResync(
    keys.map((k) => ({ k })),
    { set: link.set, epoch, source: link.source, lanes: link.lanes, sent: runtime.clock.now() },
    link.key,
  );
  const { failed } = await sendToLanes(queue, link.queueUrl, sends, () => runtime.chance.nonce());
  return { link: linkName(link), messages: sends.length, failed: [...failed].map(([lane, error]) => ({ lane, error })) };
}

/** How a key stands on a link. */
export interface KeyComparison {
  readonly link: string;
  readonly key: Key;
  /** `refused`: the target has refused it since the resync was sent · `unread`: one side could not be read. */
  readonly state: 'equal' | 'different' | 'refused' | 'unread';
  readonly reason?: string;
}

/** When each key was last refused before the resync was sent; the key hash as hex → the row's `tried`. */
export type RefusedBefore = ReadonlyMap<string, number>;

const hashHex = (key: Key, schema: KeySchema): string => keyHash(keyText(key, schema)).toString('hex');

/** Reads which of these keys the target lists as refused now. @throws RemoteError, FormatError */
export async function refusedNow(target: TablePort, link: LinkContext, keys: readonly Key[]): Promise<Map<string, { tried: number; reason: string }>> {
  const answer = await target.batchGet({ tables: [{ table: link.targetTables.control, keys: keys.map((k) => refusedKey(hashHex(k, link.key))) }] });
  const found = new Map<string, { tried: number; reason: string }>();
  for (const row of answer.items.get(link.targetTables.control) ?? []) {
    const refused = decodeRefused(row);
    found.set(hashHex(refused.key, link.key), { tried: refused.tried, reason: refused.reason });
  }
  return found;
}

/** Compares keys of a link once; consistent reads, the reserved attribute apart. Never throws for a region's sake. */
export async function compareKeys(
  source: TablePort,
  target: TablePort,
  link: LinkContext,
  keys: readonly Key[],
  before: RefusedBefore,
): Promise<KeyComparison[]> {
  const name = linkName(link);
  try {
    const [there, here, refused] = await Promise.all([
      readItems(source, link.sourceTables.items, link.key, keys),
      readItems(target, link.targetTables.items, link.key, keys),
      refusedNow(target, link, keys),
    ]);
    return keys.map((key) => {
      const hash = hashHex(key, link.key);
      if (there.unread.has(hash) || here.unread.has(hash)) return { link: name, key, state: 'unread', reason: 'the table did not process the read' };
      if (sameItem(there.items.get(hash), here.items.get(hash))) return { link: name, key, state: 'equal' };
      const row = refused.get(hash);
      if (row !== undefined && row.tried !== before.get(hash)) return { link: name, key, state: 'refused', reason: row.reason };
      return { link: name, key, state: 'different' };
    });
  } catch (error) {
    if (!isRemote(error)) throw error;
    return keys.map((key) => ({ link: name, key, state: 'unread', reason: `${error.code}: ${error.message}` }));
  }
}

const sameItem = (a: Item | undefined, b: Item | undefined): boolean => (a === undefined || b === undefined ? a === b : itemHash(a).equals(itemHash(b)));

async function readItems(table: TablePort, name: string, schema: KeySchema, keys: readonly Key[]): Promise<{ items: Map<string, Item>; unread: Set<string> }> {
  const answer = await table.batchGet({ tables: [{ table: name, keys }] });
  return {
    items: new Map((answer.items.get(name) ?? []).map((item) => [hashHex(item, schema), item])),
    unread: new Set((answer.unprocessed.get(name) ?? []).map((key) => hashHex(key, schema))),
  };
}

/**
 * Compares keys of a link until each is equal or refused, or until time is up; the last comparison is the answer.
 *
 * @param until elapsed time (ms).
 */
export async function awaitEqual(
  source: TablePort,
  target: TablePort,
  link: LinkContext,
  keys: readonly Key[],
  before: RefusedBefore,
  runtime: Runtime,
  until: number,
): Promise<KeyComparison[]> {
  const verdicts = new Map<string, KeyComparison>();
  let open: readonly Key[] = keys;
  for (let wait: number = COMPARE_WAIT.firstMs; ; wait = Math.min(wait * 2, COMPARE_WAIT.maxMs)) {
    for (const verdict of await compareKeys(source, target, link, open, before)) verdicts.set(hashHex(verdict.key, link.key), verdict);
    open = open.filter((key) => !['equal', 'refused'].includes(verdicts.get(hashHex(key, link.key))?.state ?? ''));
    if (open.length === 0 || runtime.clock.elapsed() + wait >= until) break;
    await runtime.clock.sleep(wait);
  }
  return keys.map((key) => verdicts.get(hashHex(key, link.key)) as KeyComparison);
}

/** Refused rows before a resync, for `compareKeys`. @throws RemoteError, FormatError */
export async function refusedBefore(target: TablePort, link: LinkContext, keys: readonly Key[], runtime: Runtime, until: number): Promise<RefusedBefore> {
  const rows = await retried(runtime, until, () => refusedNow(target, link, keys));
  return new Map([...rows].map(([hash, row]) => [hash, row.tried]));
}

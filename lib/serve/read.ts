import type { Item, Key } from '../core/attribute.ts';
import { comparePositions } from '../core/formats/position.ts';
import type { Rev } from '../core/formats/rev.ts';
import { compareRevs } from '../core/formats/rev.ts';
import type { Seat } from '../core/formats/rows.ts';
import { decodeSeat, isPrimary, SEAT_KEY } from '../core/formats/rows.ts';
import { metaOf, verifySeal } from '../core/formats/seal.ts';
import { readTombstone } from '../core/formats/tombstone.ts';
import type { KeySchema } from '../core/key.ts';
import { keyText } from '../core/key.ts';
import { isRemote } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import { runAtPrimary } from './anywhere.ts';
import type { Consistency } from './consistency.ts';
import { consistencyText } from './consistency.ts';
import type { ServeContext } from './context.ts';
import { credible, seenFrom } from './context.ts';
import type { ApiRequest } from './http.ts';
import { fromNearest, nearestFirst } from './nearest.ts';
import { ProblemError } from './problem.ts';
import { readRows } from './rows.ts';
import { strongAnswer, strongRequest } from './strong.ts';

/** Reads of one item, as new as the caller asks for: see consistency.ts. */

/** The answer to a read. */
export interface ReadAnswer {
  /** With its metadata; absent when there is none. */
  readonly item?: Item;
  /** The member that answered. */
  readonly member: string;
  /** What was given, as the header says it: as asked, or `strong` where the primary was asked for want of a member that has it. */
  readonly consistency: string;
}

/**
 * Reads an item.
 *
 * - eventual: from this member, or where its table fails from another one's.
 * - at-least: from this member if it has it, else from the primary; and where that cannot be reached, from any that has it.
 * - strong: from the primary.
 *
 * @param until elapsed time (ms) after which no further attempt is begun.
 * @param request the request that this is part of: its id travels along, and a forwarded one is not forwarded again.
 * @throws RemoteError when no member's table could be read; ProblemError not-initialised, no-primary, primary-unreachable,
 *   not-primary (to another member's API only).
 */
export async function readAnywhere(
  ctx: ServeContext,
  runtime: Runtime,
  key: Key,
  consistency: Consistency,
  until: number,
  request: Pick<ApiRequest, 'id' | 'forwarded'>,
): Promise<ReadAnswer> {
  const given = consistencyText(consistency);
  switch (consistency.level) {
    case 'eventual': {
      const { value, member } = await fromNearest(ctx, runtime, until, (at, before) => readRowsOf(at, runtime, key, before));
      return answer(shownOf(value, ctx.key), member, given);
    }
    case 'at-least': {
      const { rev } = consistency;
      const now = runtime.clock.elapsed();
      const found = await havingIt(ctx, runtime, key, rev, now + (until - now) / 2);
      if (found !== undefined) return answer(found.item, ctx.member, given);
      try {
        return await readStrong(ctx, runtime, key, until, request);
      } catch (error) {
        const passes = isRemote(error) || (error instanceof ProblemError && error.status === 503);
        if (!passes || request.forwarded) throw error;
        for (const name of nearestFirst(ctx)) {
          const at = seenFrom(ctx, name);
          const there = at === undefined || runtime.clock.elapsed() >= until ? undefined : await havingIt(at, runtime, key, rev, until);
          if (there !== undefined) return answer(there.item, name, given);
        }
        throw error;
      }
    }
    case 'strong':
      return readStrong(ctx, runtime, key, until, request);
  }
}

/** At this member when it is primary, else by the primary's API. @throws as readAnywhere */
async function readStrong(ctx: ServeContext, runtime: Runtime, key: Key, until: number, from: Pick<ApiRequest, 'id' | 'forwarded'>): Promise<ReadAnswer> {
  const request = strongRequest(key, ctx.key, from);
  const found = await runAtPrimary(ctx, runtime, request, until, () => readHere(ctx, runtime, key, until));
  const { item, member } = found.at === 'here' ? { item: found.value, member: ctx.member } : strongAnswer(found.response);
  return answer(item, member, 'strong');
}

const answer = (item: Item | undefined, member: string, consistency: string): ReadAnswer => ({ ...(item !== undefined && { item }), member, consistency });

/**
 * The item as this member shows it: an eventual read.
 *
 * @param until elapsed time (ms) after which no further attempt is begun.
 * @returns the item with its metadata, or undefined.
 * @throws RemoteError
 */
export async function readHere(ctx: ServeContext, runtime: Runtime, key: Key, until: number): Promise<Item | undefined> {
  return shownOf(await readRowsOf(ctx, runtime, key, until), ctx.key);
}

/** What a member holds of a key. */
interface Rows {
  readonly item: Item | undefined;
  readonly tombstone: Item | undefined;
  readonly seat: Seat | undefined;
}

/** Item, tombstone and seat, in one BatchGetItem. @throws RemoteError */
async function readRowsOf(ctx: ServeContext, runtime: Runtime, key: Key, until: number): Promise<Rows> {
  const { items, tombstones, control } = ctx.tables;
  const wanted = [items, tombstones, control].map((table) => ({ table, key: table === control ? SEAT_KEY : key }));
  const found = await readRows(ctx.table, runtime, wanted, until);
  const row = found.get(control);
  const seat = row === undefined ? undefined : decodeSeat(row);
  ctx.seen.name = seat?.primary ?? ctx.seen.name;
  return { item: found.get(items), tombstone: found.get(tombstones), seat };
}

const shownOf = ({ item, tombstone, seat }: Rows, schema: KeySchema): Item | undefined => shown(item, tombstone, seat, schema);

/** What a member shows, if that is at least as new as a rev; undefined when it is not, or its table cannot be read. */
async function havingIt(ctx: ServeContext, runtime: Runtime, key: Key, rev: Rev, until: number): Promise<{ readonly item: Item | undefined } | undefined> {
  let rows: Rows;
  try {
    rows = await readRowsOf(ctx, runtime, key, until);
  } catch (error) {
    if (isRemote(error)) return undefined;
    throw error;
  }
  const item = shownOf(rows, ctx.key);
  return isAtLeast(item, rows, rev, ctx.key, runtime.clock.now()) ? { item } : undefined;
}

/**
 * Whether what a member shows is at least as new as a rev: its item has one as high, or it shows none and its tombstone
 * says that a version as high was removed. A rev that cannot be one of ours tells nothing. Pure.
 */
function isAtLeast(item: Item | undefined, { tombstone, seat }: Rows, rev: Rev, schema: KeySchema, nowMs: number): boolean {
  if (seat === undefined) return false;
  const reaches = (found: Rev | undefined): boolean => found !== undefined && credible(found, seat.fence, nowMs) && compareRevs(found, rev) >= 0;
  if (item !== undefined) return reaches(metaOf(item).rev);
  return tombstone !== undefined && reaches(readTombstone(tombstone, seat.tableId, keyText(tombstone, schema))?.of);
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

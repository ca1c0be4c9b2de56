import type { AttributeValue, Item, Key } from '../core/attribute.ts';
import type { ItemCondition } from '../core/expression/condition.ts';
import { holds } from '../core/expression/condition.ts';
import { project, projectionOf } from '../core/expression/projection.ts';
import type { Seat } from '../core/formats/rows.ts';
import { decodeSeat, isPrimary, SEAT_KEY } from '../core/formats/rows.ts';
import { withoutMeta } from '../core/formats/seal.ts';
import { keyOf, keyText } from '../core/key.ts';
import { itemBytes } from '../core/size.ts';
import type { Path } from '../core/values.ts';
import { isRemote } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { Page, QueryRequest, SortCondition } from '../ports/table.ts';
import { retried } from '../replicate/retry.ts';
import { together } from '../replicate/together.ts';
import type { ServeContext } from './context.ts';
import { cursorAfter, keyOfCursor } from './cursor.ts';
import { isAfter, tombstonesOf } from './half-done.ts';
import { shown } from './read.ts';
import { QUERY_LIMIT_DEFAULT } from './schemas.ts';

/**
 * Queries of one partition at this member. Filters are judged here, and not by DynamoDB: what is read costs the same, and
 * one rule then serves queries, patches and half-done deletes. A request ends at its limit, or when it has read or
 * gathered enough, or has no more time; it then says where to go on. Each item comes exactly once, however pages are cut.
 */

/**
 * JSON of the items of one page (bytes, in DynamoDB JSON). Plain JSON is at most 7/4 of that (`{"$binary":""}` for
 * `{"B":""}`), and Lambda's answers have at most 6 MB. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export const PAGE_JSON_BYTES_MAX = 3 * 1_024 * 1_024;
/** What one request reads (bytes by DynamoDB's rules) before it ends; one page of DynamoDB, 1 MB, may lie beyond it. */
export const READ_BYTES_MAX = 10 * 1_024 * 1_024;
/** Items first asked for where some may be dropped; each further page asks for this many times more, up to DynamoDB's own page. */
const PAGE_ITEMS_FIRST = 100;
const PAGE_ITEMS_GROWTH = 4;
/** Pages of DynamoDB in one request. With the growth above, READ_BYTES_MAX is nearly always met first. */
export const PAGES_MAX = 40;

/** What a query asks. */
export interface QueryIntent {
  readonly partition: AttributeValue;
  readonly sort?: SortCondition;
  readonly filter?: ItemCondition;
  /** All attributes when absent. */
  readonly select?: readonly Path[];
  /** 1 to QUERY_LIMIT_MAX. Absent: QUERY_LIMIT_DEFAULT items of a page, and all that can be counted. */
  readonly limit?: number;
  /** Cursor of the page before. */
  readonly after?: string;
  readonly descending?: boolean;
}

/** A page of items, without metadata. `scanned` counts what was looked at; `next` is absent at the end. */
export interface QueryPage {
  readonly items: readonly Item[];
  readonly scanned: number;
  readonly next?: string;
}

/** How many items there are, so far. */
export interface CountPage {
  readonly count: number;
  readonly scanned: number;
  readonly next?: string;
}

/**
 * The items of a partition, as this member shows them.
 *
 * @param until elapsed time (ms) after which no further page or attempt is begun.
 * @throws InputError "invalid-cursor"; RemoteError when not even the first page could be read.
 */
export async function queryHere(ctx: ServeContext, runtime: Runtime, intent: QueryIntent, until: number): Promise<QueryPage> {
  const limit = intent.limit ?? QUERY_LIMIT_DEFAULT;
  const wanted = intent.select === undefined ? undefined : projectionOf(intent.select);
  const items: Item[] = [];
  let bytes = 0;
  const end = await walk(ctx, runtime, intent, until, {
    left: () => limit - items.length,
    take: (whole) => {
      const item = wanted === undefined ? whole : project(whole, wanted);
      bytes += Buffer.byteLength(JSON.stringify(item), 'utf8');
      if (items.length > 0 && bytes > PAGE_JSON_BYTES_MAX) return 'no room';
      items.push(item);
      return items.length >= limit ? 'full' : 'taken';
    },
  });
  return { items, ...end };
}

/**
 * The number of items of a partition, as this member shows them, up to the limit if there is one, and up to what one
 * request can read; `next` then says where to go on counting.
 *
 * @param until elapsed time (ms) after which no further page or attempt is begun.
 * @throws as queryHere.
 */
export async function countHere(ctx: ServeContext, runtime: Runtime, intent: QueryIntent, until: number): Promise<CountPage> {
  const limit = intent.limit ?? Number.POSITIVE_INFINITY;
  let count = 0;
  const end = await walk(ctx, runtime, intent, until, {
    left: () => limit - count,
    take: () => {
      count += 1;
      return count >= limit ? 'full' : 'taken';
    },
  });
  return { count, ...end };
}

/** What is done with the items that are found. */
interface Taker {
  /** How many more can be taken. */
  readonly left: () => number;
  /** Takes an item, without metadata. After "full" no other is offered; "no room" leaves it for the next page. */
  readonly take: (item: Item) => 'taken' | 'full' | 'no room';
}

interface Walked {
  readonly scanned: number;
  readonly next?: string;
}

/** Reads the partition page by page and offers what is shown and passes the filter. */
async function walk(ctx: ServeContext, runtime: Runtime, intent: QueryIntent, until: number, taker: Taker): Promise<Walked> {
  const base = requestOf(ctx, intent);
  let after = intent.after === undefined ? undefined : keyOfCursor(intent.after, intent, ctx.key);
  let growing = intent.filter === undefined ? 0 : PAGE_ITEMS_FIRST;
  let read = 0;
  let scanned = 0;
  const ended = (key: Key | undefined): Walked => ({ scanned, ...(key !== undefined && { next: cursorAfter(key, intent, ctx.key) }) });
  const ask = (): QueryRequest => {
    const limit = Math.max(taker.left(), growing);
    growing = Math.max(growing, PAGE_ITEMS_FIRST) * PAGE_ITEMS_GROWTH;
    return { ...base, ...(after !== undefined && { after }), ...(Number.isFinite(limit) && { limit }) };
  };
  let seat: Seat | undefined;
  for (let pages = 1; ; pages += 1) {
    let judged: Judged;
    try {
      const request = ask();
      let page: Page;
      if (pages === 1) [seat, page] = await start(ctx, runtime, request, until);
      else page = await pageOf(ctx, runtime, request, until);
      judged = await judge(ctx, runtime, seat, request, page, READ_BYTES_MAX - read, until);
    } catch (error) {
      // What was found so far is an answer; whoever goes on meets the failure, if it lasts.
      if (pages > 1 && isRemote(error, 'throttled', 'transient', 'unanswered')) return ended(after);
      throw error;
    }
    read += judged.bytes;
    for (const [i, { key, item, visible }] of judged.items.entries()) {
      const verdict = visible && (intent.filter === undefined || holds(intent.filter, item)) ? taker.take(item) : 'taken';
      if (verdict === 'no room') return ended(after);
      scanned += 1;
      after = key;
      if (verdict === 'full') return ended(i === judged.items.length - 1 && judged.next === undefined ? undefined : key);
    }
    if (judged.next === undefined) return ended(undefined);
    after = judged.next;
    if (read >= READ_BYTES_MAX || pages >= PAGES_MAX || runtime.clock.elapsed() >= until) return ended(after);
  }
}

/** The query as DynamoDB takes it, but for its page. */
function requestOf(ctx: ServeContext, { partition, sort, descending }: QueryIntent): Omit<QueryRequest, 'after' | 'limit'> {
  return {
    table: ctx.tables.items,
    partition: { name: ctx.key.partition.name, value: partition },
    ...(sort !== undefined && { sort }),
    ...(descending === true && { descending }),
  };
}

const pageOf = (ctx: ServeContext, runtime: Runtime, request: QueryRequest, until: number): Promise<Page> =>
  retried(runtime, until, () => ctx.table.query(request));

/** The own seat, and the first page. */
async function start(ctx: ServeContext, runtime: Runtime, request: QueryRequest, until: number): Promise<[Seat | undefined, Page]> {
  let seat: Seat | undefined;
  let page: Page = { items: [] };
  await together([
    retried(runtime, until, () => ctx.table.get(ctx.tables.control, SEAT_KEY)).then((row) => {
      seat = row === undefined ? undefined : decodeSeat(row);
    }),
    pageOf(ctx, runtime, request, until).then((found) => {
      page = found;
    }),
  ]);
  return [seat, page];
}

/** A page whose items were judged by their tombstones. `next` is where to go on. */
interface Judged {
  readonly items: readonly { readonly key: Key; readonly item: Item; readonly visible: boolean }[];
  /** Bytes that were read for it. */
  readonly bytes: number;
  readonly next?: Key;
}

/** Which items of a page this member shows. At the primary all of them, and its tombstones are not read. */
async function judge(
  ctx: ServeContext,
  runtime: Runtime,
  seat: Seat | undefined,
  request: QueryRequest,
  page: Page,
  bytesMax: number,
  until: number,
): Promise<Judged> {
  const own = page.items.reduce((sum, item) => sum + itemBytes(item), 0);
  const secondary = seat !== undefined && !isPrimary(seat);
  const { of, bytes, upTo } = secondary ? await tombstonesOf(ctx, runtime, request, page.items, bytesMax - own, until) : NO_TOMBSTONES;
  const items = page.items
    .map((item) => {
      const visible = shown(item, of.get(keyText(item, ctx.key)), seat, ctx.key) !== undefined;
      return { key: keyOf(item, ctx.key), item: withoutMeta(item), visible };
    })
    .filter(({ key }) => upTo === undefined || !isAfter(key, upTo, request.descending === true, ctx.key));
  const next = upTo ?? page.next;
  return { items, bytes: own + bytes, ...(next !== undefined && { next }) };
}

const NO_TOMBSTONES = { of: new Map<string, Item>(), bytes: 0, upTo: undefined };

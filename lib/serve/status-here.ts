import type { Item } from '../core/attribute.ts';
import { text } from '../core/attribute.ts';
import { REFUSED } from '../core/formats/refused-row.ts';
import type { Link, Seat } from '../core/formats/rows.ts';
import { decodeLink, decodeSeat, isPrimary, LINK_PREFIX, SEAT_KEY, SELF } from '../core/formats/rows.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { Page } from '../ports/table.ts';
import { retried } from '../replicate/retry.ts';
import type { Health, Status } from './answers.ts';
import type { ServeContext } from './context.ts';

/** What this member says of itself: from its own rows, by reads that wait for nobody else. */

/** Pages of the rows about this member: a seat and a link a member, which fit into one. */
const SELF_PAGES_MAX = 1;
/** Pages of refused keys that are counted, each of up to 1 MB. */
const REFUSED_PAGES_MAX = 5;

/** The own seat, if there is one. @param until elapsed time (ms) after which no read is begun. @throws RemoteError, FormatError */
export async function seatHere(ctx: ServeContext, runtime: Runtime, until: number): Promise<Seat | undefined> {
  const row = await retried(runtime, until, () => ctx.table.get(ctx.tables.control, SEAT_KEY));
  return row === undefined ? undefined : decodeSeat(row);
}

const roleOf = (seat: Seat | undefined): Health['role'] => {
  if (seat === undefined) return 'none';
  return isPrimary(seat) ? 'primary' : 'secondary';
};

/** GET /health: whether this member can read its own rows, and its role. @throws RemoteError, FormatError */
export async function healthHere(ctx: ServeContext, runtime: Runtime, until: number): Promise<Health> {
  const seat = await seatHere(ctx, runtime, until);
  return {
    status: 'ok',
    set: ctx.set,
    member: ctx.member,
    region: ctx.region,
    role: roleOf(seat),
    primary: seat?.primary ?? null,
    epoch: seat?.fence ?? null,
  };
}

/** GET /status: seat, links and the number of refused keys. @throws RemoteError, FormatError */
export async function statusHere(ctx: ServeContext, runtime: Runtime, until: number): Promise<Status> {
  const rows = await partition(ctx, runtime, SELF, SELF_PAGES_MAX, until);
  const refused = await partition(ctx, runtime, REFUSED, REFUSED_PAGES_MAX, until);
  const sortKey = (row: Item): string => text(row['sk'], 'S') ?? '';
  const seatRow = rows.items.find((row) => sortKey(row) === text(SEAT_KEY['sk'], 'S'));
  const seat = seatRow === undefined ? undefined : decodeSeat(seatRow);
  return {
    set: ctx.set,
    member: ctx.member,
    region: ctx.region,
    role: roleOf(seat),
    seat: seat === undefined ? null : { fence: seat.fence, own: seat.own, primary: seat.primary ?? null, since: seat.since, leaseUntil: seat.until ?? null },
    links: rows.items.filter((row) => sortKey(row).startsWith(LINK_PREFIX)).map((row) => linkStatus(decodeLink(row))),
    refused: { count: refused.items.length, more: refused.next !== undefined },
  };
}

const linkStatus = (link: Link): Status['links'][number] => ({
  target: link.target,
  state: link.state,
  why: link.why ?? null,
  since: link.since,
  failing: link.failing ?? null,
  refusing: link.refusing ?? null,
  mark: link.mark ?? null,
});

/** Rows of one partition of the control table, up to a number of pages. */
async function partition(ctx: ServeContext, runtime: Runtime, value: string, pagesMax: number, until: number): Promise<Page> {
  const items: Item[] = [];
  let after: Page['next'];
  for (let n = 1; n <= pagesMax; n += 1) {
    const from = after;
    const page = await retried(runtime, until, () =>
      ctx.table.query({ table: ctx.tables.control, partition: { name: 'pk', value: { S: value } }, ...(from !== undefined && { after: from }) }),
    );
    items.push(...page.items);
    after = page.next;
    if (after === undefined) break;
  }
  return { items, ...(after !== undefined && { next: after }) };
}

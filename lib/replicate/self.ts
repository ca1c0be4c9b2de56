import type { Item } from '../core/attribute.ts';
import type { Link, Seat } from '../core/formats/rows.ts';
import { decodeLink, decodeSeat, LINK_PREFIX, SEAT_KEY, SELF } from '../core/formats/rows.ts';
import type { TablePort } from '../ports/table.ts';

/** What a member's own `self` rows say. */
export interface Self {
  readonly seat: Seat | undefined;
  readonly links: ReadonlyMap<string, Link>;
}

/** Most rows of `self`: one seat and a link to each other member. */
const SELF_ROWS_MAX = 64;

/** Reads the seat and all links of a member in one consistent Query. @throws RemoteError, FormatError */
export async function readSelf(table: TablePort, control: string): Promise<Self> {
  const { items } = await table.query({ table: control, partition: { name: 'pk', value: { S: SELF } }, limit: SELF_ROWS_MAX });
  return selfOf(items);
}

/** Sorts the rows of `self`. Pure. @throws FormatError */
export function selfOf(items: readonly Item[]): Self {
  let seat: Seat | undefined;
  const links = new Map<string, Link>();
  for (const row of items) {
    const sk = (row['sk'] as { S: string }).S;
    if (sk === (SEAT_KEY['sk'] as { S: string }).S) seat = decodeSeat(row);
    else if (sk.startsWith(LINK_PREFIX)) {
      const link = decodeLink(row);
      links.set(link.target, link);
    }
  }
  return { seat, links };
}

/** The set has no seats yet: nothing is lost, everything waits. */
export class NotInitialisedError extends Error {
  constructor(set: string, member: string) {
    super(`The member "${member}" of the set "${set}" has no seat yet. Run "syncline init --primary MEMBER"; stream records wait for it (at most 24 hours).`);
    this.name = 'NotInitialisedError';
  }
}

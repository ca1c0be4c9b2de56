import type { MemberConfig, SetConfig } from '../core/config.ts';
import { InputError } from '../core/errors.ts';
import type { Seat } from '../core/formats/rows.ts';
import { decodeSeat, encodeLink, encodeSeat, isPrimary, SEAT_KEY } from '../core/formats/rows.ts';
import { keyAttributes } from '../core/key.ts';
import { memberNames } from '../core/names.ts';
import { isRemote } from '../ports/errors.ts';
import type { TableDescription, TablePort } from '../ports/table.ts';

/** What `initSet` did at each member. */
export interface InitResult {
  readonly primary: string;
  readonly members: readonly { readonly name: string; readonly seat: 'written' | 'kept'; readonly linksWritten: number }[];
}

/**
 * Gives a new set its seats and links: epoch 1, one primary. Idempotent: rows that are there are kept. The primary's
 * own seat is written last, so that an interrupted run leaves a set in which nobody may write yet.
 *
 * @param tables DynamoDB of each member's region.
 * @throws InputError when a table is missing or not fit, or when the set has another primary already.
 */
export async function initSet(config: SetConfig, primary: MemberConfig, tables: (member: MemberConfig) => TablePort, nowMs: number): Promise<InitResult> {
  const described = new Map<string, TableDescription>();
  const seats = new Map<string, Seat>();
  for (const member of config.members) {
    described.set(member.name, await describeFit(config, member, tables(member)));
    const row = await tables(member).get(memberNames(config.set, member).control, SEAT_KEY);
    if (row !== undefined) seats.set(member.name, decodeSeat(row));
  }
  for (const [name, seat] of seats) {
    if (isPrimary(seat) && name !== primary.name) {
      throw new InputError(
        'has-primary',
        `The set "${config.set}" has a primary already: "${name}", in epoch ${seat.own}. "init" does not move it; nothing was written.`,
      );
    }
    const { tableId } = described.get(name) as TableDescription;
    if (seat.tableId !== tableId) {
      throw new InputError(
        'foreign-table',
        `The items table of "${name}" was made anew: its TableId is ${tableId}, but ${seat.tableId} is registered. Nothing was written.`,
      );
    }
  }
  const members: { name: string; seat: 'written' | 'kept'; linksWritten: number }[] = [];
  const inOrder = [...config.members.filter((m) => m.name !== primary.name), primary];
  for (const member of inOrder) {
    const { control } = memberNames(config.set, member);
    const table = tables(member);
    let linksWritten = 0;
    for (const target of config.members) {
      if (target.name === member.name) continue;
      const answer = await table.put(control, encodeLink({ target: target.name, state: 'open', since: nowMs }), { op: 'absent', path: ['pk'] });
      if (answer.ok) linksWritten += 1;
    }
    const seat = newSeat(member, primary, described.get(member.name) as TableDescription, nowMs);
    const answer = await table.put(control, encodeSeat(seat), { op: 'absent', path: ['pk'] });
    members.push({ name: member.name, seat: answer.ok ? 'written' : 'kept', linksWritten });
  }
  return { primary: primary.name, members };
}

/**
 * The first seat of a member. `since` of the first primary is 0: its stream has no earlier epoch that an image could
 * stem from, so that all its records, those from before this call included, may go as images.
 */
function newSeat(member: MemberConfig, primary: MemberConfig, table: TableDescription, nowMs: number): Seat {
  const isIt = member.name === primary.name;
  return {
    fence: 1,
    open: { region: primary.region, at: nowMs },
    own: isIt ? 1 : 0,
    primary: primary.name,
    since: isIt ? 0 : nowMs,
    stream: table.streamArn ?? '',
    tableId: table.tableId,
    v: 1,
  };
}

/** Describes a member's items table and checks that it is fit. @throws InputError, RemoteError */
async function describeFit(config: SetConfig, member: MemberConfig, table: TablePort): Promise<TableDescription> {
  const where = `of the member "${member.name}" (${member.region})`;
  let found: TableDescription;
  try {
    found = await table.describe(member.items);
  } catch (error) {
    if (isRemote(error, 'missing'))
      throw new InputError(
        'not-deployed',
        `The table "${member.items}" ${where} is not there. Deploy the set "${config.set}" first, or check its name and regions.`,
      );
    throw error;
  }
  const expected = keyAttributes(
    config.key.sort === undefined ? { partition: config.key.partition } : { partition: config.key.partition, sort: config.key.sort },
  )
    .map((a) => `${a.name}:${a.type}`)
    .join(',');
  const seen = found.key.map((a) => `${a.name}:${a.type}`).join(',');
  if (seen !== expected)
    throw new InputError('key-schema', `The table "${member.items}" ${where} has the key ${seen}; the set's is ${expected}. All members need the same.`);
  // A stream of another view than NEW_AND_OLD_IMAGES will do: each change is a resync then (see routeRecord).
  if (!found.streamEnabled) {
    throw new InputError('stream', `The stream of the table "${member.items}" ${where} is disabled: its changes would not be seen.`);
  }
  return found;
}

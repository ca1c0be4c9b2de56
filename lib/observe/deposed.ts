import type { Item } from '../core/attribute.ts';
import { check, FORMAT, n, num } from '../core/formats/row-fields.ts';
import type { Seat } from '../core/formats/rows.ts';
import { isPrimary } from '../core/formats/rows.ts';
import { jobKey } from '../job/row.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { TablePort } from '../ports/table.ts';
import { retried } from '../replicate/retry.ts';
import type { Deposed } from './drift.ts';

/**
 * `job / deposed`: the minute run's note that this member is no longer primary. The observer judges what was written after that as a
 * secondary's (drift.ts).
 *
 * | field | |
 * |---|---|
 * | own | the epoch in which the member was primary |
 * | at | when a higher fence was seen first (ms, wall clock) |
 */
export const DEPOSED_KEY = jobKey('deposed');

/** Whether a seat is that of a member which was primary, and is not any more. Pure. */
export const isDeposed = (seat: Seat): boolean => seat.own > 0 && !isPrimary(seat);

/**
 * Notes when the member was first seen to be deposed. For the minute run, at every member.
 *
 * @param seat as read before this is called. @throws RemoteError, FormatError
 */
export async function noteDeposed(seat: Seat, table: TablePort, control: string, runtime: Runtime, until: number): Promise<void> {
  if (!isDeposed(seat)) return;
  const noted = await readDeposed(table, control, runtime, until);
  if (noted?.own === seat.own) return;
  const row: Item = { ...DEPOSED_KEY, f: { N: FORMAT }, own: n(seat.own), at: n(runtime.clock.now()) };
  await retried(runtime, until, () => table.put(control, row));
}

/** The note, if there is one. @throws RemoteError, FormatError */
export async function readDeposed(table: TablePort, control: string, runtime: Runtime, until: number): Promise<Deposed | undefined> {
  const row = await retried(runtime, until, () => table.get(control, DEPOSED_KEY));
  if (row === undefined) return undefined;
  check(row, 'deposed job');
  return { own: num(row, 'own', 'deposed job'), at: num(row, 'at', 'deposed job') };
}

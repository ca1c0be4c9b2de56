import { sameContent } from '../../archive/rewrite/judge.ts';
import { APPLY_CONCURRENCY } from '../../archive/rewrite/limits.ts';
import { rewriteContext, Seats } from '../../archive/rewrite/seats.ts';
import { writeLine } from '../../archive/rewrite/write-line.ts';
import type { Item } from '../../core/attribute.ts';
import { InputError } from '../../core/errors.ts';
import type { LogRecord } from '../../core/formats/log-record.ts';
import type { Orphan } from '../../core/formats/orphan-row.ts';
import type { Seat } from '../../core/formats/rows.ts';
import { withoutMeta } from '../../core/formats/seal.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import type { MemberReach } from '../ports.ts';
import { ORPHAN_REQUEST_MAX_MS } from './limits.ts';

/** What the primary holds of an orphan's key now. @throws RemoteError */
export const heldNow = ({ member, table }: MemberReach, runtime: Runtime, { key }: Pick<Orphan, 'key'>): Promise<Item | undefined> =>
  retried(runtime, runtime.clock.elapsed() + ORPHAN_REQUEST_MAX_MS, () => table.get(member.tables.items, key));

/**
 * Writes what was written by hand at a secondary at the primary, as the write path does: with a fresh rev, under the seat, on the condition that the
 * primary's item still is what was looked at. So it replicates as any other write.
 *
 * @param primary the primary's own tables and bucket. @param read what `heldNow` gave, and a human has seen.
 * @returns `already`: the primary's item is that already.
 * @throws InputError "changed-since" when the primary's item is another one now, "not-primary", "seat-lost", "foreign-table", "refused" · RemoteError
 */
export async function reapply(
  primary: MemberReach,
  runtime: Runtime,
  seat: Pick<Seat, 'tableId'>,
  { key, id }: Orphan,
  record: LogRecord,
  read: Item | undefined,
): Promise<'put' | 'deleted' | 'already'> {
  const ctx = rewriteContext(primary.member, primary.place, primary.table);
  const seats = await Seats.open(ctx, runtime, seat.tableId);
  const rewrite = {
    key,
    ...(read !== undefined && { before: withoutMeta(read) }),
    ...(record.newImage !== undefined && { after: withoutMeta(record.newImage) }),
  };
  if (sameContent(read, record.newImage)) return 'already';
  const writer = { ctx, runtime, seats, pace: { limit: APPLY_CONCURRENCY.start }, renew: async (): Promise<void> => undefined };
  const outcome = await writeLine(writer, rewrite, read);
  if (typeof outcome === 'object') throw new InputError('refused', `The primary’s table refuses the item: ${outcome.refused}. Nothing was written.`);
  if (outcome === 'changed') {
    throw new InputError(
      'changed-since',
      `The primary’s item was changed since it was looked at, so the orphan ${id} was not re-applied: nothing newer is overwritten. Look at it again.`,
    );
  }
  return outcome;
}

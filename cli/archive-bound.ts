import type { ArchivedBound } from '../lib/archive/log/until.ts';
import { archivedBound, quietText } from '../lib/archive/log/until.ts';
import { readArchiveSettings } from '../lib/archive/settings-row.ts';
import { isoSeconds } from '../lib/core/calendar.ts';
import type { Seat, Shard } from '../lib/core/formats/rows.ts';
import type { MemberArchive } from './archive-place.ts';
import type { Session } from './session.ts';

/** How far a member's log surely reads, as the commands need it. */

/** A member's seat, the marks of the two readers of its stream, and what they come to. */
export interface KnownBound {
  readonly seat: Seat;
  readonly shards: readonly Shard[];
  readonly bound: ArchivedBound;
}

/** Asks the member's tables and its stream. @param from the seat, where it is known. @throws CliError */
export async function boundOf({ runtime, until }: Session, archive: MemberArchive, from?: Seat): Promise<KnownBound> {
  const { windowMs } = await archive.at(() => readArchiveSettings(archive.table, archive.context.tables.control, runtime, until));
  const seat = from ?? (await archive.control()).seat;
  const described = await archive.description(seat);
  const nowMs = runtime.clock.now();
  // After the description: a shard's first record could fall in between.
  const { shards } = await archive.control();
  return { seat, shards, bound: archivedBound(shards, described, nowMs, windowMs) };
}

/** What a document says of a bound that rests on old marks alone: since when (ISO, UTC; null: nothing is known to have been read). */
export const quietFields = ({ quietSinceMs }: Pick<ArchivedBound, 'quietSinceMs'>): { readonly quietSince?: string | null } =>
  quietSinceMs === undefined ? {} : { quietSince: quietSinceMs === 0 ? null : isoSeconds(quietSinceMs) };

/** The same for a person, as lines. */
export const quietLines = (bound: Pick<ArchivedBound, 'quietSinceMs'>): string[] => [quietText(bound)].filter((text) => text !== undefined);

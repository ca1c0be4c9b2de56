import { logBegan } from '../lib/archive/log/began.ts';
import { readArchiveSettings } from '../lib/archive/settings-row.ts';
import { isoSeconds } from '../lib/core/calendar.ts';
import type { Shard } from '../lib/core/formats/rows.ts';
import { boundOf } from './archive-bound.ts';
import type { MemberArchive } from './archive-place.ts';
import { CliError } from './errors.ts';
import type { Session } from './session.ts';

/** Which times a log surely covers, for the commands that show what is in it. */

/** What is known of it. What could not be asked is absent. */
export interface SureLog {
  /** Every change from the one time up to the other is in the log, but for holes (ms). Absent: nothing surely is. */
  readonly fromMs?: number;
  readonly untilMs?: number;
  /** Rows of shards, read before the log was listed. */
  readonly shards?: readonly Shard[];
  /** How long the bucket keeps segments (ms). */
  readonly retentionMs?: number;
  /** Why the member's tables or its stream could not be asked. */
  readonly why?: string;
}

/** Asks the member's tables, its stream and its bucket. Of a member whose tables do not answer only the beginning is known. @throws CliError */
export async function sureLog(session: Session, archive: MemberArchive): Promise<SureLog> {
  const { place, table, context, at } = archive;
  const { runtime, until } = session;
  const fromMs = await at(() => logBegan(place, runtime));
  const began = fromMs === undefined ? {} : { fromMs };
  try {
    const { shards, bound } = await boundOf(session, archive);
    const { retentionMs } = await at(() => readArchiveSettings(table, context.tables.control, runtime, until));
    return { ...began, shards, ...(bound.untilMs > 0 && { untilMs: bound.untilMs }), ...(retentionMs !== undefined && { retentionMs }) };
  } catch (error) {
    // A lost region's tables: the bucket alone still has the changes.
    if (!(error instanceof CliError)) throw error;
    return { ...began, why: error.message };
  }
}

/** The same in a document. Part of the API. */
export const sureDocument = ({ fromMs, untilMs }: SureLog): { readonly from?: string; readonly until?: string } => ({
  ...(fromMs !== undefined && { from: isoSeconds(fromMs) }),
  ...(untilMs !== undefined && { until: isoSeconds(untilMs) }),
});

/**
 * What a person should know who asked for some time: which part of it the log surely covers. Undefined where it covers all. Pure.
 *
 * @param sinceMs absent: from the log's beginning on.
 */
export function sureText({ fromMs, untilMs, why }: SureLog, member: string, sinceMs: number | undefined, toMs: number): string | undefined {
  if (why !== undefined) return `How far the log of ${member} surely reads is not known: ${why}`;
  if (untilMs === undefined) return `Nothing surely is in the log of ${member} yet.`;
  const early = fromMs !== undefined && sinceMs !== undefined && sinceMs < fromMs;
  if (!early && toMs <= untilMs) return undefined;
  return `The log of ${member} is sure ${fromMs === undefined ? '' : `from ${isoSeconds(fromMs)} `}to ${isoSeconds(untilMs)}: what was changed ${[
    ...(early ? ['before'] : []),
    ...(toMs > untilMs ? ['later'] : []),
  ].join(' or ')} may not be in it.`;
}

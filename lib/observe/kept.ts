import type { Item } from '../core/attribute.ts';
import { check, FORMAT, n, num, optionalNum } from '../core/formats/row-fields.ts';
import type { Shard } from '../core/formats/rows.ts';
import { jobKey } from '../job/row.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { TablePort } from '../ports/table.ts';
import { retried } from '../replicate/retry.ts';
import { KEPT_LAG_MS, LOSS_AGE_MS } from './doubt.ts';

/**
 * `job / kept`: the minute run's note that the observer keeps up with fan-out, of use when a table was idle: the first
 * segment after that has no doubt then (doubt.ts).
 *
 * | field | |
 * |---|---|
 * | at | when that was seen last (ms, wall clock), at steps of KEPT_STEP_MS |
 * | lost | when the newest record was made that fan-out has moved and the observer can see no more (ms); absent when there was none |
 */
export interface Kept {
  readonly at: number;
  readonly lost?: number;
}

const KEPT_KEY = jobKey('kept');
/** The note is renewed at this age (ms), not each minute: that would be a write a minute for nothing. */
export const KEPT_STEP_MS = 3_600_000;

/**
 * How the observer stands to fan-out, by the rows of all shards. Pure.
 *
 * - `kept`: it has archived all that fan-out has moved and that was made more than KEPT_LAG_MS ago, in every shard. ⚠ That
 *   goes by the age of `seen`, not by its distance from `sent`: of two records a minute apart, the second may be a day old,
 *   and unseen. ⚠ Where fan-out is behind, or has no mark, it shows nothing, so nothing is known.
 * - `lost`: when the newest record was made that fan-out has moved, that the observer has not seen, and that is too old to be
 *   read now. Such rows do not stand in the way of `kept`: the note says it for them, and rows do not stay for ever.
 */
export function standing(shards: readonly Shard[], nowMs: number): { readonly kept: boolean; readonly lost?: number } {
  let kept = true;
  let lost: number | undefined;
  for (const { sent, seen } of shards) {
    const ahead = sent === undefined ? -1n : BigInt(sent.sequence) - (seen === undefined ? -1n : BigInt(seen.sequence));
    if (sent !== undefined && ahead > 0n && nowMs - sent.at > LOSS_AGE_MS) lost = Math.max(lost ?? 0, sent.at);
    else if (ahead !== 0n && !(ahead > 0n && seen !== undefined && nowMs - seen.at <= KEPT_LAG_MS)) kept = false;
  }
  return { kept, ...(lost !== undefined && { lost }) };
}

/** The next note; undefined when the present one stays. Pure. */
export function nextNote(noted: Kept | undefined, shards: readonly Shard[], nowMs: number): Kept | undefined {
  const { kept, lost } = standing(shards, nowMs);
  const newest = Math.max(lost ?? 0, noted?.lost ?? 0);
  const grown = newest > (noted?.lost ?? 0);
  if (!grown && (!kept || (noted !== undefined && nowMs - noted.at < KEPT_STEP_MS))) return undefined;
  return { at: kept ? nowMs : (noted?.at ?? 0), ...(newest > 0 && { lost: newest }) };
}

/**
 * Notes whether the observer keeps up, where that is news. For the minute run, at every member.
 *
 * @param shards all rows of shards, as read now. @throws RemoteError, FormatError
 */
export async function noteKept(shards: readonly Shard[], table: TablePort, control: string, runtime: Runtime, until: number): Promise<void> {
  const note = nextNote(await readKept(table, control, runtime, until), shards, runtime.clock.now());
  if (note === undefined) return;
  const row: Item = { ...KEPT_KEY, f: { N: FORMAT }, at: n(note.at), ...(note.lost !== undefined && { lost: n(note.lost) }) };
  await retried(runtime, until, () => table.put(control, row));
}

/** The note, if there is one. @throws RemoteError, FormatError */
export async function readKept(table: TablePort, control: string, runtime: Runtime, until: number): Promise<Kept | undefined> {
  const row = await retried(runtime, until, () => table.get(control, KEPT_KEY));
  if (row === undefined) return undefined;
  check(row, 'kept job');
  const lost = optionalNum(row, 'lost');
  return { at: num(row, 'at', 'kept job'), ...(lost !== undefined && { lost }) };
}

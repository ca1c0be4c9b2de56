import { SENT_BEHIND_MAX_MS, STREAM_RETENTION_MS } from '../core/constants.ts';
import type { Link, Shard, ShardMark } from '../core/formats/rows.ts';

/**
 * What fan-out loses: DynamoDB drops stream records in silence after 24 h. Pure; the minute run reads and writes the rows.
 *
 * ⚠ Neither the time between the marks `seen` and `sent` nor their ages tell how old the unsent records are. (Found by
 * simulation: fan-out stood still, one record was written, and its two marks were seconds apart for ever, while the
 * record was dropped. And of a table that was idle for a day, the first write looked like a backlog of a day.) So the
 * minute run notes records that are known to be unsent, some of them, at most UNSENT_STEP_MS apart, and judges by their ages.
 */

/** Noted records are at most this far apart (ms), so that what was made between two of them is judged at most this much too late. */
export const UNSENT_STEP_MS = 3_600_000;
/**
 * Most noted records of a shard: there are two in any UNSENT_STEP_MS at most, and one that is older than SENT_BEHIND_MAX_MS.
 * Records of which the times do not rise could make more; then the newest are left out.
 */
export const UNSENT_MAX = 2 * Math.ceil(SENT_BEHIND_MAX_MS / UNSENT_STEP_MS) + 4;
/** A shard's row is dropped when its newest record is so old (ms): nothing of the shard can be read any more, and its losses were judged long ago. */
export const SHARD_ROW_LIFE_MS = 2 * STREAM_RETENTION_MS;

const after = (mark: ShardMark, other: ShardMark | undefined): boolean => other === undefined || BigInt(mark.sequence) > BigInt(other.sequence);

/** Records of a shard that are known to be unsent, the oldest first: those noted before, and the newest that the observer has seen. */
function knownUnsent({ sent, seen, unsent = [] }: Shard): readonly ShardMark[] {
  const noted = unsent.filter((mark) => after(mark, sent));
  return seen !== undefined && after(seen, sent) && after(seen, noted.at(-1)) ? [...noted, seen] : noted;
}

/**
 * What the row of a shard should note now: records known to be unsent, the oldest first, at most UNSENT_MAX; none when fan-out has caught up.
 *
 * ⚠ `seen` is noted when the last note is UNSENT_STEP_MS old by the clock, not by `seen`: a record that is made just
 * after a note, and has no successor for hours, must be noted before a later one takes its place in `seen`.
 *
 * @param nowMs wall clock of the shard's region.
 */
export function notesOf(shard: Shard, nowMs: number): readonly ShardMark[] {
  const noted = (shard.unsent ?? []).filter((mark) => after(mark, shard.sent));
  // Of the records that are too old already the youngest says all: a link that was opened in spite of it knew of the older ones.
  const judged = noted.findLastIndex((mark) => nowMs - mark.at >= SENT_BEHIND_MAX_MS);
  const notes = noted.slice(Math.max(0, judged));
  const last = notes.at(-1);
  const { seen } = shard;
  if (seen !== undefined && after(seen, shard.sent) && after(seen, last) && (last === undefined || nowMs - last.at >= UNSENT_STEP_MS)) notes.push(seen);
  // A lagging observer makes notes close together: the middle one of three says nothing when the outer ones are near enough.
  for (let i = notes.length - 2; i > 0; i -= 1) if ((notes[i + 1] as ShardMark).at - (notes[i - 1] as ShardMark).at <= UNSENT_STEP_MS) notes.splice(i, 1);
  return notes.slice(0, UNSENT_MAX);
}

/** Whether two lists of notes are the same. */
export const sameNotes = (a: readonly ShardMark[], b: readonly ShardMark[]): boolean =>
  a.length === b.length && a.every((mark, i) => mark.sequence === b[i]?.sequence && mark.at === b[i]?.at);

/** The youngest record of a shard that is known to be unsent, and is so old that it is lost or about to be. */
export const overdueRecord = (shard: Shard, nowMs: number): ShardMark | undefined =>
  knownUnsent(shard).findLast((mark) => nowMs - mark.at >= SENT_BEHIND_MAX_MS);

/**
 * Whether a link has lost, or is about to lose, this overdue record. Not one
 *
 * - of before the present role (`roleSinceMs`, the seat's `since`): a link of a new epoch is not proven until its target was made equal;
 * - that was overdue when the link came into its present state: who opens a link that is stale makes its target equal, and it must
 *   not become stale again by what it became stale by before. (A record that was not yet overdue then still counts: opening
 *   a paused link heals nothing.)
 */
export const losesRecord = (link: Pick<Link, 'since'>, roleSinceMs: number, record: ShardMark): boolean =>
  record.at > roleSinceMs && link.since < record.at + SENT_BEHIND_MAX_MS;

/** The shard and record by which a link has lost changes, or is about to. */
export function lossOf(
  link: Link,
  roleSinceMs: number,
  shards: readonly Shard[],
  nowMs: number,
): { readonly shard: string; readonly record: ShardMark } | undefined {
  for (const shard of shards) {
    const record = overdueRecord(shard, nowMs);
    if (record !== undefined && losesRecord(link, roleSinceMs, record)) return { shard: shard.id, record };
  }
  return undefined;
}

/**
 * Whether a shard's row says nothing any more: every record of it was trimmed long ago, and no link is still to become
 * stale by it. A table has a new shard every few hours, so rows that stay would outgrow what a run reads.
 */
export function isForgettable(shard: Shard, links: readonly Link[], roleSinceMs: number, nowMs: number): boolean {
  const newest = Math.max(shard.sent?.at ?? Number.NEGATIVE_INFINITY, shard.seen?.at ?? Number.NEGATIVE_INFINITY);
  if (newest === Number.NEGATIVE_INFINITY || nowMs - newest < SHARD_ROW_LIFE_MS) return false;
  return links.every((link) => link.state === 'stale' || lossOf(link, roleSinceMs, [shard], nowMs) === undefined);
}

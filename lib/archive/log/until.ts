import { isoSeconds } from '../../core/calendar.ts';
import { CLOCK_OFFSET_MAX_MS, FUNCTION_TIMEOUT_MS, STREAM_RETENTION_MS } from '../../core/constants.ts';
import type { Shard, ShardMark } from '../../core/formats/rows.ts';
import type { ShardDescription } from '../../ports/stream.ts';
import { ancestorsOf } from '../../replicate/shards.ts';

/** A5: a record reaches a live reader within this (ms). */
export const RECORD_REACHES_READER_MS = 10_000;
/** Records are stamped in whole seconds (ms): others of the newest one's second may still come. */
const STAMP_MS = 1_000;
/** What is younger (ms) may have reached a reader that has not marked it yet: it is at work for so long at most. */
const UNMARKED_MS = RECORD_REACHES_READER_MS + FUNCTION_TIMEOUT_MS + STAMP_MS + CLOCK_OFFSET_MAX_MS;
/** The observer gathers records for so long (ms) where the settings of its deployment are not known. */
const WINDOW_DEFAULT_MS = 60_000;
/** Marks that are older than this (ms) show a table that is not written, or two readers that stand still: nothing tells which. */
const QUIET_MS = 15 * 60_000;

/** Up to when everything surely is in the log, and what stands in the way of a later time. */
export interface ArchivedBound {
  /** ms since 1970. 0: nothing surely is. */
  readonly untilMs: number;
  /** A sentence. */
  readonly why: string;
  /** The shard that is furthest behind, when it is one. */
  readonly shard?: string;
  /**
   * The newest mark of either reader (ms), where the bound is later and the mark is old; 0 without any. What was made since is
   * in the log only if a reader runs: two that stand still look like a table that is not written.
   */
  readonly quietSinceMs?: number;
}

/**
 * T up to which every change surely is in the log (ms since 1970), by what the two readers of each shard have marked;
 * 0 when nothing is sure. ⚠ It holds as long as one of the two runs: see ArchivedBound.quietSinceMs.
 *
 * @param rows all rows of shards.
 * @param shards of the present stream.
 * @param nowMs wall clock of the member's region. ⚠ Taken before the rows were read.
 * @param windowMs how long the observer gathers records.
 */
export const archivedUntil = (rows: readonly Shard[], shards: readonly ShardDescription[], nowMs: number, windowMs?: number): number =>
  archivedBound(rows, shards, nowMs, windowMs).untilMs;

/**
 * The same, with the reason. Pure. A shard allows
 *
 * | the marks | everything up to |
 * |---|---|
 * | a descendant has been archived | no bound: Lambda reads a shard to its end before its children |
 * | fan-out and observer name the same record | no bound but A5 and the observer's window: two readers have seen nothing more |
 * | neither names one, and the stream has one open shard | the same |
 * | neither, and it has several: then fan-out cannot mark any | the newest record of the nearest ancestor that was archived; no bound where none was |
 * | the observer's alone, or it is ahead of fan-out's | its record; fan-out does not tell whether there are more |
 * | fan-out's is ahead | the observer's record |
 * | fan-out's alone | the newest record of the nearest ancestor that was archived; else nothing |
 *
 * Rows of shards that are described no more count for as long as their records can be read at all: a day. When nothing was
 * ever archived, and fan-out cannot tell whether there was anything, nothing is sure.
 */
export function archivedBound(rows: readonly Shard[], shards: readonly ShardDescription[], nowMs: number, windowMs = WINDOW_DEFAULT_MS): ArchivedBound {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const described = new Set(shards.map(({ id }) => id));
  const passed = new Set<string>();
  for (const { id } of shards) if (byId.get(id)?.seen !== undefined) for (const ancestor of ancestorsOf(shards, id)) passed.add(ancestor);
  const several = shards.filter(({ last }) => last === undefined).length > 1;
  let bound: ArchivedBound = {
    untilMs: Math.max(0, nowMs - UNMARKED_MS - windowMs),
    why: 'The last seconds count only once a change made in them would have been read and marked.',
  };
  if (several && !rows.some(({ seen }) => seen !== undefined)) bound = { untilMs: 0, why: 'Nothing has been archived yet.' };
  const limit: Limit = (shard, mark, why) => {
    const untilMs = mark === undefined ? 0 : Math.max(0, mark.at - STAMP_MS);
    if (untilMs < bound.untilMs) bound = { untilMs, shard, why: `Shard ${shard}: ${why}` };
  };
  for (const shard of shards) {
    if (!passed.has(shard.id)) judge(shard, several, byId, ancestorsOf(shards, shard.id), limit);
  }
  for (const { id, sent, seen } of rows) {
    if (!described.has(id) && !passed.has(id) && nowMs - newestOf([sent, seen]) <= STREAM_RETENTION_MS && sent !== undefined && isBehind(seen, sent))
      limit(id, seen, 'fan-out has read changes of it that the observer has not archived, and the stream names it no more.');
  }
  const newest = newestOf(rows.flatMap(({ sent, seen }) => [sent, seen]));
  return bound.untilMs > newest && nowMs - newest > QUIET_MS ? { ...bound, quietSinceMs: newest } : bound;
}

/** When the newest of some marks was made (ms); 0 without any. */
const newestOf = (marks: readonly (ShardMark | undefined)[]): number => marks.reduce((newest, mark) => Math.max(newest, mark?.at ?? 0), 0);

/** What a person should know of a bound that rests on old marks alone, in sentences; undefined for any other. */
export function quietText({ quietSinceMs }: Pick<ArchivedBound, 'quietSinceMs'>): string | undefined {
  if (quietSinceMs === undefined) return undefined;
  const since =
    quietSinceMs === 0
      ? 'Nothing is known to have been read from the stream of the table'
      : `Nothing has been read from the stream of the table since ${isoSeconds(quietSinceMs)}`;
  return `${since}. If the table was written ${quietSinceMs === 0 ? 'at all' : 'since'}, the two readers of its stream stand still (look at the logs of its functions "fanout" and "observe", and run "syncline doctor"), and those changes are not in the log.`;
}

type Limit = (shard: string, mark: ShardMark | undefined, why: string) => void;

function judge({ id, last }: ShardDescription, several: boolean, rows: ReadonlyMap<string, Shard>, ancestors: readonly string[], limit: Limit): void {
  const { sent, seen } = rows.get(id) ?? {};
  if (seen === undefined) {
    const before = ancestors.map((ancestor) => rows.get(ancestor)?.seen).find((mark) => mark !== undefined);
    if (sent !== undefined) limit(id, before, 'fan-out has read changes of it, and the observer has archived none yet.');
    else if (several && before !== undefined) limit(id, before, 'nothing of it was archived, and nothing shows that there was nothing.');
    return;
  }
  // The last record that it will ever have is archived.
  if (last !== undefined && BigInt(seen.sequence) >= BigInt(last)) return;
  if (sent === undefined) limit(id, seen, 'fan-out has no mark of it, so only what the observer has archived is sure.');
  else if (isBehind(seen, sent)) limit(id, seen, 'the observer has not archived all that fan-out has read.');
  else if (BigInt(seen.sequence) > BigInt(sent.sequence)) limit(id, seen, 'fan-out is behind, so only what the observer has archived is sure.');
}

const isBehind = (seen: ShardMark | undefined, sent: ShardMark): boolean => seen === undefined || BigInt(seen.sequence) < BigInt(sent.sequence);

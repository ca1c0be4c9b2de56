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

/** Up to when everything surely is in the log, and what stands in the way of a later time. */
export interface ArchivedBound {
  /** ms since 1970. 0: nothing surely is. */
  readonly untilMs: number;
  /** A sentence. */
  readonly why: string;
  /** The shard that is furthest behind, when it is one. */
  readonly shard?: string;
}

/**
 * T up to which every change surely is in the log (ms since 1970), by what the two readers of each shard have marked;
 * 0 when nothing is sure.
 *
 * @param rows all rows of shards.
 * @param shards of the present stream.
 * @param nowMs wall clock of the member's region. ⚠ Taken before the rows were read.
 */
export const archivedUntil = (rows: readonly Shard[], shards: readonly ShardDescription[], nowMs: number): number => archivedBound(rows, shards, nowMs).untilMs;

/**
 * The same, with the reason. Pure. A shard allows
 *
 * | the marks | everything up to |
 * |---|---|
 * | a descendant has been archived | no bound: Lambda reads a shard to its end before its children |
 * | fan-out and observer name the same record | no bound but A5: two readers have seen nothing more |
 * | neither names one, and the stream has one open shard | the same |
 * | neither, and it has several: then fan-out cannot mark any | the newest record of the nearest ancestor that was archived; no bound where none was |
 * | the observer's alone, or it is ahead of fan-out's | its record; fan-out does not tell whether there are more |
 * | fan-out's is ahead | the observer's record |
 * | fan-out's alone | the newest record of the nearest ancestor that was archived; else nothing |
 *
 * Rows of shards that are described no more count for as long as their records can be read at all: a day. When nothing was
 * ever archived, and fan-out cannot tell whether there was anything, nothing is sure.
 */
export function archivedBound(rows: readonly Shard[], shards: readonly ShardDescription[], nowMs: number): ArchivedBound {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const described = new Set(shards.map(({ id }) => id));
  const passed = new Set<string>();
  for (const { id } of shards) if (byId.get(id)?.seen !== undefined) for (const ancestor of ancestorsOf(shards, id)) passed.add(ancestor);
  const several = shards.filter(({ last }) => last === undefined).length > 1;
  let bound: ArchivedBound = {
    untilMs: Math.max(0, nowMs - UNMARKED_MS),
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
    const newest = Math.max(sent?.at ?? 0, seen?.at ?? 0);
    if (!described.has(id) && !passed.has(id) && nowMs - newest <= STREAM_RETENTION_MS && sent !== undefined && isBehind(seen, sent))
      limit(id, seen, 'fan-out has read changes of it that the observer has not archived, and the stream names it no more.');
  }
  return bound;
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

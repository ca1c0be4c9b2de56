import { RECORD_REACHES_READER_MS } from '../../archive/log/until.ts';
import type { Shard, ShardMark } from '../../core/formats/rows.ts';
import type { ShardDescription } from '../../ports/stream.ts';
import { ancestorsOf } from '../../replicate/shards.ts';

/** Records are stamped in whole seconds (ms): a record of T's own second may have been made after T. */
const STAMP_MS = 1_000;

/** What one reader of a stream has surely behind it. `hard`: by a record that it has read; `quiet`: it has nothing more to read, as it seems. */
export type Behind = 'hard' | 'quiet' | 'no';

/**
 * passed(T): whether every change made up to T surely is in the lanes, or surely needs none. Pure.
 *
 * An open shard has passed when its `sent` names a record made after T + 1 s, or when fan-out and observer name the same record, or neither
 * names one, and 10 s have passed since T (A5). A closed one has passed when its last record was sent. A shard is behind a reader, too, when that
 * reader has read of a descendant: Lambda reads a shard to its end before its children.
 *
 * ⚠ The second rule takes it that one of the two readers runs. Two that stand still look like a table that is not written: what is
 * concluded of a report must not rest on it (see judge.ts).
 *
 * @param rows all rows of shards.
 * @param shards of the present stream; a table without any has passed nothing.
 * @param nowMs wall clock of the member's region. ⚠ Taken before the rows were read.
 */
export function hasPassed(rows: readonly Shard[], shards: readonly ShardDescription[], tMs: number, nowMs: number): boolean {
  return behindOf(rows, shards, 'sent', tMs, nowMs) !== 'no';
}

/**
 * How surely a reader has read everything that was made up to T. Pure.
 *
 * @param reader `sent`: fan-out · `seen`: the observer.
 */
export function behindOf(rows: readonly Shard[], shards: readonly ShardDescription[], reader: 'sent' | 'seen', tMs: number, nowMs: number): Behind {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const finished = new Set<string>();
  for (const { id } of shards) if (byId.get(id)?.[reader] !== undefined) for (const ancestor of ancestorsOf(shards, id)) finished.add(ancestor);
  let behind: Behind = shards.length === 0 ? 'no' : 'hard';
  for (const shard of shards) {
    if (finished.has(shard.id)) continue;
    const row = byId.get(shard.id);
    const mark = row?.[reader];
    if (mark !== undefined && shard.last !== undefined && BigInt(mark.sequence) >= BigInt(shard.last)) continue;
    if (mark !== undefined && mark.at > tMs + STAMP_MS) continue;
    if (!sameRecord(row?.sent, row?.seen) || nowMs - tMs < RECORD_REACHES_READER_MS) return 'no';
    behind = 'quiet';
  }
  return behind;
}

const sameRecord = (a: ShardMark | undefined, b: ShardMark | undefined): boolean =>
  a === undefined || b === undefined ? a === b : BigInt(a.sequence) === BigInt(b.sequence);

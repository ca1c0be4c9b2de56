import { ROLLUP_SEGMENTS } from '../../core/formats/rollup.ts';
import type { Shard } from '../../core/formats/rows.ts';
import type { SegmentRef } from './list.ts';
import type { RolledShard, RolledState } from './state.ts';
import { FORGOTTEN_MAX, SHARDS_HELD_MAX, shardMark } from './state.ts';

/** A shard that has had no segment for so long (ms) is rolled up to its end, with fewer than ROLLUP_SEGMENTS. */
const IDLE_MS = 6 * 3_600_000;
/** Shards of which the state keeps all it knows, though they are done: what comes after all then goes on from there. */
const DONE_HELD_MAX = 100;
/** Between two looks into the bucket for a shard's new segments (ms), while the last one showed fewer than a roll-up takes. */
const LOOK_MIN_MS = 60_000;
const LOOK_MAX_MS = 3_600_000;

/** The shard of a path "label/shard". */
export const shardOf = (path: string): string => path.slice(path.indexOf('/') + 1);

/** Whether nothing comes of a shard any more, as it seems. Pure. @param row of the shard; it goes two days after the last record */
export const isIdle = (row: Shard | undefined, nowMs: number): boolean => row === undefined || (row.seen !== undefined && nowMs - row.seen.at >= IDLE_MS);

/** Whether the bucket is to be asked for a shard's new segments. Pure. */
export const isLookDue = ({ next }: RolledShard, nowMs: number): boolean =>
  // A time that is too far away is one of a clock that was set back since.
  next === undefined || next <= nowMs || next > nowMs + LOOK_MAX_MS;

/**
 * When enough segments for a roll-up will be there, if they go on to come as those that are waiting have: most runs need not
 * ask the bucket then. Pure.
 */
export function nextLook({ last }: RolledShard, row: Shard | undefined, waiting: readonly SegmentRef[], nowMs: number): number {
  const from = last?.firstAt ?? waiting[0]?.firstAtMs ?? nowMs;
  const took = Math.max(0, (row?.tail?.firstAt ?? nowMs) - from);
  const due = waiting.length === 0 ? LOOK_MAX_MS : (took * (ROLLUP_SEGMENTS - waiting.length)) / waiting.length;
  return nowMs + Math.round(Math.min(Math.max(due, LOOK_MIN_MS), LOOK_MAX_MS));
}

/** The shards that a state holds, never more than SHARDS_HELD_MAX: what has no room waits, and what is done makes it. */
export class HeldShards {
  readonly #shards: Map<string, RolledShard>;
  /** Marks of shards that were dropped, and whose rows are still there. */
  readonly #forgotten: Set<string>;
  readonly #rows: ReadonlyMap<string, Shard>;

  /** @param rows all rows of shards */
  constructor({ shards, forgotten }: RolledState, rows: readonly Shard[]) {
    this.#rows = new Map(rows.map((row) => [row.id, row]));
    this.#shards = new Map(Object.entries(shards));
    const stays = new Set(forgotten === undefined ? [] : rows.map(({ id }) => shardMark(id)));
    this.#forgotten = new Set(forgotten?.filter((mark) => stays.has(mark)));
  }

  get state(): Pick<RolledState, 'shards' | 'forgotten'> {
    return { shards: Object.fromEntries(this.#shards), ...(this.#forgotten.size > 0 && { forgotten: [...this.#forgotten] }) };
  }

  get isFull(): boolean {
    return this.#shards.size >= SHARDS_HELD_MAX;
  }

  /** In order. */
  get paths(): readonly string[] {
    return [...this.#shards.keys()].sort();
  }

  get(path: string): RolledShard | undefined {
    return this.#shards.get(path);
  }

  set(path: string, entry: RolledShard): void {
    this.#shards.set(path, entry);
  }

  delete(path: string): void {
    this.#shards.delete(path);
  }

  row(path: string): Shard | undefined {
    return this.#rows.get(shardOf(path));
  }

  /** Takes in a shard that the log shows. */
  found(path: string): void {
    if (!this.#shards.has(path) && !this.#wasDone(shardOf(path))) this.#shards.set(path, { done: false });
  }

  /** Takes in the shards that the rows name, as far as there is room. @param label of the present stream */
  takeNew(label: string, nowMs: number): void {
    const known = new Set([...this.#shards.keys()].map(shardOf));
    for (const row of this.#rows.values()) {
      if (this.isFull) return;
      if (row.tail === undefined || known.has(row.id)) continue;
      if (this.#wasDone(row.id)) {
        if (isIdle(row, nowMs)) continue;
        // More has come after all.
        this.#forgotten.delete(shardMark(row.id));
      }
      this.#shards.set(`${label}/${row.id}`, { done: false });
    }
  }

  /** Drops the oldest of those that are done. */
  forget(): void {
    const done = this.paths.filter((path) => this.#shards.get(path)?.done);
    for (const path of done.slice(0, Math.max(0, done.length - DONE_HELD_MAX))) {
      if (this.#forgotten.size >= FORGOTTEN_MAX) return;
      this.#shards.delete(path);
      if (this.row(path) !== undefined) this.#forgotten.add(shardMark(shardOf(path)));
    }
  }

  #wasDone(shard: string): boolean {
    return this.#forgotten.size > 0 && this.#forgotten.has(shardMark(shard));
  }
}

import type { SegmentFooter, SegmentHead } from '../../../lib/core/formats/segment-footer.ts';
import type { Version } from '../model.ts';
import type { World } from '../world.ts';

/** A record that fan-out's mark has come to cover within this (virtual ms) is told by it, if the observer loses it. */
const MOVED_SOON_MS = 3_600_000;

/** A segment that a member's bucket has, as the oracle saw it stored. */
export interface StoredSegment {
  readonly name: string;
  /** SHA-256 of the object, base64. */
  readonly sha256: string;
  readonly head: SegmentHead;
}

/** One shard of a member's stream: what it took, and how far the log has it. */
export interface ShardTruth {
  readonly stream: string;
  readonly id: string;
  /** Id of the shard whose part of the keys it took over. */
  readonly parent: string | undefined;
  /** Every record that it took, in order. */
  readonly records: Version[];
  /** When fan-out's mark came to cover each of them (virtual ms); as many as it covers. */
  readonly movedAt: number[];
  /** So many of them are in the log, or were passed over by it. */
  passed: number;
  /** Those that were passed over: what comes after them is in the log, they are not. */
  readonly missing: Version[];
  /** The newest segment of the log. */
  tail: StoredSegment | undefined;
  /** All of its segments, by the sequence numbers of their first and of their last records. */
  readonly byFirst: Map<string, StoredSegment>;
  readonly byLast: Map<string, StoredSegment>;
}

/** What a member's table really went through, and what its log has of it. Filled by the table and the bucket, never by what the flows say. */
export class LogTruth {
  /** Every write that the table took, in the order in which it took them. */
  readonly writes: Version[] = [];
  /** By id, which no two streams share. */
  readonly shards = new Map<string, ShardTruth>();
  /** By name. */
  readonly segments = new Map<string, StoredSegment>();
  /** Segments of a table that is gone, which an observer that was under way has put into the new bucket. */
  readonly strangers: SegmentHead[] = [];

  /** The shards that a shard comes from, the nearest first. */
  ancestors(shard: ShardTruth): readonly ShardTruth[] {
    const found: ShardTruth[] = [];
    for (let id = shard.parent; id !== undefined; ) {
      const parent = this.shards.get(id);
      if (parent === undefined) break;
      found.push(parent);
      id = parent.parent;
    }
    return found;
  }

  /** The newest segment of the nearest ancestor that has one. */
  ancestorTail(shard: ShardTruth): StoredSegment | undefined {
    return this.ancestors(shard).find((parent) => parent.tail !== undefined)?.tail;
  }

  /** Records that are not in the log: those that it has passed over, and those that it has not come to. */
  *absent(): Generator<Version> {
    for (const shard of this.shards.values()) {
      yield* shard.missing;
      for (let i = shard.passed; i < shard.records.length; i += 1) yield shard.records[i] as Version;
    }
  }
}

/**
 * Whether anything tells of a record that is lost to the log: fan-out has moved it, and soon. Of what both readers have
 * lost, and of several open shards, of which fan-out marks none, nobody can tell (Gaps of docs/SPEC.md).
 */
export function isTold(truth: LogTruth, version: Version): boolean {
  const shard = truth.shards.get(version.shard);
  const moved = shard?.movedAt[shard.records.indexOf(version)];
  return moved !== undefined && moved - version.t <= MOVED_SOON_MS;
}

/** Hears of a segment that was stored as it should be: the records that it holds, as the table made them. */
export type SegmentWitness = (member: string, footer: SegmentFooter, records: readonly Version[]) => void;

/** The truths of all members of a world. */
export class LogTruths {
  /** Other oracles that look at each segment. */
  readonly witnesses: SegmentWitness[] = [];
  readonly #world: World;
  readonly #members = new Map<string, LogTruth>();
  /** The lists of shards as they were last looked at. */
  readonly #looked = new Map<string, readonly string[]>();
  readonly #gone = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  of(member: string): LogTruth {
    let found = this.#members.get(member);
    if (found === undefined) {
      found = new LogTruth();
      this.#members.set(member, found);
    }
    return found;
  }

  /** Whether a shard belongs to a table that is gone. */
  isGone(shard: string): boolean {
    return this.#gone.has(shard);
  }

  recorded(version: Version): void {
    const truth = this.of(version.member);
    truth.writes.push(version);
    this.#look(version.member, truth);
    truth.shards.get(version.shard)?.records.push(version);
  }

  wiped(member: string): void {
    for (const id of this.#members.get(member)?.shards.keys() ?? []) this.#gone.add(id);
    this.#members.delete(member);
    this.#looked.delete(member);
  }

  /** Notes shards that are new. */
  #look(member: string, truth: LogTruth): void {
    const { stream } = this.#world.set.items(member);
    const ids = stream?.shardIds(this.#world.nowAt(member));
    if (stream === undefined || ids === undefined || ids === this.#looked.get(member)) return;
    this.#looked.set(member, ids);
    for (const id of ids) {
      if (truth.shards.has(id)) continue;
      truth.shards.set(id, {
        stream: stream.arn,
        id,
        parent: stream.shard(id)?.parentId,
        records: [],
        movedAt: [],
        passed: 0,
        missing: [],
        tail: undefined,
        byFirst: new Map(),
        byLast: new Map(),
      });
    }
  }
}

const TRUTHS = new WeakMap<World, LogTruths>();

/** The truths of a world: the oracle of the log fills them, that of the archive asks them. */
export function truthsOf(world: World): LogTruths {
  let found = TRUTHS.get(world);
  if (found === undefined) {
    found = new LogTruths(world);
    TRUTHS.set(world, found);
  }
  return found;
}

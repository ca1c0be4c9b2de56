import { STREAM_RETENTION_MS } from '../../core/constants.ts';
import type { StreamRecord } from '../../ports/stream.ts';
import type { Fifo } from './fifo.ts';

/** Slots of the key space: a key's slot is a whole number from 0 to this, exclusive. */
export const SLOTS = 2 ** 32;

/** One shard, as a reader and an oracle may look at it. A live view: `closed` and `childIds` change. */
export interface ShardView {
  readonly id: string;
  readonly parentId: string | undefined;
  /** The part of the key space whose records it takes, or took: from this slot, up to the other, exclusive. */
  readonly fromSlot: number;
  readonly toSlot: number;
  /** Whether it takes no more records. */
  readonly closed: boolean;
  /** Empty while it is open, and for the last shards of a disabled stream. */
  readonly childIds: readonly string[];
}

/** A shard as its stream has it. */
export interface MemoryShard extends ShardView {
  closed: boolean;
  readonly childIds: string[];
  readonly first: string;
  last: string | undefined;
  closedMs: number;
  readonly records: Fifo<StreamRecord>;
}

/** Negative, 0 or positive: the order of two sequence numbers by value. */
export function compareSequences(a: string, b: string): number {
  const x = withoutZeros(a);
  const y = withoutZeros(b);
  return x.length - y.length || (x < y ? -1 : x > y ? 1 : 0);
}

const withoutZeros = (text: string): string => (text.charCodeAt(0) === 48 ? BigInt(text).toString() : text);

/** The place of the first record after a sequence number: records are in its order, so it is found by halving. */
export function indexAfter(records: Fifo<StreamRecord>, after: string | undefined): number {
  if (after === undefined || records.length === 0) return 0;
  let low = 0;
  let high = records.length;
  // A reader that keeps up asks after the last one.
  if (compareSequences(records.at(high - 1).sequence, after) <= 0) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareSequences(records.at(middle).sequence, after) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Drops records older than 24 h: each once, so that looking costs nothing when there are none. */
export function trim(shard: MemoryShard, nowMs: number): void {
  const oldest = nowMs - STREAM_RETENTION_MS;
  for (let record = shard.records.first; record !== undefined && record.createdMs < oldest; record = shard.records.first) shard.records.shift();
}

/** The slot of a key, by its canonical text: FNV-1a, and MurmurHash3's finaliser, since the first bits choose the shard. */
export function slotOf(keyText: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < keyText.length; i += 1) hash = Math.imul(hash ^ keyText.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

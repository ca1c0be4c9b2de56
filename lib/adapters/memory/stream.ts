import type { Item, Key } from '../../core/attribute.ts';
import { STREAM_RETENTION_MS } from '../../core/constants.ts';
import { InvariantError } from '../../core/errors.ts';
import type { ShardDescription, StreamRecord } from '../../ports/stream.ts';

/** Width of a shard's number in its id. */
const SHARD_ID_DIGITS = 20;

/** A table's source of sequence numbers: they rise over the table's life, whatever stream or shard they go to. */
export interface SequenceSource {
  next(): bigint;
}

interface MemoryShard {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly first: bigint;
  last: bigint | undefined;
  closedMs: number | undefined;
  records: StreamRecord[];
}

/** A change of one item, before it is a record. */
export interface ItemChange {
  readonly keys: Key;
  readonly oldImage: Item | undefined;
  readonly newImage: Item | undefined;
  readonly byTtl: boolean;
}

/**
 * One stream of a table (NEW_AND_OLD_IMAGES): shards of records, each kept for 24 h. A key's records go to one shard
 * lineage, in order. Creation times are whole seconds, as in Lambda's events.
 */
export class MemoryStream {
  readonly arn: string;
  enabled = true;
  readonly #sequence: SequenceSource;
  #shards: MemoryShard[] = [];
  /** The open shard of each slot of the key space. */
  #open: MemoryShard[] = [];
  #shardNumber = 0;

  /** @param slots number of open shards that the key space is divided over. */
  constructor(arn: string, slots: number, sequence: SequenceSource) {
    this.arn = arn;
    this.#sequence = sequence;
    for (let i = 0; i < slots; i += 1) this.#open.push(this.#addShard(undefined));
  }

  /** Appends a record. @param slot a number made from the key, any non-negative integer. */
  append(change: ItemChange, slot: number, nowMs: number): StreamRecord {
    const shard = this.#open[slot % this.#open.length] as MemoryShard;
    const record: StreamRecord = Object.freeze({
      eventName: change.newImage === undefined ? 'REMOVE' : change.oldImage === undefined ? 'INSERT' : 'MODIFY',
      streamArn: this.arn,
      sequence: this.#sequence.next().toString(),
      createdMs: Math.floor(nowMs / 1_000) * 1_000,
      keys: change.keys,
      ...(change.newImage !== undefined && { newImage: change.newImage }),
      ...(change.oldImage !== undefined && { oldImage: change.oldImage }),
      byTtl: change.byTtl,
    });
    shard.records.push(record);
    return record;
  }

  /** Closes every open shard and opens a child for each, as DynamoDB does every few hours. */
  roll(nowMs: number): void {
    this.#open = this.#open.map((parent) => {
      this.#close(parent, nowMs);
      return this.#addShard(parent.id);
    });
  }

  /** Disables the stream: no more records; what there is stays readable for 24 h. */
  disable(nowMs: number): void {
    this.enabled = false;
    for (const shard of this.#open) this.#close(shard, nowMs);
    this.#open = [];
  }

  /** The open shards, and those closed less than 24 h ago. */
  describe(nowMs: number): readonly ShardDescription[] {
    this.#trim(nowMs);
    return this.#shards.map(({ id, parentId, first, last }) => ({
      id,
      first: first.toString(),
      ...(parentId !== undefined && { parentId }),
      ...(last !== undefined && { last: last.toString() }),
    }));
  }

  /** All records still kept, by sequence number. */
  records(nowMs: number): readonly StreamRecord[] {
    this.#trim(nowMs);
    return this.#shards.flatMap((s) => s.records).sort((a, b) => (BigInt(a.sequence) < BigInt(b.sequence) ? -1 : 1));
  }

  /** Records of one shard after a sequence number (from the oldest kept when absent), at most `limit`. For a reader that plays Lambda's mapping. */
  read(shardId: string, after: string | undefined, limit: number, nowMs: number): readonly StreamRecord[] {
    this.#trim(nowMs);
    const shard = this.#shards.find((s) => s.id === shardId);
    if (shard === undefined) throw new InvariantError('no such shard', { shardId, stream: this.arn });
    const from = after === undefined ? 0 : shard.records.findIndex((r) => BigInt(r.sequence) > BigInt(after));
    return from < 0 ? [] : shard.records.slice(from, from + limit);
  }

  #addShard(parentId: string | undefined): MemoryShard {
    const shard: MemoryShard = {
      id: `shardId-${String(this.#shardNumber).padStart(SHARD_ID_DIGITS, '0')}-memory`,
      parentId,
      first: this.#sequence.next(),
      last: undefined,
      closedMs: undefined,
      records: [],
    };
    this.#shardNumber += 1;
    this.#shards.push(shard);
    return shard;
  }

  #close(shard: MemoryShard, nowMs: number): void {
    shard.last = this.#sequence.next();
    shard.closedMs = nowMs;
  }

  #trim(nowMs: number): void {
    const oldest = nowMs - STREAM_RETENTION_MS;
    for (const shard of this.#shards) {
      const keep = shard.records.findIndex((r) => r.createdMs >= oldest);
      if (keep !== 0) shard.records = keep < 0 ? [] : shard.records.slice(keep);
    }
    this.#shards = this.#shards.filter((s) => s.closedMs === undefined || s.closedMs >= oldest);
  }
}

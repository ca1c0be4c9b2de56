import type { Item, Key } from '../../core/attribute.ts';
import { STREAM_RETENTION_MS } from '../../core/constants.ts';
import { InvariantError } from '../../core/errors.ts';
import type { ShardDescription, StreamRecord, StreamView } from '../../ports/stream.ts';
import { Fifo } from './fifo.ts';
import type { MemoryShard, ShardView } from './shard.ts';
import { compareSequences, indexAfter, SLOTS, trim } from './shard.ts';

/** Width of a shard's number in its id. */
const SHARD_ID_DIGITS = 20;
/** A table's source of sequence numbers: they rise over a stream's life, whatever shard they go to. */
export interface SequenceSource {
  next(): bigint;
}

/** A change of one item, before it is a record. */
export interface ItemChange {
  readonly keys: Key;
  readonly oldImage: Item | undefined;
  readonly newImage: Item | undefined;
  readonly byTtl: boolean;
}

/**
 * One stream of a table: shards of records, each kept for 24 h. The open shards divide the slots of
 * the key space among them; a shard that is closed has children that divide its part. So the records of a key lie in one
 * chain of shards, parent to child, in order. Creation times are whole seconds, as in Lambda's events.
 *
 * The times that it is given must not go back, as those of a service's clock do not.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
 */
export class MemoryStream {
  readonly arn: string;
  /** What its records show. */
  readonly view: StreamView;
  enabled = true;
  readonly #sequence: SequenceSource;
  /** Every shard that is still described, the oldest first. */
  readonly #shards = new Map<string, MemoryShard>();
  /** The open shards, by their slots. */
  #open: MemoryShard[] = [];
  /** Closed shards that are still described, by the time at which they were closed. */
  readonly #closed = new Fifo<MemoryShard>();
  /** Ids of shards that are described no more. */
  readonly #gone = new Set<string>();
  #ids: readonly string[] | undefined;
  #shardNumber = 0;
  /** The end of its ARN. */
  readonly #label: string;

  /** @param shards number of open shards that the key space is divided over at first, evenly. */
  constructor(arn: string, shards: number, sequence: SequenceSource, view: StreamView = 'NEW_AND_OLD_IMAGES') {
    if (!Number.isInteger(shards) || shards < 1) throw new InvariantError('a stream has at least one shard', { arn, shards });
    this.arn = arn;
    this.#label = arn.slice(arn.lastIndexOf('/') + 1);
    this.view = view;
    this.#sequence = sequence;
    const edge = (i: number): number => Math.floor((SLOTS / shards) * i);
    for (let i = 0; i < shards; i += 1) this.#open.push(this.#addShard(undefined, edge(i), i + 1 === shards ? SLOTS : edge(i + 1)));
  }

  /** Whether one open shard takes every key, so that its slot does not matter. */
  get undivided(): boolean {
    return this.#open.length === 1;
  }

  /** Appends a record. @param slot the key's slot: a whole number from 0 to 2^32, exclusive. */
  append(change: ItemChange, slot: number, nowMs: number): StreamRecord {
    const shard = this.#holding(slot);
    const { keys, oldImage, newImage, byTtl } = change;
    const streamArn = this.arn;
    const sequence = this.#sequence.next().toString();
    const createdMs = Math.floor(nowMs / 1_000) * 1_000;
    let record: StreamRecord;
    if (this.view !== 'NEW_AND_OLD_IMAGES') record = this.#partial(change, sequence, createdMs);
    else if (newImage === undefined) record = { eventName: 'REMOVE', streamArn, sequence, createdMs, keys, ...(oldImage !== undefined && { oldImage }), byTtl };
    else if (oldImage === undefined) record = { eventName: 'INSERT', streamArn, sequence, createdMs, keys, newImage, byTtl };
    else record = { eventName: 'MODIFY', streamArn, sequence, createdMs, keys, newImage, oldImage, byTtl };
    Object.freeze(record);
    trim(shard, nowMs);
    shard.records.push(record);
    return record;
  }

  /** A record of a stream that shows one image, or none. */
  #partial({ keys, oldImage, newImage, byTtl }: ItemChange, sequence: string, createdMs: number): StreamRecord {
    const { view } = this;
    return {
      eventName: newImage === undefined ? 'REMOVE' : oldImage === undefined ? 'INSERT' : 'MODIFY',
      streamArn: this.arn,
      sequence,
      createdMs,
      keys,
      ...(view === 'NEW_IMAGE' && newImage !== undefined && { newImage }),
      ...(view === 'OLD_IMAGE' && oldImage !== undefined && { oldImage }),
      byTtl,
      view,
    };
  }

  /** Closes every open shard and opens one child for each, of the same slots, as DynamoDB does every few hours. */
  roll(nowMs: number): void {
    this.#open = this.#open.map((parent) => {
      this.#close(parent, nowMs);
      return this.#addShard(parent, parent.fromSlot, parent.toSlot);
    });
  }

  /**
   * Closes an open shard and opens two children, each for half of its slots, as DynamoDB does when a partition splits.
   *
   * @throws InvariantError when there is no such open shard, or when it has one slot only.
   */
  split(shardId: string, nowMs: number): void {
    const at = this.#open.findIndex((s) => s.id === shardId);
    const parent = this.#open[at];
    if (parent === undefined) throw new InvariantError('only an open shard can split', { shardId, stream: this.arn });
    const middle = Math.floor((parent.fromSlot + parent.toSlot) / 2);
    if (middle === parent.fromSlot) throw new InvariantError('a shard of one slot cannot split', { shardId, stream: this.arn });
    this.#close(parent, nowMs);
    this.#open.splice(at, 1, this.#addShard(parent, parent.fromSlot, middle), this.#addShard(parent, middle, parent.toSlot));
  }

  /** Disables the stream: no more records; what there is stays readable for 24 h. */
  disable(nowMs: number): void {
    this.enabled = false;
    for (const shard of this.#open) this.#close(shard, nowMs);
    this.#open = [];
  }

  /** The open shards, and those closed less than 24 h ago. */
  describe(nowMs: number): readonly ShardDescription[] {
    this.#forget(nowMs);
    return [...this.#shards.values()].map(({ id, parentId, first, last }) => ({
      id,
      first,
      ...(parentId !== undefined && { parentId }),
      ...(last !== undefined && { last }),
    }));
  }

  /** Ids of the shards that `describe` names, parents before their children. */
  shardIds(nowMs: number): readonly string[] {
    this.#forget(nowMs);
    this.#ids ??= [...this.#shards.keys()];
    return this.#ids;
  }

  /** A shard, or undefined when it was closed so long ago that it is described no more. @throws InvariantError for one that never was. */
  shard(shardId: string): ShardView | undefined {
    return this.#known(shardId);
  }

  /** The open shard that takes the records of a slot. @throws InvariantError when the stream is disabled. */
  shardOf(slot: number): ShardView {
    return this.#holding(slot);
  }

  /** All records still kept, by sequence number. */
  records(nowMs: number): readonly StreamRecord[] {
    this.#forget(nowMs);
    const records: StreamRecord[] = [];
    for (const shard of this.#shards.values()) {
      trim(shard, nowMs);
      for (let i = 0; i < shard.records.length; i += 1) records.push(shard.records.at(i));
    }
    return this.#shards.size === 1 ? records : records.sort((a, b) => compareSequences(a.sequence, b.sequence));
  }

  /**
   * Records of one shard after a sequence number, at most `limit`, for a reader that plays Lambda's mapping: from the oldest
   * kept when the number is absent, or that of a record that was trimmed; none of a shard that is described no more.
   */
  read(shardId: string, after: string | undefined, limit: number, nowMs: number): readonly StreamRecord[] {
    const records = this.#recordsOf(shardId, nowMs);
    if (records === undefined) return [];
    const from = indexAfter(records, after);
    return records.slice(from, from + limit);
  }

  /** How many records of a shard a reader would still get after a sequence number. */
  lag(shardId: string, after: string | undefined, nowMs: number): number {
    const records = this.#recordsOf(shardId, nowMs);
    return records === undefined ? 0 : records.length - indexAfter(records, after);
  }

  /** The oldest record of a shard that is still kept. */
  oldest(shardId: string, nowMs: number): StreamRecord | undefined {
    return this.#recordsOf(shardId, nowMs)?.first;
  }

  #holding(slot: number): MemoryShard {
    let low = 0;
    let high = this.#open.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#open[middle] as MemoryShard).fromSlot <= slot) low = middle;
      else high = middle - 1;
    }
    const found = this.#open[low];
    if (found === undefined || !(slot >= found.fromSlot && slot < found.toSlot))
      throw new InvariantError('no open shard for a slot', { slot, stream: this.arn });
    return found;
  }

  #known(shardId: string): MemoryShard | undefined {
    const shard = this.#shards.get(shardId);
    if (shard === undefined && !this.#gone.has(shardId)) throw new InvariantError('no such shard', { shardId, stream: this.arn });
    return shard;
  }

  #recordsOf(shardId: string, nowMs: number): Fifo<StreamRecord> | undefined {
    this.#forget(nowMs);
    const shard = this.#known(shardId);
    if (shard !== undefined) trim(shard, nowMs);
    return shard?.records;
  }

  #addShard(parent: MemoryShard | undefined, fromSlot: number, toSlot: number): MemoryShard {
    const shard: MemoryShard = {
      // No two streams have a shard of the same id, as on AWS: rows and names of objects go by it.
      id: `shardId-${String(this.#shardNumber).padStart(SHARD_ID_DIGITS, '0')}-${this.#label}`,
      parentId: parent?.id,
      fromSlot,
      toSlot,
      closed: false,
      childIds: [],
      first: this.#sequence.next().toString(),
      last: undefined,
      closedMs: 0,
      records: new Fifo(),
    };
    this.#shardNumber += 1;
    parent?.childIds.push(shard.id);
    this.#shards.set(shard.id, shard);
    this.#ids = undefined;
    return shard;
  }

  #close(shard: MemoryShard, nowMs: number): void {
    shard.closed = true;
    shard.last = this.#sequence.next().toString();
    shard.closedMs = nowMs;
    this.#closed.push(shard);
  }

  /** Forgets shards that were closed 24 h ago: all their records are older. */
  #forget(nowMs: number): void {
    const oldest = nowMs - STREAM_RETENTION_MS;
    for (let shard = this.#closed.first; shard !== undefined && shard.closedMs < oldest; shard = this.#closed.first) {
      this.#closed.shift();
      this.#shards.delete(shard.id);
      this.#gone.add(shard.id);
      this.#ids = undefined;
    }
  }
}

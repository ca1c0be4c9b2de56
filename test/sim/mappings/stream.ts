import type { MemoryStream } from '../../../lib/adapters/memory/stream.ts';
import { SENT_BEHIND_MAX_MS, STREAM_BATCH_RECORDS, STREAM_RECORD_AGE_MAX_MS } from '../../../lib/core/constants.ts';
import { SEGMENT_RECORDS_MAX } from '../../../lib/core/formats/segment.ts';
import type { StreamBatch, StreamRecord } from '../../../lib/ports/stream.ts';
import type { SimProcess } from '../process.ts';
import { nameOfKey } from '../set.ts';
import type { World } from '../world.ts';

/** From a record's arrival to its delivery (virtual ms), at most: A5 says 10 s, an idle shard is looked at 4 times a second. */
const DELIVERY_MAX_MS = 250;
/** Waits of a mapping after a batch that failed (virtual ms): doubled up to a minute. */
const RETRY_FIRST_MS = 500;
const RETRY_CAP_MS = 60_000;

/** One shard as a mapping reads it. */
export interface StreamReader {
  readonly stream: MemoryStream;
  readonly shardId: string;
  /** "a/fanout". */
  readonly name: string;
  readonly member: string;
  /** Sequence number of the last record that was handled; undefined at the horizon. */
  after: string | undefined;
  /** Sequence numbers of the ends of earlier batches, the newest last: where a checkpoint may step back to. */
  readonly ends: string[];
}

interface Shard extends StreamReader {
  running: boolean;
  /** Attempts of the present batch that failed. */
  failures: number;
  /** When it may be read (virtual ms). */
  notBefore: number;
  /** A poll is planned for that time. */
  planned: number;
}

/** An observer that is this late (ms) may have missed what fan-out lost. */
export const OBSERVER_LATE_MS = SENT_BEHIND_MAX_MS - 3_600_000;
/** Ends of batches that are remembered for steps back. */
const ENDS_MAX = 50;

/**
 * Lambda's mapping of a table's stream to one function: one batch of a shard at a time, parents before their children,
 * whole-batch retries, a checkpoint that may be lost. Event-driven: nothing runs while there is nothing to read.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
 */
export class StreamMapping {
  readonly member: string;
  readonly fn: 'fanout' | 'observe';
  readonly #world: World;
  readonly #work: (process: SimProcess, batch: StreamBatch) => Promise<unknown>;
  readonly #windowMs: number;
  /** Most records of a batch, as the mapping is deployed; the knob is fan-out's. */
  readonly #batchRecordsMax: number;
  readonly #shards = new Map<string, Shard>();
  /** Nothing is delivered before this (virtual ms): a lag. */
  pausedUntil = 0;
  /** When the present lag began (virtual ms). */
  pausedSince = 0;

  /** @param windowMs how long a batch may wait for more records. */
  constructor(world: World, member: string, fn: 'fanout' | 'observe', windowMs: number, work: (process: SimProcess, batch: StreamBatch) => Promise<unknown>) {
    this.#world = world;
    this.member = member;
    this.fn = fn;
    this.#windowMs = windowMs;
    this.#batchRecordsMax = fn === 'fanout' ? STREAM_BATCH_RECORDS : SEGMENT_RECORDS_MAX;
    this.#work = work;
  }

  /** Whether everything was delivered and handled. */
  get idle(): boolean {
    for (const shard of this.#shards.values()) if (shard.running) return false;
    return this.unread === 0;
  }

  /** Records that were not handled yet. */
  get unread(): number {
    const now = this.#world.nowAt(this.member);
    let count = 0;
    for (const stream of this.#streams()) for (const id of stream.shardIds(now)) count += stream.lag(id, this.#shards.get(this.#idOf(stream, id))?.after, now);
    return count;
  }

  /** Something may be there to read. */
  kick(): void {
    const world = this.#world;
    const now = world.nowAt(this.member);
    for (const stream of this.#streams()) {
      for (const id of stream.shardIds(now)) {
        const shard = this.#shard(stream, id);
        if (shard.running || stream.lag(id, shard.after, now) === 0 || !this.#parentDone(stream, id, now)) continue;
        const at = Math.max(world.clock.elapsed() + 1 + world.chance.below(DELIVERY_MAX_MS + this.#windowMs), shard.notBefore, this.pausedUntil);
        if (shard.planned > world.clock.elapsed() && shard.planned <= at) continue;
        shard.planned = at;
        // A plan that a newer one has replaced does nothing.
        world.clock.after(at - world.clock.elapsed(), () => {
          if (shard.planned === at) this.#poll(shard);
        });
      }
    }
  }

  #streams(): readonly MemoryStream[] {
    return this.#world.set.items(this.member).streams;
  }

  #idOf(stream: MemoryStream, shardId: string): string {
    return `${stream.arn}|${shardId}`;
  }

  #shard(stream: MemoryStream, shardId: string): Shard {
    const id = this.#idOf(stream, shardId);
    let shard = this.#shards.get(id);
    if (shard === undefined) {
      shard = {
        stream,
        shardId,
        name: `${this.member}/${this.fn}`,
        member: this.member,
        after: undefined,
        ends: [],
        running: false,
        failures: 0,
        notBefore: 0,
        planned: -1,
      };
      this.#shards.set(id, shard);
    }
    return shard;
  }

  #parentDone(stream: MemoryStream, shardId: string, now: number): boolean {
    const parent = stream.shard(shardId)?.parentId;
    if (parent === undefined || stream.shard(parent) === undefined) return true;
    const read = this.#shards.get(this.#idOf(stream, parent));
    // A parent without records is not done before its own parent is.
    return read?.running !== true && stream.lag(parent, read?.after, now) === 0 && this.#parentDone(stream, parent, now);
  }

  #poll(shard: Shard): void {
    const world = this.#world;
    const elapsed = world.clock.elapsed();
    shard.planned = -1;
    if (shard.running) return;
    if (elapsed < Math.max(shard.notBefore, this.pausedUntil)) {
      this.kick();
      return;
    }
    const now = world.nowAt(this.member);
    const { stream, shardId } = shard;
    const available = Math.min(stream.lag(shardId, shard.after, now), this.#batchRecordsMax);
    if (available === 0 || !this.#parentDone(stream, shardId, now)) return;
    const cut = world.faults.cut(available, shard) ?? (world.knobs.batchRecords * this.#batchRecordsMax) / STREAM_BATCH_RECORDS;
    let records = stream.read(shardId, shard.after, Math.max(1, Math.min(available, cut)), now);
    // A loss of fan-out is told by what the observer has seen; where that stands still, too, nobody can tell (Gaps of docs/SPEC.md).
    const first = records[0] as StreamRecord;
    if (this.fn === 'observe' && now - first.createdMs >= OBSERVER_LATE_MS) {
      for (const link of world.set.links) if (link.source === this.member) world.doubt.all(link.id, 'the observer stood still');
    }
    // What has grown too old goes to the failure queue, which a person reads: the links are incomplete then.
    const young = records.findIndex((r) => now - r.createdMs < STREAM_RECORD_AGE_MAX_MS);
    if (young !== 0) {
      const old = young < 0 ? records : records.slice(0, young);
      if (this.fn === 'fanout')
        for (const link of world.set.links) if (link.source === this.member) world.doubt.all(link.id, 'records too old for the mapping');
      shard.after = (old.at(-1) as StreamRecord).sequence;
      records = young < 0 ? [] : records.slice(young);
      if (records.length === 0) {
        this.kick();
        return;
      }
    }
    shard.running = true;
    const last = records.at(-1) as StreamRecord;
    const process = world.sandbox(this.member, this.fn);
    world.trace.add('batch', () => ({
      who: process.name,
      at: this.member,
      keys: [...new Set(records.map((r) => nameOfKey(r.keys)))],
      text: `${records.length} records of ${shardId.slice(0, 28)}, to ${last.sequence}`,
    }));
    // Lambda names the shard in events of a mapping with a tumbling window, as the observer's is; not in those of fan-out's.
    world.invoke(process, () => this.#work(process, this.fn === 'observe' ? { records, shardId } : { records }), {
      ok: () => {
        shard.failures = 0;
        shard.after = last.sequence;
        shard.ends.push(last.sequence);
        if (shard.ends.length > ENDS_MAX) shard.ends.shift();
        world.faults.checkpoint(shard);
      },
      failed: () => {
        shard.failures += 1;
        shard.notBefore = world.clock.elapsed() + Math.min(RETRY_CAP_MS, RETRY_FIRST_MS * 2 ** Math.min(shard.failures - 1, 10));
      },
      ended: () => {
        shard.running = false;
        this.kick();
      },
    });
  }
}

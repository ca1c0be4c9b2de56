import { SeededChance } from '../../../../lib/adapters/memory/chance.ts';
import { ManualClock } from '../../../../lib/adapters/memory/clock.ts';
import { MemoryCloud } from '../../../../lib/adapters/memory/cloud.ts';
import type { MemoryObjects } from '../../../../lib/adapters/memory/objects.ts';
import type { ArchivePlace } from '../../../../lib/archive/place.ts';
import type { Item, Key } from '../../../../lib/core/attribute.ts';
import { streamLabel } from '../../../../lib/core/formats/archive-names.ts';
import type { LogRecord } from '../../../../lib/core/formats/log-record.ts';
import type { Shard } from '../../../../lib/core/formats/rows.ts';
import type { EncodedSegment, SegmentAbout } from '../../../../lib/core/formats/segment.ts';
import { encodeSegment, sha256Base64 } from '../../../../lib/core/formats/segment.ts';
import type { Predecessor } from '../../../../lib/core/formats/segment-footer.ts';
import type { KeySchema } from '../../../../lib/core/key.ts';
import type { Runtime } from '../../../../lib/ports/runtime.ts';

export const KEY: KeySchema = { partition: { name: 'pk', type: 'S' } };
const REGION = 'eu-west-1';
const BUCKET = 'a-bucket';
const TABLE = `arn:aws:dynamodb:${REGION}:000000000000:table/t`;
/** Streams by the time of their enabling. */
export const streamOf = (enabled: string): string => `${TABLE}/stream/${enabled}`;
export const STREAM = streamOf('2026-11-24T10:00:00.000');
/** When the first record of every log here is made (ms). */
export const AT = Date.UTC(2026, 10, 24, 10, 0, 10);

export const key = (name: string): Key => ({ pk: { S: name } });

/** A change of a key: number `i` of its log, so many seconds after AT. */
export function change(i: number, name: string, more: Partial<LogRecord> & { readonly second?: number } = {}): LogRecord {
  const { second = i, ...rest } = more;
  const item: Item = { ...key(name), n: { N: String(i) } };
  return {
    sequence: String(1_000_000 + i),
    at: AT + 1_000 * second,
    event: 'MODIFY',
    origin: 'local',
    keys: key(name),
    newImage: item,
    oldImage: key(name),
    ...rest,
  };
}

/** The changes `from` to before `to`, of keys that take turns. */
export const changesOf = (from: number, to: number, keys = 7): LogRecord[] =>
  Array.from({ length: to - from }, (_, i) => change(from + i, `k${(from + i) % keys}`));

/** A bucket of the memory cloud with a log, as an observer writes it: each segment follows on the one before. */
export class LogBucket {
  readonly buckets: MemoryObjects;
  readonly place: ArchivePlace;
  readonly runtime: Runtime;
  readonly cloud: MemoryCloud;
  readonly segments: EncodedSegment[] = [];
  /** The newest segment of each shard. */
  readonly #last = new Map<string, EncodedSegment>();
  /** Wall clock (ms). */
  nowMs = AT + 3_600_000;
  #elapsed = 0;

  constructor() {
    const chance = new SeededChance(7);
    this.cloud = new MemoryCloud({ clock: new ManualClock(), chance });
    const region = this.cloud.region(REGION);
    this.buckets = region.buckets;
    this.buckets.createBucket(BUCKET);
    this.place = { objects: region.objects, bucket: BUCKET, set: 'a-set', member: REGION, key: KEY };
    const silent = (): void => undefined;
    this.runtime = {
      clock: {
        now: () => this.nowMs + this.#elapsed,
        elapsed: () => this.#elapsed,
        sleep: async (ms) => {
          this.#elapsed += ms;
        },
      },
      chance,
      metrics: { count: silent },
      log: { debug: silent, info: silent, warn: silent, error: silent },
    };
  }

  /** How a new segment of a shard names the newest one, or that of its parent. */
  predecessor(shard: string): Predecessor | undefined {
    const last = this.#last.get(shard);
    return last && { shard, first: last.head.first, firstAt: last.head.firstAt, last: last.head.last, sha256: last.sha256 };
  }

  /** Makes a segment, without storing it. @param more.parent the shard's first segment follows on its parent's last one. */
  encode(records: readonly LogRecord[], more: Partial<SegmentAbout> & { readonly parent?: string } = {}): EncodedSegment {
    const { parent, shard = 'shard-1', ...rest } = more;
    const previous = this.predecessor(shard) ?? (parent === undefined ? undefined : this.predecessor(parent));
    const about = { set: this.place.set, member: this.place.member, stream: STREAM, shard, key: KEY, tableId: 'T-1', ...(previous && { previous }) };
    return encodeSegment({ ...about, ...rest }, records);
  }

  /** Stores a segment and goes on from it. */
  async append(records: readonly LogRecord[], more: Partial<SegmentAbout> & { readonly parent?: string } = {}): Promise<EncodedSegment> {
    const segment = this.encode(records, more);
    await this.store(segment);
    return segment;
  }

  async store(segment: EncodedSegment): Promise<void> {
    await this.put(segment.name, segment.body);
    this.segments.push(segment);
    this.#last.set(segment.head.shard, segment);
  }

  /** Segments of `each` changes, from number `from` on. */
  async fill(segments: number, each: number, from = 0, more: Partial<SegmentAbout> & { readonly parent?: string; readonly keys?: number } = {}): Promise<void> {
    const { keys, ...about } = more;
    for (let i = 0; i < segments; i += 1) await this.append(changesOf(from + i * each, from + (i + 1) * each, keys), about);
  }

  /** Stores any object, in place of what is there. */
  async put(name: string, body: Uint8Array): Promise<void> {
    await this.place.objects.put(BUCKET, name, body, { sha256: sha256Base64(body) });
  }

  async remove(name: string): Promise<void> {
    await this.place.objects.delete(BUCKET, name);
  }

  bytes(name: string): Uint8Array {
    return this.buckets.bytes(BUCKET, name);
  }

  names(prefix = ''): string[] {
    return this.buckets.keys(BUCKET).filter((name) => name.startsWith(prefix));
  }

  flipBit(name: string, bit: number): void {
    this.buckets.flipBit(BUCKET, name, bit);
  }

  /** The rows of the shards, as observer and fan-out leave them when they have read everything. */
  rows(): Shard[] {
    return [...this.#last].map(([id, { head, sha256 }]) => {
      const mark = { sequence: head.last, at: head.toMs };
      return { id, sent: mark, seen: mark, tail: { first: head.first, firstAt: head.firstAt, sha256 } };
    });
  }

  /** All changes of a key, in order. */
  ofKey(name: string, records: readonly LogRecord[]): LogRecord[] {
    return records.filter((record) => (record.keys['pk'] as { S: string }).S === name);
  }
}

export const LABEL = streamLabel(STREAM);

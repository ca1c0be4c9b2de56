import { hash } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { SeededChance } from '../../../../lib/adapters/memory/chance.ts';
import { ManualClock } from '../../../../lib/adapters/memory/clock.ts';
import type { MemoryRegion } from '../../../../lib/adapters/memory/cloud.ts';
import { MemoryCloud } from '../../../../lib/adapters/memory/cloud.ts';
import type { ArchivePlace } from '../../../../lib/archive/place.ts';
import type { Item } from '../../../../lib/core/attribute.ts';
import type { LogRecord } from '../../../../lib/core/formats/log-record.ts';
import type { Manifest, SnapshotFile } from '../../../../lib/core/formats/manifest.ts';
import { dataName, encodeManifest, makeManifest, manifestName, snapshotId } from '../../../../lib/core/formats/manifest.ts';
import { CONTROL_KEY_SCHEMA } from '../../../../lib/core/formats/rows.ts';
import type { EncodedSegment, SegmentAbout } from '../../../../lib/core/formats/segment.ts';
import { encodeSegment } from '../../../../lib/core/formats/segment.ts';
import type { Predecessor } from '../../../../lib/core/formats/segment-footer.ts';
import type { KeySchema } from '../../../../lib/core/key.ts';
import type { Runtime } from '../../../../lib/ports/runtime.ts';

/** An archive that a test writes by hand, on the memory cloud. */

export const START = 1_800_000_000_000;
export const KEY: KeySchema = { partition: { name: 'id', type: 'S' } };
export const BUCKET = 'the-archive';
export const CONTROL = 'the-control';
export const TABLE_ID = '11111111-2222-3333-4444-555555555555';
const STREAM = 'arn:aws:dynamodb:eu-west-1:000000000000:table/items/stream/2026-11-24T10:15:03.000';

/** One change: of a key to a value, or its removal. */
export interface Change {
  readonly key: string;
  readonly at: number;
  readonly value?: string;
  readonly shard?: string;
}

export const item = (key: string, value: string): Item => ({ id: { S: key }, v: { S: value }, _s: { M: { p: { B: 'AAAA' } } } });
export const withoutSeal = ({ _s, ...rest }: Item): Item => rest;

/** Where an archive is, and whose. */
export interface Home {
  readonly region: MemoryRegion;
  readonly bucket: string;
  readonly member: string;
  readonly tableId: string;
  readonly stream: string;
}

/** Segments and snapshots of a bucket. */
export class HandWritten {
  readonly home: Home;
  readonly #chance = new SeededChance(3);
  #sequence = 100n;
  readonly #last = new Map<string, Predecessor>();

  constructor(home: Home) {
    this.home = home;
  }

  /** Writes changes as one segment of a shard. @param parent the shard that this one follows, for its first segment. */
  async segment(
    changes: readonly Change[],
    about: Partial<SegmentAbout> & { readonly parent?: string } = {},
    { images }: { readonly images: boolean } = { images: true },
  ): Promise<EncodedSegment> {
    const { parent, ...rest } = about;
    const shard = rest.shard ?? 'shard-a';
    const previous = this.#last.get(shard) ?? (parent === undefined ? undefined : this.#last.get(parent));
    const segment = encodeSegment(
      {
        set: 'cities',
        member: this.home.member,
        tableId: this.home.tableId,
        stream: this.home.stream,
        key: KEY,
        ...(previous && { previous }),
        ...rest,
        shard,
      },
      changes.map((change) => this.#record(change, images)),
    );
    await this.put(segment.name, segment.body);
    const { first, firstAt, last } = segment.head;
    this.#last.set(shard, { shard, first, firstAt, last, sha256: segment.sha256 });
    return segment;
  }

  #record({ key, at, value }: Change, images: boolean): LogRecord {
    this.#sequence += 1n;
    return {
      sequence: this.#sequence.toString(),
      at,
      event: value === undefined ? 'REMOVE' : 'MODIFY',
      origin: 'local',
      keys: { id: { S: key } },
      ...(images && value !== undefined && { newImage: item(key, value) }),
      oldImage: item(key, 'before'),
    };
  }

  /** Writes a snapshot of these items. */
  async snapshot(items: readonly Item[], startedMs: number, endedMs: number, perFile = 3, compression: 'zstd' | 'gzip' = 'zstd'): Promise<Manifest> {
    const id = snapshotId(startedMs, this.#chance.nonce());
    const files: SnapshotFile[] = [];
    for (let from = 0; from < items.length; from += perFile) {
      const some = items.slice(from, from + perFile);
      const raw = Buffer.from(some.map((i) => `${JSON.stringify({ Item: i })}\n`).join(''), 'utf8');
      const body = compression === 'zstd' ? zstdCompressSync(raw) : gzipSync(raw);
      const name = dataName(id, 0, from + 1, 'abcdef', compression);
      await this.put(name, body);
      files.push({ name, items: some.length, bytes: body.length, rawBytes: raw.length, sha256: hash('sha256', body, 'base64') });
    }
    const manifest = makeManifest({
      ...{ id, set: 'cities', member: this.home.member, table: 'items', tableId: this.home.tableId, key: KEY, startedMs, endedMs, files },
      ...{ via: compression === 'zstd' ? 'scan' : 'export', compression },
    });
    await this.put(manifestName(id), encodeManifest(manifest));
    return manifest;
  }

  async put(name: string, body: Uint8Array): Promise<void> {
    await this.home.region.objects.put(this.home.bucket, name, body, { sha256: hash('sha256', body, 'base64') });
  }
}

/** An archive on a cloud of its own, whose time a test moves. */
export class Archive extends HandWritten {
  readonly clock: ManualClock;
  readonly cloud: MemoryCloud;
  readonly region: MemoryRegion;
  readonly runtime: Runtime;
  readonly place: ArchivePlace;

  constructor() {
    const clock = new ManualClock({ startMs: START });
    const chance = new SeededChance(5);
    const cloud = new MemoryCloud({ clock, chance });
    const region = cloud.region('eu-west-1');
    super({ region, bucket: BUCKET, member: 'eu-west-1', tableId: TABLE_ID, stream: STREAM });
    this.clock = clock;
    this.cloud = cloud;
    this.region = region;
    this.runtime = {
      clock,
      chance,
      metrics: { count: () => undefined },
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
    };
    this.place = { objects: region.objects, bucket: BUCKET, set: 'cities', member: 'eu-west-1', key: KEY };
    region.buckets.createBucket(BUCKET);
    region.createTable({ name: CONTROL, key: CONTROL_KEY_SCHEMA });
  }

  override async put(name: string, body: Uint8Array): Promise<void> {
    await this.run(super.put(name, body));
  }

  /** Waits for some work while virtual time goes on. */
  run<T>(work: Promise<T>): Promise<T> {
    return this.clock.run(work);
  }

  /** What a flow yields, gathered. */
  gather<T>(work: AsyncIterable<T>): Promise<T[]> {
    return this.run(
      (async () => {
        const all: T[] = [];
        for await (const one of work) all.push(one);
        return all;
      })(),
    );
  }
}

/** The value of each key at T by the rule itself: the last change of the longest prefix, in the key's order, made at T or before. */
export function modelAt(changes: readonly Change[], atMs: number): Map<string, string> {
  const state = new Map<string, string>();
  const ended = new Set<string>();
  for (const { key, at, value } of changes) {
    if (at > atMs) ended.add(key);
    if (ended.has(key)) continue;
    if (value === undefined) state.delete(key);
    else state.set(key, value);
  }
  return state;
}

/** Items as `modelAt` gives them. */
export const valuesOf = (items: readonly Item[]): Map<string, string> => new Map(items.map((i) => [(i['id'] as { S: string }).S, (i['v'] as { S: string }).S]));

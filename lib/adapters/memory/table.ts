import type { AttributeValue, Item, Key } from '../../core/attribute.ts';
import { text } from '../../core/attribute.ts';
import { InvariantError } from '../../core/errors.ts';
import type { KeyAttribute, KeySchema } from '../../core/key.ts';
import { keyAttributes, keyOf, keyText } from '../../core/key.ts';
import { itemBytes } from '../../core/size.ts';
import { sameItem } from '../../core/values.ts';
import type { StreamRecord, StreamView } from '../../ports/stream.ts';
import type { TableDescription } from '../../ports/table.ts';
import type { SeededChance } from './chance.ts';
import type { ItemPlace, Place } from './partitions.ts';
import { Partitions } from './partitions.ts';
import { slotOf } from './shard.ts';
import { MemoryStream } from './stream.ts';
import type { IndexSchema } from './validate.ts';
import { checkedItem, checkedKey } from './validate.ts';

/** The first sequence number of a table: 21 digits, as DynamoDB's are today. */
const FIRST_SEQUENCE = 100_000_000_000_000_000_000n;
/** Largest step between two sequence numbers. */
const SEQUENCE_STEP_MAX = 1_000_000;
/** DynamoDB's TTL leaves items whose time is more than five years past (s). */
const TTL_AGE_MAX_S = 5 * 365 * 24 * 60 * 60;

/** How a table is made. */
export interface TableDefinition {
  readonly name: string;
  readonly key: KeySchema;
  readonly indexes?: readonly IndexSchema[];
  /** Whether it has a stream. Default: no. */
  readonly stream?: boolean;
  /** What its streams show. Default: NEW_AND_OLD_IMAGES. */
  readonly view?: StreamView;
  /** Open shards of its stream at first; they divide the keys evenly. Default: 1. */
  readonly shards?: number;
  /** The TTL attribute. */
  readonly ttl?: string;
}

/** The state of one table: items, streams, identity. Every method is one atomic step; nothing here waits. */
export class MemoryTable {
  readonly name: string;
  readonly tableId: string;
  readonly arn: string;
  readonly schema: KeySchema;
  readonly indexes: readonly IndexSchema[];
  readonly ttl: string | undefined;
  /** All streams that it had, the newest last. */
  readonly streams: MemoryStream[] = [];
  /** Called with every stream record when it is made. */
  onRecord: ((record: StreamRecord) => void) | undefined;
  readonly #shards: number;
  readonly #view: StreamView;
  readonly #key: readonly KeyAttribute[];
  /** By the canonical text of the key. */
  readonly #places = new Map<string, Place>();
  /** Made at the first query, since most tables never see one. */
  #partitions: Partitions | undefined;
  readonly #chance: SeededChance;
  #sequence = FIRST_SEQUENCE;
  #lastLabelMs: number;

  /** @param lastLabelMs the newest label of a stream of an earlier table of that name: two streams never share an ARN. */
  constructor(definition: TableDefinition, arn: string, tableId: string, chance: SeededChance, nowMs: number, lastLabelMs = 0) {
    this.#lastLabelMs = lastLabelMs;
    this.name = definition.name;
    this.tableId = tableId;
    this.arn = arn;
    this.schema = definition.key;
    this.#key = keyAttributes(definition.key);
    this.indexes = definition.indexes ?? [];
    this.ttl = definition.ttl;
    this.#shards = definition.shards ?? 1;
    this.#view = definition.view ?? 'NEW_AND_OLD_IMAGES';
    this.#chance = chance;
    if (definition.stream === true) this.enableStream(nowMs);
  }

  /** The newest stream, enabled or not. */
  get stream(): MemoryStream | undefined {
    return this.streams.at(-1);
  }

  /** The number of items. */
  get size(): number {
    return this.#places.size;
  }

  /** The item of a key that was checked. */
  read(key: Key): Item | undefined {
    return this.#places.get(keyText(key, this.schema))?.item;
  }

  /** The item of a key, by the key's canonical text. */
  readText(key: string): Item | undefined {
    return this.#places.get(key)?.item;
  }

  /** The size of the item of a key, by the key's canonical text (bytes): 0 when there is none. */
  bytesOf(key: string): number {
    const place = this.#places.get(key);
    if (place === undefined) return 0;
    place.bytes ??= itemBytes(place.item);
    return place.bytes;
  }

  /** All items, in no order. */
  items(): readonly Item[] {
    const items: Item[] = [];
    for (const place of this.#places.values()) items.push(place.item);
    return items;
  }

  /** The items of one partition key that was checked, by their sort keys. */
  partition(value: AttributeValue): readonly ItemPlace[] {
    this.#partitions ??= new Partitions(this.schema, this.#places.values());
    return this.#partitions.of(value);
  }

  /** Checks and normalises an item for this table. @throws RemoteError invalid */
  checkItem(item: Item): Item {
    return checkedItem(item, this.#key, this.indexes);
  }

  /** Checks and normalises a key of this table. @throws RemoteError invalid */
  checkKey(key: Key): Key {
    return checkedKey(key, this.#key);
  }

  /** The text that is equal for equal keys. */
  keyText(key: Key): string {
    return keyText(key, this.schema);
  }

  /** Puts an item that was checked. A put that changes nothing makes no record. @param key its key's canonical text, when it is known. */
  write(item: Item, nowMs: number, key = keyText(item, this.schema)): void {
    const place = this.#places.get(key);
    if (place === undefined) {
      const made: Place = { key, keys: Object.freeze(keyOf(item, this.schema)), item, slot: undefined, bytes: undefined };
      this.#places.set(key, made);
      this.#partitions?.add(made);
      this.#record(made, undefined, item, false, nowMs);
      return;
    }
    const old = place.item;
    if (sameItem(old, item)) return;
    place.item = item;
    place.bytes = undefined;
    this.#record(place, old, item, false, nowMs);
  }

  /** Removes the item of a key that was checked. Removing nothing makes no record. */
  remove(key: Key, nowMs: number, byTtl = false): void {
    this.removeText(keyText(key, this.schema), nowMs, byTtl);
  }

  /** Removes the item of a key, by the key's canonical text. */
  removeText(key: string, nowMs: number, byTtl = false): void {
    const place = this.#places.get(key);
    if (place === undefined) return;
    this.#places.delete(key);
    this.#partitions?.remove(place);
    this.#record(place, place.item, undefined, byTtl, nowMs);
  }

  /**
   * Changes what is stored under a key that was checked behind everyone's back, as a defect of the storage would: no record tells of it.
   *
   * @param item one of that key that was checked; undefined removes what is there
   */
  corrupt(key: Key, item: Item | undefined): void {
    const { streams } = this;
    const kept = streams.splice(0);
    try {
      if (item === undefined) this.remove(key, 0);
      else this.write(item, 0);
    } finally {
      streams.push(...kept);
    }
  }

  /** Removes what has expired, as DynamoDB's own TTL does. Returns how many items. */
  expire(nowMs: number): number {
    if (this.ttl === undefined) return 0;
    const nowS = Math.floor(nowMs / 1_000);
    let removed = 0;
    for (const [key, { item }] of this.#places) {
      const at = Number(text(item[this.ttl], 'N') ?? Number.NaN);
      if (!(at < nowS && at > nowS - TTL_AGE_MAX_S)) continue;
      this.removeText(key, nowMs, true);
      removed += 1;
    }
    return removed;
  }

  /**
   * Enables a stream: another ARN than any before.
   *
   * @param options.fromSequence its sequence numbers begin after this one. By default after those of the stream before, but
   *   AWS promises nothing across two streams of a table, so they may as well be smaller.
   */
  enableStream(nowMs: number, options: { readonly fromSequence?: bigint } = {}): MemoryStream {
    if (this.stream?.enabled === true) throw new Error(`The table ${this.name} has an enabled stream already.`);
    const { fromSequence } = options;
    if (fromSequence !== undefined) {
      if (fromSequence < 0n) throw new InvariantError('a sequence number is not negative', { table: this.name, fromSequence });
      this.#sequence = fromSequence;
    }
    // A label is the stream's time of birth (ms since 1970; on AWS as ISO text); two streams of one table never share it.
    this.#lastLabelMs = Math.max(nowMs, this.#lastLabelMs + 1);
    const stream = new MemoryStream(`${this.arn}/stream/${this.#lastLabelMs}`, this.#shards, { next: () => this.#nextSequence() }, this.#view);
    this.streams.push(stream);
    return stream;
  }

  /** Disables the stream; its records stay readable for 24 h. */
  disableStream(nowMs: number): void {
    this.stream?.disable(nowMs);
  }

  describe(): TableDescription {
    const stream = this.stream;
    return {
      tableId: this.tableId,
      status: 'ACTIVE',
      key: this.#key.map(({ name, type }) => ({ name, type })),
      ...(stream !== undefined && { streamArn: stream.arn }),
      streamEnabled: stream?.enabled === true,
      ...(stream?.enabled === true && { streamView: stream.view }),
      itemCount: this.#places.size,
    };
  }

  #record(place: Place, oldImage: Item | undefined, newImage: Item | undefined, byTtl: boolean, nowMs: number): void {
    const stream = this.stream;
    if (stream?.enabled !== true) return;
    if (place.slot === undefined && !stream.undivided) place.slot = slotOf(place.key);
    const record = stream.append({ keys: place.keys, oldImage, newImage, byTtl }, place.slot ?? 0, nowMs);
    this.onRecord?.(record);
  }

  #nextSequence(): bigint {
    this.#sequence += BigInt(1 + this.#chance.below(SEQUENCE_STEP_MAX));
    return this.#sequence;
  }
}

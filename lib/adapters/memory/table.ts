import type { AttributeValue, Item, Key } from '../../core/attribute.ts';
import { text } from '../../core/attribute.ts';
import { canonicalText } from '../../core/canonical.ts';
import type { KeySchema } from '../../core/key.ts';
import { keyAttributes, keyHash, keyOf, keyText } from '../../core/key.ts';
import type { StreamRecord } from '../../ports/stream.ts';
import type { TableDescription } from '../../ports/table.ts';
import type { SeededChance } from './chance.ts';
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
  /** Whether it has a stream (NEW_AND_OLD_IMAGES). Default: no. */
  readonly stream?: boolean;
  /** Open shards of its stream. Default: 1. */
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
  readonly #items = new Map<string, Item>();
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
    this.indexes = definition.indexes ?? [];
    this.ttl = definition.ttl;
    this.#shards = definition.shards ?? 1;
    this.#chance = chance;
    if (definition.stream === true) this.enableStream(nowMs);
  }

  /** The newest stream, enabled or not. */
  get stream(): MemoryStream | undefined {
    return this.streams.at(-1);
  }

  /** The number of items. */
  get size(): number {
    return this.#items.size;
  }

  /** The item of a key that was checked. */
  read(key: Key): Item | undefined {
    return this.#items.get(keyText(key, this.schema));
  }

  /** All items, in no order. */
  items(): readonly Item[] {
    return [...this.#items.values()];
  }

  /** Checks and normalises an item for this table. @throws RemoteError invalid */
  checkItem(item: Item): Item {
    return checkedItem(item, this.schema, this.indexes);
  }

  /** Checks and normalises a key of this table. @throws RemoteError invalid */
  checkKey(key: Key): Key {
    return checkedKey(key, this.schema);
  }

  /** The text that is equal for equal keys. */
  keyText(key: Key): string {
    return keyText(key, this.schema);
  }

  /** Puts an item that was checked. A put that changes nothing makes no record. */
  write(item: Item, nowMs: number): void {
    const key = keyText(item, this.schema);
    const old = this.#items.get(key);
    if (old !== undefined && sameItem(old, item)) return;
    this.#items.set(key, item);
    this.#record(key, keyOf(item, this.schema), old, item, false, nowMs);
  }

  /** Removes the item of a key that was checked. Removing nothing makes no record. */
  remove(key: Key, nowMs: number, byTtl = false): void {
    const keyed = keyText(key, this.schema);
    const old = this.#items.get(keyed);
    if (old === undefined) return;
    this.#items.delete(keyed);
    this.#record(keyed, keyOf(old, this.schema), old, undefined, byTtl, nowMs);
  }

  /** Removes what has expired, as DynamoDB's own TTL does. Returns how many items. */
  expire(nowMs: number): number {
    if (this.ttl === undefined) return 0;
    const nowS = Math.floor(nowMs / 1_000);
    let removed = 0;
    for (const item of this.items()) {
      const at = Number(text(item[this.ttl], 'N') ?? Number.NaN);
      if (!(at < nowS && at > nowS - TTL_AGE_MAX_S)) continue;
      this.remove(keyOf(item, this.schema), nowMs, true);
      removed += 1;
    }
    return removed;
  }

  /** Enables a stream: another ARN than any before. */
  enableStream(nowMs: number): MemoryStream {
    if (this.stream?.enabled === true) throw new Error(`The table ${this.name} has an enabled stream already.`);
    // A label is the stream's time of birth (ms since 1970; on AWS as ISO text); two streams of one table never share it.
    this.#lastLabelMs = Math.max(nowMs, this.#lastLabelMs + 1);
    const stream = new MemoryStream(`${this.arn}/stream/${this.#lastLabelMs}`, this.#shards, { next: () => this.#nextSequence() });
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
      key: keyAttributes(this.schema).map(({ name, type }) => ({ name, type })),
      ...(stream !== undefined && { streamArn: stream.arn }),
      streamEnabled: stream?.enabled === true,
      ...(stream?.enabled === true && { streamView: 'NEW_AND_OLD_IMAGES' }),
      itemCount: this.#items.size,
    };
  }

  #record(keyed: string, keys: Key, oldImage: Item | undefined, newImage: Item | undefined, byTtl: boolean, nowMs: number): void {
    const stream = this.stream;
    if (stream?.enabled !== true) return;
    const record = stream.append({ keys: Object.freeze(keys), oldImage, newImage, byTtl }, keyHash(keyed).readUInt32BE(4), nowMs);
    this.onRecord?.(record);
  }

  #nextSequence(): bigint {
    this.#sequence += BigInt(1 + this.#chance.below(SEQUENCE_STEP_MAX));
    return this.#sequence;
  }
}

const sameItem = (a: Item, b: Item): boolean => a === b || canonicalText({ M: a } as AttributeValue) === canonicalText({ M: b } as AttributeValue);

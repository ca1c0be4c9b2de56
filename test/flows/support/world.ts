import { SeededChance } from '../../../lib/adapters/memory/chance.ts';
import { ManualClock } from '../../../lib/adapters/memory/clock.ts';
import { MemoryCloud } from '../../../lib/adapters/memory/cloud.ts';
import type { IndexSchema } from '../../../lib/adapters/memory/validate.ts';
import type { AttributeValue, Item, Key } from '../../../lib/core/attribute.ts';
import { canonicalItem } from '../../../lib/core/canonical.ts';
import type { MemberConfig, SetConfig } from '../../../lib/core/config.ts';
import { setConfigSchema } from '../../../lib/core/config.ts';
import { APPLY_BATCH_MESSAGES, FUNCTION_TIMEOUT_MS, STREAM_BATCH_RECORDS, VISIBILITY_S } from '../../../lib/core/constants.ts';
import type { Refused } from '../../../lib/core/formats/refused-row.ts';
import { decodeRefused, REFUSED } from '../../../lib/core/formats/refused-row.ts';
import type { Link, Seat } from '../../../lib/core/formats/rows.ts';
import { decodeLink, decodeSeat, encodeSeat, linkKey, SEAT_KEY } from '../../../lib/core/formats/rows.ts';
import { withoutMeta } from '../../../lib/core/formats/seal.ts';
import { keyText } from '../../../lib/core/key.ts';
import { linkNames, memberNames } from '../../../lib/core/names.ts';
import type { ObserveResult } from '../../../lib/observe/observe.ts';
import { observe } from '../../../lib/observe/observe.ts';
import type { QueueMessage } from '../../../lib/ports/queue.ts';
import type { Log, Runtime } from '../../../lib/ports/runtime.ts';
import type { StreamRecord, StreamView } from '../../../lib/ports/stream.ts';
import type { TablePort } from '../../../lib/ports/table.ts';
import type { MinuteResult } from '../../../lib/reconcile/minute.ts';
import { minuteRun } from '../../../lib/reconcile/minute.ts';
import type { ApplyResult } from '../../../lib/replicate/apply/apply.ts';
import { apply, applySandbox } from '../../../lib/replicate/apply/apply.ts';
import type { ApplySandbox } from '../../../lib/replicate/apply/pass.ts';
import { linkContext, memberContext } from '../../../lib/replicate/context.ts';
import type { FanoutResult } from '../../../lib/replicate/fanout.ts';
import { fanout } from '../../../lib/replicate/fanout.ts';
import { initSet } from '../../../lib/replicate/init.ts';
import { ShardFinder } from '../../../lib/replicate/shards.ts';

/** The key schema of the flows' tests. */
export const KEY = { partition: { name: 'pk', type: 'S' }, sort: { name: 'sk', type: 'N' } } as const;

/** A key of that schema. */
export const key = (pk: string, sk = 1): Key => ({ pk: { S: pk }, sk: { N: String(sk) } });
/** An item of that schema. */
export const item = (pk: string, sk: number, more: Record<string, AttributeValue> = {}): Item => ({ ...key(pk, sk), ...more });

/** Rounds of fan-out and apply in which a world must come to rest. */
const DRAIN_ROUNDS_MAX = 400;

/** A set of members over one memory cloud, with its functions driven by hand: the real flows, in virtual time. */
export class World {
  readonly clock = new ManualClock();
  readonly chance: SeededChance;
  readonly cloud: MemoryCloud;
  readonly config: SetConfig;
  readonly logged: { level: string; message: string; fields: Readonly<Record<string, unknown>> | undefined }[] = [];
  readonly counted = new Map<string, number>();
  /** Records that fan-out has consumed, by member. */
  readonly consumed = new Map<string, number>();
  readonly #sandboxes = new Map<string, ApplySandbox>();

  private constructor(options: { seed: number; members: readonly string[]; lanes: number; indexes: readonly IndexSchema[]; view: StreamView }) {
    this.chance = new SeededChance(options.seed);
    this.cloud = new MemoryCloud({ clock: this.clock, chance: this.chance });
    this.config = setConfigSchema.parse({
      set: 'test',
      lanes: options.lanes,
      key: KEY,
      members: options.members.map((name) => ({ name, region: name, account: '000000000000', generation: 1, items: `items-${name}` })),
    });
    for (const member of this.config.members) {
      const region = this.cloud.region(member.region);
      const names = memberNames('test', member);
      // Indexes are each replica's own: these are the secondaries'.
      const indexed = member !== this.config.members[0] && options.indexes.length > 0;
      // What the stream shows is each table's own: this is the primary's.
      const view = member === this.config.members[0] ? options.view : 'NEW_AND_OLD_IMAGES';
      region.createTable({ name: member.items, key: KEY, stream: true, view, ...(indexed && { indexes: options.indexes }) });
      region.createTable({ name: names.tombstones, key: KEY, ttl: 'expiresAt' });
      region.buckets.createBucket(names.bucket);
      region.createTable({ name: names.control, key: { partition: { name: 'pk', type: 'S' }, sort: { name: 'sk', type: 'S' } } });
    }
    for (const source of this.config.members) {
      for (const target of this.config.members) {
        if (source === target) continue;
        const { queue, dlq } = linkNames('test', source, target);
        this.cloud.region(source.region).createQueue({ name: dlq });
        this.cloud.region(source.region).createQueue({ name: queue, dlq, visibilityS: VISIBILITY_S });
      }
    }
  }

  /** A world whose first member is primary in epoch 1. */
  static async create(
    options: { seed?: number; members?: readonly string[]; lanes?: number; indexes?: readonly IndexSchema[]; view?: StreamView } = {},
  ): Promise<World> {
    const world = new World({
      seed: options.seed ?? 1,
      members: options.members ?? ['eu-west-1', 'us-east-1'],
      lanes: options.lanes ?? 4,
      indexes: options.indexes ?? [],
      view: options.view ?? 'NEW_AND_OLD_IMAGES',
    });
    await world.clock.run(initSet(world.config, world.member(0), (m) => world.table(m.name), world.clock.now()));
    // Records are stamped with whole seconds; begin in a second of its own.
    await world.clock.advance(2_000);
    return world;
  }

  member(index: number): MemberConfig {
    return this.config.members[index] as MemberConfig;
  }
  get primary(): string {
    return this.member(0).name;
  }
  get secondary(): string {
    return this.member(1).name;
  }

  table(member: string): TablePort {
    return this.cloud.region(member).table;
  }
  items(member: string): string {
    return `items-${member}`;
  }
  tombstones(member: string): string {
    return memberNames('test', this.named(member)).tombstones;
  }
  control(member: string): string {
    return memberNames('test', this.named(member)).control;
  }
  named(name: string): MemberConfig {
    return this.config.members.find((m) => m.name === name) as MemberConfig;
  }

  get runtime(): Runtime {
    const at =
      (level: string) =>
      (message: string, fields?: Readonly<Record<string, unknown>>): void => {
        this.logged.push({ level, message, fields });
      };
    const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
    return {
      clock: this.clock,
      chance: this.chance,
      log,
      metrics: { count: (name, value) => void this.counted.set(name, (this.counted.get(name) ?? 0) + value) },
    };
  }

  /** A write by a user of the SDK, at any member. */
  async put(value: Item, member = this.primary): Promise<void> {
    await this.clock.run(this.table(member).put(this.items(member), value));
  }
  async remove(k: Key, member = this.primary): Promise<void> {
    await this.clock.run(this.table(member).delete(this.items(member), k));
  }
  async get(k: Key, member = this.secondary): Promise<Item | undefined> {
    return this.clock.run(this.table(member).get(this.items(member), k));
  }

  records(member = this.primary): readonly StreamRecord[] {
    return this.cloud.region(member).streamRecords(this.items(member));
  }

  /** Gives these records to fan-out. */
  fanoutOf(records: readonly StreamRecord[], member = this.primary): Promise<FanoutResult> {
    const region = this.cloud.region(member);
    const ports = { table: region.table, queue: region.queue, shards: new ShardFinder(region.stream, this.clock) };
    return this.clock.run(fanout({ records }, memberContext(this.config, this.named(member)), ports, this.runtime));
  }

  /** Gives these records of one shard to the observer. @param shardId as Lambda names it for a mapping with a tumbling window. */
  observeOf(records: readonly StreamRecord[], member = this.primary, shardId?: string): Promise<ObserveResult> {
    const { table, stream, objects } = this.cloud.region(member);
    const ports = { table, objects, shards: new ShardFinder(stream, this.clock) };
    const batch = { records, ...(shardId !== undefined && { shardId }) };
    return this.clock.run(observe(batch, memberContext(this.config, this.named(member)), ports, this.runtime));
  }

  /** Fans out what is new since the last call, in batches; a batch that throws is not consumed. */
  async pumpFanout(member = this.primary, batch = STREAM_BATCH_RECORDS): Promise<void> {
    const all = this.records(member);
    for (let at = this.consumed.get(member) ?? 0; at < all.length; at = this.consumed.get(member) ?? 0) {
      const records = all.slice(at, at + batch);
      await this.fanoutOf(records, member);
      this.consumed.set(member, at + records.length);
    }
  }

  queue(source = this.primary, target = this.secondary): { queue: string; dlq: string; url: string; dlqUrl: string } {
    const names = linkNames('test', this.named(source), this.named(target));
    const link = linkContext(this.config, this.named(source), this.named(target));
    return { queue: names.queue, dlq: names.dlq, url: link.queueUrl, dlqUrl: link.dlqUrl };
  }

  /** Receives at most `max` messages as Lambda's mapping does. */
  receive(source = this.primary, target = this.secondary, max = APPLY_BATCH_MESSAGES): Promise<readonly QueueMessage[]> {
    return this.clock.run(this.cloud.region(source).queue.receive(this.queue(source, target).url, { max, visibilityS: VISIBILITY_S }));
  }

  /** Gives messages to apply, and deletes what it does not name as failed, as Lambda does. */
  async applyOf(messages: readonly QueueMessage[], source = this.primary, target = this.secondary, remainingMs = FUNCTION_TIMEOUT_MS): Promise<ApplyResult> {
    const result = await this.clock.run(this.startApply(messages, source, target, remainingMs));
    await this.remove_(
      messages.filter((m) => !result.failures.includes(m.id)),
      source,
      target,
    );
    return result;
  }

  /** Begins an invocation of apply without waiting for it. */
  startApply(messages: readonly QueueMessage[], source = this.primary, target = this.secondary, remainingMs = FUNCTION_TIMEOUT_MS): Promise<ApplyResult> {
    const link = linkContext(this.config, this.named(source), this.named(target));
    const { queue, objects } = this.cloud.region(source);
    const { bucket, expiryAttribute } = memberContext(this.config, this.named(source));
    const reports = { bucket, objects: () => objects, ...(expiryAttribute !== undefined && { expiryAttribute }) };
    const ports = { source: this.table(source), target: this.table(target), queue, reports };
    const id = `${source}>${target}`;
    const sandbox = this.#sandboxes.get(id) ?? applySandbox(link, ports, this.runtime);
    this.#sandboxes.set(id, sandbox);
    return apply(messages, link, ports, this.runtime, sandbox, remainingMs);
  }

  async remove_(messages: readonly QueueMessage[], source: string, target: string): Promise<void> {
    const entries = messages.map((m, i) => ({ id: String(i), receipt: m.receipt }));
    if (entries.length > 0) await this.clock.run(this.cloud.region(source).queue.deleteBatch(this.queue(source, target).url, entries));
  }

  /** One receive and apply. Returns how many messages there were. */
  async pumpApply(source = this.primary, target = this.secondary): Promise<number> {
    const messages = await this.receive(source, target);
    if (messages.length > 0) await this.applyOf(messages, source, target);
    return messages.length;
  }

  /** Runs fan-out and apply of every link until nothing moves any more, waiting in virtual time for lanes that were given back. */
  async drain(): Promise<void> {
    for (let round = 0; round < DRAIN_ROUNDS_MAX; round += 1) {
      let moved = 0;
      for (const source of this.config.members) {
        await this.pumpFanout(source.name);
        for (const target of this.config.members) if (target !== source) moved += await this.pumpApply(source.name, target.name);
      }
      if (moved > 0) continue;
      if (
        this.config.members.every((s) =>
          this.config.members.every((t) => s === t || this.cloud.region(s.region).messages(this.queue(s.name, t.name).queue).length === 0),
        )
      )
        return;
      await this.clock.advance(1_000);
    }
    throw new Error(`The world has not come to rest in ${DRAIN_ROUNDS_MAX} rounds.`);
  }

  minute(member = this.primary): Promise<MinuteResult> {
    const region = this.cloud.region(member);
    return this.clock.run(
      minuteRun(
        memberContext(this.config, this.named(member)),
        { table: region.table, queue: region.queue, target: (r) => this.cloud.region(r).table },
        this.runtime,
      ),
    );
  }

  async seat(member: string): Promise<Seat> {
    return decodeSeat((await this.clock.run(this.table(member).get(this.control(member), SEAT_KEY))) as Item);
  }
  async setSeat(member: string, change: Partial<Seat>): Promise<void> {
    const seat = await this.seat(member);
    await this.clock.run(this.table(member).put(this.control(member), encodeSeat({ ...seat, ...change, v: seat.v + 1 })));
  }
  async link(source = this.primary, target = this.secondary): Promise<Link> {
    return decodeLink((await this.clock.run(this.table(source).get(this.control(source), linkKey(target)))) as Item);
  }
  async refused(member = this.secondary): Promise<Refused[]> {
    const { items } = await this.clock.run(this.table(member).query({ table: this.control(member), partition: { name: 'pk', value: { S: REFUSED } } }));
    return items.map(decodeRefused);
  }

  deadLetters(source = this.primary, target = this.secondary): readonly { readonly body: string; readonly attributes: Readonly<Record<string, string>> }[] {
    return this.cloud.region(source).messages(this.queue(source, target).dlq);
  }

  /** The content of a member's items by key text, without metadata. */
  content(member: string): Map<string, string> {
    return new Map(
      this.cloud
        .region(member)
        .items(this.items(member))
        .map((i) => [keyText(i, KEY), canonicalItem(withoutMeta(i))]),
    );
  }
}

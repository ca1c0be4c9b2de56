import fc from 'fast-check';
import type { ArchivePlace } from '../../../../lib/archive/place.ts';
import { archivePlace } from '../../../../lib/archive/place.ts';
import type { AttributeValue, Item, Key } from '../../../../lib/core/attribute.ts';
import { Digest } from '../../../../lib/core/digest.ts';
import type { KeySchema } from '../../../../lib/core/key.ts';
import { keyText } from '../../../../lib/core/key.ts';
import { JobLease, readJob } from '../../../../lib/job/lease.ts';
import { LEASE_MS } from '../../../../lib/job/limits.ts';
import { observe } from '../../../../lib/observe/observe.ts';
import type { ObjectPort } from '../../../../lib/ports/objects.ts';
import type { StreamRecord } from '../../../../lib/ports/stream.ts';
import type { TablePort } from '../../../../lib/ports/table.ts';
import type { Base } from '../../../../lib/reconcile/scan/base.ts';
import { newestBase } from '../../../../lib/reconcile/scan/base.ts';
import type { ScanOptions } from '../../../../lib/reconcile/scan/kind.ts';
import { makeScanKind, scanKind } from '../../../../lib/reconcile/scan/kind.ts';
import type { ScannedMember } from '../../../../lib/reconcile/scan/reached.ts';
import type { ScanTask } from '../../../../lib/reconcile/scan/task.ts';
import { freshScan, scanTaskId } from '../../../../lib/reconcile/scan/task.ts';
import { fingerprintOf } from '../../../../lib/reconcile/scan/writer.ts';
import type { Watermark } from '../../../../lib/reconcile/segments.ts';
import { taskPlace } from '../../../../lib/reconcile/tasks/task.ts';
import type { MemberContext } from '../../../../lib/replicate/context.ts';
import { memberContext } from '../../../../lib/replicate/context.ts';
import { ShardFinder } from '../../../../lib/replicate/shards.ts';
import type { Death } from '../../../flows/support/mortal.ts';
import { mortal } from '../../../flows/support/mortal.ts';
import { item, KEY, key, World } from '../../../flows/support/world.ts';

/** The log surely reaches a time so long after it (ms): see archivedBound. */
const LOG_SURE_MS = 120_000;
/** Day of expiry of items in tests: one that is far away. */
export const A_DAY = 86_400;

/** A change of a table: an item to put, or a key to delete. */
export type Change = { readonly put: Item } | { readonly remove: Key };

/** Changes of few keys, so that they meet: some with an expiry time, some deleted. */
export const changesArb = (min: number, max: number, keys: number): fc.Arbitrary<Change[]> => {
  const one = fc.record({ k: fc.nat(keys - 1), value: fc.nat(50), day: fc.option(fc.integer({ min: 30_000, max: 30_003 }), { freq: 3 }), remove: fc.nat(3) });
  return fc.array(one, { minLength: min, maxLength: max }).map((all) =>
    all.map(({ k, value, day, remove }): Change => {
      const [pk, sk] = [`p${k % 5}`, k];
      if (remove === 0) return { remove: key(pk, sk) };
      const more: Record<string, AttributeValue> = { n: { N: String(value) }, ...(day !== null && { expires: { N: String(day * A_DAY + value) } }) };
      return { put: item(pk, sk, more) };
    }),
  );
};

/** A member that is scanned, in a world whose fan-out and observer read its stream when they are told. */
export class ScanWorld {
  readonly world: World;
  readonly member: MemberContext;
  /** Records of the stream that each reader has consumed. */
  #observed = 0;

  private constructor(world: World, expiry: string | undefined) {
    this.world = world;
    this.member = { ...memberContext(world.config, world.member(0)), ...(expiry !== undefined && { expiryAttribute: expiry }) };
  }

  static async create(items: readonly Item[] = [], expiry?: string): Promise<ScanWorld> {
    const made = new ScanWorld(await World.create(), expiry);
    for (const one of items) await made.world.put(one);
    return made;
  }

  get table(): TablePort {
    return this.world.table(this.world.primary);
  }
  get objects(): ObjectPort {
    return this.world.cloud.region(this.world.primary).objects;
  }
  get place(): ArchivePlace {
    return archivePlace(this.member, this.objects);
  }

  /** The member, as a process reaches it that dies with its call number `at`. @param onPage called with every page that was read */
  reach(death?: Death, onPage?: () => Promise<void>): ScannedMember {
    const { wrap } = mortal(death);
    const table = wrap(this.table);
    const scanning: TablePort =
      onPage === undefined
        ? table
        : new Proxy(table, {
            get: (target, name) =>
              name === 'scan'
                ? async (...args: Parameters<TablePort['scan']>) => {
                    const page = await target.scan(...args);
                    await onPage();
                    return page;
                  }
                : Reflect.get(target, name),
          });
    return {
      member: this.member,
      table: scanning,
      place: { ...this.place, objects: wrap(this.objects) },
      stream: this.world.cloud.region(this.world.primary).stream,
    };
  }

  async change(one: Change): Promise<void> {
    const table = this.world.items(this.world.primary);
    await ('put' in one ? this.table.put(table, one.put) : this.table.delete(table, one.remove));
  }
  async changes(all: readonly Change[]): Promise<void> {
    for (const one of all) await this.world.clock.run(this.change(one));
  }

  /** The member's observer reads these; the world's own one knows no expiry. */
  async observe(records: readonly StreamRecord[]): Promise<void> {
    const { stream } = this.world.cloud.region(this.world.primary);
    const ports = { table: this.table, objects: this.objects, shards: new ShardFinder(stream, this.world.clock) };
    await this.world.clock.run(observe({ records }, this.member, ports, this.world.runtime));
  }

  get records(): readonly StreamRecord[] {
    return this.world.records();
  }

  /** Both readers read on, in batches. @param leave so many of the newest records are not read yet */
  async readStream(batch = 7, leave = 0): Promise<void> {
    const all = this.records;
    const end = Math.max(this.#observed, all.length - leave);
    for (let at = this.#observed; at < end; at += batch) {
      const some = all.slice(at, Math.min(at + batch, end));
      await this.world.fanoutOf(some);
      await this.observe(some);
    }
    this.#observed = end;
  }

  ask(more: Partial<Parameters<typeof freshScan>[0]> = {}): Parameters<typeof freshScan>[0] {
    return { id: scanTaskId(this.world.runtime), by: 'a test', asked: this.world.clock.now(), ...more };
  }

  /** One slice of a scan, as a worker makes it. */
  async slice(
    asked: Parameters<typeof freshScan>[0],
    how: { forMs?: number; death?: Death; onPage?: () => Promise<void>; options?: ScanOptions; stopped?: () => boolean; reach?: ScannedMember } = {},
  ): Promise<ScanTask> {
    const { clock, runtime } = this.world;
    const kind = how.options === undefined ? scanKind : makeScanKind(how.options);
    const reach = how.reach ?? this.reach(how.death, how.onPage);
    const work = async (): Promise<ScanTask> => {
      const lease = await JobLease.claim(taskPlace(reach.table, this.member.tables.control, asked.id, kind), runtime, 'a test', freshScan(asked), false);
      await kind.work(reach, runtime, lease, clock.elapsed() + (how.forMs ?? 30_000), { progress: () => undefined, stopped: how.stopped ?? (() => false) });
      await lease.release();
      return lease.job;
    };
    return clock.run(work());
  }

  /** Waits until what a killed slice has issued is over. */
  leaseOver(): Promise<void> {
    return this.world.clock.advance(LEASE_MS + 5_000);
  }

  /** Goes on until the scan is done; both readers read all there is. */
  async finish(asked: Parameters<typeof freshScan>[0], options?: ScanOptions): Promise<ScanTask> {
    for (let slice = 0; slice < 20; slice += 1) {
      await this.readStream();
      const task = await this.slice(asked, options === undefined ? {} : { options });
      if (task.done !== undefined) return task;
      await this.world.clock.advance(LOG_SURE_MS);
    }
    throw new Error('The scan has not ended in 20 slices.');
  }

  task(id: string): Promise<ScanTask | undefined> {
    return this.world.clock.run(readJob(taskPlace(this.table, this.member.tables.control, id, scanKind), this.world.runtime));
  }

  newest(): Promise<Base | undefined> {
    return this.world.clock.run(newestBase(this.reach(), this.world.runtime));
  }

  /** The items as of a watermark, by their key texts: every record that it counts, in order. */
  itemsAt(mark: Watermark): Map<string, Item> {
    const last = [...mark.values()].reduce((newest, { last: sequence }) => (BigInt(sequence) > newest ? BigInt(sequence) : newest), 0n);
    const items = new Map<string, Item>();
    for (const { sequence, keys, newImage } of this.records) {
      if (BigInt(sequence) > last) break;
      if (newImage === undefined) items.delete(keyText(keys, KEY));
      else items.set(keyText(keys, KEY), newImage);
    }
    return items;
  }

  digestOf(items: Iterable<Item>): Digest {
    const digest = new Digest();
    for (const one of items) digest.add(fingerprintOf(one, KEY as KeySchema, this.member.expiryAttribute));
    return digest;
  }

  names(prefix = ''): readonly string[] {
    return this.world.cloud
      .region(this.world.primary)
      .buckets.keys(this.member.bucket)
      .filter((name) => name.startsWith(prefix));
  }
}

/** All of a generator. */
export async function gathered<T>(of: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of of) all.push(one);
  return all;
}

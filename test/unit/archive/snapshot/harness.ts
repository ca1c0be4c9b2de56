import type { ArchivePlace } from '../../../../lib/archive/place.ts';
import { snapshotItems } from '../../../../lib/archive/snapshot/read.ts';
import type { SnapshotJob } from '../../../../lib/archive/snapshot/savepoint.ts';
import { snapshotJobPlace } from '../../../../lib/archive/snapshot/savepoint.ts';
import type { SnapshotOptions, SnapshotPorts, SnapshotProgress, SnapshotResult } from '../../../../lib/archive/snapshot/take.ts';
import { takeSnapshot } from '../../../../lib/archive/snapshot/take.ts';
import type { Item } from '../../../../lib/core/attribute.ts';
import type { Manifest } from '../../../../lib/core/formats/manifest.ts';
import { readJob } from '../../../../lib/job/lease.ts';
import { LEASE_MS } from '../../../../lib/job/limits.ts';
import type { ObjectPort } from '../../../../lib/ports/objects.ts';
import type { MemberContext } from '../../../../lib/replicate/context.ts';
import { memberContext } from '../../../../lib/replicate/context.ts';
import type { Death } from '../../../flows/support/mortal.ts';
import { mortal } from '../../../flows/support/mortal.ts';
import { World } from '../../../flows/support/world.ts';

/** A world whose first member has a bucket. */
export class SnapshotWorld {
  readonly world: World;
  readonly member: MemberContext;

  private constructor(world: World) {
    this.world = world;
    this.member = memberContext(world.config, world.member(0));
    try {
      world.cloud.region(world.primary).buckets.createBucket(this.member.bucket);
    } catch {
      // The world has made it.
    }
  }

  static async create(items: readonly Item[] = []): Promise<SnapshotWorld> {
    const made = new SnapshotWorld(await World.create({ members: ['eu-west-1', 'us-east-1'] }));
    for (const item of items) await made.world.put(item);
    return made;
  }

  get objects(): ObjectPort {
    return this.world.cloud.region(this.world.primary).objects;
  }

  place(objects: ObjectPort = this.objects): ArchivePlace {
    return { objects, bucket: this.member.bucket, set: this.member.set, member: this.member.member, key: this.member.key };
  }

  /** Ports of a process that dies with its call number `at`: before its effect, or after it. */
  ports(death?: Death): SnapshotPorts {
    const { wrap } = mortal(death);
    return { table: wrap(this.world.table(this.world.primary)), place: this.place(wrap(this.objects)) };
  }

  take(
    options: Partial<SnapshotOptions> = {},
    more: { death?: { at: number; after: boolean }; stopped?: () => boolean; heard?: SnapshotProgress[] } = {},
  ): Promise<SnapshotResult> {
    return this.world.clock.run(
      takeSnapshot(
        this.member,
        this.ports(more.death),
        this.world.runtime,
        { owner: 'a test', segments: 3, ...options },
        { progress: (now) => void more.heard?.push(now), stopped: more.stopped ?? (() => false) },
      ),
    );
  }

  /** Waits for something that also does work outside virtual time: Node's gunzip has threads of its own. */
  async drive<T>(work: Promise<T>): Promise<T> {
    const { clock } = this.world;
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    work.then(mark, mark);
    while (!settled) {
      await new Promise((resolve) => setImmediate(resolve));
      if (clock.nextInMs !== undefined) await clock.advance(clock.nextInMs);
    }
    return work;
  }

  /** Begins a snapshot without waiting for it. */
  start(): Promise<SnapshotResult> {
    return takeSnapshot(this.member, this.ports(), this.world.runtime, { owner: 'another', segments: 3 }, { progress: () => undefined, stopped: () => false });
  }

  /** Makes the savepoint one of another table. */
  async foreign(): Promise<void> {
    const place = snapshotJobPlace(this.world.table(this.world.primary), this.member.tables.control);
    const job = await this.job();
    if (job === undefined) throw new Error('there is no savepoint');
    await this.world.clock.run(place.table.put(place.control, place.codec.encode({ ...job, tableId: 'another' })));
  }

  /** Waits until a killed run's lease is over. */
  async leaseOver(): Promise<void> {
    await this.world.clock.advance(LEASE_MS);
  }

  job(): Promise<SnapshotJob | undefined> {
    return this.world.clock.run(readJob(snapshotJobPlace(this.world.table(this.world.primary), this.member.tables.control), this.world.runtime));
  }

  /** Names in the bucket. */
  names(prefix = ''): readonly string[] {
    return this.world.cloud
      .region(this.world.primary)
      .buckets.keys(this.member.bucket)
      .filter((name) => name.startsWith(prefix));
  }

  /** All items of a snapshot, file by file. */
  itemsOf(manifest: Manifest): Promise<Item[]> {
    const { world } = this;
    const read = async (): Promise<Item[]> => {
      const items: Item[] = [];
      for (const file of manifest.files) for await (const item of snapshotItems(this.place(), world.runtime, manifest, file)) items.push(item);
      return items;
    };
    return world.clock.run(read());
  }
}

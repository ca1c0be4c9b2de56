import { SeededChance } from '../../../lib/adapters/memory/chance.ts';
import { ManualClock } from '../../../lib/adapters/memory/clock.ts';
import type { MemoryRegion } from '../../../lib/adapters/memory/cloud.ts';
import { MemoryCloud } from '../../../lib/adapters/memory/cloud.ts';
import type { QueueWorld, TableWorld } from './world.ts';

/** A memory cloud with its clock. */
export function memoryCloud(seed = 1): { readonly cloud: MemoryCloud; readonly clock: ManualClock; readonly region: MemoryRegion } {
  const clock = new ManualClock();
  const cloud = new MemoryCloud({ clock, chance: new SeededChance(seed) });
  return { cloud, clock, region: cloud.region('eu-central-1') };
}

export async function memoryTableWorld(): Promise<TableWorld> {
  const { clock, region } = memoryCloud();
  let number = 0;
  return {
    table: region.table,
    stream: region.stream,
    async createTable({ key, index, stream }) {
      number += 1;
      const name = `table-${number}`;
      region.createTable({
        name,
        key,
        ...(index !== undefined && { indexes: [{ name: 'index', key: [index] }] }),
        ...(stream !== undefined && { stream, shards: 3 }),
      });
      return name;
    },
    async replaceStream(table) {
      region.tableNamed(table).disableStream(clock.now());
      await clock.advance(1_000);
      region.tableNamed(table).enableStream(clock.now());
    },
    async records(table) {
      return region.tableNamed(table).stream?.records(clock.now()) ?? [];
    },
    close: () => Promise.resolve(),
  };
}

export async function memoryQueueWorld(): Promise<QueueWorld> {
  const { clock, region } = memoryCloud();
  let number = 0;
  return {
    queue: region.queue,
    async createQueue(definition) {
      number += 1;
      const dlq = definition?.dlqOf === undefined ? undefined : region.createQueue({ name: `queue-${number}-dlq.fifo` });
      const queue = region.createQueue({
        name: `queue-${number}.fifo`,
        ...(dlq !== undefined && { dlq: dlq.name, maxReceiveCount: definition?.dlqOf?.maxReceiveCount ?? 1 }),
      });
      return { url: queue.url, dlqUrl: dlq?.url };
    },
    pass: (ms) => clock.advance(ms),
    close: () => Promise.resolve(),
  };
}

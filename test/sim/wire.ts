import { archiveMinute } from '../../lib/archive/minute.ts';
import { DEADLINE_MARGIN_MS, RECONCILE_TIMEOUT_MS } from '../../lib/core/constants.ts';
import { observe } from '../../lib/observe/observe.ts';
import { minuteRun } from '../../lib/reconcile/minute.ts';
import { reconcilePart } from '../../lib/reconcile/part.ts';
import { apply, applySandbox } from '../../lib/replicate/apply/apply.ts';
import type { ApplySandbox } from '../../lib/replicate/apply/pass.ts';
import { linkContext, memberContext } from '../../lib/replicate/context.ts';
import { fanout } from '../../lib/replicate/fanout.ts';
import { ShardFinder } from '../../lib/replicate/shards.ts';
import { checkPorts, checkSettings } from './checker.ts';
import { QueueMapping } from './mappings/queue.ts';
import { StreamMapping } from './mappings/stream.ts';
import type { SimProcess } from './process.ts';
import type { World } from './world.ts';

/** The production flows of a world: who is called when, and with what, as their handlers in functions/ do it. */

/** Period of the minute run while the world heals (virtual ms), as it is deployed. */
const HEALTHY_TICK_MS = 60_000;
/** Between two snapshots that the minute run takes (virtual ms): more often than anybody would, so that runs of hours have some. */
const SNAPSHOT_EVERY_MS = 6 * 3_600_000;
/** Between two looks of the checker of one member, at least (virtual ms): each minute, as it is deployed, would be most of the work of a run. */
const LOOK_EVERY_MS = 4 * 60_000;
/** The observer's window (virtual ms). */
const OBSERVE_WINDOW_MS = 60_000;

/** Mappings and functions of every member. */
export function wire(world: World): void {
  const { set } = world;
  for (const member of set.members) {
    const context = memberContext(set.config, set.memberConfig(member));
    const stream = (fn: 'fanout' | 'observe', windowMs: number): void => {
      const finders = new WeakMap<SimProcess, ShardFinder>();
      const mapping: StreamMapping = new StreamMapping(world, member, fn, windowMs, (process, batch) => {
        const ports = set.region(member).ports(process);
        const shards = finders.get(process) ?? new ShardFinder(ports.stream, process.clock);
        finders.set(process, shards);
        const all = { table: ports.table, queue: ports.queue, objects: ports.objects, shards };
        return fn === 'fanout' ? fanout(batch, context, all, world.runtimeOf(process)) : observe(batch, context, all, world.runtimeOf(process));
      });
      world.streams.push(mapping);
    };
    stream('fanout', 0);
    stream('observe', OBSERVE_WINDOW_MS);
  }
  for (const link of set.links) {
    const context = linkContext(set.config, set.memberConfig(link.source), set.memberConfig(link.target));
    const sandboxes = new WeakMap<SimProcess, ApplySandbox>();
    const mapping = new QueueMapping(world, link, (process, messages, remainingMs) => {
      const own = set.region(link.source).ports(process);
      const reports = { bucket: set.bucketName(link.source), objects: () => own.objects };
      const ports = { source: own.table, target: set.region(link.target).ports(process).table, queue: own.queue, reports };
      const runtime = world.runtimeOf(process);
      const sandbox = sandboxes.get(process) ?? applySandbox(context, ports, runtime);
      sandboxes.set(process, sandbox);
      return apply(messages, context, ports, runtime, sandbox, remainingMs);
    });
    world.queues.set(link.id, mapping);
  }
}

/** The minute run of every member, by a rule, one at a time. */
export function startMinutes(world: World): void {
  for (const member of world.set.members) {
    const context = memberContext(world.set.config, world.set.memberConfig(member));
    let lookedAt = Number.NEGATIVE_INFINITY;
    const tick = (): void => {
      if (world.ended) return;
      const process = world.sandbox(member, 'reconcile');
      const ports = world.set.region(member).ports(process);
      world.set.region(member).expireItems();
      const runtime = world.runtimeOf(process);
      const work = async (): Promise<void> => {
        const untilMs = runtime.clock.elapsed() + RECONCILE_TIMEOUT_MS - DEADLINE_MARGIN_MS;
        try {
          await minuteRun(context, { table: ports.table, queue: ports.queue, target: (region) => world.set.region(region).ports(process).table }, runtime);
        } finally {
          if (world.checked && world.clock.elapsed() - lookedAt >= LOOK_EVERY_MS) {
            lookedAt = world.clock.elapsed();
            const now = runtime.clock.elapsed();
            const part = await reconcilePart(checkPorts(world, member, process), checkSettings(world), runtime, now + (untilMs - now) / 2);
            world.trace.add('operator', () => ({ who: process.name, at: member, text: JSON.stringify(part) }));
          }
          await archiveMinute(context, { table: ports.table, objects: ports.objects }, { snapshotEveryMs: SNAPSHOT_EVERY_MS }, runtime, untilMs);
        }
      };
      if (!world.isDown(member)) world.invoke(process, work, { ended: () => undefined }, RECONCILE_TIMEOUT_MS);
      world.clock.after(world.healing ? HEALTHY_TICK_MS : world.knobs.tickMs, tick);
    };
    world.clock.after(world.chance.below(HEALTHY_TICK_MS), tick);
  }
}

import { DEADLINE_MARGIN_MS, RECONCILE_TIMEOUT_MS } from '../../../lib/core/constants.ts';
import { minuteRun } from '../../../lib/reconcile/minute.ts';
import { reconcilePart } from '../../../lib/reconcile/part.ts';
import { memberContext } from '../../../lib/replicate/context.ts';
import { checkPorts } from '../checker.ts';
import { beginApply, deleteFinished, receive } from './flows.ts';
import type { Stage, Task } from './stage.ts';
import { readAll } from './verbs/streams.ts';

/** Mappings look this often (virtual ms). */
const STEP_MS = 1_000;
/** Period of the observers and of the minute runs (virtual ms). */
const MINUTE_MS = 60_000;

/** How everything runs. */
export interface Live {
  /** What stands still: "a/fanout", "b/observe", "a>b", "b/reconcile". */
  readonly without: ReadonlySet<string>;
  /** Between two scheduled sweeps (virtual ms); absent: none. */
  readonly sweepEveryMs?: number;
  /** Ends it before its time. */
  readonly until?: () => boolean;
}

/** Everything runs as it is deployed, for some time (virtual ms), but what is named. */
export async function live(stage: Stage, ms: number, options: Live): Promise<void> {
  const { world } = stage;
  const { without } = options;
  const end = world.clock.elapsed() + ms;
  const minutes = new Map<string, Task>();
  let next = world.clock.elapsed();
  while (world.clock.elapsed() < end && world.violation === undefined && options.until?.() !== true) {
    const isMinute = world.clock.elapsed() >= next;
    if (isMinute) next = world.clock.elapsed() + MINUTE_MS;
    for (const member of world.set.members) {
      if (!without.has(`${member}/fanout`)) await readAll(stage, member, 'fanout');
      if (isMinute && !without.has(`${member}/observe`)) await readAll(stage, member, 'observe');
      if (isMinute && !without.has(`${member}/reconcile`) && minutes.get(member)?.done !== false) minutes.set(member, beginWholeMinute(stage, member, options));
    }
    for (const { id, queue } of world.set.links) if (!without.has(id) && queue.size > 0) await deliver(stage, id);
    await world.clock.advance(Math.min(STEP_MS, Math.max(0, end - world.clock.elapsed())));
  }
  for (const task of minutes.values()) if (!task.done) await stage.wait(task);
}

async function deliver(stage: Stage, id: string): Promise<void> {
  const received = receive(stage, stage.link(id));
  if (received.messages.length === 0) return;
  await stage.wait(beginApply(stage, received));
  if (received.failures !== undefined) deleteFinished(stage, received);
}

/** The minute run of a member with the checker's part, without the archive's. */
function beginWholeMinute(stage: Stage, member: string, { sweepEveryMs }: Live): Task {
  const { world } = stage;
  const { set } = world;
  const context = memberContext(set.config, set.memberConfig(member));
  return stage.invoke(
    member,
    'reconcile',
    async (process) => {
      const ports = set.region(member).ports(process);
      const runtime = world.runtimeOf(process);
      const untilMs = runtime.clock.elapsed() + RECONCILE_TIMEOUT_MS - DEADLINE_MARGIN_MS;
      await minuteRun(context, { table: ports.table, queue: ports.queue, target: (region) => set.region(region).ports(process).table }, runtime);
      await reconcilePart(checkPorts(world, member, process), { repair: 'auto', ...(sweepEveryMs !== undefined && { sweepEveryMs }) }, runtime, untilMs);
      return [];
    },
    RECONCILE_TIMEOUT_MS,
  );
}

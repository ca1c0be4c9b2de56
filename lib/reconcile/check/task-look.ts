import { listAll } from '../../archive/snapshot/read.ts';
import { scanPrefix } from '../../core/formats/manifest.ts';
import { isRemote, whyText } from '../../ports/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { MemberReach } from '../ports.ts';
import { readFailed } from '../tasks/told.ts';
import type { AnyTaskKind } from '../tasks/work.ts';
import { workOnTask } from '../tasks/work.ts';
import type { CheckTask } from './job.ts';
import { MEMBER_SILENT_MAX_MS, SCAN_MAX_MS, TASK_STILL_MAX_MS } from './limits.ts';
import type { Step } from './step.ts';
import { reachOf, tell } from './step.ts';

/**
 * Work that members do for a check, seen from the primary: it may put their rows, but reads only what they leave in their buckets.
 */

/** How a kind of task is asked for, and seen to be done. */
export interface Wanted {
  readonly kind: AnyTaskKind;
  readonly ask: (reach: MemberReach, task: CheckTask) => Promise<void>;
  readonly isDone: (reach: MemberReach, task: CheckTask) => Promise<boolean>;
}

/** Longest slice of one task before the check's own lease is renewed (ms). */
const DRIVE_SLICE_MS = 8_000;
/** Objects of a task that are counted: more than a page of them is progress enough. */
const OBJECTS_COUNTED_MAX = 1_000;

/**
 * Brings a task a step on: asks for it, works at it where this run drives, and looks whether it is done. It fails when its member does
 * not answer, shows nothing new, or tells so.
 *
 * @throws InputError "job-lost", "unknown-member" · FormatError: the member's bucket holds what this version cannot read
 */
export async function stepTask(step: Step, task: CheckTask, wanted: Wanted): Promise<CheckTask> {
  const { runtime, drive } = step;
  const { clock } = runtime;
  const reach = reachOf(step.ports, task.member);
  try {
    if (task.asked === undefined) {
      await wanted.ask(reach, task);
      return { ...task, asked: clock.now(), since: clock.now() };
    }
    // A command works for all; the minute run's own tasks have their own part in it.
    if (drive) await driveTask(step, reach, task.id, wanted.kind);
    const failed = await readFailed(reach.place, runtime, task.id);
    if (failed !== undefined) return { ...task, done: true, failed };
    if (await wanted.isDone(reach, task)) return { ...task, done: true };
    return still(task, await countObjects(reach, runtime, task.id), clock.now());
  } catch (error) {
    if (!isRemote(error)) throw error;
    runtime.log.warn('A member does not answer to a check; the next step tries again.', { member: task.member, why: whyText(error) });
    if (clock.now() - task.since <= MEMBER_SILENT_MAX_MS) return task;
    return { ...task, done: true, failed: `${task.member} does not answer: ${whyText(error)}` };
  }
}

/** A task that is not done: it fails when nothing new came for too long. Pure. */
export function still(task: CheckTask, objects: number, nowMs: number): CheckTask {
  if (nowMs - (task.asked ?? nowMs) > SCAN_MAX_MS) {
    return { ...task, done: true, failed: `the scan of ${task.member} was not finished within ${SCAN_MAX_MS / 3_600_000} hours` };
  }
  if (objects !== task.objects) return { ...task, objects, since: nowMs };
  if (nowMs - task.since <= TASK_STILL_MAX_MS) return task;
  return { ...task, done: true, failed: `the scan of ${task.member} has stood still for ${TASK_STILL_MAX_MS / 60_000} minutes: does its minute run work?` };
}

/** Works at a task by itself, for a slice that leaves time to renew the check's own lease. */
export async function driveTask(step: Step, reach: MemberReach, id: string, kind: AnyTaskKind): Promise<void> {
  const { ports, runtime, lease, watcher } = step;
  const until = Math.min(step.untilMs, runtime.clock.elapsed() + DRIVE_SLICE_MS);
  const owner = lease.job.owner?.name ?? lease.job.request.by;
  const others = new Map([[ports.own.member.member, ports.own], ...ports.others]);
  await workOnTask({ ...reach, others }, runtime, kind, id, owner, until, {
    progress: (units, of) => tell(step, { scan: { member: reach.member.member, units, ...(of !== undefined && { of }) } }),
    stopped: () => watcher.stopped(),
  });
}

async function countObjects(reach: MemberReach, runtime: Runtime, id: string): Promise<number> {
  let count = 0;
  for await (const _ of listAll(reach.place, runtime, scanPrefix(id))) {
    count += 1;
    if (count >= OBJECTS_COUNTED_MAX) break;
  }
  return count;
}

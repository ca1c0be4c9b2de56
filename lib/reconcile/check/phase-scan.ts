import type { ArchivePlace } from '../../archive/place.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import { together } from '../../replicate/together.ts';
import { baseName, scanJsonName } from '../scan/base.ts';
import { scanKind } from '../scan/kind.ts';
import { freshScan, scanTaskId } from '../scan/task.ts';
import { askTask } from '../tasks/work.ts';
import { afterFailure } from './counts.ts';
import type { CheckJob, CheckTask } from './job.ts';
import { REQUEST_MAX_MS, WAIT_MS } from './limits.ts';
import type { Step } from './step.ts';
import { inPhase, tell } from './step.ts';
import type { Wanted } from './task-look.ts';
import { stepTask } from './task-look.ts';

/** Phase "scan": the source and all targets are scanned, each in its own region. */
export async function scanPhase(step: Step): Promise<number> {
  const { lease, runtime, drive } = step;
  const { job } = lease;
  if (job.tasks.length === 0) {
    await lease.save({ tasks: scansOf(job, runtime) });
    return 0;
  }
  const wanted = scanWanted(job, runtime);
  const before = job.tasks;
  const tasks = await together(before.map((task) => (task.done ? Promise.resolve(task) : stepTask(step, task, wanted))));
  const links = failedLinks(job, tasks);
  const over = tasks.every((task) => task.done);
  const now = runtime.clock.now();
  await lease.save({
    tasks,
    links: over ? links.map((link) => (link.stage === 'wait' ? { ...link, stage: 'compare' as const, since: now } : link)) : links,
    ...(over && inPhase('compare', now)),
  });
  tell(step);
  if (over || tasks.some((task, i) => task.asked !== before[i]?.asked)) return 0;
  return drive ? WAIT_MS.driven : WAIT_MS.task;
}

/** The scans that a check needs: one a member. */
function scansOf(job: CheckJob, runtime: Runtime): readonly CheckTask[] {
  const targets = job.links.filter((link) => link.stage === 'wait').map((link) => link.target);
  const since = runtime.clock.now();
  return [job.source, ...targets].map((member) => ({ member, id: scanTaskId(runtime), objects: 0, since, done: false }));
}

/** Links whose scans failed are over; without the source's nothing can be compared. Pure. */
export function failedLinks(job: CheckJob, tasks: readonly CheckTask[]): CheckJob['links'] {
  const failed = (member: string): string | undefined => tasks.find((task) => task.member === member)?.failed;
  const ofSource = failed(job.source);
  return job.links.map((link) => {
    const why = ofSource ?? failed(link.target);
    return link.stage === 'ended' || why === undefined ? link : afterFailure(link, 0, why);
  });
}

/** How the scans of this check are asked for, and seen to be done: a sample is, when its keys are there; all others, when their base is. */
function scanWanted({ request, id }: CheckJob, runtime: Runtime): Wanted {
  const { itemsPerS, share } = request;
  return {
    kind: scanKind,
    ask: (reach, task) => {
      const more = { ...(itemsPerS !== undefined && { itemsPerS }), ...(share !== undefined && { sample: share }) };
      return askTask(reach, runtime, scanKind, freshScan({ id: task.id, by: `check ${id}`, asked: runtime.clock.now(), ...more }));
    },
    isDone: ({ place }, task) => isThere(place, runtime, share === undefined ? baseName(task.id) : scanJsonName(task.id)),
  };
}

async function isThere(place: ArchivePlace, runtime: Runtime, name: string): Promise<boolean> {
  return (await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () => place.objects.head(place.bucket, name))) !== undefined;
}

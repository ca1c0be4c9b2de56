import { InputError } from '../core/errors.ts';
import { isPrimary } from '../core/formats/rows.ts';
import { whyText } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import { retried } from '../replicate/retry.ts';
import { readSelf } from '../replicate/self.ts';
import { cancelCheck } from './check/cancel.ts';
import { runCheck } from './check/engine.ts';
import { forgetCheck, forgetOldChecks } from './check/forget.ts';
import type { CheckJob } from './check/job.ts';
import { isOpen, listChecks } from './check/job.ts';
import { BY_PROOF } from './check/request.ts';
import { startCheck } from './check/start.ts';
import { pullDrift } from './drift/pull.ts';
import type { CheckPorts } from './ports.ts';
import type { ProofPartResult } from './proof/part.ts';
import { proofPart } from './proof/part.ts';
import { dropProof, readProof } from './proof/row.ts';
import { dropScans } from './scan/drop.ts';
import type { CheckSettings } from './schedule/settings.ts';
import { actionOf } from './schedule/settings.ts';
import type { SweepLook } from './schedule/sweeps.ts';
import { dueSweep } from './schedule/sweeps.ts';
import { TASK_KINDS } from './tasks/kinds.ts';
import type { TasksResult } from './tasks/work.ts';
import { openTaskIds, workOnTasks } from './tasks/work.ts';
import type { Suspicion } from './verdict/suspicion.ts';

/** What a run did. A part that failed, that had no time, or that is none of this member's, is absent. */
export interface ReconcilePartResult {
  readonly tasks?: TasksResult;
  readonly proof?: Omit<ProofPartResult, 'suspicions'> & { readonly suspicions: number };
  /** Checks that were worked at, and those of them that were finished. */
  readonly checks?: { readonly worked: number; readonly done: number };
  readonly sweep?: SweepLook;
}

/** Longest work on each part (ms): the run is once a minute, and its urgent part comes before. */
const SLICES_MS = { seat: 5_000, proof: 15_000, checks: 20_000, sweep: 5_000, tasks: 15_000, clear: 5_000, leave: 15_000 } as const;
/** What a part leaves to those that come after it (ms), so that each gets its turn each minute, also beside a scan of hours. */
const LEAVES_MS: Partial<Record<keyof typeof SLICES_MS, number>> = { proof: 10_500, checks: 8_500, sweep: 6_500, tasks: 2_500 };
/** A part that has less time than this is not begun (ms). */
const PART_MIN_MS = 2_000;
/** After a part's time is over: what is under way is ended, and savepoints are given up (ms). */
const PART_END_MS = 5_000;

/**
 * The checker's part of a member's minute run. At the primary: the standing proof, drift, the checks under way, and the sweep that is due.
 * What the proof suspects becomes a check of these keys. At every member, then: a slice of the tasks that were asked of it. A member that is not
 * the primary any more ends its checks. With `repair: 'off'` nothing is looked at by itself; tasks and checks that somebody has asked for still
 * go on.
 *
 * It throws nothing: what fails is logged and counted, and the next minute tries again.
 *
 * @param untilMs elapsed time (ms) at which everything must be over.
 */
export async function reconcilePart(ports: CheckPorts, settings: CheckSettings, runtime: Runtime, untilMs: number): Promise<ReconcilePartResult> {
  const { clock, log, metrics } = runtime;
  const { own } = ports;
  const { control } = own.member.tables;
  const owner = `the minute run of ${own.member.member}`;
  const self = await part('seat', (until) => retried(runtime, until, () => readSelf(own.table, control)));
  const seat = self?.seat;
  if (seat === undefined) return {};
  if (!isPrimary(seat)) {
    await part('leave', leave);
    const tasks = await tasksPart();
    return { ...(tasks && { tasks }) };
  }
  const byItself = settings.repair !== 'off';
  const proof = byItself ? await part('proof', proofSlice) : undefined;
  if (!byItself) await part('proof', () => dropProof(own.table, control, runtime));
  const checks = await part('checks', checksSlice);
  const sweep = byItself ? await part('sweep', () => dueSweep(ports, settings, runtime)) : undefined;
  const tasks = await tasksPart();
  return { ...(tasks && { tasks }), ...(proof && { proof }), ...(checks && { checks }), ...(sweep && { sweep }) };

  async function tasksPart(): Promise<TasksResult | undefined> {
    const tasks = await part('tasks', (until) => workOnTasks({ ...own, others: ports.others }, runtime, TASK_KINDS, { owner, untilMs: until }, unwatched));
    if (tasks !== undefined && tasks.done + tasks.failed > 0) await part('clear', clear);
    return tasks;
  }

  /** What this member has begun as the primary, and cannot end as a secondary. */
  async function leave(): Promise<void> {
    const checks = await listChecks(own.table, control, runtime);
    for (const { id } of checks.filter(isOpen)) {
      // A run that has it meets the same, and ends it.
      await unlessTaken(cancelCheck(ports, runtime, id, owner, `${own.member.member} is not the primary any more. Begin a check at the one that is.`));
    }
    if (checks.length > 0) await forgetOldChecks(own, runtime);
    await dropProof(own.table, control, runtime);
  }

  async function clear(): Promise<void> {
    await dropScans(own.place, runtime, await openTaskIds(own, runtime, TASK_KINDS));
  }

  async function proofSlice(until: number): Promise<ReconcilePartResult['proof']> {
    const began = clock.now();
    const { suspicions, ...result } = await proofPart(ports, runtime, until, (flags) =>
      pullDrift(ports, runtime, flags, { repair: settings.repair === 'auto' }, until),
    );
    if (suspicions.length > 0) await suspect(suspicions, began);
    return { ...result, suspicions: suspicions.length };
  }

  /**
   * What the proof suspects is checked key by key. Keys in motion are suspected each minute, so one check of them at a time is enough; what
   * opened cells have shown is said once, and is not left out for their sake.
   */
  async function suspect(suspicions: readonly Suspicion[], beganMs: number): Promise<void> {
    const open = (await listChecks(own.table, control, runtime)).filter((job) => isOpen(job) && isOfProof(job));
    const row = await readProof(own.table, control, runtime);
    for (const [target, some] of Map.groupBy(suspicions, (one) => one.target)) {
      const found = row?.links[target]?.opened;
      const isOpened = found !== undefined && found.suspicions > 0 && found.at >= beganMs;
      const underWay = open.filter(({ request }) => request.targets.includes(target));
      // One that waits for a word has said what differs: another would say it again, each few minutes.
      if (underWay.some(({ phase }) => phase === 'preview') || underWay.length >= (isOpened ? PROOF_CHECKS_MAX : 1)) continue;
      const keys = some.map(({ key }) => key);
      await startCheck(ports, runtime, { mode: 'keys', keys, targets: [target], action: actionOf(settings), by: BY_PROOF });
    }
  }

  async function checksSlice(until: number): Promise<ReconcilePartResult['checks']> {
    const all = await listChecks(own.table, control, runtime);
    await forgetOldChecks(own, runtime);
    let worked = 0;
    let done = 0;
    // The oldest first.
    for (const { id } of all.filter(isOpen).reverse()) {
      if (until - clock.elapsed() < PART_MIN_MS) break;
      const job = await unlessTaken(runCheck(ports, runtime, id, { owner, untilMs: until, drive: false, returnOnWait: true }, unwatched));
      if (job === undefined) continue;
      worked += 1;
      if (job.done === undefined) continue;
      done += 1;
      // The proof asks by the minute: a check of its own that found nothing leaves no row.
      if (isOfProof(job) && isUneventful(job)) await forgetCheck(own, runtime, job);
    }
    return { worked, done };
  }

  /** Runs a part, when there is time for it, for at most so long. */
  async function part<T>(what: keyof typeof SLICES_MS, work: (until: number) => Promise<T>): Promise<T | undefined> {
    // One look at the clock for both: between two looks time passes.
    const now = clock.elapsed();
    const until = Math.min(now + SLICES_MS[what], untilMs - PART_END_MS - (LEAVES_MS[what] ?? 0));
    if (until - now < PART_MIN_MS) return undefined;
    try {
      return await work(until);
    } catch (error) {
      log.error('A part of the checker’s minute run failed; the next one tries again.', { what, why: whyText(error) });
      metrics.count('ReconcilePartFailed', 1);
      return undefined;
    }
  }
}

/** Checks of one target that come from the standing proof, at a time. */
const PROOF_CHECKS_MAX = 3;

/** Undefined where another run has the check: somebody drives it by a command. */
async function unlessTaken<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof InputError && (error.code === 'job-taken' || error.code === 'job-lost'))) throw error;
    return undefined;
  }
}

const isOfProof = ({ request }: CheckJob): boolean => request.by === BY_PROOF;

/** Whether a check has found nothing that differs. What is unverified is asked again by the next look. Pure. */
const isUneventful = ({ failed, links }: CheckJob): boolean => failed === undefined && links.every(({ divergent }) => divergent === 0);

const unwatched = { progress: () => undefined, stopped: () => false };

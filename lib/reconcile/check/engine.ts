import { InputError } from '../../core/errors.ts';
import { JobLease } from '../../job/lease.ts';
import { isRemote, whyText } from '../../ports/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { CheckPorts } from '../ports.ts';
import { afterBreak } from './counts.ts';
import type { CheckJob } from './job.ts';
import { checkPlace, readCheck } from './job.ts';
import { CHECK_LIFE_MS, REASON_TEXT_MAX, RETURN_AFTER_MS, STEP_MAX_MS, WAIT_MS } from './limits.ts';
import { comparePhase } from './phase-compare.ts';
import { endPhase, previewPhase } from './phase-end.ts';
import { openPhase } from './phase-open.ts';
import { repairPhase, verifyPhase } from './phase-repair.ts';
import { scanPhase } from './phase-scan.ts';
import { verdictPhase } from './phase-verdict.ts';
import type { CheckPhase } from './report.ts';
import { readPrimary, unknownCheck } from './start.ts';
import type { CheckWatcher, Phase, Step } from './step.ts';

const PHASES: Readonly<Record<CheckPhase, Phase>> = {
  scan: scanPhase,
  compare: comparePhase,
  open: openPhase,
  verdict: verdictPhase,
  preview: previewPhase,
  repair: repairPhase,
  verify: verifyPhase,
  done: (step) => endPhase(step),
};

/**
 * Brings a check one step on. Each step ends with what it did in the row; one that is killed before is done again, to the same end.
 *
 * A service that fails is no end: the next step tries again. What no repetition mends (damaged objects, a primary that was changed, a
 * broken invariant) ends the check as failed, with its reason.
 *
 * @param untilMs elapsed time (ms) at which the step gives back.
 * @param drive whether this run does the other members' tasks by itself; else their minute runs do.
 * @returns how long to wait before the next step (ms); `lease.job.done` says the end
 * @throws InputError "job-lost" when another run has taken the check over
 */
export async function stepCheck(
  ports: CheckPorts,
  runtime: Runtime,
  lease: JobLease<CheckJob>,
  untilMs: number,
  watcher: CheckWatcher,
  drive: boolean,
): Promise<{ readonly waitMs: number }> {
  const step: Step = { ports, runtime, lease, untilMs: Math.min(untilMs, runtime.clock.elapsed() + STEP_MAX_MS), endMs: untilMs, watcher, drive };
  if (lease.job.done !== undefined) return { waitMs: 0 };
  try {
    await lease.renew();
    await readPrimary(ports.own.member, ports.own.table, runtime);
    const late = runtime.clock.now() - lease.job.started > CHECK_LIFE_MS;
    return { waitMs: late ? await failCheck(step, `It was not done within ${CHECK_LIFE_MS / 86_400_000} days.`) : await PHASES[lease.job.phase](step) };
  } catch (error) {
    if (error instanceof InputError && error.code === 'job-lost') throw error;
    if (isRemote(error)) {
      runtime.log.warn('A step of a check failed; the next one tries again.', { check: lease.job.id, phase: lease.job.phase, why: whyText(error) });
      return { waitMs: WAIT_MS.failed };
    }
    runtime.log.error('A check has failed.', { check: lease.job.id, phase: lease.job.phase, why: whyText(error) });
    return { waitMs: await failCheck(step, error instanceof Error ? error.message : String(error)) };
  }
}

/** Ends a check that cannot go on: links that were not finished are unverified. */
export async function failCheck(step: Step, why: string): Promise<number> {
  const text = why.slice(0, REASON_TEXT_MAX);
  const links = step.lease.job.links.map((link) => (link.stage === 'ended' ? link : afterBreak(link, text)));
  await step.lease.save({ links });
  return endPhase(step, text);
}

/** How a run of a check goes. */
export interface RunOptions {
  /** Who runs it, for people: host and process. */
  readonly owner: string;
  /** Elapsed time (ms) at which it gives the check back, unfinished. */
  readonly untilMs: number;
  readonly drive: boolean;
  /** Ends at the first wait that is longer than RETURN_AFTER_MS, so that others get their turn. */
  readonly returnOnWait?: boolean;
}

/**
 * Runs a check until it is done, waits for an approval, is stopped, or the time is over. The next run goes on.
 *
 * @returns the check as it then is
 * @throws InputError "unknown-check", "job-taken", "job-lost" · RemoteError when its row cannot be read, FormatError
 */
export async function runCheck(ports: CheckPorts, runtime: Runtime, id: string, options: RunOptions, watcher: CheckWatcher): Promise<CheckJob> {
  const { table, member } = ports.own;
  const { clock } = runtime;
  const found = await readCheck(table, member.tables.control, runtime, id);
  if (found === undefined) throw unknownCheck(id);
  if (found.done !== undefined) return found;
  const lease = await JobLease.claim(checkPlace(table, member.tables.control, id), runtime, options.owner, found, false);
  try {
    while (lease.job.done === undefined && !watcher.stopped() && clock.elapsed() < options.untilMs) {
      const { waitMs } = await stepCheck(ports, runtime, lease, options.untilMs, watcher, options.drive);
      const { phase, approved, request } = lease.job;
      // Nobody can approve a check that another run owns.
      if (phase === 'preview' && request.action === 'ask' && approved === undefined && waitMs > 0) break;
      if (options.returnOnWait === true && waitMs > RETURN_AFTER_MS) break;
      if (lease.job.done === undefined && waitMs > 0) await pause(waitMs);
    }
  } finally {
    // What failed is thrown; a row that cannot be given up is free when its lease ends.
    await lease.release().catch(() => undefined);
  }
  return lease.job;

  /** Waits, renewing the lease, at most until the run's time is over. */
  async function pause(waitMs: number): Promise<void> {
    const until = Math.min(clock.elapsed() + waitMs, options.untilMs);
    for (let left = until - clock.elapsed(); left > 0 && !watcher.stopped(); left = until - clock.elapsed()) {
      await clock.sleep(Math.min(left, 1_000));
      await lease.renew();
    }
  }
}

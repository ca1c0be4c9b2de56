import type { Pool } from './pool.ts';
import { inOrder } from './pool.ts';
import type { Failed, Task } from './pool-protocol.ts';
import { isFailed } from './pool-protocol.ts';
import { type Finding, Totals } from './report.ts';
import { SHRINK_TRY_MS, type ShrinkOptions, sameFailure, shrink } from './shrink.ts';

/** Runs many seeds, and looks closely at those that fail. */

/** What many seeds came to. */
export interface Campaign {
  readonly totals: Totals;
  /** In the order of seeds. */
  readonly failures: readonly Failed[];
}

/**
 * Runs tasks on all threads. What comes out does not depend on their number: it ends at the failure, in the order of
 * seeds, that is one too many, whatever else was under way.
 */
export async function runAll(pool: Pool, tasks: Iterable<Task>, failuresMax: number, progress: (totals: Totals) => void): Promise<Campaign> {
  const totals = new Totals();
  const failures: Failed[] = [];
  for await (const done of inOrder(pool, tasks)) {
    totals.add(done.outcome);
    if (isFailed(done)) failures.push(done);
    progress(totals);
    if (failures.length >= failuresMax) break;
  }
  return { totals, failures };
}

/** The first failure of each rule, in the order of seeds. */
export function firstOfEachRule(failures: readonly Failed[]): readonly Failed[] {
  const rules = new Set<string>();
  return failures.filter(({ outcome: { violation } }) => {
    if (rules.has(violation.rule)) return false;
    rules.add(violation.rule);
    return true;
  });
}

/** Makes a failure smaller, unless it shall stay as it is, and runs it again with its trace. */
export async function investigate(
  pool: Pool,
  failed: Failed,
  options: { readonly shrink: boolean } & Pick<ShrinkOptions, 'progress' | 'runsMax' | 'wallMs'>,
): Promise<Finding> {
  const { seed } = failed.outcome;
  const { shrink: wanted, ...limits } = options;
  const small = wanted
    ? await shrink(failed.outcome, {
        attempt: async (knobs, signal) => (await pool.run({ seed, knobs, limitMs: SHRINK_TRY_MS }, { urgent: true, signal })).outcome,
        jobs: pool.jobs,
        now: () => performance.now(),
        ...limits,
      })
    : { outcome: failed.outcome, runs: undefined, complete: true };
  const shrunk = small.outcome;
  // A run without end would only take its time once more.
  const again = shrunk.violation.rule === 'hang' ? undefined : await pool.run({ seed, knobs: shrunk.knobs, keepTrace: true }, { urgent: true });
  const stable = again === undefined || (sameFailure(shrunk.violation, again.outcome.violation) && again.outcome.digest === shrunk.digest);
  const stack = again?.stack ?? failed.stack;
  return {
    failed,
    shrunk,
    complete: small.complete,
    ...(small.runs !== undefined && { runs: small.runs }),
    ...(again?.trace !== undefined && { trace: again.trace }),
    ...(stack !== undefined && { stack }),
    ...(!stable && {
      unstable: `the same seed and knobs gave ${again?.outcome.violation === undefined ? 'no violation' : `${again.outcome.violation.rule}: ${again.outcome.violation.message}`} at the second run: something in the simulation does not come from the seed.`,
    }),
  };
}

import { CliError } from './errors.ts';
import type { Session } from './session.ts';

/** How long a check that another run works at is waited for (ms): a minute run's slice, or what is left of the lease of one that was killed. */
const TAKEN_MAX_MS = 90_000;
/** Between two attempts (ms). */
const AGAIN_MS = 1_000;

/**
 * Runs what takes a check over, again while another run works at that check: the primary's minute run does so when nobody else does.
 *
 * @param stopped whether a person wants it to end.
 * @throws CliError "job-taken" when the other one is still at it after TAKEN_MAX_MS, or the person wants it to end; and what the work throws
 */
export async function whenFree<T>({ runtime: { clock }, out }: Session, stopped: () => boolean, work: () => Promise<T>): Promise<T> {
  const until = clock.elapsed() + TAKEN_MAX_MS;
  for (let said = false; ; said = true) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CliError && error.code === 'job-taken') || stopped() || clock.elapsed() >= until) throw error;
      if (!said) out.note('Another run works at this check now; waiting for it.');
      await clock.sleep(AGAIN_MS);
    }
  }
}

import { ATTEMPTS_MAX } from '../core/constants.ts';
import type { RemoteErrorKind } from '../ports/errors.ts';
import { isRemote } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import { retryDelayMs } from './back-off.ts';

/** Refusals for load, passing failures and missing answers: what may be tried again where a second effect does no harm. */
const REPEATABLE: readonly RemoteErrorKind[] = ['throttled', 'transient', 'unanswered'];

/**
 * Tries a request that may be repeated (a read, or a write that only grows something), at most ATTEMPTS_MAX times.
 * Failures of these kinds are tried again; everything else is thrown at once.
 *
 * @param until elapsed time (ms) after which no further attempt is begun.
 * @throws RemoteError the last one.
 */
export async function retried<T>(runtime: Runtime, until: number, request: () => Promise<T>, kinds: readonly RemoteErrorKind[] = REPEATABLE): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await request();
    } catch (error) {
      const wait = retryDelayMs(attempt, runtime.chance.random());
      const again = isRemote(error, ...kinds);
      if (!again || attempt >= ATTEMPTS_MAX || runtime.clock.elapsed() + wait >= until) throw error;
      await runtime.clock.sleep(wait);
    }
  }
}

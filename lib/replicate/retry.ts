import { ATTEMPTS_MAX } from '../core/constants.ts';
import { isRemote } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import { retryDelayMs } from './back-off.ts';

/**
 * Tries a request that may be repeated (a read, or a write that only grows something), at most ATTEMPTS_MAX times.
 * Refusals for load, passing failures and missing answers are tried again; everything else is thrown at once.
 *
 * @param until elapsed time (ms) after which no further attempt is begun.
 * @throws RemoteError the last one.
 */
export async function retried<T>(runtime: Runtime, until: number, request: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await request();
    } catch (error) {
      const wait = retryDelayMs(attempt, runtime.chance.random());
      const again = isRemote(error, 'throttled', 'transient', 'unanswered');
      if (!again || attempt >= ATTEMPTS_MAX || runtime.clock.elapsed() + wait >= until) throw error;
      await runtime.clock.sleep(wait);
    }
  }
}

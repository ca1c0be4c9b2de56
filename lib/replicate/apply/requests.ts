import { ATTEMPTS_MAX } from '../../core/constants.ts';
import { isRemote } from '../../ports/errors.ts';
import { retryDelayMs } from '../back-off.ts';
import { retried } from '../retry.ts';
import type { Pass } from './pass.ts';

/**
 * Repeats a request that was surely refused without effect, at most ATTEMPTS_MAX times and within the pass's time.
 * A request without an answer is not repeated here: a frozen target would eat the invocation.
 */
export const retriedRead = <T>(pass: Pass, request: () => Promise<T>): Promise<T> => retried(pass.runtime, pass.notAfter, request, ['throttled', 'transient']);

/**
 * A conditional or idempotent write under the fence of `epoch`: renews the view of the fence when it is too old at the
 * socket, repeats what was surely refused, and holds the pass for what got no answer.
 *
 * @throws RemoteError, FenceMovedError
 */
export async function fencedWrite<T>(pass: Pass, epoch: number, request: (options: { readonly admit?: () => void }) => Promise<T>): Promise<T> {
  const { clock, chance } = pass.runtime;
  for (let attempt = 1; ; attempt += 1) {
    await pass.renewFence(epoch);
    const options = pass.write();
    try {
      return await request(options);
    } catch (error) {
      if (isRemote(error, 'unanswered')) pass.hold(options.issuedAt);
      const again = isRemote(error, 'throttled', 'transient') || (isRemote(error, 'notIssued') && !pass.outOfTime);
      const wait = isRemote(error, 'notIssued') ? 0 : retryDelayMs(attempt, chance.random());
      if (!again || attempt >= ATTEMPTS_MAX || clock.elapsed() + wait >= pass.notAfter) throw error;
      if (wait > 0) await clock.sleep(wait);
    }
  }
}

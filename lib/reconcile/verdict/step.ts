import type { Runtime } from '../../ports/runtime.ts';
import type { CheckPorts } from '../ports.ts';
import { ask } from './ask.ts';
import type { VerdictBatch } from './batch.ts';
import { givenUp, nextRound, verdictsOf } from './batch.ts';
import { collect } from './collect.ts';
import { explain } from './explain.ts';
import { ROUNDS_MORE } from './limits.ts';
import type { Look, Stepped } from './look.ts';
import { AT_ONCE_MS, lookAround, withoutClosed } from './look.ts';
import type { KeyVerdict } from './suspicion.ts';

/** What a step came to. */
export interface VerdictStep {
  /** To be kept before the next step. */
  readonly batch: VerdictBatch;
  /** How long to wait before the next step (ms); 0: the batch is done. */
  readonly waitMs: number;
  /** Of all keys, in their order; those without a verdict yet are in motion. */
  readonly verdicts: readonly KeyVerdict[];
}

/**
 * One step of a batch of verdicts, at the primary. It waits for nothing but requests: it says how long to wait, and the caller keeps the batch
 * meanwhile. A step that is repeated from the batch before it does no harm.
 *
 * A round: T is now; when everything made up to T is in the lanes, questions go down the lanes; when they are answered, and the source's log
 * reaches past the answers, what differs is judged by the log. See lib/reconcile/verdict/judge.ts.
 *
 * @param untilMs elapsed time (ms) after which nothing is begun.
 * @throws RemoteError, FormatError when the member's own tables, stream or bucket cannot be read: repeat the step later.
 */
export async function stepVerdict(batch: VerdictBatch, ports: CheckPorts, runtime: Runtime, untilMs: number): Promise<VerdictStep> {
  if (batch.phase === 'done') return { batch, waitMs: 0, verdicts: verdictsOf(batch) };
  const look = await lookAround(ports, runtime, untilMs);
  const { batch: next, waitMs } = typeof look === 'string' ? { batch: givenUp(batch, look), waitMs: AT_ONCE_MS } : await step(withoutClosed(batch, look), look);
  const isDone = next.keys.every(({ outcome }) => outcome !== undefined);
  const kept = isDone ? nextRound(next) : next;
  return { batch: kept, waitMs: isDone ? 0 : waitMs, verdicts: verdictsOf(kept) };
}

async function step(batch: VerdictBatch, look: Look): Promise<Stepped> {
  if (batch.keys.every(({ outcome }) => outcome !== undefined)) return { batch, waitMs: AT_ONCE_MS };
  if (batch.round > batch.passesMax + ROUNDS_MORE) return { batch: givenUp(batch, 'No round came to an end.'), waitMs: AT_ONCE_MS };
  // Questions of an older epoch are never answered, and what was in its lanes is on the way no more.
  if (batch.epoch !== undefined && batch.epoch !== look.seat.own) return { batch: nextRound(batch), waitMs: AT_ONCE_MS };
  if (batch.phase === 'pass') return ask(batch, look);
  return batch.phase === 'sent' ? collect(batch, look) : explain(batch, look);
}

import { InvariantError } from '../../core/errors.ts';

/**
 * BatchGetItem and BatchWriteItem are not atomic: their single reads and writes take effect in any order, in parallel.
 * Steps say in which order, and when.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
 */

/** One read or write of a batch request taking effect by itself. */
export interface BatchStep {
  /** Its place in the request, from 0. */
  readonly index: number;
  /** How long after the step before it (ms). */
  readonly waitMs: number;
}

/**
 * Draws the steps of a batch request: every order is as likely, and the moments are spread evenly over at most `spreadMs`.
 *
 * @param count reads or writes in the request. @param random uniform in [0, 1).
 */
export function drawSteps(count: number, spreadMs: number, random: () => number): readonly BatchStep[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  const moments = [0, ...Array.from({ length: Math.max(0, count - 1) }, () => random() * spreadMs)].sort((a, b) => a - b);
  return order.map((index, i) => ({ index, waitMs: (moments[i] as number) - (moments[i - 1] ?? 0) }));
}

/** A batch request that was found valid: its single reads or writes, and the answer once all of them are done. */
export interface BatchEffect<T> {
  readonly count: number;
  /** Does one of them, at once. */
  one(index: number): void;
  answer(): T;
}

/** The indices of each moment of a batch: one each, but for the last, with which comes all that no step names. */
export function momentsOf(steps: readonly BatchStep[], count: number): readonly { readonly waitMs: number; readonly indices: readonly number[] }[] {
  const named = new Set(steps.map((s) => s.index));
  if (named.size !== steps.length || steps.some(({ index }) => !(Number.isInteger(index) && index >= 0 && index < count)))
    throw new InvariantError('steps name each read or write of a batch once at most', { count, steps: steps.map((s) => s.index) });
  const rest = Array.from({ length: count }, (_, i) => i).filter((i) => !named.has(i));
  if (steps.length === 0) return [{ waitMs: 0, indices: rest }];
  return steps.map(({ index, waitMs }, i) => ({ waitMs: i === 0 ? 0 : waitMs, indices: i + 1 === steps.length ? [index, ...rest] : [index] }));
}

/** The time from the first step to the last (ms). */
export const lengthMs = (steps: readonly BatchStep[]): number => steps.slice(1).reduce((sum, step) => sum + step.waitMs, 0);

import { isRemote } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { ServeContext } from './context.ts';
import { seenFrom } from './context.ts';

/**
 * Eventual reads from the nearest member that can be read: this one's tables, and where they fail (refused for load
 * beyond the retries, no answer, missing, denied) another one's, read directly.
 */

/** What was read, and whose it is. */
export interface Nearest<T> {
  readonly member: string;
  readonly value: T;
}

/** The other members in the order in which they are asked: the primary first, as it is never behind, then as the set names them. */
export function nearestFirst(ctx: ServeContext): readonly string[] {
  const names = [...ctx.others.keys()];
  const { name } = ctx.seen;
  return name !== undefined && ctx.others.has(name) ? [name, ...names.filter((n) => n !== name)] : names;
}

/**
 * Runs a read at this member, and where its table fails at the others, one after the other.
 *
 * @param until elapsed time (ms) after which no further attempt is begun. Each member but the last has half of what is left.
 * @param read reads at the member whose context it is given, and begins no attempt after the time that it is given.
 * @throws what `read` throws, but for failures of a table; RemoteError of this member when all failed.
 */
export async function fromNearest<T>(
  ctx: ServeContext,
  runtime: Runtime,
  until: number,
  read: (at: ServeContext, until: number) => Promise<T>,
): Promise<Nearest<T>> {
  const places = [ctx, ...nearestFirst(ctx).flatMap((name) => seenFrom(ctx, name) ?? [])];
  let first: unknown;
  for (const [i, at] of places.entries()) {
    const now = runtime.clock.elapsed();
    if (i > 0 && now >= until) break;
    const share = i === places.length - 1 ? until : now + (until - now) / 2;
    try {
      const value = await read(at, share);
      if (i > 0) runtime.metrics.count('ReadElsewhere', 1, { member: at.member });
      return { member: at.member, value };
    } catch (error) {
      // A request that is at fault itself is so everywhere.
      if (!isRemote(error) || error.kind === 'invalid') throw error;
      first ??= error;
    }
  }
  throw first;
}

import type { QueueDepth } from '../ports/queue.ts';
import type { LinkStatus, SetStatus } from './judge.ts';

/** What two readings of a set say about its pace. Pure. */

/** How a link's queue moves. Messages, each with one or more changes: nobody counts changes on their way. */
export interface LinkRate {
  /** "source:target". */
  readonly link: string;
  /** Messages a second by which the queue grew; less than 0 while it drains. SQS's counts are approximate, and so is this. */
  readonly growthPerS: number;
  /** How long until it is empty at this pace (ms); absent unless it drains. */
  readonly emptyInMs?: number;
}

/** Messages that are in a queue, in flight ones included. */
export const waiting = (queue: QueueDepth): number => queue.visible + queue.inFlight + queue.delayed;

/** The pace of each link that both readings saw. @param before the earlier reading; undefined at first */
export function ratesOf(before: SetStatus | undefined, after: SetStatus): readonly LinkRate[] {
  const ms = before === undefined ? 0 : after.at - before.at;
  if (before === undefined || ms <= 0) return [];
  const earlier = new Map(before.links.map((l) => [nameOf(l), l.queue]));
  return after.links.flatMap((l) => {
    const old = earlier.get(nameOf(l));
    if (old === undefined || l.queue === undefined) return [];
    const now = waiting(l.queue);
    const growthPerS = ((now - waiting(old)) * 1_000) / ms;
    return [{ link: nameOf(l), growthPerS, ...(growthPerS < 0 && now > 0 && { emptyInMs: Math.round((now * 1_000) / -growthPerS) }) }];
  });
}

const nameOf = (l: LinkStatus): string => `${l.source}:${l.target}`;

/** Since when each member has not answered (ms), kept from reading to reading. */
export type LostSince = ReadonlyMap<string, number>;

/** Members that do not answer now; those that did not before keep their time. */
export function lostSince(before: LostSince, status: SetStatus): LostSince {
  return new Map(status.members.filter((m) => m.role === 'unreachable').map((m) => [m.member, before.get(m.member) ?? status.at]));
}

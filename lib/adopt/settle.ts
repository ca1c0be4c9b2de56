import type { Refused } from '../core/formats/refused-row.ts';
import type { JobLease } from '../job/lease.ts';
import type { Runtime } from '../ports/runtime.ts';
import { drainLinks } from '../reconcile/prove/drain.ts';
import type { MemberContext } from '../replicate/context.ts';
import { retried } from '../replicate/retry.ts';
import { together } from '../replicate/together.ts';
import { readRefused } from '../status/gather.ts';
import { REQUEST_MAX_MS } from './limits.ts';
import type { BackfillPorts, Progress, Watcher } from './ports.ts';
import { readySeat } from './ready.ts';
import type { AdoptJob } from './savepoint.ts';

/** How one link stands at the end. */
export interface SettledLink {
  readonly target: string;
  /** Keys that the target has refused. */
  readonly refused: readonly Refused[];
  /** There are more of them. */
  readonly refusedMore: boolean;
  /** Messages in the dead-letter queue. */
  readonly deadLetters: number;
}

/** How it ended. */
export interface Settled {
  /** Why not everything is known to have arrived; absent when it is. */
  readonly ended?: 'stopped' | 'stuck';
  /** The link whose marker does not come out, and what the link says of itself. */
  readonly stuck?: { readonly target: string; readonly why: string };
  readonly links: readonly SettledLink[];
}

/**
 * Waits until everything that was sent before has come out of every lane of every link.
 *
 * @param epoch of the seat. ⚠ No lane message carries an epoch that its sender's seat does not own.
 * @throws as `backfill`
 */
export async function settle(
  member: MemberContext,
  ports: BackfillPorts,
  runtime: Runtime,
  epoch: number,
  lease: JobLease<AdoptJob>,
  watcher: Watcher,
): Promise<Settled> {
  const say = (lanes: NonNullable<Progress['lanes']>): void => watcher.progress({ phase: 'arrive', keys: lease.job.keys, worked: lease.job.worked, lanes });
  // The links at the same time. Whoever waits renews for all.
  const beat = { renew: () => lease.renew(), stopped: () => watcher.stopped() };
  const bad = await drainLinks(member.links, ports, runtime, epoch, beat, say);
  await readySeat(member, ports.table, runtime, epoch);
  for (const [target, end] of bad)
    return end.ended === 'stopped' ? { ended: 'stopped', links: [] } : { ended: 'stuck', stuck: { target, why: end.why }, links: [] };
  const links = await together(
    member.links.map(async (link): Promise<SettledLink> => {
      const until = runtime.clock.elapsed() + REQUEST_MAX_MS;
      const { refused, more } = await retried(runtime, until, () => readRefused(ports.target(link.targetRegion), link.targetTables.control));
      const dead = await retried(runtime, until, () => ports.queue.depth(link.dlqUrl));
      return {
        target: link.target,
        refused: refused.filter((r) => r.link === link.source),
        refusedMore: more,
        deadLetters: dead.visible + dead.inFlight,
      };
    }),
  );
  return { links };
}

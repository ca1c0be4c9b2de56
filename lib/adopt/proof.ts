import type { Runtime } from '../ports/runtime.ts';
import type { CheckPorts } from '../reconcile/ports.ts';
import type { ProvenLink, ProveWatcher } from '../reconcile/prove/prove.ts';
import { proveLinks } from '../reconcile/prove/prove.ts';
import { retried } from '../replicate/retry.ts';
import { readSelf } from '../replicate/self.ts';
import { REQUEST_MAX_MS } from './limits.ts';
import type { AdoptJob } from './savepoint.ts';

/** What the proof of a backfill came to. */
export interface AdoptProof {
  /** Of the links that were not proven yet. */
  readonly links: readonly ProvenLink[];
  /** Links that have been proven since everything had arrived. */
  readonly before: readonly string[];
  /** It ended before all was done; the next run goes on. */
  readonly ended?: 'stopped' | 'time';
}

/**
 * Proves the links of a backfill whose keys have all arrived: both sides are compared, item by item, and what differs is made equal, but
 * nothing is deleted. Links that have been proven since then are left alone.
 *
 * @throws as `proveLinks`
 */
export async function proveAdopted(
  ports: CheckPorts,
  runtime: Runtime,
  job: Pick<AdoptJob, 'done'>,
  options: { readonly owner: string; readonly itemsPerS?: number },
  watcher: ProveWatcher,
): Promise<AdoptProof> {
  const { member, table } = ports.own;
  const { links } = await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () => readSelf(table, member.tables.control));
  const isProven = (target: string): boolean => (links.get(target)?.proven ?? Number.NEGATIVE_INFINITY) >= (job.done ?? Number.POSITIVE_INFINITY);
  const all = member.links.map((link) => link.target);
  const before = all.filter(isProven);
  const due = all.filter((target) => !isProven(target));
  if (due.length === 0) return { links: [], before };
  const { links: came, ended } = await proveLinks(ports, runtime, due, { ...options, drive: true, keepExtras: true }, watcher);
  return { links: came, before, ...(ended !== undefined && { ended }) };
}

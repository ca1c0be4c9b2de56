import type { CheckJob, CheckLink } from '../reconcile/check/job.ts';
import { resultOf } from '../reconcile/check/make-report.ts';
import type { CheckPhase, CheckReport } from '../reconcile/check/report.ts';
import { DRIFT_COUNTED_MS } from '../reconcile/drift/limits.ts';
import type { DriftCounts, DriftRow } from '../reconcile/drift/row.ts';
import type { CheckFacts } from './gather-checks.ts';

/** How far the replicas are known to agree. Pure: what it is judged by is read in gather-checks.ts; what needs a person is in check-attention.ts. */

/** What is known of one link. */
export interface LinkCheckStatus {
  /**
   * By the newest look of the standing proof. `verified`: source and target were equal, but for `hot` keys in motion. `suspect`: cells differ, and
   * what differs is being looked for. `unverified`: nothing can be said, `why` says the reason. `none`: nobody has looked yet.
   */
  readonly state: 'verified' | 'suspect' | 'unverified' | 'none';
  /** When the newest look was (ms, the primary's clock). */
  readonly lookedAt?: number;
  /** As of when the link was verified last (ms); absent when it never was. */
  readonly asOf?: number;
  /** Cells (parts of the table) that the newest look compared, and those of them that were equal. */
  readonly cells: number;
  readonly equalCells: number;
  /** Keys in motion that the newest look left out. */
  readonly hot: number;
  readonly why?: string;
  /** The target's log shows nothing since (ms): a write made there while its observer stands still would not be seen. */
  readonly quietSince?: number;
  /** The last check that has ended, or that waits for an approval. */
  readonly last?: LastCheck;
  /** Writes that somebody made at the target by hand, since a time within about the last day. */
  readonly drift?: DriftCounts & { readonly since: number; readonly at: number };
}

/** What a check has found at a link. */
export type LastCheck = Pick<CheckLink, 'keys' | 'verified' | 'divergent' | 'unverified' | 'repaired' | 'left' | 'held'> & {
  readonly id: string;
  readonly mode: CheckReport['mode'];
  readonly result: CheckReport['links'][number]['result'];
  /** When it ended (ms); absent while it waits for an approval. */
  readonly ended?: number;
};

/** A check that is under way. */
export interface RunningCheck {
  readonly id: string;
  readonly mode: CheckReport['mode'];
  readonly by: string;
  readonly phase: CheckPhase;
  readonly started: number;
  readonly targets: readonly string[];
  /** Suspicions that have their verdict, of so many. */
  readonly judged: number;
  readonly suspicions: number;
  /** It shows what it found, and waits for an approval. */
  readonly waits: boolean;
}

/** The checks of a set. */
export interface ChecksStatus {
  readonly running: readonly RunningCheck[];
  /** Sweeps that the schedule begins. */
  readonly sweeps?: { readonly last?: number; readonly month: string; readonly spentUsd: number; readonly overBudget: boolean };
}

/** Whether a check shows what it found, and waits for somebody. */
export const isWaiting = ({ done, phase, request, approved }: CheckJob): boolean =>
  done === undefined && phase === 'preview' && request.action === 'ask' && approved === undefined;

/** The drift of about the last day; none where the newest is older: what is still to be done of it, the proof tells. */
export const recentDrift = ({ drift }: CheckFacts, nowMs: number): DriftRow | undefined =>
  drift === undefined || nowMs - drift.at > DRIFT_COUNTED_MS ? undefined : drift;

/** What is known of the link to a member. @param nowMs the asker's wall clock */
export function linkCheckStatus(facts: CheckFacts, target: string, nowMs: number): LinkCheckStatus {
  const { proof, checks } = facts;
  const found = proof?.links[target];
  const drift = recentDrift(facts, nowMs);
  const told = drift?.members[target];
  const last = lastOf(checks, target);
  return {
    ...(found === undefined
      ? { state: 'none', cells: 0, equalCells: 0, hot: 0 }
      : {
          state: found.state,
          lookedAt: found.at,
          ...(found.asOf !== undefined && { asOf: found.asOf }),
          cells: found.cells,
          equalCells: found.cells - found.differing,
          hot: found.hot,
          ...(found.why !== undefined && { why: found.why }),
          ...(found.quietSince !== undefined && { quietSince: found.quietSince }),
        }),
    ...(last && { last }),
    ...(drift && told && { drift: { ...told, since: drift.since, at: drift.at } }),
  };
}

function lastOf(checks: readonly CheckJob[], target: string): LastCheck | undefined {
  for (const job of checks) {
    if (job.done === undefined && !isWaiting(job)) continue;
    const link = job.links.find((one) => one.target === target);
    if (link === undefined) continue;
    const { keys, verified, divergent, unverified, repaired, left, held } = link;
    const counts = { keys, verified, divergent, unverified, repaired, left, held };
    const result = resultOf(link, job.done !== undefined);
    return { id: job.id, mode: job.request.mode, result, ...(job.done !== undefined && { ended: job.done }), ...counts };
  }
  return undefined;
}

/** The checks under way, the oldest first, and what sweeps have cost. @param month that it is now: "2026-11" (UTC) */
export function checksStatus({ checks, sweeps }: CheckFacts, month: string): ChecksStatus {
  const running = checks
    .filter(({ done }) => done === undefined)
    .reverse()
    .map((job): RunningCheck => {
      const { id, request, phase, started, links } = job;
      const sum = (name: 'judged' | 'suspicions'): number => links.reduce((all, link) => all + link[name], 0);
      const of = { id, mode: request.mode, by: request.by, phase, started, targets: links.map(({ target }) => target) };
      return { ...of, judged: sum('judged'), suspicions: sum('suspicions'), waits: isWaiting(job) };
    });
  if (sweeps === undefined) return { running };
  const thisMonth = sweeps.month === month;
  const spent = { month, spentUsd: thisMonth ? sweeps.spent : 0, overBudget: sweeps.told === month };
  return { running, sweeps: { ...(sweeps.last !== undefined && { last: sweeps.last }), ...spent } };
}

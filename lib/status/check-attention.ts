import type { CheckJob, CheckLink } from '../reconcile/check/job.ts';
import { BY_PROOF } from '../reconcile/check/request.ts';
import type { Attention } from './attention.ts';
import { isWaiting, recentDrift } from './checks.ts';
import type { CheckFacts } from './gather-checks.ts';
import { ago } from './span.ts';

/** What of the checker's work needs a person. Pure. */

/** A link that is open and was last verified longer ago than this (ms) needs a person: a look is made each minute, and reaches back up to an hour. */
export const PROOF_OLD_MS = 60 * 60_000;

/** Characters of an id of a check, or of a scan, that say when it was begun. */
const STAMP = 'yyyymmddThhmmssZ'.length;

/** A link that needs no more than to be looked at: nothing is said of one that is closed, which its own state tells. */
export interface OpenLink {
  readonly target: string;
  /** Whether changes travel on it. */
  readonly open: boolean;
}

/** @param source the primary. @param nowMs the asker's wall clock. @param month that it is now: "2026-11" (UTC) */
export function checkAttention(source: string, facts: CheckFacts, links: readonly OpenLink[], nowMs: number, month: string): Attention[] {
  return [
    ...links.flatMap((link) => [
      ...divergence(source, facts, link.target, nowMs),
      ...held(source, facts, link.target, nowMs),
      ...oldProof(source, facts, link, nowMs),
    ]),
    ...members(facts),
    ...overBudget(source, facts, month),
  ];
}

/** A check that has found what is not repaired, and that no later look has shown to be gone. */
interface Unrepaired {
  readonly job: CheckJob;
  readonly link: CheckLink;
}

function unrepaired(facts: CheckFacts, source: string, target: string): readonly Unrepaired[] {
  return facts.checks.flatMap((job) => {
    const link = job.links.find((one) => one.target === target);
    if (link === undefined || link.divergent <= link.repaired || (job.done === undefined && !isWaiting(job))) return [];
    return isOvertaken(job, facts, source, target) ? [] : [{ job, link }];
  });
}

/**
 * Whether a later look at the whole table has shown source and target equal: another check, or the standing proof. The proof knows what the log
 * says; what a check has read from the tables is known to it only where it rests on scans that are no older than the check.
 */
function isOvertaken(job: CheckJob, { checks, proof }: CheckFacts, source: string, target: string): boolean {
  const { done } = job;
  if (done === undefined) return false;
  const clean = checks.some(({ request, started, done: ended, failed, links }) => {
    const link = links.find((one) => one.target === target);
    if (link === undefined || ended === undefined || failed !== undefined || started < done || (request.mode !== 'sweep' && request.mode !== 'proof'))
      return false;
    return link.divergent === link.repaired && link.unverified === 0 && link.why === undefined;
  });
  if (clean) return true;
  const looked = proof?.links[target];
  if (looked?.state !== 'verified' || looked.asOf === undefined || looked.asOf <= done) return false;
  const isFresh = (base: string | undefined): boolean => base !== undefined && base.slice(0, STAMP) >= job.id.slice(0, STAMP);
  return job.request.by === BY_PROOF || (isFresh(proof?.members[source]?.base) && isFresh(proof?.members[target]?.base));
}

function divergence(source: string, facts: CheckFacts, target: string, nowMs: number): Attention[] {
  const found = unrepaired(facts, source, target);
  const [newest] = found;
  if (newest === undefined) return [];
  const { job, link } = newest;
  const keys = link.divergent - link.repaired;
  const when = job.done === undefined ? 'waits for somebody to allow the repair' : `ended ${ago(nowMs, job.done)} ago`;
  const more = found.length === 1 ? '' : ` So did ${found.length - 1} earlier ${found.length === 2 ? 'check' : 'checks'}.`;
  const todo =
    job.done === undefined
      ? `"syncline check --resume ${job.id} --repair" allows it, "syncline check --cancel ${job.id}" ends it.`
      : '"syncline check --repair" looks again, and repairs.';
  return [
    {
      code: 'divergence',
      link: `${source}:${target}`,
      message: `${target} differs from ${source} in ${keys} ${keys === 1 ? 'key' : 'keys'} that ${keys === 1 ? 'is' : 'are'} not repaired, by the check ${job.id}, which ${when}.${more} ${todo}`,
    },
  ];
}

/** Deletions that only a person may allow. */
function held(source: string, facts: CheckFacts, target: string, nowMs: number): Attention[] {
  const byChecks = unrepaired(facts, source, target)[0]?.link.held ?? 0;
  const drift = recentDrift(facts, nowMs);
  const looked = facts.proof?.links[target];
  // What only the target has makes cells differ: where none does since then, somebody has allowed it, or deleted it.
  const isOver = drift !== undefined && looked?.state === 'verified' && (looked.asOf ?? 0) > drift.at;
  const byDrift = isOver ? 0 : (drift?.members[target]?.held ?? 0);
  if (byChecks === 0 && byDrift === 0) return [];
  const keys = Math.max(byChecks, byDrift);
  return [
    {
      code: 'deletes-held',
      link: `${source}:${target}`,
      message: `${keys} ${keys === 1 ? 'item' : 'items'} that only ${target} has would be deleted there by a repair. So many deletions a person must allow: "syncline check --repair --allow-deletes".`,
    },
  ];
}

/** A link that was verified once, and is no more. */
function oldProof(source: string, { proof }: CheckFacts, { target, open }: OpenLink, nowMs: number): Attention[] {
  const found = proof?.links[target];
  if (!open || found?.asOf === undefined || nowMs - found.asOf <= PROOF_OLD_MS) return [];
  const silent = nowMs - found.at > PROOF_OLD_MS;
  const why = silent
    ? ` Nobody has looked for ${ago(nowMs, found.at)}: see the logs of "reconcile" at ${source}.`
    : found.state === 'suspect'
      ? ` ${found.differing} of ${found.cells} cells differ, and the keys are being looked for.`
      : found.why === undefined
        ? ''
        : ` Why: ${found.why}`;
  return [
    {
      code: 'proof-old',
      link: `${source}:${target}`,
      message: `That ${target} is equal to ${source} was last shown as of ${ago(nowMs, found.asOf)} ago.${why}`,
    },
  ];
}

/** A log that the proof can no longer rest on, and changes that were not in the log. */
function members({ proof }: CheckFacts): Attention[] {
  return Object.entries(proof?.members ?? {}).flatMap(([member, { base, why, audit }]): Attention[] => [
    ...(base === undefined || why === undefined
      ? []
      : [
          {
            code: 'log-gap',
            member,
            message: `The standing proof has ended at ${member}: ${why} A new scan begins it again: "syncline check --sweep".`,
          },
        ]),
    ...(audit === undefined || audit.differing === 0
      ? []
      : [
          {
            code: 'log-audit',
            member,
            message: `The table of ${member} and its log do not say the same: ${audit.differing} ${audit.differing === 1 ? 'cell' : 'cells'} of the scan ${audit.base} differ from what the log had led to. A change is not in the log, or the table was changed without one. "syncline archive verify --member ${member}" looks at the log; the next sweep looks again.`,
          },
        ]),
  ]);
}

function overBudget(source: string, { sweeps }: CheckFacts, month: string): Attention[] {
  if (sweeps?.told !== month) return [];
  return [
    {
      code: 'sweeps-over-budget',
      member: source,
      message: `The month's budget does not cover another sweep ($${sweeps.spent.toFixed(2)} are spent): the next one waits for the next month, or for a higher "sweepMonthlyUsd".`,
    },
  ];
}

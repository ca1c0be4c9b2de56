import type { CheckJob, CheckLink } from './job.ts';
import { REPORT_FINDINGS_MAX } from './limits.ts';
import type { CheckReport, Finding, LinkReport } from './report.ts';
import { CHECK_SCHEMA } from './report.ts';

/** How bad a result is; a check is as bad as its worst link. */
const ORDER = ['equal', 'repaired', 'unverified', 'divergent'] as const;

/** What a link came to. Pure. */
export function resultOf({ stage, divergent, unverified, left, repaired, why }: CheckLink, done: boolean): LinkReport['result'] {
  if (stage !== 'ended' && !done) return 'pending';
  if (divergent > repaired || left > 0) return 'divergent';
  if (unverified > 0 || why !== undefined) return 'unverified';
  return divergent > 0 ? 'repaired' : 'equal';
}

/** The report of a check as it stands. Pure. @param first findings, the first of all */
export function makeReport(job: CheckJob, first: readonly Finding[]): CheckReport {
  const { request, done, failed, approved } = job;
  const links = job.links.map((link): LinkReport => {
    const { stage: _, since: __, judged: ___, ...report } = link;
    return { ...report, result: resultOf(link, done !== undefined) };
  });
  const worst = links.some((link) => link.result === 'pending')
    ? 'pending'
    : ORDER.reduce<(typeof ORDER)[number]>((sofar, result) => (links.some((link) => link.result === result) ? result : sofar), 'equal');
  return {
    schema: CHECK_SCHEMA,
    id: job.id,
    set: job.set,
    source: job.source,
    mode: request.mode,
    ...(request.share !== undefined && { share: request.share }),
    action: request.action,
    ...(request.purpose !== undefined && { purpose: request.purpose }),
    by: request.by,
    phase: job.phase,
    result: failed !== undefined ? 'failed' : worst,
    startedMs: job.started,
    ...(done !== undefined && { endedMs: done }),
    ...(approved !== undefined && { approvedBy: approved.by }),
    ...(failed !== undefined && { failed }),
    links,
    findings: job.findings,
    parts: job.parts,
    first: [...first.slice(0, REPORT_FINDINGS_MAX)],
  };
}

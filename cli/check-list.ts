import { cancelCheck } from '../lib/reconcile/check/cancel.ts';
import type { CheckJob } from '../lib/reconcile/check/job.ts';
import { listChecks, readCheck } from '../lib/reconcile/check/job.ts';
import { makeReport } from '../lib/reconcile/check/make-report.ts';
import { readFindings, readReport } from '../lib/reconcile/check/objects.ts';
import type { CheckReport, Finding } from '../lib/reconcile/check/report.ts';
import { unknownCheck } from '../lib/reconcile/check/start.ts';
import { agoText } from '../lib/status/span.ts';
import { whenFree } from './check-free.ts';
import type { CheckIo } from './check-plan.ts';
import type { CheckAt } from './check-ports.ts';
import { checkAt } from './check-ports.ts';
import { EXIT, explain } from './errors.ts';
import type { NextStep } from './next-steps.ts';
import type { Session } from './session.ts';
import { reportText, resultWord } from './views/check-view.ts';

/** The checks there are. @returns the exit code @throws CliError */
export async function listByCommand(session: Session): Promise<number> {
  const { out, runtime } = session;
  const { ports, at } = await checkAt(session);
  const { table, member } = ports.own;
  const jobs = await at(() => listChecks(table, member.tables.control, runtime));
  const now = runtime.clock.now();
  const text = (): string =>
    jobs.length === 0
      ? 'There are no checks. "syncline check" begins one.'
      : out.table(
          ['ID', 'MODE', 'BY', 'BEGAN', 'PHASE', 'KEYS', 'DIVERGENT', 'UNVERIFIED', 'REPAIRED', 'RESULT'],
          jobs.map((job) => row(job, now, out)),
          [5, 6, 7, 8],
        );
  out.result({ set: session.config.set, primary: member.member, checks: jobs.map(listed) }, text);
  return EXIT.ok;
}

const sum = ({ links }: CheckJob, name: 'keys' | 'divergent' | 'unverified' | 'repaired'): number => links.reduce((all, link) => all + link[name], 0);

const listed = (job: CheckJob): object => {
  const { first: _, ...report } = makeReport(job, []);
  return report;
};

function row(job: CheckJob, now: number, out: Session['out']): string[] {
  const counts = (['keys', 'divergent', 'unverified', 'repaired'] as const).map((name) => sum(job, name).toLocaleString('en-US'));
  const report = makeReport(job, []);
  const phase = isWaiting(report) ? out.style('yellow', 'waits') : job.phase;
  return [job.id, job.request.mode, job.request.by, agoText(now, job.started), phase, ...counts, resultWord(report.result, out)];
}

/** One check, and what it found. @returns the exit code, as the check's own end had it @throws CliError */
export async function showByCommand(session: Session, id: string): Promise<number> {
  const { out } = session;
  const at = await checkAt(session);
  const report = await reportOf(session, at, id);
  const findings: Finding[] = [];
  await at.at(async () => {
    for await (const finding of readFindings(at.ports.own.place, session.runtime, id)) {
      findings.push(finding);
      if (findings.length >= FINDINGS_SHOWN_MAX) return;
    }
  });
  const { member, place } = at.ports.own;
  out.result({ ...report, found: findings }, () => reportText({ ...report, first: findings }, member.key, place.bucket, out), stepsOf(session, report));
  return codeOf(report);
}

/** A check that nobody works at goes on by itself, at the minute runs; one that waits for a word does not. */
const stepsOf = (session: Session, report: CheckReport): readonly NextStep[] =>
  isWaiting(report) ? [{ command: session.again(`check --resume ${report.id} --repair`), why: 'It waits with its repair for somebody’s word.' }] : [];

/** Whether somebody must say whether it repairs. Pure. */
export const isWaiting = ({ action, phase, endedMs, approvedBy }: CheckReport): boolean =>
  action === 'ask' && phase === 'preview' && endedMs === undefined && approvedBy === undefined;

/** Ends a check that is under way. @returns the exit code @throws CliError "unknown-check", "not-under-way", "job-taken" */
export async function cancelByCommand(session: Session, id: string, { owner }: Pick<CheckIo, 'owner'>): Promise<number> {
  const { out, runtime } = session;
  const at = await checkAt(session);
  let stopped = false;
  const takeBack = session.outside.onStop(() => {
    stopped = true;
  });
  try {
    await whenFree(
      session,
      () => stopped,
      () => at.at(() => cancelCheck(at.ports, runtime, id, owner)),
    );
  } finally {
    takeBack();
  }
  const report = await reportOf(session, at, id);
  const { member, place } = at.ports.own;
  out.result(report, () => reportText(report, member.key, place.bucket, out));
  return EXIT.ok;
}

/** Findings that --show prints; all of them are in the bucket. */
const FINDINGS_SHOWN_MAX = 1_000;

/** The report of a check: the stored one, else as it stands. @throws CliError */
export async function reportOf(session: Session, { ports, at }: CheckAt, id: string): Promise<CheckReport> {
  const { table, member, place } = ports.own;
  const job = await at(() => readCheck(table, member.tables.control, session.runtime, id));
  const stored = await at(() => readReport(place, session.runtime, id));
  // What is under way has gone on since its report was stored.
  if (job !== undefined) return makeReport(job, stored?.first ?? []);
  if (stored === undefined) throw explain(unknownCheck(id));
  return stored;
}

/** How a command ends by what a check says. Pure. */
export const codeOf = ({ result, links }: Pick<CheckReport, 'result' | 'links'>): number =>
  result === 'failed' ? EXIT.failed : result === 'equal' && links.every(({ divergent }) => divergent === 0) ? EXIT.ok : EXIT.attention;

import { runCheck } from '../lib/reconcile/check/engine.ts';
import type { CheckJob } from '../lib/reconcile/check/job.ts';
import { readCheck } from '../lib/reconcile/check/job.ts';
import { APPROVE_MAX_MS } from '../lib/reconcile/check/limits.ts';
import type { CheckReport } from '../lib/reconcile/check/report.ts';
import { approve, startCheck, unknownCheck } from '../lib/reconcile/check/start.ts';
import type { CheckWatcher } from '../lib/reconcile/check/step.ts';
import { span } from '../lib/status/span.ts';
import { agreed } from './agreed.ts';
import { whenFree } from './check-free.ts';
import { codeOf, reportOf } from './check-list.ts';
import type { CheckIo, CheckOptions } from './check-plan.ts';
import { needBases, planOf, requestOf } from './check-plan.ts';
import type { CheckAt } from './check-ports.ts';
import { checkAt } from './check-ports.ts';
import { CheckSteps } from './check-progress.ts';
import { EXIT } from './errors.ts';
import { showKey } from './keys.ts';
import type { NextStep } from './next-steps.ts';
import { shellWord } from './next-steps.ts';
import type { Session } from './session.ts';
import { shown } from './snapshot-run.ts';
import { findingsText, linksText, planText, repairQuestion, reportText } from './views/check-view.ts';

/** `syncline check`: said first, asked, carried out, shown, repaired, and told. */

/** Begins a check, and carries it out. @returns the exit code @throws CliError, InputError */
export async function checkByCommand(session: Session, own: CheckOptions, io: CheckIo): Promise<number> {
  const { out, runtime } = session;
  const at = await checkAt(session);
  const request = await requestOf(session, at, own, io);
  if (request.mode === 'proof') await needBases(session, at, request.targets);
  const plan = await planOf(session, at, request);
  const words = planText(at.primary.name, plan, own.detach === true);
  const facts = { set: session.config.set, primary: at.primary.name, plan };
  // What reads a few keys, or no table, and writes nothing without another word, begins at once.
  const free = (request.mode === 'proof' || request.mode === 'keys') && request.action !== 'repair';
  if (free) out.note(words);
  else if (!(await agreed(out, words, facts, own.yes, io.confirm))) {
    out.result({ ...facts, state: 'declined' }, () => 'Nothing was done.');
    return EXIT.ok;
  }
  const { id } = await at.at(() => startCheck(at.ports, runtime, request));
  if (own.detach === true) {
    const show = session.again(`check --show ${id}`);
    out.result({ ...facts, state: 'begun', id }, () => `The check ${id} is begun; the minute runs of the members carry it out.\nHow far it is: ${show}`, [
      { command: show, why: 'It shows how far it is, and what it has found.' },
    ]);
    return EXIT.ok;
  }
  return carryOut(session, at, id, own, io);
}

/** Goes on with a check. To say --yes or --repair is to approve the repair that it waits with. @returns the exit code @throws CliError, InputError */
export async function resumeByCommand(session: Session, id: string, own: CheckOptions, io: CheckIo): Promise<number> {
  const at = await checkAt(session);
  const { table, member } = at.ports.own;
  const job = await at.at(() => readCheck(table, member.tables.control, session.runtime, id));
  if (job === undefined) throw unknownCheck(id);
  return carryOut(session, at, id, { ...own, ...(own.yes === true && { repair: true }) }, io);
}

/** Carries a check out from here, shows how it goes, and asks before it repairs. */
async function carryOut(session: Session, at: CheckAt, id: string, own: CheckOptions, io: CheckIo): Promise<number> {
  const { out } = session;
  out.note(`check ${id}`);
  let job = await drive(session, at, id, io);
  if (waits(job) && (await approved(session, at, job, own, io))) {
    const { table, member } = at.ports.own;
    await at.at(() => approve(table, member.tables.control, session.runtime, id, { by: io.owner, ...(own.allowDeletes === true && { allowDeletes: true }) }));
    job = await drive(session, at, id, io);
  }
  return told(session, at, job, await reportOf(session, at, id), io.confirm !== undefined);
}

/** Shows what was found, and asks whether to repair it. */
async function approved(session: Session, at: CheckAt, job: CheckJob, own: CheckOptions, io: CheckIo): Promise<boolean> {
  if (own.repair === true) return true;
  const { out } = session;
  if (io.confirm === undefined || out.json) return false;
  const { member, place } = at.ports.own;
  const report = await reportOf(session, at, job.id);
  out.note(`\n${linksText(report.links, out)}\n\n${findingsText(report, member.key, place.bucket, out)}\n`);
  return io.confirm(repairQuestion(report.links, own.allowDeletes === true));
}

const waits = ({ phase, approved: by, request, done }: CheckJob): boolean =>
  phase === 'preview' && request.action === 'ask' && by === undefined && done === undefined;

/** Works at a check from here until it is done, waits for a word, or is stopped. @throws CliError */
async function drive(session: Session, at: CheckAt, id: string, io: CheckIo): Promise<CheckJob> {
  const { runtime } = session;
  const steps = new CheckSteps(() => runtime.clock.elapsed());
  const how = { owner: io.owner, untilMs: Number.POSITIVE_INFINITY, drive: true };
  return shown(session, io, undefined, (step, stopped) => {
    const watcher: CheckWatcher = {
      progress: (now) => {
        const { done, words, of } = steps.next(now);
        step(done, words, of);
      },
      stopped,
    };
    return whenFree(session, stopped, () => at.at(() => runCheck(at.ports, runtime, id, how, watcher)));
  });
}

function told(session: Session, at: CheckAt, job: CheckJob, report: CheckReport, canAsk: boolean): number {
  const { out } = session;
  const { member, place } = at.ports.own;
  const steps = followingSteps(session, at, job, report);
  // Who has just said "no" has seen what was found.
  const whole = waits(job) && canAsk ? { ...report, first: [] } : report;
  const text = (): string => `${reportText(whole, member.key, place.bucket, out)}${steps.map(({ why, command }) => `\n\n${why}\n  ${command}`).join('')}`;
  out.result(report, text, steps);
  return job.done === undefined ? EXIT.attention : codeOf(report);
}

/** Keys that a following command names; of more, a file is named. */
const KEYS_NAMED = 3;

/** What follows a check, if anything does. */
function followingSteps(session: Session, { ports }: CheckAt, job: CheckJob, report: CheckReport): readonly NextStep[] {
  const resume = (more: string): string => session.again(`check --resume ${job.id}${more}`);
  const cancel = { command: session.again(`check --cancel ${job.id}`), why: 'To end it for good:' };
  if (waits(job)) {
    return [{ command: resume(' --repair'), why: `Nothing was repaired. For ${span(APPROVE_MAX_MS)}, the check waits for your word:` }, cancel];
  }
  if (job.done === undefined) {
    return [{ command: resume(''), why: 'Not finished. The minute runs of the members go on with it; to do so from here:' }, cancel];
  }
  if (report.result !== 'divergent') return [];
  const keys = report.first.map(({ key }) => ` --key ${shellWord(showKey(key, ports.own.member.key))}`);
  const what = { proof: '', sweep: ' --sweep', sample: ' --sweep', keys: report.findings <= KEYS_NAMED ? keys.join('') : ' --keys-file FILE' }[report.mode];
  if (report.links.some(({ held }) => held > 0)) {
    return [{ command: session.again(`check${what} --repair --allow-deletes`), why: 'Items that only a member has are deleted there only when you say so:' }];
  }
  return [{ command: session.again(`check${what} --repair`), why: 'To compare anew, and repair what differs:' }];
}

import type { Applied, RewriteProgress } from '../lib/archive/rewrite/apply.ts';
import { applyPlan } from '../lib/archive/rewrite/apply.ts';
import { checkDeletes } from '../lib/archive/rewrite/brake.ts';
import { REQUEST_MAX_MS } from '../lib/archive/rewrite/limits.ts';
import type { RewritePlan } from '../lib/archive/rewrite/plan.ts';
import { skippedOf } from '../lib/archive/rewrite/savepoint.ts';
import { rewriteContext } from '../lib/archive/rewrite/seats.ts';
import type { Seat } from '../lib/core/formats/rows.ts';
import type { Runtime } from '../lib/ports/runtime.ts';
import { retried } from '../lib/replicate/retry.ts';
import type { ServeContext } from '../lib/serve/context.ts';
import type { AdoptIo } from './adopt-io.ts';
import { needsYes } from './agreed.ts';
import type { MemberArchive } from './archive-place.ts';
import { archiveOf } from './archive-place.ts';
import { checkClock } from './clock-check.ts';
import { checkDeployed } from './deployed.ts';
import { EXIT } from './errors.ts';
import type { NextStep } from './next-steps.ts';
import { count, plural } from './output.ts';
import type { RewriteOptions } from './rewrite-options.ts';
import { showSteps } from './rewrite-progress.ts';
import { doneText } from './rewrite-show.ts';
import type { Session } from './session.ts';
import { findPrimary } from './session.ts';

/** What is common to a rewrite that begins and to one that goes on: where, the brake, the question, and the carrying out. */

/** What of the outside it needs. */
export type RewriteIo = Pick<AdoptIo, 'confirm' | 'owner' | 'stream'>;

/** The primary, its seat as it was found, and its archive. */
export interface RewriteAt {
  readonly archive: MemberArchive;
  readonly seat: Seat;
}

/** Which command it is, for the lines of what may follow. */
export type RewriteCommand = 'restore' | 'undo';

/** The primary, which alone may be rewritten. @throws CliError */
export async function primaryAt(session: Session): Promise<RewriteAt> {
  const { member, seat } = await findPrimary(session);
  await checkDeployed(session, member);
  return { archive: archiveOf(session, member), seat };
}

/** The write path's context at the primary. */
export const contextOf = ({ archive }: RewriteAt): ServeContext => rewriteContext(archive.context, archive.place, archive.table);

/**
 * Asks, unless that is not wanted.
 *
 * @param document what was planned: of the refusal, and of the result when the answer is no, which this gives.
 * @throws CliError (usage) "needs-yes" where nobody can be asked
 */
export async function confirmed({ out }: Session, document: object, { yes }: RewriteOptions, { confirm }: RewriteIo, question: string): Promise<boolean> {
  if (yes === true) return true;
  if (confirm === undefined || out.json) throw needsYes(document);
  if (await confirm(question)) return true;
  out.result({ ...document, state: 'declined' }, () => 'Nothing was changed.');
  return false;
}

/** @throws CliError "too-many-deletes" */
export async function brake(session: Session, { archive }: RewriteAt, plan: RewritePlan, { allowDeletes }: RewriteOptions): Promise<void> {
  if (plan.deletes === 0) return;
  const { runtime } = session;
  await archive.at(async () => {
    // Not the session's own end: a person may have been asked before.
    const { itemCount } = await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () => archive.table.describe(plan.table));
    checkDeletes(plan.deletes, itemCount, allowDeletes);
  });
}

/**
 * The runtime, its wall clock never behind that of the primary's region: a lease ends by that one. Without a lease, no wall clock
 * decides anything.
 *
 * @throws CliError "clock-off", "clock-unknown"
 */
async function regionRuntime(session: Session, { archive, seat }: RewriteAt): Promise<Runtime> {
  const { runtime } = session;
  const offset = seat.until === undefined ? undefined : await checkClock(session, archive.member.region);
  if (offset === undefined) return runtime;
  const { clock } = runtime;
  return { ...runtime, clock: { now: () => clock.now() - offset.atLeastMs, elapsed: () => clock.elapsed(), sleep: (ms) => clock.sleep(ms) } };
}

/**
 * Carries a plan out, and tells what came of it.
 *
 * @returns the exit code @throws CliError, and what applyPlan throws
 */
export async function carryOut(
  session: Session,
  at: RewriteAt,
  plan: RewritePlan,
  command: RewriteCommand,
  io: RewriteIo,
  document: object = {},
): Promise<number> {
  const { out, runtime, outside } = session;
  // Before anything is written: a run that is killed says nothing any more.
  const again = session.again(`${command} --resume ${plan.id}`);
  out.note(`Job ${plan.id}. Should it be killed, this goes on: ${again}`);
  let stopped = false;
  const takeBack = outside.onStop(() => {
    stopped = true;
  });
  const shown = showSteps(plan.puts + plan.deletes, { stream: io.stream, note: (text) => out.note(text), elapsed: () => runtime.clock.elapsed() });
  let applied: Applied;
  try {
    const watcher = { progress: (now: RewriteProgress) => shown.step(now.done, progressWords(now)), stopped: () => stopped };
    const here = await regionRuntime(session, at);
    applied = await at.archive.at(() => applyPlan(contextOf(at), at.archive.place, here, plan, io.owner, watcher));
  } finally {
    shown.stop();
    takeBack();
  }
  const { done, counts, resumed } = applied;
  const { bucket } = at.archive.place;
  const next: NextStep[] = done
    ? counts.put + counts.deleted > 0
      ? [{ command: session.again(`${command} --undo ${plan.id}`), why: 'It takes this back.' }]
      : []
    : [
        { command: again, why: 'It goes on.' },
        { command: session.again(`${command} --undo ${plan.id}`), why: 'It takes back what was written so far.' },
      ];
  const told = done ? doneText(plan, counts, bucket) : `Stopped after ${plural(counts.put + counts.deleted, 'write')}; nothing is lost.`;
  out.result({ ...document, job: plan.id, state: done ? 'done' : 'stopped', counts, ...(resumed && { resumed }) }, () => withNext(told, next), next);
  return done && skippedOf(counts) === 0 ? EXIT.ok : EXIT.attention;
}

/** A text, and below it what may follow. */
export const withNext = (text: string, next: readonly NextStep[]): string =>
  next.length === 0 ? text : `${text}\n\n${['Next:', ...next.map(({ command, why }) => `  ${command}\n      ${why}`)].join('\n')}`;

const progressWords = ({ done, of, counts }: RewriteProgress): string => {
  const skipped = skippedOf(counts);
  return `${count(done)} of ${plural(of, 'item')}${skipped === 0 ? '' : `, ${count(skipped)} skipped`}`;
};

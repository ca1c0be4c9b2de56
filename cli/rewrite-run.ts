import type { Applied, RewriteProgress } from '../lib/archive/rewrite/apply.ts';
import { applyPlan } from '../lib/archive/rewrite/apply.ts';
import { checkDeletes } from '../lib/archive/rewrite/brake.ts';
import type { PlanLine } from '../lib/archive/rewrite/change.ts';
import type { Original } from '../lib/archive/rewrite/inverse.ts';
import { checkTakesBack, findOriginal, inverseLines, markTakenBack } from '../lib/archive/rewrite/inverse.ts';
import { REQUEST_MAX_MS } from '../lib/archive/rewrite/limits.ts';
import type { Preview, RewriteKind, RewritePlan } from '../lib/archive/rewrite/plan.ts';
import { readPlan, rewriteId, writePlan } from '../lib/archive/rewrite/plan.ts';
import { skippedOf } from '../lib/archive/rewrite/savepoint.ts';
import { rewriteContext } from '../lib/archive/rewrite/seats.ts';
import type { Seat } from '../lib/core/formats/rows.ts';
import type { Runtime } from '../lib/ports/runtime.ts';
import { retried } from '../lib/replicate/retry.ts';
import type { ServeContext } from '../lib/serve/context.ts';
import type { AdoptIo } from './adopt-io.ts';
import type { MemberArchive } from './archive-place.ts';
import { archiveOf } from './archive-place.ts';
import { checkClock } from './clock-check.ts';
import { checkDeployed } from './deployed.ts';
import { CliError, EXIT } from './errors.ts';
import type { NextStep } from './next-steps.ts';
import { count } from './output.ts';
import type { RewriteOptions } from './rewrite-options.ts';
import { showSteps } from './rewrite-progress.ts';
import { doneText, planDocument, planText } from './rewrite-show.ts';
import type { Session } from './session.ts';
import { findPrimary } from './session.ts';

/** The edge that a restore in place, an undo, and the taking back of either have in common: plan, show, ask, carry out, tell. */

/** What of the outside it needs. */
export type RewriteIo = Pick<AdoptIo, 'confirm' | 'owner' | 'stream'>;

/** The primary, its seat as it was found, and its archive. */
export interface RewriteAt {
  readonly archive: MemberArchive;
  readonly seat: Seat;
}

/** Which command it is, for the lines of what may follow. */
export type RewriteCommand = 'restore' | 'undo';

/** A rewrite that is to be planned. */
export interface RewriteAsked {
  readonly kind: RewriteKind;
  readonly command: RewriteCommand;
  /** What the person asked for; kept in the plan. */
  readonly args: Readonly<Record<string, string>>;
  /** Streamed into the plan. */
  readonly lines: AsyncIterable<PlanLine>;
  /** More sentences for the preview; asked for after the last line. */
  readonly notes?: () => readonly string[];
  /** Called before the first line: what it says stands beside the bar while the plan is made. */
  readonly reading?: (say: (words: string) => void) => void;
}

/**
 * Plans a rewrite, shows it, asks, carries it out and tells.
 *
 * @returns the exit code: "attention" when lines were skipped, or it was stopped.
 * @throws CliError
 */
export const runRewrite = (session: Session, at: RewriteAt, asked: RewriteAsked, options: RewriteOptions, io: RewriteIo): Promise<number> =>
  run(session, at, asked, options, io, undefined);

/** Takes an earlier rewrite back: `restore --undo JOB` and `undo --undo JOB`. @returns the exit code @throws CliError */
export async function takeBackRewrite(
  session: Session,
  at: RewriteAt,
  job: string,
  command: RewriteCommand,
  options: RewriteOptions,
  io: RewriteIo,
): Promise<number> {
  const { place } = at.archive;
  const original = await at.archive.at(() => findOriginal(contextOf(at), place, session.runtime, job));
  const lines = inverseLines(place, session.runtime, original);
  return run(session, at, { kind: 'take-back', command, args: { undo: job }, lines }, options, io, original);
}

/** Goes on with a rewrite that was stopped or killed, without asking: that was done before. @returns the exit code @throws CliError */
export async function resumeRewrite(
  session: Session,
  at: RewriteAt,
  job: string,
  command: RewriteCommand,
  options: RewriteOptions,
  io: RewriteIo,
): Promise<number> {
  const plan = await at.archive.at(async () => {
    const found = await readPlan(at.archive.place, session.runtime, job);
    await checkTakesBack(contextOf(at), session.runtime, found);
    return found;
  });
  await brake(session, at, plan, options);
  return carryOut(session, at, plan, command, io);
}

/** The primary, which alone may be rewritten. @throws CliError */
export async function primaryAt(session: Session): Promise<RewriteAt> {
  const { member, seat } = await findPrimary(session);
  await checkDeployed(session, member);
  return { archive: archiveOf(session, member), seat };
}

const contextOf = ({ archive }: RewriteAt): ServeContext => rewriteContext(archive.context, archive.place, archive.table);

async function run(
  session: Session,
  at: RewriteAt,
  asked: RewriteAsked,
  options: RewriteOptions,
  io: RewriteIo,
  original: Original | undefined,
): Promise<number> {
  const { out } = session;
  const { plan, preview } = await planned(session, at, asked, io, original);
  const notes = asked.notes?.() ?? [];
  const { bucket, key } = at.archive.place;
  const text = (): string => planText(plan, preview, notes, bucket, key, out);
  const document = planDocument(plan, preview, notes, bucket);
  if (plan.puts + plan.deletes === 0) {
    out.result({ ...document, state: 'nothing-to-do' }, () => `${text()}\n\nThere is nothing to do. Nothing was changed.`);
    return EXIT.ok;
  }
  if (options.dryRun === true) {
    const next = [{ command: session.again(`${asked.command} --resume ${plan.id}`), why: 'Carry this very plan out. What changes until then is skipped.' }];
    out.result({ ...document, state: 'planned' }, () => withNext(`${text()}\n\nNothing was changed.`, next), next);
    return EXIT.ok;
  }
  if (!out.json) out.note(text());
  await brake(session, at, plan, options);
  if (options.yes !== true) {
    if (io.confirm === undefined || out.json)
      throw new CliError('usage', 'needs-yes', 'Nobody can be asked here: add --yes to begin.', document as Record<string, unknown>);
    if (!(await io.confirm('Begin?'))) {
      out.result({ ...document, state: 'declined' }, () => 'Nothing was changed.');
      return EXIT.ok;
    }
  }
  if (original !== undefined) await at.archive.at(() => markTakenBack(contextOf(at), session.runtime, original, plan.id, io.owner));
  return carryOut(session, at, plan, asked.command, io, document);
}

/** Writes the plan, and shows how far it is. @throws CliError */
async function planned(
  session: Session,
  { archive, seat }: RewriteAt,
  asked: RewriteAsked,
  io: RewriteIo,
  original: Original | undefined,
): Promise<{ readonly plan: RewritePlan; readonly preview: Preview }> {
  const { runtime, out } = session;
  const about = {
    id: rewriteId(asked.kind, runtime.clock.now(), runtime.chance.nonce()),
    kind: asked.kind,
    args: asked.args,
    table: archive.context.tables.items,
    tableId: seat.tableId,
    epoch: seat.own,
    ...(original !== undefined && { takesBack: original.plan.id }),
  };
  const shown = showSteps(undefined, { stream: io.stream, note: (text) => out.note(text), elapsed: () => runtime.clock.elapsed() });
  asked.reading?.((words) => shown.step(0, words));
  try {
    return await archive.at(() => writePlan(archive.place, runtime, about, asked.lines, (n) => shown.step(n, `planning: ${count(n)} keys looked at`)));
  } finally {
    shown.stop();
  }
}

/** @throws CliError "too-many-deletes" */
async function brake(session: Session, { archive }: RewriteAt, plan: RewritePlan, { allowDeletes }: RewriteOptions): Promise<void> {
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

async function carryOut(session: Session, at: RewriteAt, plan: RewritePlan, command: RewriteCommand, io: RewriteIo, document: object = {}): Promise<number> {
  const { out, runtime, outside } = session;
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
        { command: session.again(`${command} --resume ${plan.id}`), why: 'It goes on.' },
        { command: session.again(`${command} --undo ${plan.id}`), why: 'It takes back what was written so far.' },
      ];
  const told = done ? doneText(plan, counts, bucket) : `Stopped after ${count(counts.put + counts.deleted)} writes; nothing is lost.`;
  out.result({ ...document, job: plan.id, state: done ? 'done' : 'stopped', counts, ...(resumed && { resumed }) }, () => withNext(told, next), next);
  return done && skippedOf(counts) === 0 ? EXIT.ok : EXIT.attention;
}

/** A text, and below it what may follow. */
const withNext = (text: string, next: readonly NextStep[]): string =>
  next.length === 0 ? text : `${text}\n\n${['Next:', ...next.map(({ command, why }) => `  ${command}\n      ${why}`)].join('\n')}`;

const progressWords = ({ done, of, counts }: RewriteProgress): string => {
  const skipped = skippedOf(counts);
  return `${count(done)} of ${count(of)} items${skipped === 0 ? '' : `, ${count(skipped)} skipped`}`;
};

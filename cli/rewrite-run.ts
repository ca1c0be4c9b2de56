import type { PlanLine } from '../lib/archive/rewrite/change.ts';
import type { Original } from '../lib/archive/rewrite/inverse.ts';
import { findOriginal, inverseLines, markTakenBack } from '../lib/archive/rewrite/inverse.ts';
import type { Preview, RewriteKind, RewritePlan } from '../lib/archive/rewrite/plan.ts';
import { rewriteId, writePlan } from '../lib/archive/rewrite/plan.ts';
import { EXIT } from './errors.ts';
import { plural } from './output.ts';
import type { RewriteAt, RewriteCommand, RewriteIo } from './rewrite-carry.ts';
import { brake, carryOut, confirmed, contextOf, withNext } from './rewrite-carry.ts';
import type { RewriteOptions } from './rewrite-options.ts';
import { showSteps } from './rewrite-progress.ts';
import { planDocument, planText } from './rewrite-show.ts';
import type { Session } from './session.ts';

/** The edge that a restore in place, an undo, and the taking back of either have in common: plan, show, ask, carry out, tell. */

/** A rewrite that is to be planned. */
export interface RewriteAsked {
  readonly kind: RewriteKind;
  readonly command: RewriteCommand;
  /** What the person asked for; kept in the plan. */
  readonly args: Readonly<Record<string, string>>;
  /** Streamed into the plan. */
  readonly lines: AsyncIterable<PlanLine>;
  /** More fields for the document. */
  readonly facts?: object;
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
  const document = { ...planDocument(plan, preview, notes, bucket), ...asked.facts };
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
  if (!(await confirmed(session, document, options, io, 'Begin?'))) return EXIT.ok;
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
    return await archive.at(() => writePlan(archive.place, runtime, about, asked.lines, (n) => shown.step(n, `planning: ${plural(n, 'key')} looked at`)));
  } finally {
    shown.stop();
  }
}

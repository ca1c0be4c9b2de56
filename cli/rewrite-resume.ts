import type { EarlierRewrite } from '../lib/archive/rewrite/earlier.ts';
import { findEarlier } from '../lib/archive/rewrite/earlier.ts';
import { checkIdle, countedOf, skippedOf } from '../lib/archive/rewrite/savepoint.ts';
import { isoSeconds } from '../lib/core/calendar.ts';
import { EXIT } from './errors.ts';
import type { NextStep } from './next-steps.ts';
import type { RewriteAt, RewriteCommand, RewriteIo } from './rewrite-carry.ts';
import { brake, carryOut, confirmed, contextOf, withNext } from './rewrite-carry.ts';
import type { RewriteOptions } from './rewrite-options.ts';
import { doneBeforeText, planDocument, planText } from './rewrite-show.ts';
import type { Session } from './session.ts';

/**
 * Goes on with a rewrite that was planned only, stopped or killed: shows the plan and how far it is, asks, and carries the rest
 * out. One that is done is only told.
 *
 * @returns the exit code. @throws CliError
 */
export async function resumeRewrite(
  session: Session,
  at: RewriteAt,
  id: string,
  command: RewriteCommand,
  options: RewriteOptions,
  io: RewriteIo,
): Promise<number> {
  const { out, runtime } = session;
  const { place } = at.archive;
  const found = await at.archive.at(() => findEarlier(contextOf(at), place, runtime, id));
  const { plan, job, preview } = found;
  if (job?.done !== undefined) return toldBefore(session, found, job.done, command, place.bucket);
  const left = plan.puts + plan.deletes - (job === undefined ? 0 : countedOf(job.counts));
  const document = {
    ...planDocument(plan, preview, [], place.bucket),
    left,
    ...(job !== undefined && { begun: isoSeconds(job.started), counts: job.counts }),
  };
  const text = (): string => planText(plan, preview, [], place.bucket, place.key, out, { left, job });
  if (options.dryRun === true) {
    const next = [{ command: session.again(`${command} --resume ${id}`), why: 'Carry out what is left. What has changed is skipped.' }];
    out.result({ ...document, state: 'planned' }, () => withNext(`${text()}\n\nNothing was changed.`, next), next);
    return EXIT.ok;
  }
  checkIdle(id, job, runtime.clock.now());
  if (!out.json) out.note(text());
  await brake(session, at, plan, options);
  if (!(await confirmed(session, document, options, io, job === undefined ? 'Begin?' : 'Go on?'))) return EXIT.ok;
  return carryOut(session, at, plan, command, io, document);
}

/** That it is done, since when, and whether it was taken back. Nothing is written. @returns the exit code */
function toldBefore({ out, again }: Session, { plan, job }: EarlierRewrite, doneMs: number, command: RewriteCommand, bucket: string): number {
  if (job === undefined) return EXIT.ok;
  const { counts, takenBack } = job;
  const next: NextStep[] =
    takenBack === undefined && counts.put + counts.deleted > 0 ? [{ command: again(`${command} --undo ${plan.id}`), why: 'It takes this back.' }] : [];
  out.result(
    { job: plan.id, kind: plan.kind, state: 'done-before', done: isoSeconds(doneMs), ...(takenBack !== undefined && { takenBackBy: takenBack }), counts },
    () => withNext(doneBeforeText(plan, counts, isoSeconds(doneMs), takenBack, bucket), next),
    next,
  );
  return skippedOf(counts) === 0 ? EXIT.ok : EXIT.attention;
}

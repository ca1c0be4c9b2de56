import { readJob } from '../../job/lease.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { ServeContext } from '../../serve/context.ts';
import type { ArchivePlace } from '../place.ts';
import { checkTakesBack } from './inverse.ts';
import { PREVIEW_LINES } from './limits.ts';
import type { OpenPreview, Preview, RewritePlan } from './plan.ts';
import { readChunk, readPlan, showIn } from './plan.ts';
import type { PlanPlace, RewriteJob } from './savepoint.ts';
import { checkGoesOn, rewritePlace } from './savepoint.ts';

/** A rewrite that was planned before, as it is now: what a person is shown before it goes on. Nothing is written here. */

export interface EarlierRewrite {
  readonly plan: RewritePlan;
  /** Its savepoint; undefined where it was planned, and never begun. */
  readonly job: RewriteJob | undefined;
  /** The first lines of what is left. */
  readonly preview: Preview;
}

/**
 * Finds a rewrite that is to go on.
 *
 * @param ctx of the member at which it runs.
 * @throws InputError "unknown-job", "invalid-job", "taken-back", "went-on"; FormatError naming the object; RemoteError
 */
export async function findEarlier(ctx: ServeContext, place: ArchivePlace, runtime: Runtime, id: string): Promise<EarlierRewrite> {
  const plan = await readPlan(place, runtime, id);
  const job = await readJob(rewritePlace(ctx.table, ctx.tables.control, id), runtime);
  if (job !== undefined) checkGoesOn(plan, job);
  if (job?.done !== undefined) return { plan, job, preview: { rewrites: [], skipped: [] } };
  await checkTakesBack(ctx, runtime, plan);
  return { plan, job, preview: await previewFrom(place, runtime, plan, job?.next ?? { chunk: 0, line: 0 }) };
}

/** The first lines from a place on. Whole chunks are read until there are enough rewrites. @throws FormatError naming the object; RemoteError */
async function previewFrom(place: ArchivePlace, runtime: Runtime, plan: RewritePlan, from: PlanPlace): Promise<Preview> {
  const preview: OpenPreview = { rewrites: [], skipped: [] };
  for (let chunk = from.chunk; chunk < plan.chunks.length && preview.rewrites.length < PREVIEW_LINES; chunk += 1) {
    const lines = await readChunk(place, runtime, plan, chunk);
    for (const line of chunk === from.chunk ? lines.slice(from.line) : lines) showIn(preview, line);
  }
  return preview;
}

import { z } from 'zod';
import { FormatError, InputError } from '../../core/errors.ts';
import { nameTime } from '../../core/formats/archive-names.ts';
import { sha256Base64 } from '../../core/formats/segment.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { ArchivePlace } from '../place.ts';
import { wholeObject } from '../snapshot/read.ts';
import type { PlanLine, Rewrite, Skipped } from './change.ts';
import { decodePlanLine, isSkipped, packLines, unpackLines } from './change.ts';
import { PLAN_CHUNK_LINES, PLAN_CHUNK_RAW_BYTES, PREVIEW_LINES } from './limits.ts';
import { chunkName, planName, sealed, store, unsealed } from './store.ts';

/**
 * The plan of a rewrite, in the member's bucket: every key with what is there and what shall be there. Its chunks are
 * written as they come, and `plan.json`, which names them and their sums, last: without it there is no plan.
 */

/** What a rewrite is: a restore in place, the undo of a window, or the taking back of a rewrite. */
const KINDS = ['restore', 'undo', 'take-back'] as const;
export type RewriteKind = (typeof KINDS)[number];

const planSchema = z.strictObject({
  format: z.literal(1),
  id: z.string(),
  kind: z.enum(KINDS),
  /** What the person asked for. */
  args: z.record(z.string(), z.string()),
  set: z.string(),
  member: z.string(),
  table: z.string(),
  tableId: z.string(),
  /** Of the seat when it was planned. */
  epoch: z.int(),
  /** When the plan was complete (ms). */
  plannedMs: z.int(),
  /** The rewrite that this one takes back. */
  takesBack: z.string().exactOptional(),
  chunks: z.array(z.strictObject({ lines: z.int(), bytes: z.int(), rawBytes: z.int(), sha256: z.string() })),
  puts: z.int(),
  deletes: z.int(),
  /** Keys that are left as they are, by the reason. */
  skipped: z.record(z.string(), z.int()),
  /** Rewrites in which some attributes keep what was written later. */
  kept: z.int(),
  bytes: z.int(),
});

/** The head of a plan. `sum` is the SHA-256 of everything else in it. */
export type RewritePlan = z.infer<typeof planSchema> & { readonly sum: string };

/** What a plan is of. */
export interface PlanAbout extends Pick<RewritePlan, 'id' | 'kind' | 'table' | 'tableId' | 'epoch'> {
  readonly args: Readonly<Record<string, string>>;
  readonly takesBack?: string;
}

/** The first lines of a plan, for people. */
export interface Preview {
  readonly rewrites: readonly Rewrite[];
  readonly skipped: readonly Skipped[];
}

/** One that is being filled. */
export interface OpenPreview {
  readonly rewrites: Rewrite[];
  readonly skipped: Skipped[];
}

/** Takes a line into a preview, while there is room. */
export function showIn(preview: OpenPreview, line: PlanLine): void {
  const part: PlanLine[] = isSkipped(line) ? preview.skipped : preview.rewrites;
  if (part.length < PREVIEW_LINES) part.push(line);
}

/** A new rewrite's id, "undo-20261124T101503Z-ab12cd": the name of its row and of its folder. */
export const rewriteId = (kind: RewriteKind, nowMs: number, nonce: string): string => `${kind}-${nameTime(nowMs)}-${nonce.slice(0, 6)}`;

const ID = new RegExp(`^(?:${KINDS.join('|')})-\\d{8}T\\d{6}Z-[a-z0-9]{6}$`);

/**
 * Writes a plan as its lines come. One chunk is held at a time.
 *
 * @param progress told the number of lines after each chunk.
 * @throws RemoteError, and what the lines' source throws: there is no plan then.
 */
export async function writePlan(
  place: ArchivePlace,
  runtime: Runtime,
  about: PlanAbout,
  lines: AsyncIterable<PlanLine>,
  progress: (lines: number) => void = () => undefined,
): Promise<{ readonly plan: RewritePlan; readonly preview: Preview }> {
  const chunks: RewritePlan['chunks'] = [];
  const skipped = new Map<string, number>();
  const preview: OpenPreview = { rewrites: [], skipped: [] };
  const counts = { puts: 0, deletes: 0, kept: 0, bytes: 0, lines: 0 };
  let open: string[] = [];
  let rawBytes = 0;
  const close = async (): Promise<void> => {
    if (open.length === 0) return;
    const body = packLines(open);
    const sha256 = await store(place, runtime, chunkName(about.id, chunks.length), body);
    chunks.push({ lines: open.length, bytes: body.length, rawBytes, sha256 });
    counts.bytes += body.length;
    open = [];
    rawBytes = 0;
    progress(counts.lines);
  };
  for await (const line of lines) {
    const text = JSON.stringify(line);
    open.push(text);
    rawBytes += Buffer.byteLength(text, 'utf8') + 1;
    counts.lines += 1;
    showIn(preview, line);
    if (isSkipped(line)) {
      skipped.set(line.skipped, (skipped.get(line.skipped) ?? 0) + 1);
    } else {
      counts[line.after === undefined ? 'deletes' : 'puts'] += 1;
      if (line.kept !== undefined && line.kept.length > 0) counts.kept += 1;
    }
    if (open.length >= PLAN_CHUNK_LINES || rawBytes >= PLAN_CHUNK_RAW_BYTES) await close();
  }
  await close();
  const { lines: _, ...rest } = counts;
  const head = {
    format: 1 as const,
    ...about,
    args: { ...about.args },
    set: place.set,
    member: place.member,
    plannedMs: runtime.clock.now(),
    chunks,
    ...rest,
    skipped: Object.fromEntries(skipped),
  };
  const { text, sum } = sealed(head);
  await store(place, runtime, planName(about.id), Buffer.from(text, 'utf8'));
  return { plan: { ...head, sum }, preview };
}

/** Reads the head of a plan. @throws InputError "invalid-job", "unknown-job"; FormatError naming the object; RemoteError */
export async function readPlan(place: ArchivePlace, runtime: Runtime, id: string): Promise<RewritePlan> {
  if (!ID.test(id))
    throw new InputError(
      'invalid-job',
      `${JSON.stringify(id.slice(0, 80))} is no name of a job: it is what restore and undo say when they plan, such as "undo-20261124T101503Z-ab12cd".`,
    );
  const name = planName(id);
  const bytes = await wholeObject(place, runtime, name);
  if (bytes === undefined)
    throw new InputError('unknown-job', `There is no plan of the job "${id}": ${place.bucket} has no ${name}. Is ${place.member} the member that it ran at?`);
  const plan = unsealed(bytes, planSchema, name);
  if (plan.id !== id) throw new FormatError(`${name} is of the job ${plan.id}`);
  return plan;
}

/** The lines of one chunk of a plan, its sum checked. @throws FormatError naming the object; RemoteError */
export async function readChunk(place: ArchivePlace, runtime: Runtime, plan: RewritePlan, n: number): Promise<readonly PlanLine[]> {
  const name = chunkName(plan.id, n);
  const about = plan.chunks[n];
  const body = await wholeObject(place, runtime, name);
  if (about === undefined || body === undefined) throw new FormatError(`${name} is missing: the plan cannot be carried out, nor taken back`);
  if (sha256Base64(body) !== about.sha256) throw new FormatError(`${name} is damaged: its sum is not the one in ${planName(plan.id)}`);
  const lines = unpackLines(body, name, decodePlanLine);
  if (lines.length !== about.lines) throw new FormatError(`${name} has ${lines.length} lines; ${planName(plan.id)} says ${about.lines}`);
  return lines;
}

import { z } from 'zod';
import type { Key } from '../../core/attribute.ts';
import { FormatError, InputError } from '../../core/errors.ts';
import { sha256Base64 } from '../../core/formats/segment.ts';
import type { PutOptions } from '../../ports/objects.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import type { ArchivePlace } from '../place.ts';
import { wholeObject } from '../snapshot/read.ts';
import { packLines, unpackLines } from './change.ts';
import { REQUEST_MAX_MS } from './limits.ts';
import type { RewritePlan } from './plan.ts';
import type { RewriteCounts } from './savepoint.ts';
import { resultName, sealed, skippedName, store, unsealed } from './store.ts';

/** What became of a rewrite, beside its plan: the lines that were skipped, chunk by chunk, and the counts when all is done. */

/** A rewrite that was not written. */
export interface SkippedLine {
  /** Its place in the chunk of the plan, from 0. */
  readonly line: number;
  readonly key: Key;
  readonly reason: string;
}

/** What was skipped of one chunk of the plan so far. */
export interface SkippedPart {
  readonly lines: readonly SkippedLine[];
  /** Of the object that holds it; absent when there is none yet. */
  readonly etag: string | undefined;
}

/**
 * Stores what was skipped of a chunk so far: all of it each time, since a window more is known.
 *
 * ⚠ Only over the object that this run has read or stored itself: a run that was frozen, and whose job another one has gone
 * on with meanwhile, would put an older list in the place of the newer one.
 *
 * @throws InputError "job-lost"; RemoteError
 */
export async function storeSkipped(place: ArchivePlace, runtime: Runtime, job: string, chunk: number, { lines, etag }: SkippedPart): Promise<SkippedPart> {
  const name = skippedName(job, chunk);
  const body = packLines(lines.map((line) => JSON.stringify(line)));
  const sha256 = sha256Base64(body);
  const options: PutOptions = etag === undefined ? { sha256, ifNoneMatch: '*' } : { sha256, ifMatch: etag };
  const until = runtime.clock.elapsed() + REQUEST_MAX_MS;
  const answer = await retried(runtime, until, () => place.objects.put(place.bucket, name, body, options));
  if (answer.ok) return { lines, etag: answer.etag };
  // An earlier attempt that got no answer may have been stored.
  const there = await retried(runtime, until, () => place.objects.head(place.bucket, name));
  if (there?.sha256 === sha256) return { lines, etag: there.etag };
  throw new InputError('job-lost', `Another run has gone on with ${job}, and has written ${name}: this one ends. What it has written stays.`);
}

/** What was skipped of a chunk, before a line. @throws FormatError naming the object; RemoteError */
export async function loadSkipped(place: ArchivePlace, runtime: Runtime, job: string, chunk: number, before: number): Promise<SkippedPart> {
  const name = skippedName(job, chunk);
  const facts = await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () => place.objects.head(place.bucket, name));
  const body = facts === undefined ? undefined : await wholeObject(place, runtime, name);
  if (facts === undefined || body === undefined) return { lines: [], etag: undefined };
  // A run that was killed after it had stored its lines, and before its savepoint, has left some that are told again.
  return { lines: unpackLines(body, name, decodeSkipped).filter(({ line }) => line < before), etag: facts.etag };
}

function decodeSkipped(text: string): SkippedLine {
  const { line, key, reason } = JSON.parse(text) as Partial<Record<string, unknown>>;
  if (typeof line !== 'number' || typeof key !== 'object' || key === null || typeof reason !== 'string') throw new FormatError('a line without its reason');
  return { line, key: key as Key, reason };
}

const count = z.int().min(0);
const resultSchema = z.strictObject({
  format: z.literal(1),
  job: z.string(),
  /** Sum of the plan. */
  plan: z.string(),
  counts: z.strictObject({ put: count, deleted: count, already: count, changed: count, refused: count }),
  startedMs: z.int(),
  endedMs: z.int(),
  /** Of the seat under which the last of it was written. */
  epoch: z.int(),
});
export type RewriteResult = z.infer<typeof resultSchema>;

/** Stores the result of a rewrite that is done. @throws RemoteError */
export async function storeResult(
  place: ArchivePlace,
  runtime: Runtime,
  plan: RewritePlan,
  about: { readonly counts: RewriteCounts; readonly startedMs: number; readonly epoch: number },
): Promise<RewriteResult> {
  const { counts, ...rest } = about;
  const result: RewriteResult = { format: 1, job: plan.id, plan: plan.sum, counts: { ...counts }, ...rest, endedMs: runtime.clock.now() };
  await store(place, runtime, resultName(plan.id), Buffer.from(sealed(result).text, 'utf8'));
  return result;
}

/** Reads the result of a rewrite that is done; undefined when there is none. @throws FormatError naming the object; RemoteError */
export async function readResult(place: ArchivePlace, runtime: Runtime, job: string): Promise<RewriteResult | undefined> {
  const bytes = await wholeObject(place, runtime, resultName(job));
  return bytes === undefined ? undefined : unsealed(bytes, resultSchema, resultName(job));
}

import type { Item } from '../../core/attribute.ts';
import { mapOf, text } from '../../core/attribute.ts';
import { FormatError, InputError } from '../../core/errors.ts';
import { n, num, optionalNum, s, str } from '../../core/formats/row-fields.ts';
import type { JobCodec, JobPlace } from '../../job/lease.ts';
import { isTaken } from '../../job/lease.ts';
import type { JobRow } from '../../job/row.ts';
import { checkKind, jobKey, mapField, ownerFields, readOwner } from '../../job/row.ts';
import type { TablePort } from '../../ports/table.ts';
import type { RewritePlan } from './plan.ts';

/**
 * The savepoint of a rewrite: the row `job / <id>` of the primary's `control` table.
 *
 * ⚠ What a run has written must be known exactly, or taking it back would leave a part, or touch what others wrote. So
 * before a window of lines is written, the row says which of them were found as planned. A run that goes on after a kill
 * counts those of them that are as wanted by then as its own.
 */

const KIND = 'rewrite';
const WHAT = 'rewrite job';

/** A place in a plan: a chunk, and a line within it. */
export interface PlanPlace {
  readonly chunk: number;
  readonly line: number;
}

/** Lines that are being written. */
export interface RewriteWindow {
  /** From `next` on. */
  readonly lines: number;
  /** A bit each, the lowest of a byte first: it was found as planned, and is written. */
  readonly mask: Buffer;
}

/** What became of the lines so far. Every rewrite of the plan is counted once. */
export interface RewriteCounts {
  readonly put: number;
  readonly deleted: number;
  /** Skipped: it is as wanted already, it has changed since, it was refused. */
  readonly already: number;
  readonly changed: number;
  readonly refused: number;
}

export interface RewriteJob extends JobRow {
  readonly kind: RewritePlan['kind'];
  readonly table: string;
  readonly tableId: string;
  /** The plan's sum: another plan under this id is not this job. */
  readonly sum: string;
  /** When the first run began (ms). */
  readonly started: number;
  /** Everything before it is done. */
  readonly next: PlanPlace;
  readonly window: RewriteWindow | undefined;
  readonly counts: RewriteCounts;
  /** The rewrite that takes this one back: it must not go on. */
  readonly takenBack?: string;
  /** When all was done (ms); absent until then. */
  readonly done?: number;
}

export const NOTHING_DONE: RewriteCounts = { put: 0, deleted: 0, already: 0, changed: 0, refused: 0 };

/** Rewrites that were counted. */
export const countedOf = (c: RewriteCounts): number => c.put + c.deleted + skippedOf(c);
/** Rewrites that were not written. */
export const skippedOf = (c: RewriteCounts): number => c.already + c.changed + c.refused;

/** Whether a job is of a plan, and may go on. Pure. @throws FormatError, InputError "taken-back" */
export function checkGoesOn(plan: RewritePlan, job: RewriteJob): void {
  if (job.sum !== plan.sum) throw new FormatError(`the savepoint of ${plan.id} is of another plan than the one in the bucket`);
  if (job.takenBack !== undefined && job.done === undefined)
    throw new InputError('taken-back', `${plan.id} was not finished, and was taken back by ${job.takenBack}: it cannot go on. Plan anew.`);
}

/** Refuses a job that somebody carries out now, or was killed so lately that nobody can know. Pure. @throws InputError "job-taken" */
export function checkIdle(id: string, job: RewriteJob | undefined, nowMs: number): void {
  if (job?.owner === undefined || !isTaken(job, '', nowMs)) return;
  const { name, until } = job.owner;
  throw new InputError(
    'job-taken',
    `${id} is being carried out by ${name}. Its lease ends in ${Math.ceil((until - nowMs) / 1_000)} s unless that run renews it: if it was killed, try again then; else stop it, or wait for its end.`,
  );
}

/** Where the savepoint of a rewrite is. @param control name of the member's `control` table. */
export const rewritePlace = (table: TablePort, control: string, id: string): JobPlace<RewriteJob> => ({ table, control, key: jobKey(id), codec: codec(id) });

const codec = (id: string): JobCodec<RewriteJob> => ({
  encode: (job): Item => ({
    ...jobKey(id),
    f: { N: '1' },
    kind: s(KIND),
    args: { M: { kind: s(job.kind), table: s(job.table), tableId: s(job.tableId), sum: s(job.sum) } },
    started: n(job.started),
    next: { M: { chunk: n(job.next.chunk), line: n(job.next.line) } },
    ...(job.window && { window: { M: { lines: n(job.window.lines), mask: { B: job.window.mask.toString('base64') } } } }),
    counts: { M: Object.fromEntries(Object.entries(job.counts).map(([name, count]) => [name, n(count)])) },
    ...(job.takenBack !== undefined && { takenBack: s(job.takenBack) }),
    ...(job.done !== undefined && { done: n(job.done) }),
    ...ownerFields(job),
  }),
  decode,
});

/** @throws FormatError */
function decode(row: Item): RewriteJob {
  checkKind(row, KIND, WHAT);
  const args = mapField(row, 'args', WHAT);
  const next = mapField(row, 'next', WHAT);
  const counts = mapField(row, 'counts', WHAT);
  const kind = str(args, 'kind', WHAT);
  if (kind !== 'restore' && kind !== 'undo' && kind !== 'take-back') throw new FormatError(`${WHAT} row of the kind ${kind}`);
  const window = mapOf(row['window']);
  const takenBack = text(row['takenBack'], 'S');
  const done = optionalNum(row, 'done');
  const { owner, v } = readOwner(row, WHAT);
  return {
    kind,
    table: str(args, 'table', WHAT),
    tableId: str(args, 'tableId', WHAT),
    sum: str(args, 'sum', WHAT),
    started: num(row, 'started', WHAT),
    next: { chunk: num(next, 'chunk', WHAT), line: num(next, 'line', WHAT) },
    window: window && windowOf(window),
    counts: {
      put: num(counts, 'put', WHAT),
      deleted: num(counts, 'deleted', WHAT),
      already: num(counts, 'already', WHAT),
      changed: num(counts, 'changed', WHAT),
      refused: num(counts, 'refused', WHAT),
    },
    ...(takenBack !== undefined && { takenBack }),
    ...(done !== undefined && { done }),
    ...(owner !== undefined && { owner }),
    v,
  };
}

function windowOf(map: Item): RewriteWindow {
  const lines = num(map, 'lines', WHAT);
  const mask = Buffer.from(text(map['mask'], 'B') ?? '', 'base64');
  if (mask.length !== maskBytes(lines)) throw new FormatError(`${WHAT} row whose "window" does not agree with itself`);
  return { lines, mask };
}

const maskBytes = (lines: number): number => Math.ceil(lines / 8);

/** The mask of some lines. */
export function maskOf(bits: readonly boolean[]): Buffer {
  const mask = Buffer.alloc(maskBytes(bits.length));
  bits.forEach((bit, i) => {
    if (bit) mask[i >> 3] = (mask[i >> 3] as number) | (1 << (i & 7));
  });
  return mask;
}

/** Whether a line's bit is set. */
export const isSet = (mask: Buffer, i: number): boolean => (((mask[i >> 3] ?? 0) >> (i & 7)) & 1) === 1;

import type { AttributeValue, Item, Key } from '../core/attribute.ts';
import { mapOf } from '../core/attribute.ts';
import { FormatError } from '../core/errors.ts';
import { FORMAT, n, num, optionalNum, present, s, str } from '../core/formats/row-fields.ts';
import type { JobPlace } from '../job/lease.ts';
import type { JobRow } from '../job/row.ts';
import { checkKind, listField, mapField, jobKey as namedJob, ownerFields, readOwner } from '../job/row.ts';
import type { TablePort } from '../ports/table.ts';
import { SEGMENTS_MAX } from './limits.ts';

/**
 * The savepoint of a backfill: the row `job / adopt-<generation>` of the primary's `control` table. A run that is killed
 * goes on from here, and repeats at most one step, which does no harm.
 */

/** What the row says it is. */
const KIND = 'adopt';
const WHAT = 'adopt job';

/** Key of a member's savepoint. @param generation of the member, so that one that is added again begins anew. */
export const jobKey = (generation: number): Key => namedJob(`adopt-${generation}`);

/** Where the savepoint of a member's backfill is. @param control name of the primary's `control` table. */
export const adoptPlace = (table: TablePort, control: string, generation: number): JobPlace<AdoptJob> => ({
  table,
  control,
  key: jobKey(generation),
  codec: { encode: (job) => encodeJob(generation, job), decode: decodeJob },
});

/** How far a part of the source is. */
export interface SegmentMark {
  /** The last key that was sent; absent before the first. */
  readonly after?: Key;
  readonly done: boolean;
}

/** What was done so far. */
export interface AdoptJob extends JobRow {
  /** The source's table, and its TableId. */
  readonly table: string;
  readonly tableId: string;
  /** The epoch in which the keys were sent. */
  readonly epoch: number;
  /** When the first run began (ms). */
  readonly started: number;
  readonly segments: readonly SegmentMark[];
  /** Keys that were sent. */
  readonly keys: number;
  /** Time that was spent on them (ms). */
  readonly worked: number;
  /** Items whose reserved attribute is the user's, and some of their keys. */
  readonly foreign: number;
  readonly foreignKeys: readonly Key[];
  /** When everything had arrived (ms); absent until then. */
  readonly done?: number;
}

/** Whether every part was sent. */
export const isScanned = (job: Pick<AdoptJob, 'segments'>): boolean => job.segments.every((segment) => segment.done);

const flag = (value: boolean): AttributeValue => ({ BOOL: value });

/** The row of a savepoint. */
export function encodeJob(generation: number, job: AdoptJob): Item {
  return {
    ...jobKey(generation),
    f: { N: FORMAT },
    kind: s(KIND),
    args: { M: { table: s(job.table), tableId: s(job.tableId), epoch: n(job.epoch) } },
    started: n(job.started),
    segments: { L: job.segments.map(({ after, done }) => ({ M: { done: flag(done), ...(after && { after: { M: after } }) } })) },
    counts: { M: { keys: n(job.keys), worked: n(job.worked), foreign: n(job.foreign) } },
    foreignKeys: { L: job.foreignKeys.map((key) => ({ M: key })) },
    ...(job.done !== undefined && { done: n(job.done) }),
    ...ownerFields(job),
  };
}

/** Reads a savepoint. @throws FormatError */
export function decodeJob(row: Item): AdoptJob {
  checkKind(row, KIND, WHAT);
  const args = mapField(row, 'args', WHAT);
  const counts = mapField(row, 'counts', WHAT);
  const segments = listField(row, 'segments', WHAT).map((value): SegmentMark => {
    const map = mapOf(value) ?? {};
    const after = mapOf(map['after']);
    const done = map['done'];
    return { done: done !== undefined && 'BOOL' in done && done.BOOL, ...(after && { after }) };
  });
  if (segments.length < 1 || segments.length > SEGMENTS_MAX)
    throw new FormatError(`${WHAT} row with ${segments.length} segments; 1 to ${SEGMENTS_MAX} are known`);
  return present<AdoptJob>({
    table: str(args, 'table', WHAT),
    tableId: str(args, 'tableId', WHAT),
    epoch: num(args, 'epoch', WHAT),
    started: num(row, 'started', WHAT),
    segments,
    keys: num(counts, 'keys', WHAT),
    worked: num(counts, 'worked', WHAT),
    foreign: num(counts, 'foreign', WHAT),
    foreignKeys: listField(row, 'foreignKeys', WHAT).flatMap((value): Key[] => {
      const key = mapOf(value);
      return key === undefined ? [] : [key];
    }),
    done: optionalNum(row, 'done'),
    ...readOwner(row, WHAT),
  });
}

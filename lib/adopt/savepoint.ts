import type { AttributeValue, Item, Key } from '../core/attribute.ts';
import { mapOf, text } from '../core/attribute.ts';
import { FormatError } from '../core/errors.ts';
import { check, FORMAT, n, num, optionalNum, present, s, str } from '../core/formats/row-fields.ts';
import { SEGMENTS_MAX } from './limits.ts';

/**
 * The savepoint of a backfill: the row `job / adopt-<generation>` of the primary's `control` table. A run that is killed
 * goes on from here, and repeats at most one step, which does no harm.
 */

const JOB = 'job';
/** What the row says it is. */
const KIND = 'adopt';

/** Key of a member's savepoint. @param generation of the member, so that one that is added again begins anew. */
export const jobKey = (generation: number): Key => ({ pk: s(JOB), sk: s(`adopt-${generation}`) });

/** How far a part of the source is. */
export interface SegmentMark {
  /** The last key that was sent; absent before the first. */
  readonly after?: Key;
  readonly done: boolean;
}

/** Who is running. */
export interface Owner {
  /** Made up for each run. */
  readonly id: string;
  /** For people: host and process. */
  readonly name: string;
  /** Until when it owns the savepoint without a renewal (ms, wall clock). */
  readonly until: number;
}

/** What was done so far. */
export interface AdoptJob {
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
  readonly owner?: Owner;
  /** Grows by one with each write. */
  readonly v: number;
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
    ...(job.owner && { owner: { M: { id: s(job.owner.id), name: s(job.owner.name), until: n(job.owner.until) } } }),
    v: n(job.v),
  };
}

/** Reads a savepoint. @throws FormatError */
export function decodeJob(row: Item): AdoptJob {
  const what = 'adopt job';
  check(row, what);
  const kind = text(row['kind'], 'S');
  if (kind !== KIND) throw new FormatError(`job row of kind ${kind ?? 'none'}; expected ${KIND}`);
  const args = part(row, 'args');
  const counts = part(row, 'counts');
  const owner = mapOf(row['owner']);
  const segments = listOf(row, 'segments').map((value): SegmentMark => {
    const map = mapOf(value) ?? {};
    const after = mapOf(map['after']);
    const done = map['done'];
    return { done: done !== undefined && 'BOOL' in done && done.BOOL, ...(after && { after }) };
  });
  if (segments.length < 1 || segments.length > SEGMENTS_MAX)
    throw new FormatError(`${what} row with ${segments.length} segments; 1 to ${SEGMENTS_MAX} are known`);
  return present<AdoptJob>({
    table: str(args, 'table', what),
    tableId: str(args, 'tableId', what),
    epoch: num(args, 'epoch', what),
    started: num(row, 'started', what),
    segments,
    keys: num(counts, 'keys', what),
    worked: num(counts, 'worked', what),
    foreign: num(counts, 'foreign', what),
    foreignKeys: listOf(row, 'foreignKeys').flatMap((value): Key[] => {
      const key = mapOf(value);
      return key === undefined ? [] : [key];
    }),
    done: optionalNum(row, 'done'),
    owner: owner && { id: str(owner, 'id', what), name: str(owner, 'name', what), until: num(owner, 'until', what) },
    v: num(row, 'v', what),
  });
}

function part(row: Item, name: string): Item {
  const map = mapOf(row[name]);
  if (map === undefined) throw new FormatError(`adopt job row without "${name}"`);
  return map;
}

function listOf(row: Item, name: string): readonly AttributeValue[] {
  const value = row[name];
  if (value === undefined || !('L' in value)) throw new FormatError(`adopt job row without the list "${name}"`);
  return value.L;
}

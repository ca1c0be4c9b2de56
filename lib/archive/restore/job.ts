import type { Item } from '../../core/attribute.ts';
import { mapOf, text } from '../../core/attribute.ts';
import { FormatError } from '../../core/errors.ts';
import { n, num, optionalNum, s, str } from '../../core/formats/row-fields.ts';
import type { JobCodec, JobPlace } from '../../job/lease.ts';
import type { JobRow } from '../../job/row.ts';
import { checkKind, jobKey, listField, mapField, ownerFields, readOwner } from '../../job/row.ts';
import type { TablePort } from '../../ports/table.ts';
import type { Pinned } from './plan.ts';
import type { Mark } from './state.ts';
import type { RefusedItem } from './write.ts';

/**
 * The savepoint of a restore into a table: the row `job / restore-to-<table>` of the `control` table in that table's region.
 * Everything before `mark` is in the table; what comes after may be, too, and is written again: it is the same.
 */
export interface RestoreJob extends JobRow {
  /** Where it goes. */
  readonly table: string;
  readonly tableId: string;
  /** T as it was decided (ms). */
  readonly atMs: number;
  readonly pinned: Pinned;
  /** The member whose archive is read. */
  readonly member: string;
  /** What of the keys is restored, and how: as the person said it, canonical. */
  readonly what: string;
  /** When the first run began (ms). */
  readonly started: number;
  /** Undefined: nothing is left. */
  readonly mark: Mark | undefined;
  /** Items that were written, and time that was spent on them (ms), in all runs. */
  readonly items: number;
  readonly worked: number;
  /** Items that the table refused. */
  readonly refused: number;
  /** The first of them. */
  readonly refusedNamed: readonly RefusedItem[];
  /** When all was done (ms); absent until then. */
  readonly done?: number;
}

const KIND = 'restore';
const WHAT = 'restore job';

/** The name of a table's restore: the same command finds it again. */
export const restoreJobId = (table: string): string => `restore-to-${table}`;

/** Where the savepoint is. @param control name of the `control` table in the target's region. */
export const restorePlace = (table: TablePort, control: string, id: string): JobPlace<RestoreJob> => ({ table, control, key: jobKey(id), codec: codec(id) });

const codec = (id: string): JobCodec<RestoreJob> => ({
  encode: (job): Item => ({
    ...jobKey(id),
    f: n(1),
    kind: s(KIND),
    args: {
      M: {
        table: s(job.table),
        tableId: s(job.tableId),
        atMs: n(job.atMs),
        member: s(job.member),
        what: s(job.what),
        snapshot: s(job.pinned.snapshot),
        sum: s(job.pinned.sum),
        last: { M: Object.fromEntries(Object.entries(job.pinned.last).map(([shard, name]) => [shard, s(name)])) },
      },
    },
    started: n(job.started),
    ...(job.mark && { mark: { M: { from: n(job.mark.from), to: n(job.mark.to), source: n(job.mark.source) } } }),
    counts: { M: { items: n(job.items), worked: n(Math.round(job.worked)), refused: n(job.refused) } },
    refusedNamed: { L: job.refusedNamed.map(({ key, reason }) => ({ M: { key: { M: key }, reason: s(reason) } })) },
    ...(job.done !== undefined && { done: n(job.done) }),
    ...ownerFields(job),
  }),
  decode,
});

/** @throws FormatError */
function decode(row: Item): RestoreJob {
  checkKind(row, KIND, WHAT);
  const args = mapField(row, 'args', WHAT);
  const counts = mapField(row, 'counts', WHAT);
  const mark = mapOf(row['mark']);
  const done = optionalNum(row, 'done');
  const { owner, v } = readOwner(row, WHAT);
  return {
    table: str(args, 'table', WHAT),
    tableId: str(args, 'tableId', WHAT),
    atMs: num(args, 'atMs', WHAT),
    member: str(args, 'member', WHAT),
    what: str(args, 'what', WHAT),
    pinned: { snapshot: str(args, 'snapshot', WHAT), sum: str(args, 'sum', WHAT), last: lastOf(mapField(args, 'last', WHAT)) },
    started: num(row, 'started', WHAT),
    mark: mark && { from: num(mark, 'from', WHAT), to: num(mark, 'to', WHAT), source: num(mark, 'source', WHAT) },
    items: num(counts, 'items', WHAT),
    worked: num(counts, 'worked', WHAT),
    refused: num(counts, 'refused', WHAT),
    refusedNamed: listField(row, 'refusedNamed', WHAT).map((value) => {
      const map = mapOf(value) ?? {};
      return { key: mapField(map, 'key', WHAT), reason: str(map, 'reason', WHAT) };
    }),
    ...(done !== undefined && { done }),
    ...(owner !== undefined && { owner }),
    v,
  };
}

function lastOf(map: Item): Record<string, string> {
  const last: Record<string, string> = {};
  for (const [shard, value] of Object.entries(map)) {
    const name = text(value, 'S');
    if (name === undefined) throw new FormatError(`${WHAT} row whose "last" does not name the segment of ${shard}`);
    last[shard] = name;
  }
  return last;
}

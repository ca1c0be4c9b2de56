import type { AttributeValue, Item, Key } from '../../core/attribute.ts';
import { mapOf, text } from '../../core/attribute.ts';
import { FormatError } from '../../core/errors.ts';
import type { Manifest, SnapshotFile } from '../../core/formats/manifest.ts';
import { FORMAT, n, num, optionalNum, present, s, str } from '../../core/formats/row-fields.ts';
import type { FreshJob, JobPlace } from '../../job/lease.ts';
import type { JobRow } from '../../job/row.ts';
import { checkKind, jobKey, listField, mapField, ownerFields, readOwner } from '../../job/row.ts';
import type { TablePort } from '../../ports/table.ts';
import { EXPIRY_MARGIN_MS, SEGMENTS_MAX } from './limits.ts';

/**
 * The savepoint of a member's snapshot: the row `job / snapshot` of its `control` table. It holds the snapshot that is being
 * taken, else the last one. Of the files that are done it names the newest; the others are in parts (parts.ts), since a row
 * holds 400 KB and a large table has many files. `job / export` is the same for exports of DynamoDB's own.
 */

/** Keys of the rows, by how a snapshot is taken: an export of DynamoDB's does not stand in the way of a scan. */
const JOB_KEYS = { scan: jobKey('snapshot'), export: jobKey('export') } as const;
const KIND = 'snapshot';
const WHAT = 'snapshot job';

/** How far a part of the table is. */
export interface ScanMark {
  /** The last key whose item is in a file that is done; absent before the first. */
  readonly after?: Key;
  /** Files that are done. */
  readonly files: number;
  readonly done: boolean;
}

/** An object by which a savepoint goes on: its name and its SHA-256, base64. */
export interface PartRef {
  readonly name: string;
  readonly sha256: string;
}

/** What was done so far. */
export interface SnapshotJob extends JobRow {
  /** The snapshot's id. */
  readonly id: string;
  readonly via: Manifest['via'];
  readonly compression: Manifest['compression'];
  /** ARN of DynamoDB's export; absent before it was begun, and for a scan. */
  readonly arn?: string;
  /** The table, and its TableId. */
  readonly table: string;
  readonly tableId: string;
  /** Before the first page was read (ms). */
  readonly started: number;
  readonly segments: readonly ScanMark[];
  readonly items: number;
  /** Bytes of the files, packed and unpacked. */
  readonly bytes: number;
  readonly rawBytes: number;
  /** Files that are done. */
  readonly files: number;
  /** Time that was spent (ms), in all runs. */
  readonly worked: number;
  /** Facts of the files that are in no part yet. */
  readonly pending: readonly SnapshotFile[];
  /** The newest part; each names the one before. */
  readonly part?: PartRef;
  /** The newest that was finished before this one: its id, and the time that it serves from (ms). */
  readonly last?: { readonly id: string; readonly ended: number };
  /** Set once every page was read: the snapshot serves every time from here on (ms). */
  readonly ended?: number;
  /** When the manifest was written (ms); absent until then. */
  readonly done?: number;
  /** When DynamoDB was found to have given an export up (ms): nothing goes on from here. */
  readonly failed?: number;
}

/** Whether every page was read. */
export const isScanned = (job: Pick<SnapshotJob, 'segments'>): boolean => job.segments.every((segment) => segment.done);

/** Whether a snapshot that is not finished comes too late: the log since it was begun expires. Pure. @param retentionMs how long the log is kept; absent: not known */
export const isTooOld = (job: Pick<SnapshotJob, 'started'>, retentionMs: number | undefined, nowMs: number): boolean =>
  retentionMs !== undefined && nowMs - job.started > retentionMs - Math.min(EXPIRY_MARGIN_MS, retentionMs / 2);

/** The newest finished snapshot that a savepoint knows: its own, else the one before. Pure. */
export const lastFinished = (job: SnapshotJob | undefined): Pick<SnapshotJob, 'last'> => {
  const last = job?.done !== undefined && job.ended !== undefined ? { id: job.id, ended: job.ended } : job?.last;
  return last === undefined ? {} : { last };
};

/** A snapshot that has not begun. Pure. @param found the savepoint that it replaces */
export const freshSnapshot = (
  of: Pick<SnapshotJob, 'id' | 'via' | 'compression' | 'table' | 'tableId' | 'started'>,
  segments: number,
  found: SnapshotJob | undefined,
): FreshJob<SnapshotJob> => ({
  ...of,
  ...lastFinished(found),
  segments: Array.from({ length: segments }, () => ({ files: 0, done: false })),
  items: 0,
  bytes: 0,
  rawBytes: 0,
  files: 0,
  worked: 0,
  pending: [],
});

/** Where the savepoint of a member's snapshot is. */
export const snapshotJobPlace = (table: TablePort, control: string, via: Manifest['via'] = 'scan'): JobPlace<SnapshotJob> => ({
  table,
  control,
  key: JOB_KEYS[via],
  codec: { encode: encodeSnapshotJob, decode: decodeSnapshotJob },
});

const flag = (value: boolean): AttributeValue => ({ BOOL: value });

/** The row of a savepoint. */
export function encodeSnapshotJob(job: SnapshotJob): Item {
  return {
    ...JOB_KEYS[job.via],
    f: { N: FORMAT },
    kind: s(KIND),
    args: {
      M: {
        id: s(job.id),
        via: s(job.via),
        compression: s(job.compression),
        table: s(job.table),
        tableId: s(job.tableId),
        ...(job.arn !== undefined && { arn: s(job.arn) }),
      },
    },
    started: n(job.started),
    segments: { L: job.segments.map(({ after, files, done }) => ({ M: { files: n(files), done: flag(done), ...(after && { after: { M: after } }) } })) },
    counts: { M: { items: n(job.items), bytes: n(job.bytes), rawBytes: n(job.rawBytes), files: n(job.files), worked: n(job.worked) } },
    pending: {
      L: job.pending.map((file) => ({
        M: { name: s(file.name), items: n(file.items), bytes: n(file.bytes), rawBytes: n(file.rawBytes), sha256: s(file.sha256) },
      })),
    },
    ...(job.part && { part: { M: { name: s(job.part.name), sha256: s(job.part.sha256) } } }),
    ...(job.last && { last: { M: { id: s(job.last.id), ended: n(job.last.ended) } } }),
    ...(job.ended !== undefined && { ended: n(job.ended) }),
    ...(job.done !== undefined && { done: n(job.done) }),
    ...(job.failed !== undefined && { failed: n(job.failed) }),
    ...ownerFields(job),
  };
}

/** Reads a savepoint. @throws FormatError */
export function decodeSnapshotJob(row: Item): SnapshotJob {
  checkKind(row, KIND, WHAT);
  const args = mapField(row, 'args', WHAT);
  const counts = mapField(row, 'counts', WHAT);
  const segments = listField(row, 'segments', WHAT).map((value): ScanMark => {
    const map = mapOf(value) ?? {};
    const after = mapOf(map['after']);
    const done = map['done'];
    return { files: num(map, 'files', WHAT), done: done !== undefined && 'BOOL' in done && done.BOOL, ...(after && { after }) };
  });
  if (segments.length < 1 || segments.length > SEGMENTS_MAX)
    throw new FormatError(`${WHAT} row with ${segments.length} segments; 1 to ${SEGMENTS_MAX} are known`);
  const part = mapOf(row['part']);
  const last = mapOf(row['last']);
  return present<SnapshotJob>({
    id: str(args, 'id', WHAT),
    via: oneOf<Manifest['via']>(str(args, 'via', WHAT), ['scan', 'export']),
    compression: oneOf<Manifest['compression']>(str(args, 'compression', WHAT), ['zstd', 'gzip', 'none']),
    arn: text(args['arn'], 'S'),
    table: str(args, 'table', WHAT),
    tableId: text(args['tableId'], 'S') ?? '',
    started: num(row, 'started', WHAT),
    segments,
    items: num(counts, 'items', WHAT),
    bytes: num(counts, 'bytes', WHAT),
    rawBytes: num(counts, 'rawBytes', WHAT),
    files: num(counts, 'files', WHAT),
    worked: num(counts, 'worked', WHAT),
    pending: listField(row, 'pending', WHAT).map((value) => fileOf(mapOf(value) ?? {})),
    part: part && { name: str(part, 'name', WHAT), sha256: str(part, 'sha256', WHAT) },
    last: last && { id: str(last, 'id', WHAT), ended: num(last, 'ended', WHAT) },
    ended: optionalNum(row, 'ended'),
    done: optionalNum(row, 'done'),
    failed: optionalNum(row, 'failed'),
    ...readOwner(row, WHAT),
  });
}

const fileOf = (map: Item): SnapshotFile => ({
  name: str(map, 'name', WHAT),
  items: num(map, 'items', WHAT),
  bytes: num(map, 'bytes', WHAT),
  rawBytes: num(map, 'rawBytes', WHAT),
  sha256: str(map, 'sha256', WHAT),
});

function oneOf<T extends string>(found: string, known: readonly T[]): T {
  const value = known.find((one) => one === found);
  if (value === undefined) throw new FormatError(`${WHAT} row with ${JSON.stringify(found)}; known are ${known.join(', ')}`);
  return value;
}

import { hash as cryptoHash } from 'node:crypto';
import type { AttributeValue, Item, Key } from '../../core/attribute.ts';
import { mapOf, text } from '../../core/attribute.ts';
import { FormatError, InputError } from '../../core/errors.ts';
import { snapshotId, timeOfSnapshot } from '../../core/formats/manifest.ts';
import { FORMAT, n, num, optionalNum, present, s, str } from '../../core/formats/row-fields.ts';
import { checkKind, listField, mapField, ownerFields, readOwner } from '../../job/row.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { FreshTask, TaskRow } from '../tasks/task.ts';
import { taskKey } from '../tasks/task.ts';
import { PARTS_MAX } from './limits.ts';
import type { RunRef } from './run.ts';
import { runRefSchema } from './run.ts';

/** The task of a scan: what is asked, how far it is, and what it came to. */

const KIND = 'scan';
const WHAT = 'scan task';

/** How far a part of a scan is. It works on its segments of the table in turn. */
export interface ScanMark {
  /** Which of its segments it is at, from 0. */
  readonly at: number;
  /** The last key of that segment which is in a run; absent before the first. */
  readonly after?: Key;
  /** Runs that are done. */
  readonly runs: number;
  /** The newest of them; each names the one before. */
  readonly newest?: RunRef;
  readonly done: boolean;
}

/** The table that is scanned. */
export interface ScannedTable {
  readonly name: string;
  readonly tableId: string;
  /** Label of its stream. */
  readonly label: string;
  /** The attribute by which items expire, where expiry days are compared. */
  readonly expiry?: string;
}

export interface ScanTask extends TaskRow {
  readonly kind: typeof KIND;
  /** Items a second at most. */
  readonly itemsPerS?: number;
  /** At most this share of the provisioned read units (above 0, at most 1); no limit for a table that is on demand. */
  readonly share?: number;
  /** Reads only about this share of the table (above 0, at most 1), for the sake of its keys: no base comes of it. */
  readonly sample?: number;
  /** Absent until it is begun. */
  readonly table?: ScannedTable;
  /** Before the first page was read (ms). */
  readonly started?: number;
  /** The table is cut into so many segments; 0 until it is begun. */
  readonly of: number;
  readonly segments: readonly ScanMark[];
  /** Items in runs that are done, and bytes of these. */
  readonly items: number;
  readonly bytes: number;
  /** After the last page was read, with a margin (ms). */
  readonly ended?: number;
  /** `scan.json` is written. */
  readonly listed: boolean;
  /** The base that is being made: its newest state, an object. */
  readonly draft?: { readonly name: string; readonly sha256: string };
}

/** An id for a new scan. It sorts by time. */
export const scanTaskId = ({ clock, chance }: Runtime): string => snapshotId(clock.now(), chance.nonce());

/**
 * A scan as somebody asks for it. Pure.
 *
 * @param of.id of `scanTaskId`; the scan's objects are named by it.
 * @throws InputError "invalid-scan" for a rate, a share or a sample that is none
 */
export function freshScan(of: Pick<ScanTask, 'id' | 'by' | 'asked' | 'itemsPerS' | 'share' | 'sample'>): FreshTask<ScanTask> {
  const invalid = (what: string): InputError => new InputError('invalid-scan', what);
  if (timeOfSnapshot(of.id) === undefined) throw invalid(`"${of.id}" is not the id of a scan.`);
  if (of.itemsPerS !== undefined && !(of.itemsPerS >= 1)) throw invalid(`A scan reads at least one item a second; got ${of.itemsPerS}.`);
  for (const [name, share] of [['share of the read units', of.share] as const, ['sample', of.sample] as const])
    if (share !== undefined && !(share > 0 && share <= 1)) throw invalid(`The ${name} is above 0 and at most 1; got ${share}.`);
  return { ...of, kind: KIND, of: 0, segments: [], items: 0, bytes: 0, listed: false };
}

/** The segments of the table that a part of the scan reads, in their order. Pure. Of a sample they are chosen by the scan's id. */
export function segmentsOf(task: Pick<ScanTask, 'id' | 'sample' | 'of' | 'segments'>, part: number): readonly number[] {
  const all = pickedSegments(task.id, task.sample, task.of);
  return all.filter((_, i) => i % task.segments.length === part);
}

/** The segments that a scan reads. Pure. */
export function pickedSegments(id: string, sample: number | undefined, of: number): readonly number[] {
  const all = Array.from({ length: of }, (_, i) => i);
  if (sample === undefined) return all;
  const ranked = all.map((i) => ({ i, rank: cryptoHash('sha256', `${id} ${i}`, 'hex') })).sort((a, b) => (a.rank < b.rank ? -1 : 1));
  return ranked.slice(0, Math.ceil(sample * of)).map(({ i }) => i);
}

/** Whether every page was read. Pure. */
export const isScanned = ({ segments }: Pick<ScanTask, 'segments'>): boolean => segments.length > 0 && segments.every(({ done }) => done);

const refValue = ({ name, bytes, entries, sum }: RunRef): AttributeValue => ({ M: { name: s(name), bytes: n(bytes), entries: n(entries), sum: s(sum) } });

function readRef(map: Item): RunRef {
  const parsed = runRefSchema.safeParse({
    name: str(map, 'name', WHAT),
    bytes: num(map, 'bytes', WHAT),
    entries: num(map, 'entries', WHAT),
    sum: str(map, 'sum', WHAT),
  });
  if (!parsed.success) throw new FormatError(`${WHAT} row with a run that is none`);
  return parsed.data;
}

/** Shares are no whole numbers: they stand in the row as texts. */
const readShare = (row: Item, name: string): number | undefined => {
  const found = text(row[name], 'S');
  if (found === undefined) return undefined;
  const value = Number(found);
  if (!(value > 0)) throw new FormatError(`"${name}" is not a share: ${found}`);
  return value;
};

/** The row of a scan's task. */
export function encodeScanTask(task: ScanTask): Item {
  const { table } = task;
  return {
    ...taskKey(task.id),
    f: { N: FORMAT },
    kind: s(KIND),
    id: s(task.id),
    by: s(task.by),
    asked: n(task.asked),
    args: {
      M: {
        ...(task.itemsPerS !== undefined && { itemsPerS: n(task.itemsPerS) }),
        ...(task.share !== undefined && { share: s(String(task.share)) }),
        ...(task.sample !== undefined && { sample: s(String(task.sample)) }),
      },
    },
    ...(table && {
      table: { M: { name: s(table.name), tableId: s(table.tableId), label: s(table.label), ...(table.expiry !== undefined && { expiry: s(table.expiry) }) } },
    }),
    of: n(task.of),
    segments: {
      L: task.segments.map(({ at, after, runs, newest, done }) => ({
        M: { at: n(at), runs: n(runs), done: { BOOL: done }, ...(after && { after: { M: after } }), ...(newest && { newest: refValue(newest) }) },
      })),
    },
    counts: { M: { items: n(task.items), bytes: n(task.bytes) } },
    listed: { BOOL: task.listed },
    ...(task.started !== undefined && { started: n(task.started) }),
    ...(task.ended !== undefined && { ended: n(task.ended) }),
    ...(task.draft && { draft: { M: { name: s(task.draft.name), sha256: s(task.draft.sha256) } } }),
    ...(task.done !== undefined && { done: n(task.done) }),
    ...(task.failed !== undefined && { failed: s(task.failed) }),
    ...ownerFields(task),
  };
}

const isTrue = (value: AttributeValue | undefined): boolean => value !== undefined && 'BOOL' in value && value.BOOL;

/** Reads the row. @throws FormatError */
export function decodeScanTask(row: Item): ScanTask {
  checkKind(row, KIND, WHAT);
  const args = mapField(row, 'args', WHAT);
  const counts = mapField(row, 'counts', WHAT);
  const table = mapOf(row['table']);
  const draft = mapOf(row['draft']);
  const segments = listField(row, 'segments', WHAT).map((value): ScanMark => {
    const map = mapOf(value) ?? {};
    const [after, newest] = [mapOf(map['after']), mapOf(map['newest'])];
    return {
      at: num(map, 'at', WHAT),
      runs: num(map, 'runs', WHAT),
      done: isTrue(map['done']),
      ...(after && { after }),
      ...(newest && { newest: readRef(newest) }),
    };
  });
  if (segments.length > PARTS_MAX) throw new FormatError(`${WHAT} row with ${segments.length} parts; at most ${PARTS_MAX} are known`);
  return present<ScanTask>({
    id: str(row, 'id', WHAT),
    kind: KIND,
    by: str(row, 'by', WHAT),
    asked: num(row, 'asked', WHAT),
    itemsPerS: optionalNum(args, 'itemsPerS'),
    share: readShare(args, 'share'),
    sample: readShare(args, 'sample'),
    table:
      table &&
      present<ScannedTable>({
        name: str(table, 'name', WHAT),
        tableId: str(table, 'tableId', WHAT),
        label: str(table, 'label', WHAT),
        expiry: text(table['expiry'], 'S'),
      }),
    started: optionalNum(row, 'started'),
    of: num(row, 'of', WHAT),
    segments,
    items: num(counts, 'items', WHAT),
    bytes: num(counts, 'bytes', WHAT),
    ended: optionalNum(row, 'ended'),
    listed: isTrue(row['listed']),
    draft: draft && { name: str(draft, 'name', WHAT), sha256: str(draft, 'sha256', WHAT) },
    done: optionalNum(row, 'done'),
    failed: text(row['failed'], 'S'),
    ...readOwner(row, WHAT),
  });
}

import type { Item } from '../core/attribute.ts';
import { text } from '../core/attribute.ts';
import { ORPHAN } from '../core/formats/orphan-row.ts';
import { num, optionalNum, str } from '../core/formats/row-fields.ts';
import { stringValue } from '../core/formats/rows.ts';
import { JOB } from '../job/row.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { TablePort } from '../ports/table.ts';
import type { CheckJob } from '../reconcile/check/job.ts';
import { listChecks } from '../reconcile/check/job.ts';
import type { DriftRow } from '../reconcile/drift/row.ts';
import { readDrift } from '../reconcile/drift/row.ts';
import type { ProofRow } from '../reconcile/proof/row.ts';
import { readProof } from '../reconcile/proof/row.ts';
import type { SweepsRow } from '../reconcile/schedule/row.ts';
import { readSweeps } from '../reconcile/schedule/row.ts';
import { TASK_PREFIX } from '../reconcile/tasks/task.ts';

/** Reads what the checker has left in a member's `control` table. Only reads; judging is in checks.ts. */

/** What the primary knows of the agreement of its replicas. Absent parts are not there yet. */
export interface CheckFacts {
  readonly proof?: ProofRow;
  /** The newest first. */
  readonly checks: readonly CheckJob[];
  readonly drift?: DriftRow;
  readonly sweeps?: SweepsRow;
}

/** Open orphans of a member. */
export interface OrphanCount {
  readonly open: number;
  /** There are more rows than were read. */
  readonly more: boolean;
}

/** A task that a member has not finished. */
export interface OpenTaskFacts {
  readonly id: string;
  readonly kind: string;
  /** When it was asked for (ms), and by whom. */
  readonly asked: number;
  readonly by: string;
}

/** How a read is made: what fails for the region's or the format's sake is noted, and gives undefined. */
export type Attempt = <T>(what: string, read: () => Promise<T>) => Promise<T | undefined>;

/** Rows of orphans that are read, and how many a request gives. A row has the key and about 300 bytes. */
const ORPHAN_ROWS_PAGE = 500;
export const ORPHAN_ROWS_MAX = 2_000;
/** Rows of tasks that are read. */
const TASK_ROWS_MAX = 100;

/** What the primary's rows say. @param until elapsed time (ms) after which no retry is begun */
export async function gatherChecks(table: TablePort, control: string, runtime: Runtime, until: number, attempt: Attempt): Promise<CheckFacts> {
  const [proof, checks, drift, sweeps] = await Promise.all([
    attempt(`proof in ${control}`, () => readProof(table, control, runtime)),
    attempt(`checks in ${control}`, () => listChecks(table, control, runtime)),
    attempt(`drift in ${control}`, () => readDrift(table, control, runtime, until)),
    attempt(`sweeps in ${control}`, () => readSweeps(table, control, runtime)),
  ]);
  return { ...(proof && { proof }), checks: checks ?? [], ...(drift && { drift }), ...(sweeps && { sweeps }) };
}

/** Counts the open orphans of a member. @throws RemoteError, FormatError */
export async function countOrphans(table: TablePort, control: string): Promise<OrphanCount> {
  let [open, rows] = [0, 0];
  let after: Item | undefined;
  do {
    const page = await table.query({
      table: control,
      partition: { name: 'pk', value: stringValue(ORPHAN) },
      limit: ORPHAN_ROWS_PAGE,
      ...(after && { after }),
    });
    rows += page.items.length;
    open += page.items.filter((row) => str(row, 'state', ORPHAN) === 'open').length;
    after = page.next;
  } while (after !== undefined && rows < ORPHAN_ROWS_MAX);
  return { open, more: after !== undefined };
}

/** The tasks of a member that are not done, at most TASK_ROWS_MAX. @throws RemoteError, FormatError */
export async function readOpenTasks(table: TablePort, control: string): Promise<readonly OpenTaskFacts[]> {
  const { items } = await table.query({
    table: control,
    partition: { name: 'pk', value: stringValue(JOB) },
    sort: { name: 'sk', prefix: TASK_PREFIX },
    limit: TASK_ROWS_MAX,
  });
  return items
    .filter((row) => optionalNum(row, 'done') === undefined)
    .map((row) => ({ id: str(row, 'id', 'task'), kind: text(row['kind'], 'S') ?? 'unknown', asked: num(row, 'asked', 'task'), by: str(row, 'by', 'task') }));
}

import { z } from 'zod';
import type { Item, Key } from '../../core/attribute.ts';
import { text } from '../../core/attribute.ts';
import { FormatError } from '../../core/errors.ts';
import { FORMAT, s } from '../../core/formats/row-fields.ts';
import type { JobPlace } from '../../job/lease.ts';
import { readJob } from '../../job/lease.ts';
import type { JobRow } from '../../job/row.ts';
import { checkKind, JOB, jobKey, ownerFields, readOwner } from '../../job/row.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { TablePort } from '../../ports/table.ts';
import { retried } from '../../replicate/retry.ts';
import { CHECKS_LISTED_MAX, CHECKS_READ_MAX, REQUEST_MAX_MS } from './limits.ts';
import type { CheckPhase } from './report.ts';
import { CHECK_PHASES, linkReportSchema } from './report.ts';
import type { SavedRequest } from './request.ts';
import { savedRequestSchema } from './request.ts';

/** The row `job / check#<id>` of the primary's `control` table: request, savepoint and answer of a check. What is large is in the bucket. */

const KIND = 'check';
const WHAT = 'check job';
/** What the sort keys of checks begin with. */
export const CHECK_PREFIX = 'check#';

const count = z.int().min(0);
const ms = z.int().min(0);

const linkSchema = linkReportSchema.omit({ result: true }).extend({
  /**
   * `wait`: its sides are being scanned. `compare`: both are there. `open`: some cells differ and are being opened. `verdict`: its
   * suspicions are in batches. `ended`: nothing more is done for it.
   */
  stage: z.enum(['wait', 'compare', 'open', 'verdict', 'ended']),
  /** Since when it is at that stage (ms). */
  since: ms,
  /** Suspicions that have their verdict, and those that nobody can be asked about. */
  judged: count,
});
/** One link of a check as its row keeps it: what its report says, and how far it is. */
export type CheckLink = Readonly<z.infer<typeof linkSchema>>;
/** The counts of a link. */
export type LinkCounts = Pick<CheckLink, 'target' | 'keys' | 'verified' | 'divergent' | 'unverified' | 'repaired' | 'left' | 'why'>;

const taskSchema = z.strictObject({
  member: z.string(),
  id: z.string(),
  /** When it was asked for (ms); absent: it still is to be. */
  asked: ms.exactOptional(),
  /** Objects that it has left so far, and since when there are so many (ms). */
  objects: count,
  since: ms,
  done: z.boolean(),
  failed: z.string().exactOptional(),
});
/** The scan that a member does for the check. */
export type CheckTask = Readonly<z.infer<typeof taskSchema>>;

const stateSchema = z.strictObject({
  set: z.string(),
  source: z.string(),
  request: savedRequestSchema,
  phase: z.enum(CHECK_PHASES),
  started: ms,
  /** Since when it is in this phase (ms). */
  since: ms,
  done: ms.exactOptional(),
  failed: z.string().exactOptional(),
  approved: z.strictObject({ by: z.string(), at: ms, deletes: z.boolean() }).exactOptional(),
  links: z.array(linkSchema),
  tasks: z.array(taskSchema),
  /** Batches of suspicions that were made, the next one to begin, and those whose verdict is under way. */
  made: count,
  next: count,
  active: z.array(z.strictObject({ n: count, since: ms })),
  /** Repairs so far, the one under way included. */
  round: count,
  findings: count,
  parts: count,
  /** Divergent keys that were told as events. */
  told: count,
});
type CheckState = z.infer<typeof stateSchema>;

/** A check. */
export interface CheckJob extends JobRow, Readonly<Omit<CheckState, 'links' | 'tasks' | 'active' | 'request' | 'phase'>> {
  /** As snapshots have it: it sorts by time. */
  readonly id: string;
  readonly request: SavedRequest;
  readonly phase: CheckPhase;
  readonly links: readonly CheckLink[];
  readonly tasks: readonly CheckTask[];
  readonly active: readonly { readonly n: number; readonly since: number }[];
}

/** Where a check's row is. @param control name of the primary's `control` table */
export const checkPlace = (table: TablePort, control: string, id: string): JobPlace<CheckJob> => ({
  table,
  control,
  key: jobKey(`${CHECK_PREFIX}${id}`),
  codec: { encode: encodeCheck, decode: decodeCheck },
});

/** The row. */
export function encodeCheck({ id, owner, v, ...state }: CheckJob): Item {
  return {
    ...jobKey(`${CHECK_PREFIX}${id}`),
    f: { N: FORMAT },
    kind: s(KIND),
    state: s(JSON.stringify(state)),
    ...ownerFields({ v, ...(owner && { owner }) }),
  };
}

/** Reads the row. @throws FormatError */
export function decodeCheck(row: Item): CheckJob {
  checkKind(row, KIND, WHAT);
  const id = (text(row['sk'], 'S') ?? '').slice(CHECK_PREFIX.length);
  const parsed = stateSchema.safeParse(parseState(text(row['state'], 'S') ?? '', id));
  if (!parsed.success) throw new FormatError(`${WHAT} row ${id} of another version: ${z.prettifyError(parsed.error)}`);
  const { owner, v } = readOwner(row, WHAT);
  return { ...parsed.data, id, v, ...(owner && { owner }) };
}

function parseState(json: string, id: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new FormatError(`${WHAT} row ${id} is damaged: its state is not JSON`, { cause });
  }
}

/** Reads a check; undefined when there is none of that id. @throws RemoteError, FormatError */
export const readCheck = (table: TablePort, control: string, runtime: Runtime, id: string): Promise<CheckJob | undefined> =>
  readJob(checkPlace(table, control, id), runtime);

/**
 * The newest checks, the newest first: CHECKS_LISTED_MAX of those that are done, and all that are open. A row that this version cannot read
 * is left out, and logged. @throws RemoteError
 */
export async function listChecks(table: TablePort, control: string, runtime: Runtime): Promise<readonly CheckJob[]> {
  let done = 0;
  return (await allChecks(table, control, runtime)).filter((job) => {
    if (isOpen(job)) return true;
    done += 1;
    return done <= CHECKS_LISTED_MAX;
  });
}

/** The checks there are, the newest first; at most CHECKS_READ_MAX rows are read. @throws RemoteError */
export async function allChecks(table: TablePort, control: string, runtime: Runtime): Promise<readonly CheckJob[]> {
  const jobs: CheckJob[] = [];
  let after: Key | undefined;
  for (let rows = 0; rows < CHECKS_READ_MAX; ) {
    const from = after;
    const page = await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () =>
      table.query({
        table: control,
        partition: { name: 'pk', value: s(JOB) },
        sort: { name: 'sk', prefix: CHECK_PREFIX },
        limit: CHECKS_LISTED_MAX,
        descending: true,
        ...(from && { after: from }),
      }),
    );
    for (const row of page.items) {
      const job = readable(row, runtime);
      if (job !== undefined) jobs.push(job);
    }
    rows += page.items.length;
    after = page.next;
    if (after === undefined) return jobs;
  }
  runtime.log.warn('There are more rows of checks than are read: older ones are not seen.', { read: CHECKS_READ_MAX });
  return jobs;
}

function readable(row: Item, runtime: Runtime): CheckJob | undefined {
  try {
    return decodeCheck(row);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    runtime.log.warn('A check’s row cannot be read.', { row: text(row['sk'], 'S'), why: error.message });
    return undefined;
  }
}

/** Whether a check is still to be worked at. Pure. */
export const isOpen = (job: CheckJob): boolean => job.done === undefined;

/** Why a check that somebody has cancelled failed. @param by who, for people */
export const cancelledText = (by: string): string => `${CANCELLED}${by}.`;

const CANCELLED = 'It was cancelled by ';

/** Whether a check has ended since somebody cancelled it. Pure. */
export const isCancelled = ({ failed }: Pick<CheckJob, 'failed'>): boolean => failed?.startsWith(CANCELLED) === true;

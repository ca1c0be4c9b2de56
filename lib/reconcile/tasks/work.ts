import type { Item, Key } from '../../core/attribute.ts';
import { text } from '../../core/attribute.ts';
import { FormatError, InputError } from '../../core/errors.ts';
import { numberValue, stringValue } from '../../core/formats/rows.ts';
import { isTaken, JobLease, readJob } from '../../job/lease.ts';
import { JOB } from '../../job/row.ts';
import { isRemote, whyText } from '../../ports/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import { together } from '../../replicate/together.ts';
import type { MemberReach } from '../ports.ts';
import { TASK_LIFE_MS, TASK_PAGES_MAX, TASK_REQUEST_MAX_MS, TASK_ROW_LIFE_MS, TASK_SLICE_MIN_MS, TASK_WHY_MAX, TASKS_PER_PAGE } from './limits.ts';
import type { FreshTask, TaskKind, TaskReach, TaskRow, TaskWatcher } from './task.ts';
import { TASK_PREFIX, taskKey, taskPlace } from './task.ts';
import { tellFailed } from './told.ts';

/** A kind of task, whatever its row has beside what all have. */
// biome-ignore lint/suspicious/noExplicitAny: a list of kinds has rows of several types; each kind reads only its own.
export type AnyTaskKind = TaskKind<any>;

/**
 * Asks a member for a task, if it was not asked for before. One request: whoever may put rows of jobs there may ask, also where he may
 * read none of them.
 *
 * @throws RemoteError
 */
export async function askTask<T extends TaskRow>(reach: MemberReach, runtime: Runtime, kind: TaskKind<T>, fresh: FreshTask<T>): Promise<void> {
  // A fresh job is a whole one but for the owner and the version.
  const row = kind.codec.encode({ ...fresh, v: 1 } as unknown as T);
  const { table, member } = reach;
  // A row that is there is the same request, asked by an attempt without an answer, or being worked at.
  await retried(runtime, runtime.clock.elapsed() + TASK_REQUEST_MAX_MS, () => table.put(member.tables.control, row, { op: 'absent', path: ['pk'] }));
}

/** What became of one slice of a task. */
export type TaskOutcome = 'done' | 'failed' | 'slice' | 'elsewhere' | 'missing';

/**
 * Works at one task until it is done or the time is over. What cannot succeed by being tried again makes the task fail: its row and
 * the object `scans/<task>/failed` say why.
 *
 * @param owner of this run, for people. @param untilMs elapsed time (ms)
 * @returns `elsewhere` when another run is at work on it
 * @throws RemoteError: the next slice goes on
 */
export async function workOnTask<T extends TaskRow>(
  reach: TaskReach,
  runtime: Runtime,
  kind: TaskKind<T>,
  id: string,
  owner: string,
  untilMs: number,
  watcher: TaskWatcher,
): Promise<TaskOutcome> {
  const { table, member, place } = reach;
  const { clock } = runtime;
  const at = taskPlace(table, member.tables.control, id, kind);
  const found = await readJob(at, runtime);
  if (found === undefined) return 'missing';
  // The object may be missing where a run was killed between the row and it.
  if (found.failed !== undefined) return told(found.failed);
  if (found.done !== undefined) return 'done';
  if (isTaken(found, '', clock.now())) return 'elsewhere';
  try {
    const lease = await JobLease.claim(at, runtime, owner, found, false);
    try {
      if (clock.now() - found.asked > TASK_LIFE_MS) await giveUp(lease, `It was not finished within ${TASK_LIFE_MS / 3_600_000} hours.`);
      else await kind.work(reach, runtime, lease, untilMs, watcher).catch((error: unknown) => giveUpFor(lease, error));
    } finally {
      // What failed is thrown; a row that cannot be given up is free when its lease ends.
      await lease.release().catch(() => undefined);
    }
    const { failed, done } = lease.job;
    if (failed !== undefined) return await told(failed);
    return done === undefined ? 'slice' : 'done';
  } catch (error) {
    if (error instanceof InputError && (error.code === 'job-taken' || error.code === 'job-lost')) return 'elsewhere';
    throw error;
  }

  async function told(why: string): Promise<'failed'> {
    await tellFailed(place, runtime, id, why);
    return 'failed';
  }

  async function giveUp(lease: JobLease<T>, why: string): Promise<void> {
    runtime.log.error('A task is given up.', { task: id, kind: kind.kind, why });
    await lease.save({ failed: why.slice(0, TASK_WHY_MAX), done: clock.now() } as Partial<T>);
  }

  /** A service that failed, and a lease that was lost, are no fault of the task's; all else would be so at each slice. */
  async function giveUpFor(lease: JobLease<T>, error: unknown): Promise<void> {
    if (isRemote(error) || (error instanceof InputError && error.code === 'job-lost')) throw error;
    await giveUp(lease, error instanceof Error ? error.message : String(error));
  }
}

/** What a run did at a member's tasks. */
export interface TasksResult {
  readonly open: number;
  readonly worked: number;
  readonly done: number;
  readonly failed: number;
  readonly forgotten: number;
}

/** A row, as far as this version reads it. */
interface ListedTask {
  readonly kind: AnyTaskKind;
  readonly row: TaskRow;
}

/**
 * A run's work at the tasks of a member, oldest first: a task that another run has, or whose service fails, is passed over. Rows of
 * tasks that are long over are forgotten.
 *
 * @param untilMs elapsed time (ms)
 * @throws RemoteError when the rows cannot be read, FormatError for none: a row that this version cannot read is left alone
 */
export async function workOnTasks(
  reach: TaskReach,
  runtime: Runtime,
  kinds: readonly AnyTaskKind[],
  options: { readonly owner: string; readonly untilMs: number },
  watcher: TaskWatcher,
): Promise<TasksResult> {
  const { clock, log } = runtime;
  const rows = await listTasks(reach, runtime, kinds);
  const forgotten = await forget(reach, runtime, rows);
  const open = rows.filter(({ row }) => row.done === undefined).sort(({ row: a }, { row: b }) => a.asked - b.asked || (a.id < b.id ? -1 : 1));
  const counts = { worked: 0, done: 0, failed: 0 };
  for (const {
    kind,
    row: { id },
  } of open) {
    if (watcher.stopped() || options.untilMs - clock.elapsed() < TASK_SLICE_MIN_MS) break;
    const outcome = await workOnTask(reach, runtime, kind, id, options.owner, options.untilMs, watcher).catch((error: unknown) => {
      if (!isRemote(error) && !(error instanceof FormatError)) throw error;
      log.warn('A slice of a task failed; the next run tries again.', { task: id, kind: kind.kind, why: whyText(error) });
      return 'slice' as const;
    });
    if (outcome === 'elsewhere' || outcome === 'missing') continue;
    counts.worked += 1;
    if (outcome !== 'slice') counts[outcome] += 1;
  }
  return { open: open.length, ...counts, forgotten };
}

/** The rows of a member's tasks, the oldest ids first. Those beyond TASK_PAGES_MAX pages wait until others are forgotten. */
async function listTasks({ table, member }: MemberReach, runtime: Runtime, kinds: readonly AnyTaskKind[]): Promise<readonly ListedTask[]> {
  const items: Item[] = [];
  let after: Key | undefined;
  for (let page = 1; ; page += 1) {
    const from = after;
    const found = await retried(runtime, runtime.clock.elapsed() + TASK_REQUEST_MAX_MS, () =>
      table.query({
        table: member.tables.control,
        partition: { name: 'pk', value: stringValue(JOB) },
        sort: { name: 'sk', prefix: TASK_PREFIX },
        limit: TASKS_PER_PAGE,
        ...(from !== undefined && { after: from }),
      }),
    );
    items.push(...found.items);
    after = found.next;
    if (after === undefined) break;
    if (page < TASK_PAGES_MAX) continue;
    runtime.log.warn('There are more tasks than one run looks at; the newest have to wait.', { looked: items.length });
    break;
  }
  return items.flatMap((item) => {
    const kind = kinds.find((one) => one.kind === text(item['kind'], 'S'));
    try {
      if (kind !== undefined) return [{ kind, row: kind.codec.decode(item) as TaskRow }];
      runtime.log.warn('A task of an unknown kind is left alone.', { row: text(item['sk'], 'S') });
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      runtime.log.warn('A task’s row cannot be read; it is left alone.', { row: text(item['sk'], 'S'), why: error.message });
    }
    return [];
  });
}

/** Ids of the tasks of a member that are not done. @throws RemoteError */
export async function openTaskIds(reach: MemberReach, runtime: Runtime, kinds: readonly AnyTaskKind[]): Promise<readonly string[]> {
  const rows = await listTasks(reach, runtime, kinds);
  return rows.filter(({ row }) => row.done === undefined).map(({ row }) => row.id);
}

/** Drops the rows of tasks that were over long ago, unless somebody writes them meanwhile. Returns how many. */
async function forget({ table, member }: MemberReach, runtime: Runtime, rows: readonly ListedTask[]): Promise<number> {
  const now = runtime.clock.now();
  const over = rows.filter(({ row: { done } }) => done !== undefined && now - done > TASK_ROW_LIFE_MS);
  const answers = await together(
    over.map(({ row: { id, v } }) =>
      retried(runtime, runtime.clock.elapsed() + TASK_REQUEST_MAX_MS, () =>
        table.delete(member.tables.control, taskKey(id), { op: '=', path: ['v'], value: numberValue(v) }),
      ),
    ),
  );
  return answers.filter(({ ok }) => ok).length;
}

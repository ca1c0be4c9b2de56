import type { Item } from '../../core/attribute.ts';
import type { FreshJob, JobCodec, JobLease, JobPlace } from '../../job/lease.ts';
import type { JobRow } from '../../job/row.ts';
import { jobKey } from '../../job/row.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { TablePort } from '../../ports/table.ts';
import type { MemberReach } from '../ports.ts';

/**
 * Work that one member asks of another, or of itself: it is done in the region where the data are, in slices, by that member's minute
 * run or by a command. The row `job / task#<id>` of the worker's `control` table is request, savepoint and answer in one.
 */
export const TASK_PREFIX = 'task#';
export const taskKey = (id: string): Item => jobKey(`${TASK_PREFIX}${id}`);

/** What all tasks have in common. */
export interface TaskRow extends JobRow {
  readonly id: string;
  readonly kind: string;
  /** When it was asked for (ms, the asker's clock), and by whom, for people. */
  readonly asked: number;
  readonly by: string;
  /** When it was finished, or given up (ms). */
  readonly done?: number;
  /** Why it was given up: a sentence. */
  readonly failed?: string;
}

/** Hears of progress, and may end a run. */
export interface TaskWatcher {
  /** @param units items or entries that were worked on so far, of how many, if that is known. */
  progress(units: number, of?: number): void;
  stopped(): boolean;
}

/** A member, as whoever works at its tasks reaches it. */
export interface TaskReach extends MemberReach {
  /** The others, by name: what a task is about may be in the bucket of the one that asks. */
  readonly others?: ReadonlyMap<string, Pick<MemberReach, 'place'>>;
}

/** How a kind of task is done. */
export interface TaskKind<T extends TaskRow> {
  readonly kind: T['kind'];
  readonly codec: JobCodec<T>;
  /**
   * Works until it is done or `untilMs` (elapsed) is reached. It saves what it has done by the lease, and `done` or `failed` at the end; it neither
   * claims the lease nor gives it up.
   *
   * @throws RemoteError, InputError "job-lost": the next slice goes on from the savepoint.
   */
  work(reach: TaskReach, runtime: Runtime, lease: JobLease<T>, untilMs: number, watcher: TaskWatcher): Promise<void>;
}

/** A task as somebody asks for it. */
export type FreshTask<T extends TaskRow> = FreshJob<T>;

/** Where a task's row is. */
export const taskPlace = <T extends TaskRow>(table: TablePort, control: string, id: string, kind: TaskKind<T>): JobPlace<T> => ({
  table,
  control,
  key: taskKey(id),
  codec: kind.codec,
});

import { describe, expect, it } from 'vitest';
import { archivePlace } from '../../../../lib/archive/place.ts';
import type { Item } from '../../../../lib/core/attribute.ts';
import { InputError } from '../../../../lib/core/errors.ts';
import { FORMAT, n, num, optionalNum, present, s, str } from '../../../../lib/core/formats/row-fields.ts';
import { readJob } from '../../../../lib/job/lease.ts';
import { LEASE_MS } from '../../../../lib/job/limits.ts';
import { checkKind, ownerFields, readOwner } from '../../../../lib/job/row.ts';
import { RemoteError } from '../../../../lib/ports/errors.ts';
import type { MemberReach } from '../../../../lib/reconcile/ports.ts';
import { TASK_LIFE_MS, TASK_ROW_LIFE_MS, TASKS_PER_PAGE } from '../../../../lib/reconcile/tasks/limits.ts';
import type { TaskKind, TaskRow } from '../../../../lib/reconcile/tasks/task.ts';
import { taskKey, taskPlace } from '../../../../lib/reconcile/tasks/task.ts';
import { readFailed } from '../../../../lib/reconcile/tasks/told.ts';
import type { TasksResult } from '../../../../lib/reconcile/tasks/work.ts';
import { askTask, workOnTask, workOnTasks } from '../../../../lib/reconcile/tasks/work.ts';
import { memberContext } from '../../../../lib/replicate/context.ts';
import type { Death } from '../../../flows/support/mortal.ts';
import { Killed, mortal } from '../../../flows/support/mortal.ts';
import { World } from '../../../flows/support/world.ts';

/** A task that counts to a number, one a slice. */
interface CountTask extends TaskRow {
  readonly kind: 'count';
  readonly to: number;
  readonly at: number;
}

const WHAT = 'count task';
const codec = {
  encode: (task: CountTask): Item => ({
    ...taskKey(task.id),
    f: { N: FORMAT },
    kind: s('count'),
    ...{ id: s(task.id), by: s(task.by), asked: n(task.asked), to: n(task.to), at: n(task.at) },
    ...(task.done !== undefined && { done: n(task.done) }),
    ...(task.failed !== undefined && { failed: s(task.failed) }),
    ...ownerFields(task),
  }),
  decode: (row: Item): CountTask => {
    checkKind(row, 'count', WHAT);
    const failed = row['failed'];
    return present<CountTask>({
      kind: 'count',
      ...{ id: str(row, 'id', WHAT), by: str(row, 'by', WHAT), asked: num(row, 'asked', WHAT), to: num(row, 'to', WHAT), at: num(row, 'at', WHAT) },
      done: optionalNum(row, 'done'),
      failed: failed !== undefined && 'S' in failed ? failed.S : undefined,
      ...readOwner(row, WHAT),
    });
  },
};

/** @param fails what a slice throws before it counts */
const counting = (fails?: (task: CountTask) => Error | undefined, worked: string[] = []): TaskKind<CountTask> => ({
  kind: 'count',
  codec,
  work: async (_, runtime, lease) => {
    worked.push(lease.job.id);
    const error = fails?.(lease.job);
    if (error !== undefined) throw error;
    const at = lease.job.at + 1;
    await lease.save({ at, ...(at >= lease.job.to && { done: runtime.clock.now() }) });
  },
});

const unwatched = { progress: () => undefined, stopped: () => false };

class Desk {
  readonly world: World;
  constructor(world: World) {
    this.world = world;
  }
  reach(death?: Death): MemberReach {
    const { world } = this;
    const { table, objects } = world.cloud.region(world.primary);
    const { wrap } = mortal(death);
    const member = memberContext(world.config, world.member(0));
    return { member, table: wrap(table), place: archivePlace(member, wrap(objects)) };
  }
  ask(id: string, to: number, kind = counting(), death?: Death): Promise<void> {
    const { clock, runtime } = this.world;
    return clock.run(askTask(this.reach(death), runtime, kind, { id, kind: 'count', by: 'a test', asked: clock.now(), to, at: 0 }));
  }
  work(kinds: readonly TaskKind<CountTask>[], death?: Death): Promise<TasksResult> {
    const { clock, runtime } = this.world;
    return clock.run(workOnTasks(this.reach(death), runtime, kinds, { owner: 'a run', untilMs: clock.elapsed() + 20_000 }, unwatched));
  }
  task(id: string): Promise<CountTask | undefined> {
    const { clock, runtime } = this.world;
    const { table, member } = this.reach();
    return clock.run(readJob(taskPlace(table, member.tables.control, id, counting()), runtime));
  }
  failed(id: string): Promise<string | undefined> {
    return this.world.clock.run(readFailed(this.reach().place, this.world.runtime, id));
  }
}

const desk = async (): Promise<Desk> => new Desk(await World.create());

describe('a task', () => {
  it('is asked for once, however often it is asked', async () => {
    const d = await desk();
    await d.ask('t1', 3);
    await d.work([counting()]);
    await d.ask('t1', 3);
    expect(await d.task('t1')).toMatchObject({ at: 1, to: 3 });
  });

  it('is worked at in slices, the oldest first, until it is done', async () => {
    const d = await desk();
    await d.ask('later', 1);
    await d.world.clock.advance(1_000);
    await d.ask('earlier-by-name', 2);
    const worked: string[] = [];
    expect(await d.work([counting(undefined, worked)])).toMatchObject({ open: 2, worked: 2, done: 1 });
    expect(await d.work([counting(undefined, worked)])).toMatchObject({ open: 1, worked: 1, done: 1 });
    expect(worked).toEqual(['later', 'earlier-by-name', 'earlier-by-name']);
    expect(await d.work([counting()])).toMatchObject({ open: 0, worked: 0 });
  });

  it('goes on with the next slice where a service failed', async () => {
    const d = await desk();
    await d.ask('t1', 1);
    let failing = true;
    const kind = counting(() => (failing ? new RemoteError('throttled', 'Slow', 'slower') : undefined));
    expect(await d.work([kind])).toMatchObject({ worked: 1, done: 0, failed: 0 });
    failing = false;
    expect(await d.work([kind])).toMatchObject({ done: 1 });
    expect(await d.failed('t1')).toBeUndefined();
  });

  it('that cannot succeed is told in its row and in the bucket, and is not tried again', async () => {
    const d = await desk();
    await d.ask('t1', 1);
    const worked: string[] = [];
    const kind = counting(() => new InputError('gone', 'The table is gone.'), worked);
    expect(await d.work([kind])).toMatchObject({ worked: 1, failed: 1 });
    expect(await d.failed('t1')).toBe('The table is gone.');
    expect(await d.task('t1')).toMatchObject({ failed: 'The table is gone.' });
    await d.work([kind]);
    expect(worked).toEqual(['t1']);
  });

  it('that nobody has finished for too long is given up', async () => {
    const d = await desk();
    await d.ask('t1', 1_000);
    await d.world.clock.advance(TASK_LIFE_MS + 1);
    expect(await d.work([counting()])).toMatchObject({ failed: 1 });
    expect(await d.failed('t1')).toMatch(/48 hours/);
  });

  it('is passed over while another run has it, and goes on at whichever of its calls that one was killed', async () => {
    for (let at = 1, ended = false; !ended; at += 1) {
      for (const after of [false, true]) {
        const d = await desk();
        await d.ask('t1', 2);
        const kind = counting((task) => (task.at === 1 ? new InputError('gone', 'It is gone.') : undefined));
        try {
          await d.work([kind], { at, after });
          await d.work([kind], { at, after });
          ended = true;
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
        }
        await d.world.clock.advance(LEASE_MS);
        const { clock, runtime } = d.world;
        for (let slice = 0; slice < 3; slice += 1) await clock.run(workOnTask(d.reach(), runtime, kind, 't1', 'another', clock.elapsed() + 9_000, unwatched));
        expect({ failed: await d.failed('t1'), at: (await d.task('t1'))?.at }, `call ${at}`).toEqual({ failed: 'It is gone.', at: 1 });
      }
    }
  });

  it('is seen behind any number of others that are done', async () => {
    const d = await desk();
    for (let n = 0; n < TASKS_PER_PAGE + 20; n += 1) await d.ask(`t${String(n).padStart(4, '0')}`, 1);
    expect(await d.work([counting()])).toMatchObject({ open: TASKS_PER_PAGE + 20, done: TASKS_PER_PAGE + 20 });
    await d.ask('u-new', 1);
    expect(await d.work([counting()])).toMatchObject({ open: 1, done: 1 });
  });

  it('leaves rows of kinds that this version does not know, and forgets its own an hour after their end', async () => {
    const d = await desk();
    await d.ask('t1', 1);
    await d.work([counting()]);
    expect(await d.work([])).toMatchObject({ open: 0, forgotten: 0 });
    await d.world.clock.advance(TASK_ROW_LIFE_MS + 1);
    expect(await d.work([])).toMatchObject({ forgotten: 0 });
    expect(await d.work([counting()])).toMatchObject({ forgotten: 1 });
    expect(await d.task('t1')).toBeUndefined();
  });
});

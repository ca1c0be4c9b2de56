import { describe, expect, it } from 'vitest';
import { readArchiveState } from '../../../../lib/archive/log/state.ts';
import { archiveMinute } from '../../../../lib/archive/minute.ts';
import { listSnapshots } from '../../../../lib/archive/snapshot/read.ts';
import type { SnapshotJob } from '../../../../lib/archive/snapshot/savepoint.ts';
import { isDue } from '../../../../lib/archive/snapshot/schedule.ts';
import { RECONCILE_TIMEOUT_MS, TICK_MS } from '../../../../lib/core/constants.ts';
import { SEAT_KEY } from '../../../../lib/core/formats/rows.ts';
import { RemoteError } from '../../../../lib/ports/errors.ts';
import { item } from '../../../flows/support/world.ts';
import { SnapshotWorld } from './harness.ts';

const HOUR = 3_600_000;

async function minute(snapshots: SnapshotWorld, snapshotEveryMs: number | 'never' = HOUR, timeMs = RECONCILE_TIMEOUT_MS) {
  const { world, member, objects } = snapshots;
  const ports = { table: world.table(world.primary), objects };
  const result = await world.clock.run(
    archiveMinute(member, ports, snapshotEveryMs === 'never' ? {} : { snapshotEveryMs }, world.runtime, world.clock.elapsed() + timeMs),
  );
  await world.clock.advance(TICK_MS);
  return result;
}
const finished = (snapshots: SnapshotWorld) => snapshots.world.clock.run(listSnapshots(snapshots.place(), snapshots.world.runtime));

describe('the archive’s minute run', () => {
  it('takes a snapshot when there is none, and the next when that is old enough', async () => {
    const world = await SnapshotWorld.create([item('a', 1), item('b', 1)]);
    expect(await minute(world)).toMatchObject({ snapshot: { did: 'finished', items: 2 } });
    expect(world.world.counted.get('SnapshotItems')).toBe(2);
    expect(await minute(world)).toMatchObject({ snapshot: { did: 'idle' } });
    expect(world.world.counted.get('SnapshotAgeS')).toBeGreaterThanOrEqual(58);
    await world.world.clock.advance(HOUR - 3 * TICK_MS);
    expect(await minute(world)).toMatchObject({ snapshot: { did: 'idle' } });
    await world.world.clock.advance(TICK_MS);
    expect(await minute(world)).toMatchObject({ snapshot: { did: 'finished' } });
    expect(await finished(world)).toHaveLength(2);
  });

  it('does its work by a clock on which time passes between two looks, as it does by every real one', async () => {
    const snapshots = await SnapshotWorld.create([item('a', 1)]);
    const { world, member, objects } = snapshots;
    let looks = 0;
    const clock = {
      now: () => world.clock.now(),
      sleep: (ms: number) => world.clock.sleep(ms),
      elapsed: () => {
        looks += 1;
        return world.clock.elapsed() + looks / 1_000;
      },
    };
    const until = world.clock.elapsed() + RECONCILE_TIMEOUT_MS;
    const run = archiveMinute(member, { table: world.table(world.primary), objects }, { snapshotEveryMs: HOUR }, { ...world.runtime, clock }, until);
    expect(await world.clock.run(run)).toMatchObject({ rollUp: {}, snapshot: { did: 'finished', items: 1 } });
  });

  it('takes none where none is asked for, and none before the member has a seat', async () => {
    const world = await SnapshotWorld.create([item('a', 1)]);
    expect(await minute(world, 'never')).not.toHaveProperty('snapshot');
    await world.world.clock.run(world.world.table(world.world.primary).delete(world.member.tables.control, SEAT_KEY));
    expect(await minute(world)).toEqual({});
    expect(world.names()).toEqual([]);
  });

  it('goes on in slices, with what another run has begun, too', async () => {
    const world = await SnapshotWorld.create(Array.from({ length: 30 }, (_, i) => item(`k${i}`, 1)));
    await world.take({ itemsPerS: 5, untilMs: world.world.clock.elapsed() + 1 });
    const begun = await world.job();
    // Each page takes so long that a slice holds a few of them.
    world.world.cloud.hook = (call) => (call.op === 'scan' ? { effectMs: 2_000 } : {});
    const result = await minute(world);
    expect(result.snapshot?.did).toBe('finished');
    expect((await finished(world)).map((m) => [m.id, m.items])).toEqual([[begun?.id, 30]]);
  });

  it('leaves a snapshot alone that another run is at work on', async () => {
    const world = await SnapshotWorld.create([item('a', 1)]);
    let thaw: () => void = () => undefined;
    const thawed = new Promise<void>((resolve) => {
      thaw = resolve;
    });
    world.world.cloud.hook = async (call) => {
      if (call.op === 'scan') await thawed;
      return {};
    };
    const other = world.start();
    await world.world.clock.advance(1);
    world.world.cloud.hook = undefined;
    expect(await minute(world)).toMatchObject({ snapshot: { did: 'elsewhere' } });
    thaw();
    expect((await world.world.clock.run(other)).manifest?.items).toBe(1);
  });

  it('logs and counts a failure, throws nothing, and succeeds a minute later', async () => {
    const world = await SnapshotWorld.create([item('a', 1)]);
    world.world.cloud.hook = (call) => (call.service === 's3' ? { refuse: new RemoteError('denied', 'AccessDenied', 'no') } : {});
    expect(await minute(world)).not.toHaveProperty('snapshot');
    expect(world.world.counted.get('SnapshotFailed')).toBe(1);
    expect(world.world.logged.some((line) => line.level === 'error' && line.fields?.['what'] === 'snapshot')).toBe(true);
    world.world.cloud.hook = undefined;
    expect(await minute(world)).toMatchObject({ snapshot: { did: 'finished' } });
  });

  it('takes the snapshot also when the roll-up fails', async () => {
    const world = await SnapshotWorld.create([item('a', 1)]);
    const row = { pk: { S: 'job' }, sk: { S: 'archive' }, f: { N: '1' }, kind: { S: 'something else' } };
    await world.world.clock.run(world.world.table(world.world.primary).put(world.member.tables.control, row));
    const result = await minute(world);
    expect(result).toMatchObject({ snapshot: { did: 'finished' } });
    expect(result).not.toHaveProperty('rollUp');
    expect(world.world.counted.get('ArchiveMinuteFailed')).toBe(1);
    expect(world.world.logged.some((line) => line.fields?.['what'] === 'roll-up')).toBe(true);
  });

  it('notes how far the log is rolled up, and writes nothing while nothing is new', async () => {
    const world = await SnapshotWorld.create([item('a', 1)]);
    const state = () =>
      world.world.clock.run(
        readArchiveState(
          { table: world.world.table(world.world.primary), control: world.member.tables.control },
          world.world.runtime,
          Number.POSITIVE_INFINITY,
        ),
      );
    expect(await minute(world, 'never')).toEqual({ rollUp: { made: 0, findings: 0 } });
    expect((await state()).rolledV).toBe(1);
    await minute(world, 'never');
    expect((await state()).rolledV).toBe(1);
  });

  it('begins nothing in the last seconds', async () => {
    const world = await SnapshotWorld.create([item('a', 1)]);
    expect(await minute(world, HOUR, 5_000)).toEqual({});
    expect(await world.job()).toBeUndefined();
  });
});

describe('a snapshot', () => {
  it('is due when there is none, when one is unfinished, and when the last is old enough', () => {
    const job = { ended: 1_000, done: 5_000 } as SnapshotJob;
    expect(isDue(undefined, 100, 0)).toBe(true);
    expect(isDue({ started: 1 } as SnapshotJob, 100, 50)).toBe(true);
    expect(isDue(job, 100, 1_099)).toBe(false);
    expect(isDue(job, 100, 1_100)).toBe(true);
  });
});

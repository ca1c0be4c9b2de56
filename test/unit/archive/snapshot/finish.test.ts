import { describe, expect, it } from 'vitest';
import { archiveMinute } from '../../../../lib/archive/minute.ts';
import { checkFiles } from '../../../../lib/archive/restore/check-files.ts';
import { keepArchiveSettings } from '../../../../lib/archive/settings-row.ts';
import { exportSnapshot } from '../../../../lib/archive/snapshot/export.ts';
import { ABANDONED_AFTER_MS } from '../../../../lib/archive/snapshot/limits.ts';
import { partsPrefix, storePart } from '../../../../lib/archive/snapshot/parts.ts';
import { listSnapshots } from '../../../../lib/archive/snapshot/read.ts';
import type { SnapshotJob } from '../../../../lib/archive/snapshot/savepoint.ts';
import { isTooOld, snapshotJobPlace } from '../../../../lib/archive/snapshot/savepoint.ts';
import type { Item } from '../../../../lib/core/attribute.ts';
import { RECONCILE_TIMEOUT_MS } from '../../../../lib/core/constants.ts';
import { FormatError } from '../../../../lib/core/errors.ts';
import { manifestName } from '../../../../lib/core/formats/manifest.ts';
import { item } from '../../../flows/support/world.ts';
import { FakeExports } from './fake-exports.ts';
import { SnapshotWorld } from './harness.ts';

const ITEMS: Item[] = Array.from({ length: 60 }, (_, i) => item(`k${i}`, 1, { b: { B: 'AAE=' } }));
const DAY_MS = 86_400_000;

/** A scan that has stored files, and was paused: its savepoint is free. */
async function paused(world: SnapshotWorld): Promise<SnapshotJob> {
  let looks = 0;
  const { job } = await world.take(
    { itemsPerS: 20 },
    {
      stopped: () => {
        looks += 1;
        return looks > 8;
      },
    },
  );
  expect(job.files).toBeGreaterThan(0);
  await world.world.clock.advance(60_000);
  return job;
}

/** Changes the savepoint of the scan. */
async function change(world: SnapshotWorld, fields: Partial<SnapshotJob>): Promise<void> {
  const place = snapshotJobPlace(world.world.table(world.world.primary), world.member.tables.control);
  await world.world.clock.run(place.table.put(place.control, place.codec.encode({ ...((await world.job()) as SnapshotJob), ...fields })));
}

const finished = (world: SnapshotWorld) => world.world.clock.run(listSnapshots(world.place(), world.world.runtime));
const remove = (world: SnapshotWorld, name: string) => world.world.clock.run(world.objects.delete(world.member.bucket, name));

function exported(world: SnapshotWorld, exports: FakeExports) {
  const options = { owner: 'a test', tableArn: 'arn:aws:dynamodb:eu-west-1:1:table/t' };
  return world.drive(
    exportSnapshot(world.member, { ...world.ports(), exports }, world.world.runtime, options, { progress: () => undefined, stopped: () => false }),
  );
}

async function minute(world: SnapshotWorld, retentionDays?: number) {
  const { clock, runtime } = world.world;
  const ports = { table: world.world.table(world.world.primary), objects: world.objects };
  const settings = { snapshotEveryMs: DAY_MS, ...(retentionDays !== undefined && { retentionDays }) };
  return clock.run(archiveMinute(world.member, ports, settings, runtime, clock.elapsed() + RECONCILE_TIMEOUT_MS));
}

describe('a snapshot that is finished', () => {
  it('leaves the files and parts of another that is still being taken, however old that is', async () => {
    const world = await SnapshotWorld.create(ITEMS);
    const scan = await paused(world);
    const part = await world.world.clock.run(storePart(world.place(), world.world.runtime, scan.id, scan.pending, undefined, 'run', () => undefined));
    await change(world, { part, pending: [] });
    await world.world.clock.advance(3 * ABANDONED_AFTER_MS);
    await exported(world, new FakeExports(world, ITEMS));
    const { manifest, resumed } = await world.take();
    expect([resumed, manifest?.id, manifest?.items]).toEqual([true, scan.id, 60]);
    expect(await world.world.clock.run(checkFiles(world.place(), world.world.runtime, manifest as never, () => undefined))).toEqual([]);
  });

  it('leaves what an unknown writer has begun within the last day, and clears it later', async () => {
    const world = await SnapshotWorld.create(ITEMS);
    const scan = await paused(world);
    const part = await world.world.clock.run(storePart(world.place(), world.world.runtime, scan.id, scan.pending, undefined, 'run', () => undefined));
    const left = world.names(`scans/${scan.id}/`);
    expect(left).toContain(part.name);
    await world.take({ restart: true });
    expect(world.names(`scans/${scan.id}/`)).toEqual(left);
    await world.world.clock.advance(ABANDONED_AFTER_MS);
    const { manifest } = await world.take();
    expect(world.names(`scans/${scan.id}/`)).toEqual([]);
    // Its own parts go at once, those of finished ones are long gone.
    expect(world.names(partsPrefix(manifest?.id ?? ''))).toEqual([]);
    expect(await finished(world)).toHaveLength(2);
  });

  it('is none when a file of it is gone or was replaced: no manifest is written', async () => {
    for (const harm of ['gone', 'replaced'] as const) {
      const world = await SnapshotWorld.create(ITEMS);
      const scan = await paused(world);
      const name = scan.pending[0]?.name as string;
      await remove(world, name);
      if (harm === 'replaced') await world.world.clock.run(world.objects.put(world.member.bucket, name, Buffer.from('x'), { sha256: SUM_OF_X }));
      const run = world.take();
      await expect(run).rejects.toThrow(FormatError);
      await expect(run).rejects.toThrow(harm === 'gone' ? `${name} is gone` : `${name} has 1 bytes`);
      expect(world.names(manifestName(scan.id))).toEqual([]);
      expect((await world.take({ restart: true })).manifest?.items).toBe(60);
    }
  });

  it('by an export is none either when a file of DynamoDB’s is gone by then', async () => {
    const world = await SnapshotWorld.create(ITEMS);
    const exports = new FakeExports(world, ITEMS);
    let name: string | undefined;
    world.world.cloud.hook = async (call) => {
      // When the files were all checked, and the finish looks at them.
      if (call.service === 's3' && call.op === 'list' && name === undefined) {
        name = world.names('scans/').find((one) => one.endsWith('.json.gz'));
        world.world.cloud.hook = undefined;
        await world.objects.delete(world.member.bucket, name ?? '');
      }
      return {};
    };
    await expect(exported(world, exports)).rejects.toThrow(/\.json\.gz is gone/);
    expect(await finished(world)).toEqual([]);
  });

  it.each(['a file', 'a part'])('is begun anew by the schedule when %s of it is gone', async (what) => {
    const world = await SnapshotWorld.create(ITEMS);
    const scan = await paused(world);
    if (what === 'a file') await remove(world, scan.pending[0]?.name as string);
    else await change(world, { part: { name: `${partsPrefix(scan.id)}000001-run.json`, sha256: 'x' } });
    expect(await minute(world)).toMatchObject({ snapshot: { did: 'finished', items: 60 } });
    expect((await finished(world)).map((m) => m.id)).not.toContain(scan.id);
    expect(world.world.counted.get('SnapshotFailed')).toBe(1);
    expect(world.world.logged.some((line) => line.level === 'error' && line.message.includes('begun anew'))).toBe(true);
  });
});

describe('a snapshot that takes longer than the log is kept', () => {
  it('is of no use a day before its log expires, or half of the time of a log that is kept for less', () => {
    expect(isTooOld({ started: 0 }, 35 * DAY_MS, 34 * DAY_MS)).toBe(false);
    expect(isTooOld({ started: 0 }, 35 * DAY_MS, 34 * DAY_MS + 1)).toBe(true);
    expect(isTooOld({ started: 0 }, DAY_MS, DAY_MS / 2)).toBe(false);
    expect(isTooOld({ started: 0 }, undefined, 10_000 * DAY_MS)).toBe(false);
  });

  it('is not gone on with by the schedule', async () => {
    const world = await SnapshotWorld.create(ITEMS);
    const scan = await paused(world);
    await world.world.clock.advance(6 * DAY_MS);
    let ofOld = 0;
    world.world.cloud.witness = (call) => {
      if (call.op === 'put' && call.service === 's3' && JSON.stringify(call).includes(scan.id)) ofOld += 1;
    };
    expect(await minute(world, 7)).toMatchObject({ snapshot: { did: 'finished', items: 60 } });
    expect(ofOld).toBe(0);
    expect(world.world.counted.get('SnapshotFailed')).toBe(1);
  });

  it('is refused before its manifest is written, and begun anew by the schedule', async () => {
    const world = await SnapshotWorld.create(ITEMS);
    const scan = await paused(world);
    const { table, control } = { table: world.world.table(world.world.primary), control: world.member.tables.control };
    await world.world.clock.run(keepArchiveSettings(table, control, world.world.runtime, Number.POSITIVE_INFINITY, { retentionMs: 7 * DAY_MS }, {}));
    await world.world.clock.advance(6 * DAY_MS);
    await expect(world.take()).rejects.toMatchObject({ code: 'too-old', message: expect.stringContaining('--restart') });
    expect(world.names(manifestName(scan.id))).toEqual([]);
    expect(await minute(world, 7)).toMatchObject({ snapshot: { did: 'finished', items: 60 } });
    expect((await finished(world)).map((m) => m.id)).not.toContain(scan.id);
    expect(world.world.counted.get('SnapshotFailed')).toBe(1);
  });
});

/** Of the one byte "x", base64. */
const SUM_OF_X = 'LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=';

import { describe, expect, it } from 'vitest';
import type { ArchiveMinuteSettings } from '../../../lib/archive/minute.ts';
import { archiveMinute } from '../../../lib/archive/minute.ts';
import { decodeArchiveSettings, encodeArchiveSettings, readArchiveSettings } from '../../../lib/archive/settings-row.ts';
import { RECONCILE_TIMEOUT_MS } from '../../../lib/core/constants.ts';
import { FormatError } from '../../../lib/core/errors.ts';
import { jobKey } from '../../../lib/job/row.ts';
import { SnapshotWorld } from './snapshot/harness.ts';

async function setting() {
  const snapshots = await SnapshotWorld.create();
  const { world, member, objects } = snapshots;
  const table = world.table(world.primary);
  const { control } = member.tables;
  let puts = 0;
  world.cloud.witness = (call) => {
    if (call.op === 'put' && call.service === 'dynamodb') puts += 1;
  };
  return {
    world,
    puts: () => puts,
    read: () => world.clock.run(readArchiveSettings(table, control, world.runtime, Number.POSITIVE_INFINITY)),
    put: (row: Record<string, unknown>) => world.clock.run(table.put(control, row as never)),
    minute: (settings: ArchiveMinuteSettings) =>
      world.clock.run(archiveMinute(member, { table, objects }, settings, world.runtime, world.clock.elapsed() + RECONCILE_TIMEOUT_MS)),
  };
}

describe('the row of the archive’s settings', () => {
  it('says what the deployment says, and is written only when that differs', async () => {
    const of = await setting();
    expect(await of.read()).toEqual({});
    await of.minute({ windowS: 60, retentionDays: 35 });
    expect(await of.read()).toEqual({ windowMs: 60_000, retentionMs: 35 * 86_400_000 });
    expect(of.puts()).toBe(1);
    await of.minute({ windowS: 60, retentionDays: 35 });
    expect(of.puts()).toBe(1);
    await of.minute({ windowS: 5, retentionDays: 35 });
    expect(of.puts()).toBe(2);
    expect(await of.read()).toMatchObject({ windowMs: 5_000 });
  });

  it('is left alone where the deployment does not say how long the log is kept', async () => {
    const of = await setting();
    await of.minute({ windowS: 60 });
    expect(await of.read()).toEqual({});
  });

  it('is written anew when it cannot be read', async () => {
    const of = await setting();
    await of.put({ ...jobKey('archive-settings'), f: { N: '2' } });
    await expect(of.read()).rejects.toThrow(FormatError);
    await of.minute({ retentionDays: 7 });
    expect(await of.read()).toEqual({ retentionMs: 7 * 86_400_000 });
  });

  it('gives back what was written, and no more than is there', () => {
    const all = { windowMs: 1_000, retentionMs: 2_000, snapshotEveryMs: 3_000 };
    expect(decodeArchiveSettings(encodeArchiveSettings(all))).toEqual(all);
    expect(decodeArchiveSettings(encodeArchiveSettings({}))).toEqual({});
  });
});

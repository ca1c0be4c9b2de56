import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ExportProgress, ExportSnapshotOptions, ExportSnapshotResult } from '../../../../lib/archive/snapshot/export.ts';
import { exportSnapshot } from '../../../../lib/archive/snapshot/export.ts';
import { importSnapshot } from '../../../../lib/archive/snapshot/import.ts';
import { END_MARGIN_MS } from '../../../../lib/archive/snapshot/limits.ts';
import { listSnapshots } from '../../../../lib/archive/snapshot/read.ts';
import type { Item } from '../../../../lib/core/attribute.ts';
import type { Manifest } from '../../../../lib/core/formats/manifest.ts';
import { dataPrefix } from '../../../../lib/core/formats/manifest.ts';
import type { ImportState } from '../../../../lib/ports/exports.ts';
import { Killed } from '../../../flows/support/mortal.ts';
import { item } from '../../../flows/support/world.ts';
import { FakeExports } from './fake-exports.ts';
import { SnapshotWorld } from './harness.ts';

const ITEMS: Item[] = Array.from({ length: 9 }, (_, i) => item(`k${i}`, 1, { b: { B: 'AAE=' } }));

async function setting(): Promise<{ world: SnapshotWorld; exports: FakeExports }> {
  const world = await SnapshotWorld.create(ITEMS);
  return { world, exports: new FakeExports(world, ITEMS) };
}

function exported(
  { world, exports }: { world: SnapshotWorld; exports: FakeExports },
  options: Partial<ExportSnapshotOptions> = {},
  more: { death?: { at: number; after: boolean }; stopped?: () => boolean; heard?: ExportProgress[] } = {},
): Promise<ExportSnapshotResult> {
  const ports = { ...world.ports(more.death), exports };
  const watcher = { progress: (now: ExportProgress) => void more.heard?.push(now), stopped: more.stopped ?? (() => false) };
  return world.drive(
    exportSnapshot(world.member, ports, world.world.runtime, { owner: 'a test', tableArn: 'arn:aws:dynamodb:eu-west-1:1:table/t', ...options }, watcher),
  );
}

describe('a snapshot by DynamoDB’s own export', () => {
  it('has our manifest over DynamoDB’s files, and is read like any other', async () => {
    const of = await setting();
    const heard: ExportProgress[] = [];
    const { manifest } = await exported(of, {}, { heard });
    expect(manifest).toMatchObject({ via: 'export', compression: 'gzip', items: 9, startedMs: 1_760_000_000_000, endedMs: 1_760_000_000_000 + END_MARGIN_MS });
    // The empty partition's file is none of it.
    expect(manifest?.files).toHaveLength(2);
    expect(await of.world.itemsOf(manifest as Manifest)).toEqual(ITEMS);
    expect(new Set(heard.map((h) => h.phase))).toEqual(new Set(['export', 'check', 'finish']));
    expect(await of.world.world.clock.run(listSnapshots(of.world.place(), of.world.world.runtime))).toEqual([manifest]);
  });

  it('goes on after being killed at any request, and asks for one export', async () => {
    for (let at = 1; at < 24; at += 1) {
      const of = await setting();
      for (const after of [false, true]) {
        await exported(of, {}, { death: { at, after } }).catch((error: unknown) => {
          if (!(error instanceof Killed)) throw error;
        });
        await of.world.leaseOver();
      }
      const done = (await of.world.world.clock.run(listSnapshots(of.world.place(), of.world.world.runtime))).at(-1) ?? (await exported(of)).manifest;
      expect(await of.world.itemsOf(done as Manifest)).toEqual(ITEMS);
    }
  });

  it('ends when it is told to, and DynamoDB’s export goes on', async () => {
    const of = await setting();
    of.exports.looks = 1_000;
    expect(await exported(of, {}, { stopped: () => of.exports.looks < 998 })).toMatchObject({ ended: 'stopped' });
    of.exports.looks = 1;
    expect((await exported(of)).resumed).toBe(true);
    expect(of.exports.exports).toHaveLength(1);
  });

  it('says what is wrong where point-in-time recovery is off, where the service has no such call or only pretends, and where it failed', async () => {
    const off = await setting();
    off.exports.pitr = false;
    await expect(exported(off)).rejects.toMatchObject({ code: 'no-pitr' });
    const none = await setting();
    none.exports.supported = false;
    await expect(exported(none)).rejects.toMatchObject({ code: 'unsupported' });
    const pretends = await setting();
    pretends.exports.writes = false;
    await expect(exported(pretends)).rejects.toThrow('only pretends');
    const failed = await setting();
    failed.exports.failure = 'S3: no';
    await expect(exported(failed)).rejects.toThrow('S3: no');
    // One that DynamoDB has given up is over: the same command begins another.
    failed.exports.failure = undefined;
    expect((await exported(failed)).manifest).toMatchObject({ items: 9 });
    expect(failed.exports.exports).toHaveLength(2);
    expect(await none.world.world.clock.run(listSnapshots(none.world.place(), none.world.world.runtime))).toEqual([]);
  });

  it('refuses a damaged file, and names it', async () => {
    const of = await setting();
    of.exports.looks = 1_000;
    await exported(of, {}, { stopped: () => of.exports.looks < 998 });
    of.exports.looks = 1;
    const [name] = of.world.names('scans/').filter((one) => one.endsWith('part0.json.gz'));
    of.world.world.cloud.region(of.world.world.primary).buckets.flipBit(of.world.member.bucket, name as string, 200);
    await expect(exported(of)).rejects.toThrow(name as string);
  });
});

describe('an import by DynamoDB', () => {
  const states: ImportState[] = [];
  const watcher = { progress: (now: ImportState) => void states.push(now), stopped: () => false };
  const load = ({ world, exports }: { world: SnapshotWorld; exports: FakeExports }, manifest: Manifest, table = 'new') =>
    world.world.clock.run(importSnapshot(world.place(), exports, world.world.runtime, manifest, { table, token: 't' }, watcher));

  it('is given the files of the snapshot and nothing else, also after a stray was stored beside them', async () => {
    for (const compression of ['zstd', 'gzip'] as const) {
      const of = await setting();
      const manifest = (await of.world.take({ compression })).manifest as Manifest;
      const body = Buffer.from('stray');
      await of.world.objects.put(of.world.member.bucket, `${dataPrefix(manifest.id)}000-000009-zzzzzz.json.zst`, body, {
        sha256: hash('sha256', body, 'base64'),
      });
      expect(await load(of, manifest)).toMatchObject({ status: 'done', imported: 9 });
      expect(of.exports.loaded.map((i) => i['pk'])).toEqual(expect.arrayContaining(ITEMS.map((i) => i['pk'])));
      expect(of.exports.imports[0]).toMatchObject({ table: 'new', compression, prefix: dataPrefix(manifest.id), key: of.world.member.key });
    }
  });

  it('takes an export of DynamoDB’s, too, without its manifests', async () => {
    const of = await setting();
    const { manifest } = await exported(of);
    of.exports.looks = 3;
    expect(await load(of, manifest as Manifest)).toMatchObject({ status: 'done' });
    expect(of.exports.imports[0]?.prefix).toMatch(/\/export\/AWSDynamoDB\/.*\/data\/$/);
  });

  it('says what is wrong: a table that is there, a file that is missing, an empty snapshot, a service without the call', async () => {
    const of = await setting();
    const manifest = (await of.world.take()).manifest as Manifest;
    await expect(load(of, manifest, 'there')).rejects.toMatchObject({ code: 'table-exists' });
    await of.world.objects.delete(of.world.member.bucket, manifest.files[0]?.name as string);
    await expect(load(of, manifest)).rejects.toMatchObject({ code: 'missing-file' });
    await expect(load(of, { ...manifest, files: [] })).rejects.toMatchObject({ code: 'no-files' });
    of.exports.supported = false;
    const again = (await (await setting()).world.take()).manifest as Manifest;
    expect(again.items).toBe(9);
    const other = await setting();
    other.exports.supported = false;
    const whole = (await other.world.take()).manifest as Manifest;
    await expect(load(other, whole)).rejects.toMatchObject({ code: 'unsupported' });
  });
});

import { hash } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineCutter, pageLines } from '../../../../lib/archive/snapshot/lines.ts';
import { readManifest, snapshotIds, snapshotItems, unpacked } from '../../../../lib/archive/snapshot/read.ts';
import { FormatError } from '../../../../lib/core/errors.ts';
import type { Manifest, ManifestAbout } from '../../../../lib/core/formats/manifest.ts';
import { decodeManifest, encodeManifest, makeManifest, manifestName, snapshotId, timeOfSnapshot } from '../../../../lib/core/formats/manifest.ts';
import { item } from '../../../flows/support/world.ts';
import { SnapshotWorld } from './harness.ts';

const ABOUT: ManifestAbout = {
  id: '20261124T101503Z-abc123',
  set: 'orders',
  member: 'eu',
  table: 'items',
  tableId: 'id-1',
  key: { partition: { name: 'pk', type: 'S' } },
  startedMs: 1_000,
  endedMs: 9_000,
  via: 'scan',
  compression: 'zstd',
  files: [
    { name: 'b', items: 2, bytes: 10, rawBytes: 20, sha256: `${'A'.repeat(43)}=` },
    { name: 'a', items: 1, bytes: 5, rawBytes: 7, sha256: `${'B'.repeat(43)}=` },
  ],
};

async function taken(): Promise<{ world: SnapshotWorld; manifest: Manifest }> {
  const world = await SnapshotWorld.create(Array.from({ length: 20 }, (_, i) => item(`k${i}`, 1)));
  return { world, manifest: (await world.take()).manifest as Manifest };
}
const flip = ({ world }: { world: SnapshotWorld }, name: string, bit: number): void =>
  world.world.cloud.region(world.world.primary).buckets.flipBit(world.member.bucket, name, bit);

describe('a manifest', () => {
  it('has these bytes', () => {
    const made = makeManifest(ABOUT);
    expect(made).toMatchObject({ items: 3, rawBytes: 27 });
    expect(hash('sha256', encodeManifest(made), 'hex')).toBe('9ffcf5a5c79f363500f08489935b2605080b8608cf9df7e562b9361d291b92bb');
  });

  it('is read back, and with any character changed it is refused by name', () => {
    const bytes = encodeManifest(makeManifest(ABOUT));
    expect(decodeManifest(bytes, 'm')).toEqual(makeManifest(ABOUT));
    for (let at = 0; at < bytes.length - 1; at += 1) {
      const other = Buffer.from(bytes);
      other[at] = (other[at] as number) ^ 1;
      expect(() => decodeManifest(other, 'scans/x/manifest.json')).toThrow(FormatError);
      expect(() => decodeManifest(other, 'scans/x/manifest.json')).toThrow('scans/x/manifest.json');
    }
    expect(() => decodeManifest(bytes.subarray(0, 100), 'm')).toThrow(FormatError);
  });

  it('has an id that sorts by time and says it', () => {
    const ids = [0, 999, 1_000, 1_800_000_000_000].map((ms) => snapshotId(ms, 'abcdefghijkl'));
    expect([...ids].sort()).toEqual(ids);
    expect(timeOfSnapshot(ids[3] as string)).toBe(1_800_000_000_000);
    expect(timeOfSnapshot('20261301T000000Z-abcdef')).toBeUndefined();
    expect(timeOfSnapshot('reports')).toBeUndefined();
  });
});

describe('a snapshot that is damaged', () => {
  it('is refused by the name of the file, before its first item', async () => {
    const of = await taken();
    const [file] = of.manifest.files;
    flip(of, file?.name as string, 50);
    const read = async (): Promise<number> => {
      let given = 0;
      for await (const _ of snapshotItems(of.world.place(), of.world.world.runtime, of.manifest, file as never)) given += 1;
      return given;
    };
    await expect(of.world.world.clock.run(read())).rejects.toThrow(`${file?.name} is damaged`);
    await of.world.objects.delete(of.world.member.bucket, file?.name as string);
    await expect(of.world.world.clock.run(read())).rejects.toThrow(`${file?.name} is missing`);
  });

  it('is refused when the file is another than the manifest names, though S3’s own sum is right', async () => {
    const { world, manifest } = await taken();
    const [file] = manifest.files;
    const other = zstdCompressSync(Buffer.from('{"Item":{"pk":{"S":"x"}}}\n'));
    await world.objects.put(world.member.bucket, file?.name as string, other, { sha256: hash('sha256', other, 'base64') });
    await expect(world.itemsOf(manifest)).rejects.toThrow(FormatError);
    // The sum that the manifest names is right, but its counts are not.
    const [sha256, bytes] = [hash('sha256', other, 'base64'), other.length];
    for (const facts of [
      { items: 2, rawBytes: 26 },
      { items: 1, rawBytes: 25 },
      { items: 1, rawBytes: 27 },
    ]) {
      await expect(world.itemsOf({ ...manifest, files: [{ name: file?.name as string, sha256, bytes, ...facts }] })).rejects.toThrow(file?.name as string);
    }
  });

  it('is refused when its manifest is damaged, missing, or of another one', async () => {
    const of = await taken();
    const name = manifestName(of.manifest.id);
    const read = (id: string): Promise<Manifest> => of.world.world.clock.run(readManifest(of.world.place(), of.world.world.runtime, id));
    await expect(read('20200101T000000Z-aaaaaa')).rejects.toThrow('scans/20200101T000000Z-aaaaaa/manifest.json is not there');
    const other = '20200101T000000Z-aaaaaa';
    const body = encodeManifest(of.manifest);
    await of.world.objects.put(of.world.member.bucket, manifestName(other), body, { sha256: hash('sha256', body, 'base64') });
    await expect(read(other)).rejects.toThrow('is of another snapshot');
    flip(of, name, 99);
    await expect(read(of.manifest.id)).rejects.toThrow(`${name} is damaged`);
    expect(await of.world.world.clock.run(snapshotIds(of.world.place(), of.world.world.runtime))).toEqual([other, of.manifest.id]);
  });
});

describe('lines', () => {
  it('are cut the same, however the bytes come', () => {
    fc.assert(
      fc.property(fc.array(fc.string().map((s) => JSON.stringify(s))), fc.infiniteStream(fc.integer({ min: 1, max: 9 })), (lines, sizes) => {
        const whole = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const cutter = new LineCutter('o');
        const seen: string[] = [];
        for (let at = 0; at < whole.length; ) {
          const size = sizes.next().value as number;
          for (const line of cutter.push(whole.subarray(at, at + size))) seen.push(line.toString());
          at += size;
        }
        for (const line of cutter.end()) seen.push(line.toString());
        expect(seen).toEqual(lines);
      }),
    );
  });

  it('hold no character at which any reader ends a line', () => {
    const text = 'a\u0085b\u2028c\u2029d\n';
    const [page] = pageLines([item('k', 1, { text: { S: text } })]);
    expect(page?.bytes.toString().slice(0, -1)).not.toMatch(/[\n\r\u0085\u2028\u2029]/);
    expect(JSON.parse(page?.bytes.toString() ?? '').Item.text).toEqual({ S: text });
  });

  it('without an end are refused', () => {
    const cutter = new LineCutter('the object');
    const push = (): unknown => Array.from({ length: 6 }, () => [...cutter.push(Buffer.alloc(1_000_000, 0x61))]);
    expect(push).toThrow('the object is damaged');
    expect(pageLines([])).toEqual([]);
  });

  it('of a gzip stream that is cut off are an error that names it', async () => {
    const packed = gzipSync(Buffer.alloc(300_000, 'x')).subarray(0, 200);
    const read = async (): Promise<void> => {
      for await (const _ of unpacked('gzip', one(packed), { name: 'the file' })) expect(_).toBeDefined();
    };
    await expect(read()).rejects.toThrow('the file is damaged');
  });
});

async function* one(chunk: Buffer): AsyncGenerator<Buffer> {
  yield chunk;
}

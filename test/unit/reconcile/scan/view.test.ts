import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BUCKETS, cellOf } from '../../../../lib/core/digest.ts';
import { FormatError } from '../../../../lib/core/errors.ts';
import { keyHash, keyOf, keyText } from '../../../../lib/core/key.ts';
import { decodeOverlay, encodeOverlay } from '../../../../lib/reconcile/proof/overlay-object.ts';
import type { Base } from '../../../../lib/reconcile/scan/base.ts';
import { scanCost } from '../../../../lib/reconcile/scan/cost.ts';
import { dropScans } from '../../../../lib/reconcile/scan/drop.ts';
import type { KeptOverlay, Overlay } from '../../../../lib/reconcile/scan/overlay.ts';
import { PREFIXES } from '../../../../lib/reconcile/scan/overlay.ts';
import { freshNaming, nameKeys } from '../../../../lib/reconcile/scan/resolve.ts';
import type { ViewEntry, ViewOptions } from '../../../../lib/reconcile/scan/view.ts';
import { openView, viewSlices } from '../../../../lib/reconcile/scan/view.ts';
import { fingerprintOf } from '../../../../lib/reconcile/scan/writer.ts';
import type { Watermark } from '../../../../lib/reconcile/segments.ts';
import { footersAfter, grown } from '../../../../lib/reconcile/segments.ts';
import { item, KEY } from '../../../flows/support/world.ts';
import { changesArb, gathered, ScanWorld } from './harness.ts';

const KEYS = 30;

/** A scan, and the log after it: as far as a watermark, and further. */
async function scanned(
  before: Parameters<ScanWorld['changes']>[0],
  after: Parameters<ScanWorld['changes']>[0],
  batch: number,
): Promise<{ w: ScanWorld; base: Base; mark: Watermark }> {
  const w = await ScanWorld.create([], 'expires');
  await w.changes(before);
  await w.readStream(batch);
  await w.finish(w.ask(), { parts: 3 });
  const base = (await w.newest()) as Base;
  await w.world.clock.advance(5_000);
  await w.changes(after);
  await w.readStream(batch);
  let mark = base.mark;
  for (const read of await w.world.clock.run(gathered(footersAfter(w.place, w.world.runtime, base.mark)))) mark = grown(mark, read);
  // What comes after the watermark is none of its business.
  await w.world.clock.advance(5_000);
  await w.changes([{ put: item('p1', 1, { late: { S: 'yes' } }) }, { put: item('new', 1) }]);
  await w.readStream(batch);
  return { w, base, mark };
}

/** All of a view, in as many slices as it takes: each reads so many segments, or one part. */
async function viewed(
  w: ScanWorld,
  base: Base,
  cells: ReadonlySet<number> | 'all',
  mark: Watermark,
  options: ViewOptions & { readonly looks?: number } = {},
): Promise<ViewEntry[]> {
  const { looks = Number.POSITIVE_INFINITY, ...limits } = options;
  const found: ViewEntry[] = [];
  let begun: KeptOverlay['begun'];
  for (let prefix = 0, slices = 0; prefix < PREFIXES; slices += 1) {
    if (slices > 10_000) throw new Error('It does not end.');
    let left = looks;
    const isOver = (): boolean => --left <= 0;
    const keep = async (overlay: Overlay): Promise<void> => {
      begun = decodeOverlay(encodeOverlay(overlay), 'an overlay');
    };
    const view = await openView(w.place, w.world.runtime, base, { ...limits, kept: { ...(begun && { begun }), isOver, keep } });
    for await (const slice of viewSlices(view, prefix, mark, cells)) {
      found.push(...slice.entries);
      prefix = slice.to;
      if (isOver()) break;
    }
  }
  return found;
}

const shown = ({ keyHash: hash, itemHash, day }: { keyHash: Buffer; itemHash: Buffer; day: number }): string =>
  `${hash.toString('hex')} ${itemHash.toString('hex')} ${day}`;

describe('a view', () => {
  it('is the table at its watermark in the order of key hashes, for all cells and for some, in passes and slices of any size', async () => {
    const run = fc.record({
      before: changesArb(0, 60, KEYS),
      after: changesArb(0, 40, KEYS),
      batch: fc.integer({ min: 1, max: 12 }),
      keysMax: fc.integer({ min: 1, max: 40 }),
      viewBytes: fc.constantFrom(1, 60, 1_000_000),
      looks: fc.constantFrom(1, 2, 5, 1_000),
      some: fc.array(fc.oneof(fc.nat(BUCKETS - 1), fc.integer({ min: BUCKETS + 30_000, max: BUCKETS + 30_003 })), { maxLength: 60 }),
    });
    await fc.assert(
      fc.asyncProperty(run, async ({ before, after, batch, keysMax, viewBytes, looks, some }) => {
        const { w, base, mark } = await scanned(before, after, batch);
        const there = [...w.itemsAt(mark).values()].map((one) => fingerprintOf(one, KEY, 'expires'));
        const wanted = (cells: ReadonlySet<number> | 'all'): string[] =>
          there
            .filter((one) => cells === 'all' || cells.has(cellOf(one)))
            .map(shown)
            .sort();
        for (const cells of ['all', new Set(some)] as const) {
          const found = await w.world.clock.run(viewed(w, base, cells, mark, { keysMax, viewBytes, looks }));
          expect(found.map(shown)).toEqual(wanted(cells));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('refuses a damaged run, and names it', async () => {
    const { w, base, mark } = await scanned(
      Array.from({ length: 20 }, (_, n) => ({ put: item('p', n) })),
      [],
      7,
    );
    const { buckets } = w.world.cloud.region(w.world.primary);
    const name = w.names(`scans/${base.id}/fingerprints/`)[0] as string;
    buckets.flipBit(w.member.bucket, name, 200);
    const read = w.world.clock.run(viewed(w, base, 'all', mark));
    await expect(read).rejects.toThrow(FormatError);
    await expect(read).rejects.toThrow(name);
  });
});

describe('keys by their hashes', () => {
  it('come from the runs and from the log, and what neither knows is absent', async () => {
    const many = Array.from({ length: 30 }, (_, n) => item(`p${n}`, n));
    const { w, base, mark } = await scanned(
      many.map((put) => ({ put })),
      [{ put: item('later', 5) }, { remove: keyOf(many[3] as (typeof many)[0], KEY) }],
      4,
    );
    const asked = [...many, item('later', 5), item('nobody', 1), item('new', 1)];
    const hashes = asked.map((one) => keyHash(keyText(one, KEY)));
    const known = asked.slice(0, -2);
    const naming = freshNaming(hashes);
    // One run, or one segment, at a time.
    let calls = 1;
    while (!(await w.world.clock.run(nameKeys(w.place, w.world.runtime, base, naming, mark, () => true)))) calls += 1;
    expect(calls).toBeGreaterThan(2);
    expect(naming.found).toEqual(new Map(known.map((one) => [keyHash(keyText(one, KEY)).toString('hex'), keyOf(one, KEY)])));
  });
});

describe('old scans', () => {
  it('are dropped but for the newest two bases, those that are kept, and what a snapshot has', async () => {
    const w = await ScanWorld.create([item('a', 1)]);
    const ids: string[] = [];
    for (let n = 0; n < 4; n += 1) {
      const asked = w.ask();
      ids.push(asked.id);
      await w.finish(asked);
      await w.world.clock.advance(1_000);
    }
    const sample = w.ask({ sample: 1 });
    await w.slice(sample);
    const { objects } = w;
    const sha256 = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';
    await w.world.clock.run(objects.put(w.member.bucket, `scans/${ids[0]}/manifest.json`, Buffer.alloc(0), { sha256 }));
    const drop = (keep: readonly string[]): Promise<void> => w.world.clock.run(dropScans(w.place, w.world.runtime, keep));
    await drop([ids[1] as string]);
    const left = (id: string): readonly string[] => w.names(`scans/${id}/`);
    expect(left(ids[0] as string)).toEqual([`scans/${ids[0]}/manifest.json`]);
    expect(left(ids[1] as string).length).toBeGreaterThan(2);
    expect(left(ids[2] as string).length).toBeGreaterThan(2);
    expect(left(sample.id).length).toBeGreaterThan(0);
    await w.world.clock.advance(100_000_000);
    await drop([]);
    expect(left(ids[1] as string)).toEqual([]);
    expect(left(sample.id)).toEqual([]);
    expect((await w.newest())?.id).toBe(ids[3]);
  });
});

describe('what a scan costs', () => {
  it('follows from the table’s size', () => {
    expect(scanCost({ itemCount: 1_000_000, bytes: 4_096_000_000 })).toEqual({ readUnits: 1_000_000, usd: 0.125 });
    expect(scanCost({ itemCount: 0 })).toMatchObject({ readUnits: 1 });
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ABANDONED_AFTER_MS, END_MARGIN_MS, PENDING_FILES_MAX } from '../../../../lib/archive/snapshot/limits.ts';
import { listSnapshots } from '../../../../lib/archive/snapshot/read.ts';
import type { Item } from '../../../../lib/core/attribute.ts';
import { canonicalText } from '../../../../lib/core/canonical.ts';
import { dataPrefix, manifestName, SNAPSHOT_FILE_RAW_BYTES } from '../../../../lib/core/formats/manifest.ts';
import { RENEW_MS } from '../../../../lib/job/limits.ts';
import { RemoteError } from '../../../../lib/ports/errors.ts';
import { Killed } from '../../../flows/support/mortal.ts';
import { item } from '../../../flows/support/world.ts';
import { SnapshotWorld } from './harness.ts';

const many = (count: number): Item[] => Array.from({ length: count }, (_, i) => item(`k${i}`, 1, { n: { N: String(i) } }));
const byKey = (items: readonly Item[]): string[] => items.map((i) => canonicalText({ M: i })).sort();

/** All ten types, and values that JSON writes at length. */
const ALL_TYPES = item('all', 1, {
  s: { S: 'a"\\\n\u0000\u{1F600} \u2028' },
  empty: { S: '' },
  n: { N: '-1.2345678901234567890123456789012345678E-120' },
  b: { B: Buffer.from([0, 255, 10, 13]).toString('base64') },
  yes: { BOOL: true },
  nothing: { NULL: true },
  ss: { SS: ['x', '\n'] },
  ns: { NS: ['1', '2.5'] },
  bs: { BS: ['AA==', 'Cg=='] },
  l: { L: [{ S: '' }, { L: [] }, { M: { ' ': { N: '0' } } }] },
  m: { M: { deep: { M: { er: { BOOL: false } } } } },
  _s: { M: { p: { B: 'AAEC' } } },
});

describe('a snapshot', () => {
  it('holds every item of a still table once, with every type of attribute and our own', async () => {
    const world = await SnapshotWorld.create([...many(50), ALL_TYPES]);
    const began = world.world.clock.now();
    const { manifest, resumed } = await world.take();
    expect(resumed).toBe(false);
    expect(manifest).toMatchObject({ format: 1, set: 'test', member: 'eu-west-1', via: 'scan', compression: 'zstd', items: 51, startedMs: began });
    expect(manifest?.endedMs).toBe(world.world.clock.now() + END_MARGIN_MS);
    expect(byKey(await world.itemsOf(manifest as never))).toEqual(byKey([...many(50), ALL_TYPES]));
    expect(await world.world.clock.run(listSnapshots(world.place(), world.world.runtime))).toEqual([manifest]);
    // Only what the manifest names is below the prefix that ImportTable takes.
    expect(world.names(dataPrefix(manifest?.id ?? ''))).toEqual(manifest?.files.map((file) => file.name));
  });

  it('of an empty table has no file, and is finished', async () => {
    const world = await SnapshotWorld.create();
    const { manifest } = await world.take();
    expect(manifest?.files).toEqual([]);
    expect(world.names('scans/')).toEqual([manifestName(manifest?.id ?? '')]);
  });

  it('of one huge item, and of pages that JSON writes nine times as long, keeps to the size of a file', async () => {
    const huge = item('huge', 1, { v: { S: 'x'.repeat(399_000) } });
    const long = Array.from({ length: 4 }, (_, i) => item(`l${i}`, 1, { v: { L: Array.from({ length: 350_000 }, () => ({ S: '' })) } }));
    const world = await SnapshotWorld.create([huge, ...long]);
    const { manifest } = await world.take({ segments: 1 });
    expect(manifest?.items).toBe(5);
    expect(manifest?.rawBytes).toBeGreaterThan(SNAPSHOT_FILE_RAW_BYTES);
    expect(Math.max(...(manifest?.files ?? []).map((file) => file.rawBytes))).toBeLessThanOrEqual(SNAPSHOT_FILE_RAW_BYTES);
    expect(byKey(await world.itemsOf(manifest as never))).toEqual(byKey([huge, ...long]));
  });

  it('moves the facts of many files out of the savepoint, and finds them again', async () => {
    const world = await SnapshotWorld.create(many(30));
    // Each run stores what it has read and ends, so each file holds a few items.
    for (let i = 0; i < 200; i += 1) {
      const { manifest, job } = await world.take({ segments: 1, itemsPerS: 0.5, untilMs: world.world.clock.elapsed() + 1 });
      expect(job.pending.length).toBeLessThanOrEqual(PENDING_FILES_MAX);
      if (manifest !== undefined) {
        expect(byKey(await world.itemsOf(manifest))).toEqual(byKey(many(30)));
        return;
      }
    }
    throw new Error('it does not end');
  });

  it('goes on after being killed at any request, and lists each item of a still table exactly once', { timeout: 120_000 }, async () => {
    const items = [...many(40), ALL_TYPES];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ at: fc.integer({ min: 1, max: 24 }), after: fc.boolean() }), { minLength: 1, maxLength: 6 }), async (deaths) => {
        const world = await SnapshotWorld.create(items);
        let manifest: Awaited<ReturnType<SnapshotWorld['take']>>['manifest'];
        for (const death of [...deaths, undefined]) {
          try {
            ({ manifest } = await world.take({ itemsPerS: 40 }, death === undefined ? {} : { death }));
            break;
          } catch (error) {
            if (!(error instanceof Killed)) throw error;
            await world.leaseOver();
          }
        }
        expect(byKey(await world.itemsOf(manifest as never))).toEqual(byKey(items));
        expect(world.names(dataPrefix(manifest?.id ?? ''))).toEqual(manifest?.files.map((file) => file.name));
      }),
      { numRuns: 60 },
    );
  });

  it('is right when the table changes between two attempts at the same file', async () => {
    const world = await SnapshotWorld.create(many(9));
    // Killed after its files were stored, before they were saved: the calls are describe, get, put, three scans, three puts.
    await expect(world.take({}, { death: { at: 9, after: true } })).rejects.toThrow(Killed);
    const strays = world.names('scans/');
    expect(strays.length).toBeGreaterThan(0);
    await world.world.put(item('k1', 1, { n: { N: '77' } }));
    await world.leaseOver();
    const { manifest, resumed } = await world.take();
    expect(resumed).toBe(true);
    const now = many(9).map((one) => (one['pk']?.['S' as never] === 'k1' ? item('k1', 1, { n: { N: '77' } }) : one));
    expect(byKey(await world.itemsOf(manifest as never))).toEqual(byKey(now));
    expect(world.names('scans/').filter((name) => strays.includes(name) && !manifest?.files.some((file) => file.name === name))).toEqual([]);
  });

  it('of two runs at the same time lets one go on', async () => {
    const world = await SnapshotWorld.create(many(20));
    const [one, two] = [world.take({ itemsPerS: 5 }), world.take({ itemsPerS: 5 }).catch((error: unknown) => error)];
    expect((await one).manifest?.items).toBe(20);
    expect(await two).toMatchObject({ code: expect.stringMatching(/^job-(taken|lost)$/) });
    expect(world.names('scans/').filter((name) => name.endsWith('manifest.json'))).toHaveLength(1);
  });

  it('whose run was frozen and overtaken harms nothing when it wakes', async () => {
    const world = await SnapshotWorld.create(many(30));
    // The first run's put of a file hangs until the second run has finished the snapshot.
    let thaw: () => void = () => undefined;
    const thawed = new Promise<void>((resolve) => {
      thaw = resolve;
    });
    let frozen = false;
    world.world.cloud.hook = async (call) => {
      if (call.service === 's3' && call.op === 'put' && !frozen) {
        frozen = true;
        await thawed;
      }
      return {};
    };
    const first = world.start().catch((error: unknown) => error);
    await world.world.clock.advance(60_000);
    expect(frozen).toBe(true);
    const { manifest } = await world.take();
    thaw();
    expect(await world.world.clock.run(first)).toMatchObject({ code: 'job-lost' });
    // What it had in hand was not stored any more.
    expect(world.names(dataPrefix(manifest?.id ?? ''))).toEqual(manifest?.files.map((file) => file.name));
    world.world.cloud.hook = undefined;
    expect(byKey(await world.itemsOf(manifest as never))).toEqual(byKey(many(30)));
    expect(await world.world.clock.run(listSnapshots(world.place(), world.world.runtime))).toEqual([manifest]);
  });

  it('stops when it is told to, keeps what it has read, and goes on', async () => {
    const world = await SnapshotWorld.create(many(40));
    let asked = 0;
    const stopped = await world.take(
      { itemsPerS: 20 },
      {
        stopped: () => {
          asked += 1;
          return asked > 6;
        },
      },
    );
    expect(stopped).toMatchObject({ ended: 'stopped' });
    expect(stopped.job.items).toBeGreaterThan(0);
    expect(stopped.job.owner).toBeUndefined();
    const { manifest, resumed } = await world.take();
    expect(resumed).toBe(true);
    expect(byKey(await world.itemsOf(manifest as never))).toEqual(byKey(many(40)));
  });

  it('is taken anew when the last is finished, and clears what older ones have left', async () => {
    const world = await SnapshotWorld.create(many(12));
    await world.take({ itemsPerS: 4, untilMs: world.world.clock.elapsed() + 1 });
    const left = world.names('scans/');
    expect(left.length).toBeGreaterThan(0);
    await world.world.clock.advance(ABANDONED_AFTER_MS + 2_000);
    const second = await world.take({ restart: true });
    expect(second.resumed).toBe(false);
    expect(world.names('scans/').filter((name) => left.includes(name))).toEqual([]);
    await world.world.clock.advance(2_000);
    const third = await world.take();
    expect(third.job.last).toEqual({ id: second.manifest?.id, ended: second.manifest?.endedMs });
    expect((await world.world.clock.run(listSnapshots(world.place(), world.world.runtime))).map((m) => m.id)).toEqual([
      second.manifest?.id,
      third.manifest?.id,
    ]);
  });

  it('keeps its rate, and renews its lease meanwhile', async () => {
    const world = await SnapshotWorld.create(many(60));
    const began = world.world.clock.elapsed();
    const { manifest } = await world.take({ itemsPerS: 5 });
    const tookS = (world.world.clock.elapsed() - began) / 1_000;
    expect(manifest?.items).toBe(60);
    // The last page need not be waited for.
    expect(tookS).toBeGreaterThan(8);
    expect(tookS).toBeLessThan(14);
    expect(RENEW_MS).toBeLessThan(8_000);
  });

  it('slows down while the table refuses for load, and ends all the same', async () => {
    const world = await SnapshotWorld.create(many(30));
    let refusals = 0;
    world.world.cloud.hook = (call) => {
      if (call.op !== 'scan' || refusals >= 40) return {};
      refusals += 1;
      return { refuse: new RemoteError('throttled', 'ProvisionedThroughputExceededException', 'too much') };
    };
    const began = world.world.clock.elapsed();
    const { manifest } = await world.take();
    expect(manifest?.items).toBe(30);
    expect(world.world.clock.elapsed() - began).toBeGreaterThan(10_000);
  });

  it('reads shorter pages over a slow line, and gives up when none comes', async () => {
    const world = await SnapshotWorld.create(many(900));
    const lost = new RemoteError('unanswered', 'TimeoutError', 'too slow');
    world.world.cloud.hook = (call) => (call.op === 'scan' && ((call.args[0] as { limit?: number }).limit ?? 1_000_000) > 200 ? { lost } : {});
    const { manifest } = await world.take();
    expect(manifest?.items).toBe(900);
    world.world.cloud.hook = (call) => (call.op === 'scan' ? { lost } : {});
    await expect(world.take()).rejects.toThrow('too slow');
  });

  it('gives up when the table refuses for too long, and keeps its savepoint', async () => {
    const world = await SnapshotWorld.create(many(30));
    world.world.cloud.hook = (call) => (call.op === 'scan' ? { refuse: new RemoteError('throttled', 'ThrottlingException', 'too much') } : {});
    await expect(world.take()).rejects.toThrow('too much');
    world.world.cloud.hook = undefined;
    expect(await world.job()).toMatchObject({ items: 0 });
    expect((await world.take()).resumed).toBe(true);
  });

  it('refuses a share of a table that is on demand, and an unfinished one of another table', async () => {
    const world = await SnapshotWorld.create(many(3));
    await expect(world.take({ share: 0.5 })).rejects.toMatchObject({ code: 'on-demand' });
    await world.take({ itemsPerS: 1, untilMs: world.world.clock.elapsed() + 1 });
    const job = await world.job();
    await world.foreign();
    await expect(world.take()).rejects.toMatchObject({ code: 'foreign-table' });
    const anew = await world.take({ restart: 'if-foreign' });
    expect(anew.job.id).not.toBe(job?.id);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Item } from '../../../../lib/core/attribute.ts';
import type { Digest } from '../../../../lib/core/digest.ts';
import { sampledKeys } from '../../../../lib/reconcile/scan/resolve.ts';
import { decodeScanTask, encodeScanTask, freshScan, pickedSegments } from '../../../../lib/reconcile/scan/task.ts';
import { Killed } from '../../../flows/support/mortal.ts';
import { item, key } from '../../../flows/support/world.ts';
import type { Change } from './harness.ts';
import { changesArb, gathered, ScanWorld } from './harness.ts';

const KEYS = 40;
const items = (count: number): Item[] => Array.from({ length: count }, (_, n) => item(`p${n % 5}`, n, { n: { N: String(n) } }));
const text = (digest: Digest): string => digest.encode().toString('hex');

describe('a scan', () => {
  it('gives the digest of a still table, and names itself as the newest base', async () => {
    const w = await ScanWorld.create(items(KEYS));
    const asked = w.ask();
    const task = await w.finish(asked);
    expect(task).toMatchObject({ items: KEYS, listed: true });
    expect(task.failed).toBeUndefined();
    const base = await w.newest();
    expect(base).toMatchObject({ id: asked.id, items: KEYS, tableId: task.table?.tableId, label: task.table?.label });
    expect(text(base?.digest as Digest)).toBe(text(w.digestOf(items(KEYS))));
  });

  it('of an empty table has an empty base', async () => {
    const w = await ScanWorld.create();
    await w.finish(w.ask());
    expect((await w.newest())?.items).toBe(0);
    expect((await w.newest())?.digest.cells()).toEqual([]);
  });

  it('waits until the log surely reaches its end', async () => {
    const w = await ScanWorld.create(items(KEYS));
    await w.readStream();
    const asked = w.ask();
    const task = await w.slice(asked);
    expect(task).toMatchObject({ listed: true, items: KEYS });
    expect(task.done).toBeUndefined();
    // The observer stands still while fan-out goes on: nothing is sure, however long it takes.
    await w.changes([{ put: item('p0', 999) }]);
    await w.world.fanoutOf(w.records.slice(-1));
    await w.world.clock.advance(600_000);
    expect((await w.slice(asked)).done).toBeUndefined();
    expect(await w.newest()).toBeUndefined();
    await w.readStream();
    expect((await w.slice(asked)).done).toBeDefined();
    expect((await w.newest())?.items).toBe(KEYS + 1);
  });

  it('waits where the observer is ahead: fan-out does not tell whether there is more', async () => {
    const w = await ScanWorld.create(items(KEYS));
    const asked = w.ask();
    await w.slice(asked);
    await w.observe(w.records);
    await w.world.clock.advance(600_000);
    expect((await w.slice(asked)).done).toBeUndefined();
    await w.world.fanoutOf(w.records);
    expect((await w.slice(asked)).done).toBeDefined();
  });

  it('stores runs that are full within a page, and reads none of their items again', async () => {
    const long = Array.from({ length: 3_000 }, (_, n) => item(`${n} ${'x'.repeat(1_900)}`, 1));
    const w = await ScanWorld.create(long);
    await w.readStream(1_000);
    await w.world.clock.advance(200_000);
    const asked = w.ask();
    const options = { parts: 1 };
    const isStored = (): boolean => w.names(`scans/${asked.id}/fingerprints/`).length > 0;
    // It is killed soon after its first run was saved.
    const reach = w.reach();
    const killed = new Proxy(reach.table, {
      get: (port, name) => (name === 'scan' && isStored() ? () => Promise.reject(new Killed()) : Reflect.get(port, name)),
    });
    await expect(w.slice(asked, { reach: { ...reach, table: killed }, options })).rejects.toThrow(Killed);
    await w.leaseOver();
    const before = await w.task(asked.id);
    expect(before?.items).toBeGreaterThan(1_000);
    const task = await w.finish(asked, options);
    expect(task).toMatchObject({ items: 3_000 });
    expect(task.segments[0]?.runs).toBe(2);
    expect(text((await w.newest())?.digest as Digest)).toBe(text(w.digestOf(long)));
  });

  it('beside live writes gives exactly the digest of the table at its watermark, for any cuts of the log, any kill, and any slices', async () => {
    const run = fc.record({
      before: changesArb(0, 60, KEYS),
      during: changesArb(0, 60, KEYS),
      after: changesArb(0, 20, KEYS),
      batch: fc.integer({ min: 1, max: 12 }),
      death: fc.option(fc.record({ at: fc.integer({ min: 1, max: 40 }), after: fc.boolean() })),
      itemsPerS: fc.constantFrom(4, 9, 100),
      keysMax: fc.integer({ min: 1, max: 60 }),
      viewBytes: fc.constantFrom(26, 200, 4_096),
      leave: fc.nat(12),
      expiry: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(run, async ({ before, during, after, batch, death, itemsPerS, keysMax, viewBytes, leave, expiry }) => {
        const w = await ScanWorld.create([], expiry ? 'expires' : undefined);
        await w.changes(before);
        await w.readStream(batch);
        const asked = w.ask({ itemsPerS });
        const left: Change[] = [...during];
        const onPage = async (): Promise<void> => {
          for (const one of left.splice(0, 3)) await w.change(one);
        };
        const options = { parts: 2, limits: { keysMax, viewBytes } };
        if (death !== null) {
          await w.slice(asked, { death, onPage, options, forMs: 5_000 }).catch((error: unknown) => {
            if (!(error instanceof Killed)) throw error;
          });
          await w.leaseOver();
        }
        for (let slice = 0; slice < 30 && !((await w.task(asked.id))?.listed ?? false); slice += 1) await w.slice(asked, { onPage, options, forMs: 5_000 });
        await w.world.clock.advance(5_000);
        await w.changes(left);
        await w.readStream(batch);
        await w.world.clock.advance(200_000);
        // Not all of the newest is in the log: the watermark is somewhere in between, or at the end.
        await w.changes(after);
        await w.readStream(batch, Math.min(leave, after.length));
        let task = await w.slice(asked, { options });
        if (task.done === undefined) task = await w.finish(asked, options);
        expect(task.failed).toBeUndefined();
        const base = await w.newest();
        const there = w.itemsAt(base?.mark ?? new Map());
        expect(base?.items).toBe(there.size);
        expect(text(base?.digest as Digest)).toBe(text(w.digestOf(there.values())));
      }),
      { numRuns: 60 },
    );
  });

  it('believes the table, not the log, of keys that were last written before it began', async () => {
    const w = await ScanWorld.create(items(10));
    await w.world.clock.advance(3_600_000);
    // One segment holds the old changes and a new one.
    await w.changes([{ put: item('p0', 0, { n: { N: '5' } }) }]);
    await w.readStream(20);
    // Nothing of this is in the stream: bytes that went bad, or another tool with the stream off.
    const table = w.world.cloud.region(w.world.primary).tableNamed(w.world.items(w.world.primary));
    table.corrupt(key('p3', 8), item('p3', 8, { n: { N: '77' } }));
    table.corrupt(key('p4', 9), undefined);
    await w.finish(w.ask());
    const there = w.world.cloud.region(w.world.primary).items(w.world.items(w.world.primary));
    expect(there).toHaveLength(9);
    expect(text((await w.newest())?.digest as Digest)).toBe(text(w.digestOf(there)));
  });

  it('goes on after being killed at any request, and reads each item once', async () => {
    const w = await ScanWorld.create(items(12));
    await w.readStream();
    await w.world.clock.advance(200_000);
    let deaths = 0;
    for (let at = 1; ; at += 1) {
      const asked = w.ask();
      const died = await w.slice(asked, { death: { at, after: at % 2 === 0 }, options: { parts: 2, limits: { viewBytes: 64 } }, forMs: 400_000 }).then(
        () => false,
        (error: unknown) => error instanceof Killed,
      );
      await w.leaseOver();
      await w.world.clock.advance(200_000);
      const task = await w.slice(asked, { forMs: 400_000 });
      expect(task).toMatchObject({ items: 12 });
      expect(task.failed).toBeUndefined();
      const base = await w.newest();
      expect(base?.id).toBe(asked.id);
      expect(text(base?.digest as Digest)).toBe(text(w.digestOf(items(12))));
      if (!died) break;
      deaths += 1;
    }
    expect(deaths).toBeGreaterThan(20);
  });

  it('makes its base in several slices, none of which does anything twice', async () => {
    const w = await ScanWorld.create(items(KEYS));
    await w.readStream();
    const asked = w.ask();
    await w.slice(asked);
    await w.world.clock.advance(200_000);
    const prefixes = new Set<string>();
    let task = await w.task(asked.id);
    for (let slice = 0; task?.done === undefined && slice < 100; slice += 1) {
      // Each slice is stopped soon after it has begun.
      let looks = 0;
      const stopped = (): boolean => {
        looks += 1;
        return looks > 3;
      };
      task = await w.slice(asked, { stopped, options: { limits: { viewBytes: 5 * 26, keysMax: 7 } } });
      for (const name of w.names(`scans/${asked.id}/draft-`)) prefixes.add(name);
    }
    expect(prefixes.size).toBeGreaterThan(2);
    expect(text((await w.newest())?.digest as Digest)).toBe(text(w.digestOf(items(KEYS))));
    expect(w.names(`scans/${asked.id}/draft-`)).toEqual([]);
  });

  it('that is stopped in many short slices keeps few runs', async () => {
    const w = await ScanWorld.create(items(60));
    const asked = w.ask({ itemsPerS: 2 });
    for (let slice = 0; slice < 40; slice += 1) await w.slice(asked, { forMs: 2_500, options: { parts: 1 } });
    const task = await w.task(asked.id);
    expect(task?.segments[0]?.done).toBe(true);
    expect(task?.segments[0]?.runs).toBeGreaterThan(5);
    // Each slice has taken the run of the one before over: one counts, whatever else is in the bucket.
    expect(task?.segments[0]?.newest?.entries).toBe(60);
  });

  it('reads one huge collection, items of 400 KB, and a table whose items expire', async () => {
    const big = 'x'.repeat(390 * 1_024);
    const many = Array.from({ length: 3_000 }, (_, n) => item('one', n));
    const large = Array.from({ length: 4 }, (_, n) => item(`large${n}`, n, { big: { S: big }, expires: { N: String(86_400 * 30_000) } }));
    const w = await ScanWorld.create([...many, ...large], 'expires');
    await w.readStream(500);
    const task = await w.finish(w.ask());
    expect(task.items).toBe(3_004);
    const base = await w.newest();
    expect(base?.expiry).toBe('expires');
    expect(base?.digest.cells()).toContain(256 + 30_000);
    expect(text(base?.digest as Digest)).toBe(text(w.digestOf([...many, ...large])));
  });

  it('of a sample reads a share of the table for its keys, makes no base, and ends without the log', async () => {
    const w = await ScanWorld.create(items(200));
    const asked = w.ask({ sample: 0.3 });
    const task = await w.slice(asked);
    expect(task.done).toBeDefined();
    const keys = await w.world.clock.run(gathered(sampledKeys(w.place, w.world.runtime, asked.id)));
    expect(keys).toHaveLength(task.items);
    expect(task.items).toBeGreaterThan(20);
    expect(task.items).toBeLessThan(120);
    const there = new Set(items(200).map(({ pk, sk }) => JSON.stringify({ pk, sk })));
    expect(keys.every((key) => there.has(JSON.stringify(key)))).toBe(true);
    expect(await w.newest()).toBeUndefined();
  });

  it('ends with a sentence where the table was replaced, or the log has a gap', async () => {
    const w = await ScanWorld.create(items(10));
    const asked = w.ask({ itemsPerS: 2 });
    await w.slice(asked, { forMs: 2_000 });
    const found = await w.task(asked.id);
    const tableId = 'another';
    const reach = w.reach();
    const replaced = {
      ...reach,
      table: new Proxy(reach.table, {
        get: (port, name) => (name === 'describe' ? async (t: string) => ({ ...(await port.describe(t)), tableId }) : Reflect.get(port, name)),
      }),
    };
    const task = await w.slice(asked, { reach: replaced });
    expect(task.failed).toContain(`was replaced while it was scanned (TableId ${found?.table?.tableId} → another)`);
    expect(task.done).toBeDefined();
  });

  it('names a run that is damaged, cut off or gone, in place of making a base of the rest', async () => {
    for (const harm of ['flip', 'gone'] as const) {
      const w = await ScanWorld.create(items(30));
      const asked = w.ask();
      await w.slice(asked, { options: { parts: 1 } });
      const [name] = w.names(`scans/${asked.id}/fingerprints/`);
      const { buckets } = w.world.cloud.region(w.world.primary);
      if (harm === 'gone') buckets.delete(w.member.bucket, name as string);
      else buckets.flipBit(w.member.bucket, name as string, 100);
      const task = await w.finish(asked);
      expect(task.failed).toContain(name);
      expect(await w.newest()).toBeUndefined();
    }
  });
});

describe('the task of a scan', () => {
  it('is refused with a rate, a share or a sample that is none', () => {
    const of = { id: '20261124T101503Z-abc123', by: 'me', asked: 1 };
    expect(() => freshScan({ ...of, itemsPerS: 0 })).toThrow('at least one item');
    expect(() => freshScan({ ...of, share: 1.5 })).toThrow('share');
    expect(() => freshScan({ ...of, sample: 0 })).toThrow('sample');
    expect(() => freshScan({ ...of, id: 'x' })).toThrow('not the id of a scan');
  });

  it('comes back from its row as it was', () => {
    const ref = { name: 'scans/x/fingerprints/000-000001-abcdef', bytes: 5_000, entries: 12, sum: `${'A'.repeat(43)}=` };
    const fresh = { ...freshScan({ id: '20261124T101503Z-abc123', by: 'me', asked: 1, itemsPerS: 5, share: 0.25, sample: 0.01 }), v: 3 };
    for (const task of [
      fresh,
      {
        ...fresh,
        table: { name: 't', tableId: 'i', label: 'l', expiry: 'e' },
        started: 5,
        of: 4,
        segments: [{ at: 1, after: { pk: { S: 'a' } }, runs: 2, newest: ref, done: false }],
        items: 12,
        bytes: 5_000,
        ended: 9,
        listed: true,
        draft: { name: 'd', sha256: 's' },
        done: 11,
        failed: 'why',
        owner: { id: 'o', name: 'n', until: 99 },
      },
    ])
      expect(decodeScanTask(encodeScanTask(task))).toEqual(task);
  });

  it('picks another part of the table for each scan, and always as large a one', () => {
    const [a, b] = ['20261124T101503Z-abc123', '20261124T101503Z-abc124'].map((id) => pickedSegments(id, 0.1, 100));
    expect(a).toHaveLength(10);
    expect(new Set(a).size).toBe(10);
    expect(a).not.toEqual(b);
    expect(pickedSegments('x', undefined, 4)).toEqual([0, 1, 2, 3]);
  });
});

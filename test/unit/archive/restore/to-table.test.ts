import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RegionPorts } from '../../../../lib/adapters/memory/cloud.ts';
import type { ArchivePlace } from '../../../../lib/archive/place.ts';
import { restoreJobId, restorePlace } from '../../../../lib/archive/restore/job.ts';
import type { PlanRequest, RestorePlan } from '../../../../lib/archive/restore/plan.ts';
import { planRestore } from '../../../../lib/archive/restore/plan.ts';
import type { RestoreTarget, ToTableOptions, ToTableProgress, ToTableResult } from '../../../../lib/archive/restore/to-table.ts';
import { begunIn, checkSame, restoreToTable } from '../../../../lib/archive/restore/to-table.ts';
import { rev } from '../../../../lib/core/formats/rev.ts';
import { RemoteError } from '../../../../lib/ports/errors.ts';
import { Killed, mortal } from '../../../flows/support/mortal.ts';
import type { Change } from './support.ts';
import { Archive, CONTROL, item, KEY, modelAt, START, valuesOf, withoutSeal } from './support.ts';

const TABLE = 'restored';
const SURELY = { untilMs: Number.MAX_SAFE_INTEGER, why: '' };
const OPTIONS: ToTableOptions = { owner: 'a test', what: '', keepMeta: false };

/** The ports of a process that dies with call number `at`. */
function portsOf(ports: RegionPorts, at: number, after: boolean): Pick<RegionPorts, 'table' | 'objects'> & { calls: () => number } {
  const { wrap, calls } = mortal({ at, after });
  return { table: wrap(ports.table), objects: wrap(ports.objects), calls };
}

interface Run {
  readonly request?: Partial<PlanRequest>;
  readonly options?: Partial<ToTableOptions>;
  readonly ports?: Pick<RegionPorts, 'table' | 'objects'>;
  readonly stopped?: () => boolean;
  readonly heard?: ToTableProgress[];
}

/** What the command does: looks for what was begun, plans, writes. */
async function restore(archive: Archive, { request, options, ports = archive.region, stopped = () => false, heard }: Run = {}): Promise<ToTableResult> {
  const place: ArchivePlace = { ...archive.place, objects: ports.objects };
  const target = targetOf(ports.table);
  return archive.run(
    (async () => {
      const job = await begunIn(place, archive.runtime, target);
      const plan = await planRestore(place, archive.runtime, {
        at: job?.atMs ?? 'latest',
        rows: [],
        surely: SURELY,
        ...(job && { pinned: job.pinned }),
        ...request,
      });
      return restoreToTable(place, archive.runtime, plan, target, { ...OPTIONS, ...options }, { progress: (now) => heard?.push(now), stopped });
    })(),
  );
}

const targetOf = (table: RegionPorts['table']): RestoreTarget => ({ port: table, table: TABLE, job: restorePlace(table, CONTROL, restoreJobId(TABLE)) });

/** An archive of some changes, and an empty table. @returns what the table shall be at the end */
async function prepared(keys = 40): Promise<{ archive: Archive; expected: Map<string, string> }> {
  const archive = new Archive();
  archive.region.createTable({ name: TABLE, key: KEY });
  const changes: Change[] = [];
  for (let i = 0; i < keys; i += 1) changes.push({ key: `k${i}`, at: START, value: `first ${i}` });
  const items = changes.map(({ key, value }) => item(key, value as string));
  await archive.snapshot(items, START, START + 2_000, 7);
  for (let s = 0; s < 5; s += 1) {
    const some: Change[] = [];
    for (let i = 0; i < keys / 4; i += 1) {
      const n = (i * 7 + s * 3) % (keys + 5);
      some.push({ key: `k${n}`, at: START + (s + 1) * 10_000, ...(i % 3 !== 0 && { value: `${s}th ${i}` }) });
    }
    changes.push(...some);
    await archive.segment(some);
  }
  return { archive, expected: modelAt(changes, Number.POSITIVE_INFINITY) };
}

const held = (archive: Archive): Map<string, string> => valuesOf(archive.region.items(TABLE));

describe('restore into a table', () => {
  it('writes what the table was, without anything of Syncline', async () => {
    const { archive, expected } = await prepared();
    const heard: ToTableProgress[] = [];
    const { ended, resumed, job } = await restore(archive, { heard });
    expect({ ended, resumed, items: job.items, refused: job.refused }).toEqual({ ended: 'done', resumed: false, items: expected.size, refused: 0 });
    expect(held(archive)).toEqual(expected);
    expect(archive.region.items(TABLE).filter((i) => '_s' in i)).toEqual([]);
    expect(heard.at(-1)).toMatchObject({ items: expected.size, share: 1 });
    expect(heard.map(({ share }) => share)).toEqual(heard.map(({ share }) => share).toSorted((a, b) => a - b));
  });

  it('keeps revisions when asked to, and never a seal', async () => {
    const { archive } = await prepared(1);
    const r = { B: rev(3, START, 1).toString('base64') };
    await archive.snapshot(
      [
        { id: { S: 'r' }, _s: { M: { r, p: { B: 'AAAA' } } } },
        { id: { S: 's' }, _s: { M: { p: { B: 'AAAA' } } } },
      ],
      START + 100_000,
      START + 102_000,
    );
    await restore(archive, { options: { keepMeta: true } });
    expect(archive.region.items(TABLE).find((i) => (i['id'] as { S: string }).S === 'r')).toEqual({ id: { S: 'r' }, _s: { M: { r } } });
    expect(archive.region.items(TABLE).find((i) => (i['id'] as { S: string }).S === 's')).toEqual({ id: { S: 's' } });
  });

  it('goes on after a kill at any request, and ends equal', async () => {
    const { archive: probe } = await prepared(16);
    const counting = portsOf(probe.region, Number.POSITIVE_INFINITY, false);
    await restore(probe, { ports: counting, options: { keysPerPass: 6 } });
    const calls = counting.calls();
    expect(calls).toBeGreaterThan(30);
    for (let at = 1; at <= calls; at += 1) {
      const { archive, expected } = await prepared(16);
      await expect(restore(archive, { ports: portsOf(archive.region, at, at % 2 === 0), options: { keysPerPass: 6 } })).rejects.toThrow(Killed);
      // A killed run's lease ends by itself.
      await archive.clock.advance(30_000);
      const { ended, job } = await restore(archive, { options: { keysPerPass: 6 } });
      expect({ at, ended, items: held(archive) }).toEqual({ at, ended: 'done', items: expected });
      // What was written after the last savepoint is written, and counted, again.
      expect(job.items).toBe(expected.size);
    }
  });

  it('goes on with the very plan that it began with, though the log and the snapshots have grown', async () => {
    const { archive, expected } = await prepared();
    let pieces = 0;
    const first = await restore(archive, { options: { keysPerPass: 6 }, stopped: () => ++pieces > 4 });
    expect(first.ended).toBe('stopped');
    expect(first.job.items).toBeLessThan(expected.size);
    await archive.segment([
      { key: 'k1', at: START + 60_000, value: 'much later' },
      { key: 'k39', at: START + 50_000 },
    ]);
    await archive.snapshot([item('other', 'x')], START + 61_000, START + 63_000);
    const { ended, resumed } = await restore(archive, { options: { keysPerPass: 6 } });
    expect({ ended, resumed, items: held(archive) }).toEqual({ ended: 'done', resumed: true, items: expected });
  });

  it('does not go on when what it began with was replaced', async () => {
    const { archive } = await prepared();
    let pieces = 0;
    await restore(archive, { stopped: () => ++pieces > 2 });
    const [manifest] = archive.region.buckets.keys('the-archive').filter((name) => name.endsWith('manifest.json'));
    await archive.run(archive.region.objects.delete('the-archive', manifest as string));
    await archive.snapshot([], START, START + 2_000);
    await expect(restore(archive)).rejects.toThrow(/is gone/);
  });

  it('refuses a table that holds anything, or that has another key, and one in which another restore began', async () => {
    const { archive } = await prepared();
    await archive.run(archive.region.table.put(TABLE, { id: { S: 'mine' } }));
    await expect(restore(archive)).rejects.toMatchObject({ code: 'table-taken' });
    expect(archive.region.items(TABLE)).toHaveLength(1);
    archive.region.deleteTable(TABLE);
    archive.region.createTable({ name: TABLE, key: { partition: { name: 'id', type: 'N' } } });
    await expect(restore(archive)).rejects.toMatchObject({ code: 'other-key' });
    archive.region.deleteTable(TABLE);
    archive.region.createTable({ name: TABLE, key: KEY });
    const { job } = await restore(archive);
    expect(() => checkSame(job, 'latest', 'eu-west-1', '')).not.toThrow();
    expect(() => checkSame(job, job.atMs + 1_000, 'eu-west-1', '')).toThrow(/has begun/);
    expect(() => checkSame(job, 'latest', 'eu-west-1', '2 keys')).toThrow(/has begun/);
    // Done is done: nothing is written over what somebody may have changed since.
    await archive.run(archive.region.table.put(TABLE, { id: { S: 'mine' } }));
    expect((await restore(archive)).resumed).toBe(true);
    expect(archive.region.items(TABLE).some((i) => (i['id'] as { S: string }).S === 'mine')).toBe(true);
    // A table that was made anew is another one.
    archive.region.deleteTable(TABLE);
    archive.region.createTable({ name: TABLE, key: KEY });
    expect((await restore(archive)).resumed).toBe(false);
  });

  it('lets one run at a time write', async () => {
    const { archive } = await prepared();
    let other: Promise<unknown> | undefined;
    const place = archive.place;
    const plan: RestorePlan = await archive.run(planRestore(place, archive.runtime, { at: 'latest', rows: [], surely: SURELY }));
    await archive.run(
      restoreToTable(place, archive.runtime, plan, targetOf(archive.region.table), OPTIONS, {
        progress: () => {
          other ??= restoreToTable(place, archive.runtime, plan, targetOf(archive.region.table), OPTIONS, {
            progress: () => undefined,
            stopped: () => false,
          }).catch((e: unknown) => e);
        },
        stopped: () => false,
      }),
    );
    expect(await archive.run(other as Promise<unknown>)).toMatchObject({ code: 'job-taken' });
  });

  it('gets through throttling, lost answers and unprocessed items, and ends equal', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1_000_000 }), async (seed) => {
        const { archive, expected } = await prepared();
        let state = seed;
        const draw = (): number => {
          state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
          return state / 2 ** 31;
        };
        const { table } = archive.region;
        const batchWrite: typeof table.batchWrite = async (writes) => {
          const luck = draw();
          if (luck < 0.2) throw new RemoteError('throttled', 'ProvisionedThroughputExceededException', 'slow down');
          if (luck < 0.4) {
            const left = writes.filter(() => draw() < 0.5);
            const done = writes.filter((w) => !left.includes(w));
            if (done.length > 0) await table.batchWrite(done);
            return { unprocessed: left.map((w) => structuredClone(w)) };
          }
          const answer = await table.batchWrite(writes);
          if (luck < 0.5) throw new RemoteError('unanswered', 'TimeoutError', 'no answer');
          return answer;
        };
        const port = new Proxy(table, { get: (t, name) => (name === 'batchWrite' ? batchWrite : (Reflect.get(t, name) as () => void).bind(t)) });
        const { ended, job } = await restore(archive, { ports: { table: port, objects: archive.region.objects } });
        expect({ ended, items: job.items, held: held(archive) }).toEqual({ ended: 'done', items: expected.size, held: expected });
      }),
      { numRuns: 15 },
    );
  });

  it('names items that the table can never take, and writes all others', async () => {
    const { archive, expected } = await prepared();
    const { table } = archive.region;
    const batchWrite: typeof table.batchWrite = async (writes) => {
      if (writes.some((w) => w.put !== undefined && valuesOf([w.put]).has('k1')))
        throw new RemoteError('invalid', 'ValidationException', 'Type mismatch for Index Key');
      return table.batchWrite(writes);
    };
    const port = new Proxy(table, { get: (t, name) => (name === 'batchWrite' ? batchWrite : (Reflect.get(t, name) as () => void).bind(t)) });
    const { ended, job } = await restore(archive, { ports: { table: port, objects: archive.region.objects } });
    const rest = new Map([...expected].filter(([key]) => key !== 'k1'));
    expect({ ended, items: job.items, refused: job.refused, held: held(archive) }).toEqual({ ended: 'done', items: rest.size, refused: 1, held: rest });
    expect(job.refusedNamed).toEqual([{ key: { id: { S: 'k1' } }, reason: 'ValidationException: Type mismatch for Index Key' }]);
  });

  it('gives up, and keeps its savepoint, when the table takes nothing for long', async () => {
    const { archive, expected } = await prepared();
    const { table } = archive.region;
    const refuse = async (): Promise<never> => {
      throw new RemoteError('throttled', 'ThrottlingException', 'not now');
    };
    const port = new Proxy(table, { get: (t, name) => (name === 'batchWrite' ? refuse : (Reflect.get(t, name) as () => void).bind(t)) });
    await expect(restore(archive, { ports: { table: port, objects: archive.region.objects } })).rejects.toMatchObject({ kind: 'throttled' });
    expect((await restore(archive)).job.items).toBe(expected.size);
  });

  it('restores every type of attribute as it was', async () => {
    const { archive } = await prepared(8);
    const all = {
      id: { S: 'all' },
      ...{
        n: { N: '1.5' },
        b: { B: 'AAEC' },
        t: { BOOL: true },
        z: { NULL: true as const },
        ss: { SS: ['a', 'b'] },
        ns: { NS: ['1', '2.5'] },
        bs: { BS: ['AQ=='] },
      },
      ...{ l: { L: [{ S: '' }, { M: { x: { N: '-0.1' } } }] }, m: { M: { __proto__x: { S: 'y' } } } },
    };
    await archive.snapshot([{ ...all, _s: { M: {} } }], START + 100_000, START + 102_000);
    await restore(archive);
    expect(archive.region.items(TABLE).map(withoutSeal)).toContainEqual(all);
  });
});

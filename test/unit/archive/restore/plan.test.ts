import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../../lib/archive/log/finding.ts';
import type { PlanRequest, RestorePlan } from '../../../../lib/archive/restore/plan.ts';
import { planRestore } from '../../../../lib/archive/restore/plan.ts';
import { RestoreRefusedError } from '../../../../lib/archive/restore/refused.ts';
import { stateAt } from '../../../../lib/archive/restore/state.ts';
import { Archive, BUCKET, item, modelAt, START, valuesOf } from './support.ts';

const SURELY = { untilMs: Number.MAX_SAFE_INTEGER, why: '' };
const MINUTE = 60_000;

const plan = (archive: Archive, at: number | 'latest', more: Partial<PlanRequest> = {}): Promise<RestorePlan> =>
  archive.run(planRestore(archive.place, archive.runtime, { at, rows: [], surely: SURELY, ...more }));

async function refused(archive: Archive, at: number | 'latest', more: Partial<PlanRequest> = {}): Promise<readonly Finding[]> {
  const error = await plan(archive, at, more).then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!(error instanceof RestoreRefusedError)) throw error ?? new Error('it was not refused');
  for (const { what, todo } of error.findings) {
    expect(what).toMatch(/\.$/);
    expect(todo).toMatch(/\.$/);
  }
  return error.findings;
}

/** Two snapshots, the second one an hour after the first, and a segment each ten minutes. */
async function prepared(): Promise<{ archive: Archive; names: string[]; scans: string[] }> {
  const archive = new Archive();
  const names: string[] = [];
  await archive.snapshot([item('a', 'first'), item('b', 'first')], START, START + 2_000, 1);
  for (let i = 1; i <= 12; i += 1) {
    if (i === 7) await archive.snapshot([item('a', 'at 6'), item('b', 'first'), item('x', 'at 6')], START + 60 * MINUTE, START + 61 * MINUTE, 1);
    names.push((await archive.segment([{ key: i % 2 === 0 ? 'a' : 'x', at: START + i * 10 * MINUTE, value: `at ${i}` }])).name);
  }
  const scans = archive.region.buckets.keys(BUCKET).filter((name) => name.startsWith('scans/'));
  return { archive, names, scans };
}

const values = async (archive: Archive, p: RestorePlan): Promise<Map<string, string>> =>
  valuesOf(await archive.gather(stateAt(archive.place, archive.runtime, p)));
const remove = (archive: Archive, name: string | undefined): Promise<void> => archive.run(archive.region.objects.delete(BUCKET, name as string));

describe('the plan of a restore', () => {
  it('takes the newest snapshot that ended by then, and the log from before its start', async () => {
    const { archive, names } = await prepared();
    const late = await plan(archive, START + 100 * MINUTE);
    expect(late.snapshot.startedMs).toBe(START + 60 * MINUTE);
    // The segment that began before the range is there for the chain; what it holds is in the snapshot.
    expect(late.segments.map(({ ref }) => ref.name)).toEqual(names.slice(5, 10));
    expect(late.fromMs).toBe(START + 55 * MINUTE);
    const early = await plan(archive, START + 60 * MINUTE);
    expect(early.snapshot.startedMs).toBe(START);
    expect(early.segments.map(({ ref }) => ref.name)).toEqual(names.slice(0, 6));
    expect(await values(archive, await plan(archive, 'latest'))).toEqual(
      new Map([
        ['a', 'at 12'],
        ['b', 'first'],
        ['x', 'at 11'],
      ]),
    );
    expect((await plan(archive, 'latest')).atMs).toBe(START + 120 * MINUTE);
  });

  it('says since when restores are possible, where no snapshot ended by then', async () => {
    const { archive } = await prepared();
    const [finding] = await refused(archive, START + 1_000);
    expect(finding).toMatchObject({ kind: 'missing', what: expect.stringContaining('Restores are possible from 2027-01-15T08:00:02Z on.') });
    expect(await refused(new Archive(), START)).toMatchObject([{ what: expect.stringContaining('There is no finished snapshot yet.') }]);
    expect(await refused(new Archive(), 'latest')).toMatchObject([{ what: 'There is no finished snapshot.' }]);
  });

  it('refuses a time that is not surely archived, with the reason, before it reads anything', async () => {
    const { archive } = await prepared();
    const why = 'Shard shard-a: fan-out is behind.';
    const findings = await refused(archive, START + 100 * MINUTE, { surely: { untilMs: START + 90 * MINUTE, why, shard: 'shard-a' } });
    expect(findings).toMatchObject([
      { kind: 'unfinished', shard: 'shard-a', fromMs: START + 90 * MINUTE, toMs: START + 100 * MINUTE, what: expect.stringContaining(why) },
    ]);
    expect(findings[0]?.todo).toContain('Ask for a time from 2027-01-15T08:00:02Z to 2027-01-15T09:30:00Z');
    // Before the first snapshot had ended nothing is possible.
    const [early] = await refused(archive, START + 100 * MINUTE, { surely: { untilMs: START + 1_000, why } });
    expect(early?.todo).toContain('Nothing earlier is possible either: a snapshot had ended at 2027-01-15T08:00:02Z for the first time');
    expect(early?.todo).not.toContain('or earlier');
    const [none] = await refused(new Archive(), START + 100 * MINUTE, { surely: { untilMs: START + 1_000, why } });
    expect(none?.todo).toContain('There is no finished snapshot yet.');
    // The latest takes what there is.
    expect((await plan(archive, 'latest', { surely: { untilMs: START + 90 * MINUTE, why } })).atMs).toBe(START + 120 * MINUTE);
  });

  it('refuses a hole in its range, and not one before or after it', async () => {
    const { archive, names } = await prepared();
    await remove(archive, names[8]);
    for (const at of [95 * MINUTE, 120 * MINUTE, 90 * MINUTE]) {
      expect(await refused(archive, START + at)).toMatchObject([{ kind: 'missing', object: names[8], shard: 'shard-a' }]);
    }
    expect(await refused(archive, 'latest')).toHaveLength(1);
    // Up to the segment before it, what is missing may be of that time; one record earlier it cannot be.
    expect(await refused(archive, START + 85 * MINUTE)).toHaveLength(1);
    expect((await plan(archive, START + 79 * MINUTE)).segments).toHaveLength(2);
    await remove(archive, names[2]);
    expect((await plan(archive, START + 79 * MINUTE)).segments).toHaveLength(2);
    expect(await refused(archive, START + 50 * MINUTE)).toMatchObject([{ object: names[2] }]);
  });

  it('refuses a doubt of the observer in its range, and not one that a later snapshot covers', async () => {
    for (const doubt of ['skipped', 'trimmed', 'silence'] as const) {
      const archive = new Archive();
      await archive.snapshot([item('a', 'first')], START, START + 2_000);
      await archive.segment([{ key: 'a', at: START + MINUTE, value: '1' }]);
      await archive.segment([{ key: 'a', at: START + 20 * MINUTE, value: '2' }], { doubt });
      await archive.snapshot([item('a', '2')], START + 30 * MINUTE, START + 31 * MINUTE);
      await archive.segment([{ key: 'a', at: START + 40 * MINUTE, value: '3' }]);
      expect(await refused(archive, START + 25 * MINUTE)).toMatchObject([{ kind: 'hole' }]);
      expect(await refused(archive, START + 10 * MINUTE)).toMatchObject([{ kind: 'hole' }]);
      expect(await values(archive, await plan(archive, START + 40 * MINUTE))).toEqual(new Map([['a', '3']]));
    }
  });

  it('says when a snapshot that covers a hole begins at the earliest, and that one does', async () => {
    const prepare = async (more: number): Promise<{ archive: Archive; findings: readonly Finding[] }> => {
      const archive = new Archive();
      await archive.snapshot([item('a', 'first')], START, START + 2_000);
      await archive.segment([{ key: 'a', at: START + MINUTE, value: '1' }]);
      await archive.segment([{ key: 'a', at: START + 10 * MINUTE, value: '2' }], { doubt: 'skipped' });
      const findings = await refused(archive, START + 12 * MINUTE);
      const toMs = findings[0]?.toMs as number;
      const begins = toMs + 5 * MINUTE + more;
      if (more > 0) expect(findings[0]?.todo).toContain(`that begins at ${new Date(begins).toISOString().slice(0, 19)}Z or later.`);
      await archive.snapshot([item('a', '2')], begins, begins + 2_000);
      await archive.segment([{ key: 'a', at: START + 40 * MINUTE, value: '3' }]);
      return { archive, findings };
    };
    const { archive } = await prepare(1_000);
    expect(await values(archive, await plan(archive, START + 40 * MINUTE))).toEqual(new Map([['a', '3']]));
    const early = await prepare(0);
    expect(await refused(early.archive, START + 40 * MINUTE)).toMatchObject([{ kind: 'hole' }]);
  });

  it('refuses when the segment before the first one that counts is gone with everything before it', async () => {
    const { archive, names } = await prepared();
    for (const name of names.slice(0, 6)) await remove(archive, name);
    expect(await refused(archive, START + 100 * MINUTE)).toMatchObject([{ kind: 'missing', object: names[5] }]);
  });

  it('refuses a newest segment that is gone, by the row of its shard', async () => {
    const { archive, names } = await prepared();
    const last = await archive.segment([{ key: 'a', at: START + 130 * MINUTE, value: 'last' }]);
    const rows = [{ id: 'shard-a', tail: { first: last.head.first, firstAt: last.head.firstAt, sha256: last.sha256 } }];
    expect((await plan(archive, 'latest', { rows })).segments).toHaveLength(8);
    await remove(archive, last.name);
    expect(await refused(archive, 'latest', { rows })).toMatchObject([{ kind: 'missing', shard: 'shard-a' }]);
    expect((await plan(archive, START + 110 * MINUTE, { rows })).segments.at(-1)?.ref.name).toBe(names[10]);
  });

  it('takes an older snapshot when the newest is damaged, and says so', async () => {
    const { archive, scans } = await prepared();
    const newer = scans.filter((name) => name.includes('T09'));
    expect(newer).toHaveLength(4);
    for (const name of newer) {
      archive.region.buckets.flipBit(BUCKET, name, 8 * 30);
      const p = await plan(archive, START + 100 * MINUTE);
      expect(p.snapshot.startedMs).toBe(START);
      expect(p.notes[0]).toContain(name);
      expect(await values(archive, p)).toEqual(
        new Map([
          ['a', 'at 10'],
          ['b', 'first'],
          ['x', 'at 9'],
        ]),
      );
      archive.region.buckets.flipBit(BUCKET, name, 8 * 30);
    }
    await remove(archive, newer[0]);
    expect((await plan(archive, START + 100 * MINUTE)).notes[0]).toContain('missing');
    for (const name of scans) if (name.endsWith('manifest.json')) archive.region.buckets.flipBit(BUCKET, name, 300);
    expect(await refused(archive, START + 100 * MINUTE)).toMatchObject([{ kind: 'damaged' }, { kind: 'damaged' }, { kind: 'missing' }]);
  });

  it('refuses any byte of any object that it needs when it is damaged, and names the object', async () => {
    const { archive, names, scans } = await prepared();
    const at = START + 50 * MINUTE;
    const { segments, snapshot } = await plan(archive, at);
    const needed = [
      ...segments.map(({ ref }) => ref.name),
      ...snapshot.files.map((file) => file.name),
      scans.find((name) => name.includes('T08') && name.endsWith('manifest.json')) as string,
    ];
    expect(needed).toHaveLength(8);
    for (const name of needed) {
      const { length } = archive.region.buckets.bytes(BUCKET, name);
      for (let byte = 0; byte < length; byte += 13) {
        archive.region.buckets.flipBit(BUCKET, name, byte * 8 + (byte % 8));
        expect((await refused(archive, at)).some((f) => f.object === name)).toBe(true);
        archive.region.buckets.flipBit(BUCKET, name, byte * 8 + (byte % 8));
      }
    }
    expect(await values(archive, await plan(archive, at))).toEqual(
      modelAt(
        [
          { key: 'a', at: 0, value: 'at 4' },
          { key: 'b', at: 0, value: 'first' },
          { key: 'x', at: 0, value: 'at 5' },
        ],
        at,
      ),
    );
    // What it does not need may be as it is: later segments, and the lines of the one before the range.
    archive.region.buckets.flipBit(BUCKET, names[11] as string, 100);
    expect((await plan(archive, at)).segments).toHaveLength(5);
    archive.region.buckets.flipBit(BUCKET, names[4] as string, 100);
    expect((await plan(archive, START + 100 * MINUTE)).segments).toHaveLength(5);
  });

  it('refuses a segment that was exchanged for another whole one', async () => {
    const { archive, names } = await prepared();
    const other = new Archive();
    for (let i = 1; i <= 4; i += 1) await other.segment([{ key: 'a', at: START + i * 10 * MINUTE, value: 'forged' }]);
    await archive.put(names[3] as string, other.region.buckets.bytes(BUCKET, names[3] as string));
    // The forged one does not name what is before it, either.
    const findings = await refused(archive, START + 50 * MINUTE);
    expect(findings.map((f) => [f.kind, f.object])).toContainEqual(['damaged', names[3]]);
  });

  it('refuses a log of another table, of another member, of a young stream, and changes without images', async () => {
    const fresh = async (): Promise<Archive> => {
      const archive = new Archive();
      await archive.snapshot([item('a', 'first')], START, START + 2_000);
      return archive;
    };
    const change = [{ key: 'a', at: START + MINUTE, value: 'x' }];
    const replaced = await fresh();
    await replaced.segment(change, { tableId: 'another' });
    expect(await refused(replaced, 'latest')).toMatchObject([{ kind: 'hole', what: expect.stringContaining('of a table that stood here') }]);
    const foreign = await fresh();
    await foreign.segment(change, { member: 'us-east-1' });
    expect(await refused(foreign, 'latest')).toMatchObject([{ what: expect.stringContaining('cities/us-east-1') }]);
    const young = await fresh();
    await young.segment(change, { stream: 'arn:aws:dynamodb:eu-west-1:000000000000:table/items/stream/2027-01-15T08:00:30.000' });
    expect(await refused(young, 'latest')).toMatchObject([{ kind: 'hole', what: expect.stringContaining('was enabled at 2027-01-15T08:00:30Z') }]);
    const idle = await fresh();
    const stream = 'arn:aws:dynamodb:eu-west-1:000000000000:table/items/stream/2027-01-15T08:00:30.000';
    expect(await refused(idle, START + MINUTE, { stream })).toMatchObject([{ kind: 'hole' }]);
    expect((await plan(idle, START + 20_000, { stream })).segments).toEqual([]);
    const blind = await fresh();
    await blind.segment(change, {}, { images: false });
    expect(await refused(blind, 'latest')).toMatchObject([{ kind: 'damaged', what: expect.stringContaining('without the new item') }]);
  });

  it('is content with the bucket alone for the latest, and for a time that the log itself has passed', async () => {
    const { archive } = await prepared();
    const alone = (at: number | 'latest'): Promise<RestorePlan> => archive.run(planRestore(archive.place, archive.runtime, { at }));
    expect((await alone('latest')).notes).toMatchObject([expect.stringContaining('cannot be asked')]);
    expect((await alone(START + 115 * MINUTE)).segments).toHaveLength(6);
    await expect(alone(START + 120 * MINUTE)).rejects.toThrow(/the bucket alone shows everything up to 2027-01-15T09:59:58Z/);
    // A shard that another one follows is at its end.
    await archive.segment([{ key: 'a', at: START + 140 * MINUTE, value: 'x' }], { shard: 'shard-b', parent: 'shard-a' });
    expect((await alone(START + 130 * MINUTE)).segments).toHaveLength(7);
  });

  it('needs no segment where nothing was written', async () => {
    const archive = new Archive();
    await archive.snapshot([item('a', 'first')], START, START + 2_000);
    expect(await values(archive, await plan(archive, START + 50 * MINUTE))).toEqual(new Map([['a', 'first']]));
    await archive.snapshot([], START + 60 * MINUTE, START + 61 * MINUTE);
    expect(await values(archive, await plan(archive, START + 70 * MINUTE))).toEqual(new Map());
  });

  it('says how far the checking is', async () => {
    const { archive } = await prepared();
    const heard: { bytes: number; of: number }[] = [];
    const p = await archive.run(planRestore(archive.place, archive.runtime, { at: 'latest', rows: [], surely: SURELY }, (now) => heard.push(now)));
    expect(heard.at(-1)?.bytes).toBe(heard.at(-1)?.of);
    expect(new Set(heard.map(({ of }) => of)).size).toBe(1);
    // The segment before the range is read, too: the chain hangs on it.
    expect(heard).toHaveLength(1 + p.segments.length + p.snapshot.files.length);
  });
});

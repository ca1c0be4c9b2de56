import { describe, expect, it } from 'vitest';
import { archivePlace } from '../../../lib/archive/place.ts';
import { encodeArchiveSettings } from '../../../lib/archive/settings-row.ts';
import { takeSnapshot } from '../../../lib/archive/snapshot/take.ts';
import { encodeShard } from '../../../lib/core/formats/rows.ts';
import { archiveSteps, cityStory } from './archived.ts';
import type { Json } from './world.ts';
import { city, NOW, REGIONS, World } from './world.ts';

/** `archive status` and `archive verify`, on what other commands and the observer have stored. */

const [A, B, C] = REGIONS;
const HOUR = 3_600;

/** A log of three hours, and items of which a snapshot is taken. */
async function archived(snapshot = true, lastAgo = HOUR): Promise<{ world: World; names: string[] }> {
  const world = await new World().deploy().init();
  const ulm = cityStory(1, [3 * HOUR, 'Ulm'], [2 * HOUR, 'Neu-Ulm'], [lastAgo, 'Ulm']);
  const names = await archiveSteps(
    world,
    A,
    ulm.map((step) => [step]),
  );
  await world.put(A, city(1, 'Ulm'));
  if (snapshot) await take(world);
  return { world, names };
}

async function take(world: World): Promise<void> {
  const member = world.context(A);
  const { table, objects } = world.region(A);
  const watcher = { progress: () => undefined, stopped: () => false };
  await takeSnapshot(member, { table, place: archivePlace(member, objects) }, world.runtime, { owner: 'test', segments: 1 }, watcher);
}

describe('syncline archive status', () => {
  it('says which times can be restored, the sizes, and what they cost', async () => {
    const { world } = await archived();
    const [snapshot] = (await world.run('snapshot', 'list', '--json')).json.snapshots;
    world.clock.wall += 600_000;
    const { code, json } = await world.run('archive', 'status', '--json');
    expect(code).toBe(0);
    expect(json.archives).toHaveLength(1);
    const [archive] = json.archives;
    expect(archive).toMatchObject({
      member: A,
      sizes: { log: { objects: 3, bytes: expect.any(Number) }, scans: { objects: 2 }, index: { objects: 0, bytes: 0 } },
      log: { fromMs: NOW - 3 * HOUR * 1_000, untilMs: expect.any(Number), why: expect.any(String), segmentsOfLastDay: 3 },
      snapshots: [{ id: snapshot.id, items: 1 }],
    });
    expect(archive.restorable).toEqual([{ fromMs: archive.snapshots[0].endedMs, toMs: archive.log.untilMs }]);
    expect(archive.dollarsPerMonth.puts).toBeCloseTo(3 * 30.4 * 0.000_005, 9);
    const { stdout } = await world.run('archive', 'status');
    expect(stdout).toMatch(/restore +any second from \d{4}-\S+Z to \d{4}-\S+Z/);
    expect(stdout).toContain('3 segments');
    expect(stdout).toContain('a month about $0.01 or less for keeping it');
    expect(stdout).toMatch(/verified +never/);
  });

  it('says since when nothing was read, when the log rests on old marks alone', async () => {
    const { world } = await archived();
    const mark = { sequence: '9', at: NOW - HOUR * 1_000 };
    await world.region(A).table.put(world.context(A).tables.control, encodeShard({ id: 's', sent: mark, seen: mark }));
    expect((await world.run('archive', 'status', '--json')).json.archives[0].log).toMatchObject({ quietSinceMs: NOW - HOUR * 1_000 });
    expect((await world.run('archive', 'status')).stdout).toContain('Nothing has been read from the stream of the table since 2027-01-15T07:00:00Z.');
  });

  it('says that there is no snapshot, and how one is taken', async () => {
    const { world } = await archived(false);
    const { code, json } = await world.run('archive', 'status', '--json');
    expect(code).toBe(3);
    expect(json.archives[0].restorable).toEqual([]);
    expect(json.next_steps[0].command).toContain(`syncline snapshot --member ${A}`);
    expect((await world.run('archive', 'status')).stdout).toContain('nothing: there is no snapshot yet');
  });

  it('shows all members, and those that answer when one does not', async () => {
    const { world } = await archived();
    world.down.add(B);
    const { code, json } = await world.run('archive', 'status', '--member', 'all', '--json');
    expect(code).toBe(4);
    expect(json.archives.map((a: Json) => [a.member, a.error?.code])).toEqual([
      [A, undefined],
      [B, 'unreachable'],
      [C, undefined],
    ]);
  });

  it('offers whole seconds, from the one after the end of the snapshot on', async () => {
    const { world } = await archived();
    world.clock.wall += 600_000;
    const { restorable, snapshots } = (await world.run('archive', 'status', '--json')).json.archives[0];
    expect(restorable[0].fromMs % 1_000).toBe(0);
    expect(restorable[0].fromMs).toBeGreaterThanOrEqual(snapshots[0].endedMs);
    expect(restorable[0].toMs % 1_000).toBe(0);
  });

  it('says that the log has not reached a new snapshot yet, and what to do then', async () => {
    const { world } = await archived();
    const { code, json } = await world.run('archive', 'status', '--json');
    expect(code).toBe(3);
    expect(json.archives[0]).toMatchObject({ restorable: [], lack: { reason: 'not-yet' } });
    expect(json.next_steps[0].command).toContain(`archive status --member ${A}`);
  });

  it('takes a damaged snapshot for a damaged snapshot, and no hole of the log', async () => {
    const { world } = await archived();
    const [snapshot] = (await world.run('snapshot', 'list', '--json')).json.snapshots;
    world.clock.wall += 600_000;
    const before = (await world.run('archive', 'status', '--json')).json.archives[0].restorable;
    await take(world);
    world.clock.wall += 600_000;
    const ids = (await world.run('snapshot', 'list', '--json')).json.snapshots.map((s: Json) => s.id);
    const newest = ids.find((id: string) => id !== snapshot.id);
    world.region(A).buckets.flipBit(world.context(A).bucket, `scans/${newest}/manifest.json`, 100);
    expect((await world.run('archive', 'verify')).code).toBe(3);
    const { restorable } = (await world.run('archive', 'status', '--json')).json.archives[0];
    expect(restorable).toHaveLength(1);
    expect(restorable[0].fromMs).toBe(before[0].fromMs);
    expect(restorable[0].toMs).toBeGreaterThan(before[0].toMs + 500_000);
  });

  it('says that a gap of the log is why nothing can be restored, and that a new snapshot helps', async () => {
    // The one after it was made once the snapshot was taken.
    const { world, names } = await archived(true, -300);
    await world.region(A).objects.delete(world.context(A).bucket, names[1] as string);
    world.clock.wall += 600_000;
    await world.run('archive', 'verify');
    const { code, json } = await world.run('archive', 'status', '--json');
    expect(code).toBe(3);
    expect(json.archives[0].lack).toMatchObject({ reason: 'gap', what: expect.stringContaining(names[1] as string) });
    expect(json.next_steps[0].command).toContain(`snapshot --member ${A}`);
  });

  it('is not stopped by what is damaged', async () => {
    const { world, names } = await archived();
    const { bucket } = world.context(A);
    const { objects } = world.region(A);
    const manifest = (await objects.list(bucket, { prefix: 'scans/', limit: 100 })).objects.find((o) => o.key.endsWith('manifest.json'));
    world.region(A).buckets.flipBit(bucket, manifest?.key as string, 100);
    world.region(A).buckets.flipBit(bucket, names[0] as string, 100);
    expect((await world.run('archive', 'status', '--json')).json.archives[0]).toMatchObject({ member: A, snapshots: [], restorable: [] });
  });
});

describe('syncline archive verify', () => {
  it('says that all is well, keeps the report, and status shows it', async () => {
    const { world } = await archived();
    for (const deep of [[], ['--deep']]) {
      const { code, json } = await world.run('archive', 'verify', ...deep, '--json');
      expect(json.archives[0]).toMatchObject({ member: A, deep: deep.length > 0, found: 0, findings: [], segments: 3, records: 3, snapshots: 1 });
      expect(code).toBe(0);
      expect(json.archives[0].stored).toMatch(/^reports\/verify-\d{8}T\d{6}Z-[a-z0-9]{6}\/verify\.json$/);
    }
    world.clock.wall += 2 * HOUR * 1_000;
    expect((await world.run('status', '--json')).json.members[0].archive.verified).toMatchObject({ findings: 0, segments: 3, deepAt: expect.any(Number) });
    expect((await world.run('archive', 'status')).stdout).toMatch(/verified +2 h ago \(every byte 2 h ago\): no faults/);
    const { stdout } = await world.run('archive', 'verify');
    expect(stdout).toContain(`${A}: no faults. Looked at the ends of 3 segments with 3 changes`);
  });

  it('names what is missing, since when, and what can be done; then status alarms, and those times are no longer offered', async () => {
    const { world, names } = await archived();
    const { bucket } = world.context(A);
    await world.region(A).objects.delete(bucket, names[1] as string);
    const { code, json } = await world.run('archive', 'verify', '--json');
    expect(code).toBe(3);
    expect(json.archives[0].found).toBeGreaterThan(0);
    expect(json.archives[0].findings[0]).toMatchObject({
      kind: 'missing',
      object: names[1],
      what: expect.stringContaining('missing'),
      todo: expect.stringMatching(/snapshot/i),
    });
    const { stdout } = await world.run('archive', 'verify');
    expect(stdout).toContain(names[1]);
    expect(stdout).toContain(`The report is s3://${bucket}/reports/verify-`);
    const status = await world.run('status', '--json');
    expect(status.code).toBe(3);
    expect(status.json.attention.find((a: Json) => a.code === 'archive-damaged')).toMatchObject({ member: A });
    expect(status.json.next_steps.map((s: Json) => s.command).join()).toContain(`archive verify --member ${A}`);
  });

  it('takes what is older than the member keeps it for expired', async () => {
    const { world, names } = await archived();
    const { bucket, tables } = world.context(A);
    await world.region(A).objects.delete(bucket, names[0] as string);
    expect((await world.run('archive', 'verify', '--json')).json.archives[0].findings).toMatchObject([{ kind: 'missing', object: names[0] }]);
    await world.region(A).table.put(tables.control, encodeArchiveSettings({ retentionMs: 2.5 * HOUR * 1_000 }));
    expect((await world.run('archive', 'verify', '--json')).json.archives[0].findings).toEqual([]);
  });

  it('finds a byte that was changed only when it reads every byte', async () => {
    const { world, names } = await archived();
    const { bucket } = world.context(A);
    world.region(A).buckets.flipBit(bucket, names[1] as string, 8 * 20);
    expect((await world.run('archive', 'verify', '--json')).json.archives[0].found).toBe(0);
    expect((await world.run('archive', 'verify', '--deep', '--json')).json.archives[0].findings).toMatchObject([{ kind: 'damaged', object: names[1] }]);
  });

  it('verifies all members, and goes on when one does not answer', async () => {
    const { world } = await archived();
    world.down.add(B);
    const { code, json } = await world.run('archive', 'verify', '--member', 'all', '--json');
    expect(code).toBe(4);
    expect(json.archives.map((a: Json) => a.error?.code ?? a.found)).toEqual([0, 'unreachable', 0]);
    expect((await world.run('archive', 'verify', '--member', 'all')).stdout).toContain(`${C}: no faults`);
  });

  it('works for who may only read, and says that the report is not kept', async () => {
    const { world } = await archived();
    const hook = world.cloud.hook;
    const { RemoteError } = await import('../../../lib/ports/errors.ts');
    world.cloud.hook = (call) => (call.service === 's3' && call.op === 'put' ? { refuse: new RemoteError('denied', 'AccessDenied', 'no') } : hook?.(call));
    const { code, json, stderr } = await world.run('archive', 'verify', '--json');
    expect(code).toBe(0);
    expect(json.archives[0]).not.toHaveProperty('stored');
    expect(stderr).toContain('the report could not be stored');
  });

  it('refuses a member that there is none of, and one that has no seat', async () => {
    expect((await new World().deploy().run('archive', 'verify', '--member', 'moon')).code).toBe(2);
    expect((await new World().deploy().run('archive', 'verify', '--member', A, '--json')).json.error.code).toBe('not-initialised');
  });
});

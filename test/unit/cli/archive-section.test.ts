import { describe, expect, it } from 'vitest';
import type { ArchiveState } from '../../../lib/archive/log/state.ts';
import { encodeArchiveState } from '../../../lib/archive/log/state.ts';
import { encodeArchiveSettings } from '../../../lib/archive/settings-row.ts';
import { encodeSnapshotJob, freshSnapshot } from '../../../lib/archive/snapshot/savepoint.ts';
import type { Shard } from '../../../lib/core/formats/rows.ts';
import { encodeShard } from '../../../lib/core/formats/rows.ts';
import type { ArchiveFacts } from '../../../lib/status/archive.ts';
import { ARCHIVE_BEHIND_MAX_MS, archiveAttention, archiveStatus } from '../../../lib/status/archive.ts';
import type { Json } from './world.ts';
import { NOW, REGIONS, World } from './world.ts';

/** The archive's part of `status`. */

const [A] = REGIONS;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const mark = (sequence: string, ago: number): NonNullable<Shard['sent']> => ({ sequence, at: NOW - ago });
const snapshot = (id: string, more: object = {}) => ({
  ...freshSnapshot({ id, via: 'scan', compression: 'zstd', table: 't', tableId: 'i', started: NOW - HOUR }, 1, undefined),
  v: 1,
  ...more,
});
const codes = (shards: readonly Shard[], facts: ArchiveFacts = { snapshots: [] }): string[] => archiveAttention(A, facts, shards, NOW).map((a) => a.code);

describe('What needs a person in an archive', () => {
  it('is a change that was sent long ago and is not in the log', () => {
    const old = ARCHIVE_BEHIND_MAX_MS + 1_000;
    expect(codes([{ id: 's', sent: mark('9', old), seen: mark('8', old + 1_000) }])).toEqual(['archive-behind']);
    expect(codes([{ id: 's', sent: mark('9', old) }])).toEqual(['archive-behind']);
    expect(archiveAttention(A, { snapshots: [] }, [{ id: 's', sent: mark('9', 2 * HOUR) }], NOW)[0]?.message).toContain('sent 2 h ago (shard s)');
  });

  it('is neither a change on its way, nor a table without changes, nor fan-out that is behind', () => {
    const old = 3 * DAY;
    expect(codes([{ id: 's', sent: mark('9', 60_000), seen: mark('8', 70_000) }])).toEqual([]);
    expect(codes([{ id: 's', sent: mark('9', old), seen: mark('9', old) }])).toEqual([]);
    expect(codes([{ id: 's', seen: mark('10', old) }])).toEqual([]);
    expect(codes([{ id: 's', sent: mark('9', old), seen: mark('10', old) }])).toEqual([]);
  });

  it('is what the last verification found, or before the first one the minute run', () => {
    const verified = { at: NOW - 2 * DAY, segments: 9, findings: 2, first: ['The segment x is missing.'] };
    const rolled = { shards: {}, findings: 1, newest: ['A hole.'] };
    const said = (state: ArchiveState): string[] => archiveAttention(A, { snapshots: [], state }, [], NOW).map((a) => `${a.code}: ${a.message}`);
    expect(said({ verified, rolled, rolledV: 1 })).toEqual([
      `archive-damaged: The last "archive verify" of ${A}, 2 d ago, found 2 faults in the archive. For one: The segment x is missing.`,
    ]);
    expect(said({ rolled, rolledV: 1 })).toEqual([`archive-damaged: The minute run of ${A} found 1 fault in the archive. For one: A hole.`]);
    expect(said({ verified: { ...verified, findings: 0 }, rolled, rolledV: 1 })).toEqual([]);
    expect(said({ rolledV: 0 })).toEqual([]);
  });
});

describe('The state of an archive', () => {
  it('has the newest finished snapshot, and the one that is being taken', () => {
    const last = { id: 'old', ended: NOW - DAY };
    expect(archiveStatus({ snapshots: [snapshot('new', { last, items: 7 })] })).toEqual({
      snapshot: last,
      running: { id: 'new', items: 7, since: NOW - HOUR },
    });
    const done = snapshot('scan', { ended: NOW - DAY, done: NOW - DAY });
    const exported = snapshot('export', { ended: NOW - HOUR, done: NOW - HOUR });
    expect(archiveStatus({ snapshots: [done, exported] })).toEqual({ snapshot: { id: 'export', ended: NOW - HOUR } });
  });

  it('does not say that nothing is a time', () => {
    expect(archiveStatus({ snapshots: [], bound: { untilMs: 0, why: 'Nothing has been archived yet.' } })).toEqual({ why: 'Nothing has been archived yet.' });
  });
});

describe('syncline status', () => {
  it('shows how far each log is, and the age of the last snapshot', async () => {
    const world = await new World().deploy().init();
    const { table } = world.region(A);
    const { control } = world.context(A).tables;
    await table.put(control, encodeSnapshotJob(snapshot('20270115T070000Z-abcdef', { ended: NOW - 3 * HOUR, done: NOW - 3 * HOUR })));
    await table.put(control, encodeArchiveState({ verified: { at: NOW - DAY, segments: 9, findings: 0, first: [] }, rolledV: 0 }));
    const { json } = await world.run('status', '--json');
    expect(json.members[0].archive).toMatchObject({
      verified: { at: NOW - DAY, findings: 0 },
      until: expect.any(Number),
      why: expect.any(String),
      snapshot: { ended: NOW - 3 * HOUR },
    });
    const { stdout } = await world.run('status');
    const row = stdout.split('\n').find((line, i, all) => line.startsWith(A) && all[i - 1]?.startsWith('ARCHIVE'));
    expect(row).toMatch(/ 1 min ago +3 h ago +1 d ago +none$/);
  });

  it('says since when nothing was read, when the log rests on old marks alone; that alone needs no person', async () => {
    const world = await new World().deploy().init();
    const { control } = world.context(A).tables;
    const calm = (await world.run('status', '--json')).code;
    await world.region(A).table.put(control, encodeShard({ id: 's', sent: mark('9', 2 * HOUR), seen: mark('9', 2 * HOUR) }));
    const { code, json } = await world.run('status', '--json');
    expect(json.members[0].archive).toMatchObject({ quietSince: NOW - 2 * HOUR, until: expect.any(Number) });
    expect(code).toBe(calm);
    const quiet = (await world.run('status')).stdout;
    expect(quiet).toContain(`${A}: Nothing has been read from the stream of the table since`);
    expect(quiet).toContain('syncline doctor');
    await world.region(A).table.put(control, encodeShard({ id: 's', sent: mark('9', HOUR / 60), seen: mark('9', HOUR / 60) }));
    expect((await world.run('status', '--json')).json.members[0].archive).not.toHaveProperty('quietSince');
  });

  it('takes the window that the member is deployed with', async () => {
    const world = await new World().deploy().init();
    const { table } = world.region(A);
    const until = async (): Promise<number> => (await world.run('status', '--json')).json.members[0].archive.until;
    const before = await until();
    await table.put(world.context(A).tables.control, encodeArchiveSettings({ windowMs: 300_000, retentionMs: DAY }));
    expect(before - (await until())).toBe(240_000);
  });

  it('alarms, and says what to do, when the log is behind', async () => {
    const world = await new World().deploy().init();
    await world.region(A).table.put(world.context(A).tables.control, encodeShard({ id: 's', sent: mark('9', 2 * HOUR), seen: mark('5', 3 * HOUR) }));
    const { code, json } = await world.run('status', '--json');
    expect(code).toBe(3);
    expect(json.attention.find((a: Json) => a.code === 'archive-behind')).toMatchObject({ member: A });
    expect(json.next_steps.map((s: Json) => s.command).join()).toContain('syncline archive status');
  });

  it('says nothing of the archive of a member without a seat', async () => {
    const { json } = await new World().deploy().run('status', '--json');
    expect(json.members[0]).not.toHaveProperty('archive');
  });
});

import { describe, expect, it } from 'vitest';
import { THROTTLED_WAIT_MAX_MS } from '../../../../lib/archive/snapshot/limits.ts';
import { ReadPace, readRate, unitsOf } from '../../../../lib/archive/snapshot/pace.ts';
import type { SnapshotJob } from '../../../../lib/archive/snapshot/savepoint.ts';
import { decodeSnapshotJob, encodeSnapshotJob, freshSnapshot, isScanned, lastFinished } from '../../../../lib/archive/snapshot/savepoint.ts';
import { FormatError } from '../../../../lib/core/errors.ts';
import { item } from '../../../flows/support/world.ts';

const SHA = `${'A'.repeat(43)}=`;
const JOB: SnapshotJob = {
  id: '20261124T101503Z-abc123',
  via: 'scan',
  compression: 'zstd',
  table: 'items',
  tableId: 'id-1',
  started: 5,
  segments: [
    { files: 2, done: false, after: { pk: { S: 'a' }, sk: { N: '1' } } },
    { files: 0, done: true },
  ],
  items: 7,
  bytes: 8,
  rawBytes: 9,
  files: 2,
  worked: 10,
  pending: [{ name: 'scans/x/data/a', items: 7, bytes: 8, rawBytes: 9, sha256: SHA }],
  v: 3,
};

describe('the savepoint of a snapshot', () => {
  it('is read as it was written', () => {
    const more = { part: { name: 'p', sha256: SHA }, last: { id: 'l', ended: 2 }, ended: 11, done: 12, owner: { id: 'o', name: 'me', until: 13 }, arn: 'arn' };
    for (const job of [JOB, { ...JOB, ...more }, { ...JOB, via: 'export' as const, compression: 'gzip' as const }]) {
      expect(decodeSnapshotJob(encodeSnapshotJob(job))).toEqual(job);
    }
    expect(encodeSnapshotJob(JOB)).toMatchObject({ pk: { S: 'job' }, sk: { S: 'snapshot' }, kind: { S: 'snapshot' } });
    expect(encodeSnapshotJob({ ...JOB, via: 'export' })['sk']).toEqual({ S: 'export' });
  });

  it('is refused when it is of another kind, or holds what this version does not know', () => {
    const row = encodeSnapshotJob(JOB);
    expect(() => decodeSnapshotJob({ ...row, kind: { S: 'adopt' } })).toThrow(FormatError);
    expect(() => decodeSnapshotJob({ ...row, segments: { L: [] } })).toThrow('0 segments');
    const args = row['args'] as { readonly M: object };
    expect(() => decodeSnapshotJob({ ...row, args: { M: { ...args.M, compression: { S: 'lz4' } } } })).toThrow('"lz4"');
  });

  it('fits into a row with the most parts, the longest keys and the most files', () => {
    const key = { pk: { S: 'x'.repeat(2_048) }, sk: { S: 'y'.repeat(1_024) } };
    const file = { name: 'scans/20261124T101503Z-abc123/data/031-000123-abcdef.json.zst', items: 1e6, bytes: 8e6, rawBytes: 8e6, sha256: SHA };
    const job = {
      ...JOB,
      segments: Array.from({ length: 32 }, () => ({ files: 9_999, done: false, after: key })),
      pending: Array.from({ length: 128 }, () => file),
    };
    expect(JSON.stringify(encodeSnapshotJob(job)).length).toBeLessThan(250_000);
  });

  it('remembers the last that was finished while the next is taken', () => {
    const about = { id: 'n', via: 'scan', compression: 'zstd', table: 't', tableId: 'i', started: 1 } as const;
    expect(lastFinished(undefined)).toEqual({});
    const done = { ...JOB, ended: 20, done: 30 };
    const next = freshSnapshot(about, 2, done);
    expect(next).toMatchObject({
      last: { id: JOB.id, ended: 20 },
      segments: [
        { files: 0, done: false },
        { files: 0, done: false },
      ],
    });
    expect(freshSnapshot(about, 1, { ...next, v: 1 }).last).toEqual({ id: JOB.id, ended: 20 });
    expect(isScanned(next)).toBe(false);
    expect(isScanned({ segments: [{ files: 1, done: true }] })).toBe(true);
  });
});

describe('the pace of a scan', () => {
  const items = (count: number) => Array.from({ length: count }, (_, i) => item(`k${i}`, 1, { v: { S: 'x'.repeat(1_000) } }));

  it('is free without a rate', () => {
    const pace = new ReadPace(readRate({}, undefined), 4, 100, 0);
    pace.read(items(1_000));
    expect([pace.limit, pace.due(0), pace.backOff(0.5)]).toEqual([undefined, 0, 0]);
  });

  it('keeps to items a second, whatever the number of parts', () => {
    const pace = new ReadPace(readRate({ itemsPerS: 100 }, undefined), 4, 100, 1_000);
    expect(pace.limit).toBe(50);
    pace.read(items(50));
    expect(pace.due(1_000)).toBe(500);
    expect(pace.due(1_400)).toBe(100);
    expect(pace.due(9_000)).toBe(0);
  });

  it('keeps to a share of the provisioned units, by what items really are', () => {
    const rate = readRate({ share: 0.25 }, 40);
    expect(rate).toEqual({ unitsPerS: 10 });
    const pace = new ReadPace(rate, 1, 4_096, 0);
    expect(pace.limit).toBe(20);
    const page = items(20);
    expect([unitsOf(1), unitsOf(4_096), unitsOf(4_097)]).toEqual([1, 1, 2]);
    pace.read(page);
    expect(pace.due(0)).toBe(500);
    // They are about 1 KB each, so a page may hold more of them.
    expect(pace.limit).toBe(81);
  });

  it('does not creep at a low rate: short pages do not make the next ones shorter', () => {
    const pace = new ReadPace({ unitsPerS: 1 }, 4, 200, 0);
    let clock = 0;
    for (let i = 0; i < 100; i += 1) {
      pace.read(items(Math.min(4, pace.limit as number)));
      clock += pace.due(clock);
    }
    // Each page of 4 items of about 1 KB is a unit or two.
    expect(pace.limit).toBeGreaterThanOrEqual(3);
    expect(clock).toBeLessThanOrEqual(200_000);
  });

  it('knows no share of a table on demand', () => {
    expect(() => readRate({ share: 0.5 }, undefined)).toThrow('on demand');
    expect(readRate({ share: 0.5, onDemand: 'no-share' }, undefined)).toEqual({});
  });

  it('asks for shorter pages when whole ones do not come in time', () => {
    const pace = new ReadPace({}, 1, 1_024, 0);
    expect(pace.limit).toBeUndefined();
    pace.shorten();
    expect(pace.limit).toBe(512);
    pace.shorten();
    expect(pace.limit).toBe(256);
    pace.read(items(1));
    expect(pace.limit).toBe(282);
    for (let i = 0; i < 20; i += 1) pace.read(items(1));
    expect(pace.limit).toBeUndefined();
    for (let i = 0; i < 20; i += 1) pace.shorten();
    expect(pace.limit).toBe(1);
    expect(new ReadPace({ itemsPerS: 4 }, 1, 0, 0).limit).toBe(8);
  });

  it('backs off while the table refuses, and comes back', () => {
    const pace = new ReadPace({}, 1, 1, 0);
    for (let i = 0; i < 20; i += 1) pace.refused(i * 100);
    expect(pace.refusedMs(5_000)).toBe(5_000);
    expect(pace.backOff(0.5)).toBe(THROTTLED_WAIT_MAX_MS);
    pace.read(items(1));
    expect(pace.refusedMs(6_000)).toBe(0);
    for (let i = 0; i < 40; i += 1) pace.read(items(1));
    expect(pace.backOff(0.5)).toBe(0);
  });
});

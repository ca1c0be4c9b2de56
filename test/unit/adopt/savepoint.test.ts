import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SEGMENTS_MAX } from '../../../lib/adopt/limits.ts';
import type { AdoptJob } from '../../../lib/adopt/savepoint.ts';
import { decodeJob, encodeJob, isScanned, jobKey } from '../../../lib/adopt/savepoint.ts';
import { itemBytes } from '../../../lib/core/size.ts';
import { isTaken } from '../../../lib/job/lease.ts';

const key = fc.record({ pk: fc.record({ S: fc.string({ minLength: 1 }) }), sk: fc.record({ N: fc.integer().map(String) }) });
const whole = fc.nat();
const job = fc.record<AdoptJob>(
  {
    table: fc.string({ minLength: 1 }),
    tableId: fc.uuid(),
    epoch: whole,
    started: whole,
    segments: fc.array(fc.record({ after: key, done: fc.boolean() }, { requiredKeys: ['done'] }), { minLength: 1, maxLength: SEGMENTS_MAX }),
    keys: whole,
    worked: whole,
    foreign: whole,
    foreignKeys: fc.array(key, { maxLength: 3 }),
    done: whole,
    owner: fc.record({ id: fc.string({ minLength: 1 }), name: fc.string({ minLength: 1 }), until: whole }),
    v: whole,
  },
  { requiredKeys: ['table', 'tableId', 'epoch', 'started', 'segments', 'keys', 'worked', 'foreign', 'foreignKeys', 'v'] },
);

const JOB: AdoptJob = { table: 't', tableId: 'i', epoch: 1, started: 1, segments: [{ done: false }], keys: 0, worked: 0, foreign: 0, foreignKeys: [], v: 1 };

describe('a savepoint', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(job, (j) => {
        expect(decodeJob(encodeJob(3, j))).toEqual(j);
      }),
    );
  });

  it('stands under the member’s generation, so that a member that is added again begins anew', () => {
    expect(encodeJob(3, JOB)).toMatchObject({ pk: { S: 'job' }, sk: { S: 'adopt-3' }, f: { N: '1' }, kind: { S: 'adopt' } });
    expect(jobKey(4)).not.toEqual(jobKey(3));
  });

  it('fits an item with the longest keys in every segment', () => {
    const long = { pk: { S: 'x'.repeat(2_048) }, sk: { S: 'y'.repeat(1_024) } };
    const segments = Array.from({ length: SEGMENTS_MAX }, () => ({ done: false, after: long }));
    expect(itemBytes(encodeJob(1, { ...JOB, segments, foreignKeys: Array.from({ length: 10 }, () => long) }))).toBeLessThan(100_000);
  });

  it('of another format, or of another kind, is refused, not guessed', () => {
    expect(() => decodeJob({ ...encodeJob(1, JOB), f: { N: '2' } })).toThrow(/format 2/);
    expect(() => decodeJob({ ...encodeJob(1, JOB), kind: { S: 'sweep' } })).toThrow(/sweep/);
    expect(() => decodeJob({ ...encodeJob(1, JOB), segments: { L: [] } })).toThrow(/0 segments/);
  });

  it('is taken by another run as long as its lease lasts, and never by oneself (table)', () => {
    const owned = { ...JOB, owner: { id: 'a', name: 'ada', until: 1_000 } };
    expect(isTaken(undefined, 'b', 0)).toBe(false);
    expect(isTaken(JOB, 'b', 0)).toBe(false);
    expect(isTaken(owned, 'b', 999)).toBe(true);
    expect(isTaken(owned, 'b', 1_000)).toBe(false);
    expect(isTaken(owned, 'a', 999)).toBe(false);
  });

  it('is scanned when every segment is', () => {
    expect(isScanned(JOB)).toBe(false);
    expect(isScanned({ segments: [{ done: true }, { done: true }] })).toBe(true);
  });
});

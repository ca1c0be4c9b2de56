import { describe, expect, it } from 'vitest';
import { SeededChance } from '../../../lib/adapters/memory/chance.ts';
import { ManualClock } from '../../../lib/adapters/memory/clock.ts';
import { MemoryCloud } from '../../../lib/adapters/memory/cloud.ts';
import type { Item } from '../../../lib/core/attribute.ts';
import { CLOCK_OFFSET_MAX_MS, REQUEST_EFFECT_MAX_MS } from '../../../lib/core/constants.ts';
import { FormatError } from '../../../lib/core/errors.ts';
import { n, num } from '../../../lib/core/formats/row-fields.ts';
import { CONTROL_KEY_SCHEMA } from '../../../lib/core/formats/rows.ts';
import type { JobPlace } from '../../../lib/job/lease.ts';
import { isTaken, JobLease, readJob } from '../../../lib/job/lease.ts';
import { LEASE_MS, RENEW_MS } from '../../../lib/job/limits.ts';
import type { JobRow } from '../../../lib/job/row.ts';
import { checkKind, jobKey, listField, mapField, ownerFields, readOwner } from '../../../lib/job/row.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import type { Runtime } from '../../../lib/ports/runtime.ts';

interface Count extends JobRow {
  readonly a: number;
  readonly b: number;
}

function setting(): { clock: ManualClock; cloud: MemoryCloud; place: JobPlace<Count>; runtime: Runtime } {
  const clock = new ManualClock();
  const chance = new SeededChance(3);
  const cloud = new MemoryCloud({ clock, chance });
  cloud.region('eu').createTable({ name: 'control', key: CONTROL_KEY_SCHEMA });
  const none = (): void => undefined;
  const key = jobKey('count');
  return {
    clock,
    cloud,
    runtime: { clock, chance, metrics: { count: none }, log: { debug: none, info: none, warn: none, error: none } },
    place: {
      table: cloud.region('eu').table,
      control: 'control',
      key,
      codec: {
        encode: (job) => ({ ...key, f: { N: '1' }, kind: { S: 'count' }, a: n(job.a), b: n(job.b), ...ownerFields(job) }),
        decode: (row) => {
          checkKind(row, 'count', 'count job');
          const { owner, v } = readOwner(row, 'count job');
          return { a: num(row, 'a', 'count job'), b: num(row, 'b', 'count job'), v, ...(owner && { owner }) };
        },
      },
    },
  };
}
const FRESH = { a: 0, b: 0 };

describe('the lease of a job', () => {
  it('is of one run until it ends or is given up, and the next goes on', async () => {
    const { clock, place, runtime } = setting();
    const claim = (restart: boolean | ((found: Count) => boolean) = false) => clock.run(JobLease.claim(place, runtime, 'one', FRESH, restart));
    const first = await claim();
    expect(first.resumed).toBe(false);
    await clock.run(first.save({ a: 1 }));
    await expect(claim()).rejects.toMatchObject({ code: 'job-taken', message: expect.stringContaining('one') });
    await clock.advance(LEASE_MS);
    const second = await claim();
    expect([second.resumed, second.job.a]).toEqual([true, 1]);
    await expect(clock.run(first.save({ a: 9 }))).rejects.toMatchObject({ code: 'job-lost' });
    await clock.run(second.release({ b: 5 }));
    const third = await claim((found) => found.b === 4);
    expect(third.job).toMatchObject({ a: 1, b: 5 });
    await clock.run(third.release());
    const fourth = await claim((found) => found.b === 5);
    expect([fourth.resumed, fourth.job.a]).toEqual([false, 0]);
  });

  it('begins by what it finds, where that matters', async () => {
    const { clock, place, runtime } = setting();
    const first = await clock.run(JobLease.claim(place, runtime, 'one', { a: 3, b: 0 }, false));
    await clock.run(first.release());
    const next = await clock.run(JobLease.claim(place, runtime, 'two', (found) => ({ a: (found?.a ?? 0) + 1, b: 0 }), true));
    expect(next.job.a).toBe(4);
  });

  it('takes the saves of parts that work at the same time in turn, and each sees those before it', async () => {
    const { clock, place, runtime } = setting();
    const lease = await clock.run(JobLease.claim(place, runtime, 'one', FRESH, false));
    await clock.run(Promise.all(Array.from({ length: 20 }, (_, i) => lease.save(async (job) => (i % 2 === 0 ? { a: job.a + 1 } : { b: job.b + 1 })))));
    expect(await clock.run(readJob(place, runtime))).toMatchObject({ a: 10, b: 10 });
    await expect(clock.run(lease.save(() => Promise.reject(new Error('no'))))).rejects.toThrow('no');
    // What failed saved nothing, and stands in nobody's way.
    await clock.run(lease.save({ a: 11 }));
    expect(lease.job).toMatchObject({ a: 11, b: 10 });
  });

  it('of two that race for it is one’s', async () => {
    const { clock, place, runtime } = setting();
    const outcomes = await clock.run(Promise.allSettled(['one', 'two', 'three'].map((name) => JobLease.claim(place, runtime, name, FRESH, false))));
    expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(1);
  });

  it('knows its own write again, whose answer was lost', async () => {
    const { clock, cloud, place, runtime } = setting();
    const lease = await clock.run(JobLease.claim(place, runtime, 'one', FRESH, false));
    let lose = true;
    cloud.hook = (call) => {
      if (call.op !== 'put' || !lose) return {};
      lose = false;
      return { lost: new RemoteError('unanswered', 'TimeoutError', 'no answer') };
    };
    await clock.run(lease.save({ a: 7 }));
    lose = true;
    await clock.run(lease.release({ b: 7 }));
    expect(await clock.run(readJob(place, runtime))).toEqual({ a: 7, b: 7, v: 3 });
  });

  it('admits nothing when it may be over by the time that a request takes effect', async () => {
    const { clock, place, runtime } = setting();
    const lease = await clock.run(JobLease.claim(place, runtime, 'one', FRESH, false));
    await clock.advance(LEASE_MS - 4_000);
    lease.admit();
    await clock.advance(1);
    expect(() => lease.admit()).toThrow('stood still');
    await clock.run(lease.renew());
    lease.admit();
  });

  it('counts from before the write, however long the write and its repetitions take', async () => {
    const { clock, cloud, place, runtime } = setting();
    const lease = await clock.run(JobLease.claim(place, runtime, 'one', FRESH, false));
    await clock.advance(RENEW_MS);
    let late = 3;
    cloud.hook = async (call) => {
      if (call.op !== 'put' || late === 0) return {};
      late -= 1;
      await clock.sleep(2_000);
      return { refuse: new RemoteError('unanswered', 'TimeoutError', 'no answer') };
    };
    await clock.run(lease.renew());
    expect(late).toBe(0);
    const until = (await clock.run(readJob(place, runtime)))?.owner?.until as number;
    expect(until - clock.now()).toBeLessThan(LEASE_MS - 6_000);
    // Nothing is admitted that may take effect after the end that others read in the row.
    for (;;) {
      try {
        lease.admit();
      } catch {
        break;
      }
      expect(clock.now() + REQUEST_EFFECT_MAX_MS + CLOCK_OFFSET_MAX_MS).toBeLessThanOrEqual(until);
      await clock.advance(100);
    }
  });

  it('is renewed when it is due, and not before', async () => {
    const { clock, place, runtime } = setting();
    const lease = await clock.run(JobLease.claim(place, runtime, 'one', FRESH, false));
    await clock.run(lease.renew());
    expect(lease.job.v).toBe(1);
    await clock.advance(RENEW_MS);
    await clock.run(lease.renew());
    expect(lease.job.v).toBe(2);
    expect(isTaken(lease.job, 'another', clock.now() + LEASE_MS - 1)).toBe(true);
    expect(isTaken(lease.job, 'another', clock.now() + LEASE_MS)).toBe(false);
    expect(isTaken(undefined, 'another', 0)).toBe(false);
  });
});

describe('a job’s row', () => {
  it('is refused when it is of another kind, or lacks what it must have', () => {
    const row: Item = { f: { N: '1' }, kind: { S: 'count' }, v: { N: '1' } };
    expect(() => checkKind(row, 'other', 'other job')).toThrow('job row of kind count; expected other');
    expect(() => checkKind({ ...row, f: { N: '2' } }, 'count', 'count job')).toThrow(FormatError);
    expect(() => mapField(row, 'args', 'count job')).toThrow('count job row without "args"');
    expect(() => listField(row, 'parts', 'count job')).toThrow('count job row without the list "parts"');
    expect(() => readOwner({}, 'count job')).toThrow(FormatError);
    expect(readOwner(row, 'count job')).toEqual({ owner: undefined, v: 1 });
  });
});

import { describe, expect, it } from 'vitest';
import { lostAnswer } from '../../../../lib/adapters/memory/call.ts';
import type { PlanLine } from '../../../../lib/archive/rewrite/change.ts';
import { readPlan } from '../../../../lib/archive/rewrite/plan.ts';
import { loadSkipped, readResult, storeSkipped } from '../../../../lib/archive/rewrite/result.ts';
import type { Item } from '../../../../lib/core/attribute.ts';
import { FENCE_AGE_MAX_MS } from '../../../../lib/core/constants.ts';
import { rev, revParts } from '../../../../lib/core/formats/rev.ts';
import { metaOf, metaValue } from '../../../../lib/core/formats/seal.ts';
import { sha256Base64 } from '../../../../lib/core/formats/segment.ts';
import { RemoteError } from '../../../../lib/ports/errors.ts';
import { Killed } from '../../../flows/support/mortal.ts';
import { item, key, Member, text } from './world.ts';

const A = item('a', { v: text('bad') });
const A_OLD = item('a', { v: text('old'), n: { N: '1.5' }, b: { B: 'AAE=' } });
const B = item('b', { v: text('bad') });
const C_OLD = item('c', { v: text('old') });

/** Changes a, deletes b, creates c. */
const THREE: readonly PlanLine[] = [
  { key: key('a'), before: A, after: A_OLD },
  { key: key('x'), skipped: 'for a test' },
  { key: key('b'), before: B },
  { key: key('c'), after: C_OLD },
];

describe('a rewrite', () => {
  it('writes, deletes and creates, with a fresh rev of the seat’s epoch, and tells what it did', async () => {
    const member = await Member.create([A, B]);
    const plan = await member.plan(THREE);
    expect(plan).toMatchObject({ puts: 2, deletes: 1, skipped: { 'for a test': 1 }, chunks: [{ lines: 4 }] });
    const applied = await member.apply(plan);
    expect(applied).toEqual({ done: true, resumed: false, counts: { put: 2, deleted: 1, already: 0, changed: 0, refused: 0 } });
    expect(member.items()).toEqual(
      new Map([
        ['a', A_OLD],
        ['c', C_OLD],
      ]),
    );
    for (const found of member.raw()) {
      const { rev: r, seal } = metaOf(found);
      expect(revParts(r as Buffer).epoch).toBe(3);
      expect(seal).toBeUndefined();
    }
    expect(await member.now(readResult(member.place(), member.runtime, plan.id))).toMatchObject({ counts: applied.counts, epoch: 3, plan: plan.sum });
    expect(await member.now(readPlan(member.place(), member.runtime, plan.id))).toEqual(plan);
  });

  it('leaves what has changed since, what is as wanted, and says so', async () => {
    const member = await Member.create([item('a', { v: text('newer') }), B, C_OLD]);
    const plan = await member.plan(THREE);
    await member.remove('b');
    const { counts } = await member.apply(plan);
    expect(counts).toEqual({ put: 0, deleted: 0, already: 2, changed: 1, refused: 0 });
    expect(member.items().get('a')).toEqual(item('a', { v: text('newer') }));
    expect((await member.now(loadSkipped(member.place(), member.runtime, plan.id, 0, 99))).lines).toEqual([
      { line: 0, key: key('a'), reason: 'changed since' },
      { line: 2, key: key('b'), reason: 'already as wanted' },
      { line: 3, key: key('c'), reason: 'already as wanted' },
    ]);
  });

  it('follows the rev that it replaces, and looks at the content, not at the metadata', async () => {
    const member = await Member.create([]);
    const ahead = rev(3, member.clock.now() + 60_000, 7);
    await member.put({ ...A, _s: metaValue(ahead, undefined) });
    await member.apply(await member.plan([THREE[0] as PlanLine]));
    const [found] = member.raw();
    expect(Buffer.compare(metaOf(found as Item).rev as Buffer, ahead)).toBeGreaterThan(0);
    expect(member.items().get('a')).toEqual(A_OLD);
  });

  it('names what DynamoDB refuses, and goes on', async () => {
    const member = await Member.create([A, B]);
    member.cloud.hook = (call) => {
      if (call.op === 'put' && JSON.stringify(call.args).includes('old') && call.resources[0] === member.context.tables.items)
        throw new RemoteError('invalid', 'ValidationException', 'wrong index key');
    };
    const plan = await member.plan(THREE);
    const { counts } = await member.apply(plan);
    expect(counts).toEqual({ put: 0, deleted: 1, already: 0, changed: 0, refused: 2 });
    const [first] = (await member.now(loadSkipped(member.place(), member.runtime, plan.id, 0, 99))).lines;
    expect(first?.reason).toBe('refused: ValidationException: wrong index key');
  });

  it('goes on through refusals for load and lost answers', async () => {
    const member = await Member.create([A, B]);
    const plan = await member.plan(THREE);
    let n = 0;
    member.cloud.hook = (call) => {
      n += 1;
      if (call.service !== 'dynamodb' || n % 3 === 0) return undefined;
      return n % 3 === 1
        ? { refuse: new RemoteError('throttled', 'ThrottlingException', 'slow down') }
        : { lost: new RemoteError('unanswered', 'TimeoutError', 'lost') };
    };
    const { counts } = await member.apply(plan);
    expect(counts).toEqual({ put: 2, deleted: 1, already: 0, changed: 0, refused: 0 });
    expect(member.items()).toEqual(
      new Map([
        ['a', A_OLD],
        ['c', C_OLD],
      ]),
    );
  });

  it('stops between two windows when a person wants it, and goes on later', async () => {
    const lines = Array.from({ length: 2_500 }, (_, i): PlanLine => ({ key: key(`k${i}`), after: item(`k${i}`) }));
    const member = await Member.create();
    const plan = await member.plan(lines);
    let asked = 0;
    const first = await member.apply(plan, { stopped: () => asked++ > 0 });
    expect(first).toMatchObject({ done: false, counts: { put: 1_000 } });
    expect(member.items().size).toBe(1_000);
    const heard: { done: number; of: number }[] = [];
    const second = await member.apply(plan, { heard: heard as never });
    expect(second).toMatchObject({ done: true, resumed: true, counts: { put: 2_500 } });
    expect(heard.map(({ done, of }) => [done, of])).toEqual([
      [2_000, 2_500],
      [2_500, 2_500],
    ]);
    // A third run finds that all is done.
    expect(await member.apply(plan)).toMatchObject({ done: true, counts: { put: 2_500 } });
  });

  it('refuses a plan whose bytes are not those that were planned, and writes nothing', async () => {
    const member = await Member.create([A, B]);
    const plan = await member.plan(THREE);
    const before = member.items();
    const name = `reports/${plan.id}/plan/000000.jsonl.zst`;
    const read = await member.now(member.region.objects.get(member.bucket, name));
    const bytes = Buffer.from(read?.body ?? []);
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    await member.now(member.region.objects.put(member.bucket, name, bytes, { sha256: sha256Base64(bytes) }));
    await expect(member.apply(plan)).rejects.toThrow(`${name} is damaged`);
    await member.now(member.region.objects.delete(member.bucket, name));
    await expect(member.apply(plan)).rejects.toThrow(`${name} is missing`);
    expect(member.items()).toEqual(before);
  });

  it('lets one run at a time work', async () => {
    const member = await Member.create([A, B]);
    const plan = await member.plan(THREE);
    await expect(member.apply(plan, { death: { at: 5, after: true } })).rejects.toThrow(Killed);
    await expect(member.apply(plan)).rejects.toMatchObject({ code: 'job-taken' });
    await member.clock.advance(25_000);
    expect(await member.apply(plan)).toMatchObject({ done: true, resumed: true });
  });
});

describe('what was skipped', () => {
  it('is stored by one run only: one that was frozen does not put its older list over a newer one', async () => {
    const member = await Member.create();
    const place = member.place();
    const line = (n: number) => ({ line: n, key: key(`k${n}`), reason: 'changed since' });
    const frozen = await member.now(loadSkipped(place, member.runtime, 'undo-x', 0, 99));
    const first = await member.now(storeSkipped(place, member.runtime, 'undo-x', 0, { ...frozen, lines: [line(1)] }));
    const second = await member.now(storeSkipped(place, member.runtime, 'undo-x', 0, { ...first, lines: [line(1), line(2)] }));
    for (const older of [frozen, first]) {
      await expect(member.now(storeSkipped(place, member.runtime, 'undo-x', 0, { ...older, lines: [line(3)] }))).rejects.toMatchObject({ code: 'job-lost' });
    }
    expect(await member.now(loadSkipped(place, member.runtime, 'undo-x', 0, 99))).toEqual(second);
  });

  it('is stored once though the answer is lost', async () => {
    const member = await Member.create();
    let lose = true;
    member.cloud.hook = (call) => {
      if (call.op !== 'put' || !lose) return undefined;
      lose = false;
      return { lost: lostAnswer() };
    };
    const part = { lines: [{ line: 1, key: key('a'), reason: 'changed since' }], etag: undefined };
    const stored = await member.now(storeSkipped(member.place(), member.runtime, 'undo-x', 0, part));
    expect(stored.etag).toBeDefined();
  });
});

describe('the seat', () => {
  it('is obeyed: a member that is not primary writes nothing', async () => {
    const member = await Member.create([A, B]);
    const plan = await member.plan(THREE);
    await member.seat({ fence: 4, primary: 'us-east-1' });
    await expect(member.apply(plan)).rejects.toMatchObject({ code: 'not-primary', message: expect.stringContaining('"us-east-1" is') });
    await member.seat({ tableId: 'another' });
    await expect(member.apply(plan)).rejects.toMatchObject({ code: 'foreign-table' });
    expect(member.items()).toEqual(
      new Map([
        ['a', A],
        ['b', B],
      ]),
    );
  });

  it('is lost midway: the run ends with a clear error, nothing is written under the old one, and a later seat goes on', async () => {
    const lines = Array.from({ length: 300 }, (_, i): PlanLine => ({ key: key(`k${i}`), after: item(`k${i}`) }));
    const member = await Member.create();
    const plan = await member.plan(lines);
    let puts = 0;
    let lostAt = Number.POSITIVE_INFINITY;
    let late = 0;
    member.cloud.hook = async (call) => {
      if (call.op !== 'put' || call.resources[0] !== member.context.tables.items) return undefined;
      puts += 1;
      if (member.clock.elapsed() - lostAt > FENCE_AGE_MAX_MS) late += 1;
      if (puts === 40) {
        lostAt = member.clock.elapsed();
        await member.raiseFence(4, 'us-east-1');
      }
      return { effectMs: 500 };
    };
    await expect(member.apply(plan)).rejects.toMatchObject({ code: 'seat-lost', message: expect.stringContaining('no longer the primary of epoch 3') });
    member.cloud.hook = undefined;
    const written = member.items().size;
    expect(written).toBeGreaterThanOrEqual(39);
    expect(written).toBeLessThan(300);
    expect(late).toBe(0);
    await member.seat({ fence: 5, own: 5 });
    expect(await member.apply(plan)).toMatchObject({ done: true, resumed: true, counts: { put: 300 } });
    expect(member.items().size).toBe(300);
  });

  it('has a lease: nothing is written while it is about to end, and the run goes on when it is renewed', async () => {
    const member = await Member.create([A, B]);
    const plan = await member.plan(THREE);
    await member.seat({ until: member.clock.now() + 2_000 });
    member.clock.after(
      30_000,
      () =>
        void member.region.table.update(
          member.context.tables.control,
          { pk: { S: 'self' }, sk: { S: 'seat' } },
          { set: { until: { N: String(member.clock.now() + 150_000) } } },
        ),
    );
    const wrote: number[] = [];
    member.cloud.hook = (call) => {
      if (call.op === 'put' && call.resources[0] === member.context.tables.items) wrote.push(member.clock.elapsed());
    };
    const began = member.clock.elapsed();
    expect(await member.apply(plan)).toMatchObject({ done: true });
    expect(Math.min(...wrote) - began).toBeGreaterThanOrEqual(30_000);
  });
});

import { describe, expect, it } from 'vitest';
import { lostAnswer } from '../../../../lib/adapters/memory/call.ts';
import { SeededChance } from '../../../../lib/adapters/memory/chance.ts';
import { checkDeletes, isBraked } from '../../../../lib/archive/rewrite/brake.ts';
import type { PlanLine } from '../../../../lib/archive/rewrite/change.ts';
import { findEarlier } from '../../../../lib/archive/rewrite/earlier.ts';
import { checkTakesBack, findOriginal, inverseLines, markTakenBack } from '../../../../lib/archive/rewrite/inverse.ts';
import { rewriteContext } from '../../../../lib/archive/rewrite/seats.ts';
import type { Item } from '../../../../lib/core/attribute.ts';
import { rev } from '../../../../lib/core/formats/rev.ts';
import { metaValue } from '../../../../lib/core/formats/seal.ts';
import { Killed } from '../../../flows/support/mortal.ts';
import { ALL, item, key, Member, text } from './world.ts';

const byId = (items: readonly Item[]): Map<string, Item> => new Map(items.map((i) => [(i['id'] as { S: string }).S, i]));

describe('taking a rewrite back', () => {
  it('gives back the very attributes; and taking that back, again', async () => {
    const before = [item('a', ALL), item('b', { v: text('bad') }), item('d', { v: text('same') })];
    const after = [item('a', { v: text('x') }), item('c', ALL)];
    const member = await Member.create(before);
    const stored = JSON.stringify([...member.items()].sort());
    const plan = await member.plan([
      { key: key('a'), before: before[0] as Item, after: after[0] as Item },
      { key: key('b'), before: before[1] as Item },
      { key: key('c'), after: after[1] as Item },
    ]);
    await member.apply(plan);
    const changed = JSON.stringify([...member.items()].sort());
    const back = await member.takeBack(plan.id);
    expect(back.applied.counts).toMatchObject({ put: 2, deleted: 1, changed: 0, already: 0 });
    expect(back.plan).toMatchObject({ kind: 'take-back', takesBack: plan.id });
    expect(JSON.stringify([...member.items()].sort())).toBe(stored);
    await member.takeBack(back.plan.id);
    expect(JSON.stringify([...member.items()].sort())).toBe(changed);
  });

  it('leaves what the rewrite had skipped, and what was written since', async () => {
    const member = await Member.create([item('a', { v: text('newer') }), item('b', { v: text('bad') }), item('c', { v: text('good') })]);
    const plan = await member.plan([
      { key: key('a'), before: item('a', { v: text('bad') }), after: item('a') },
      { key: key('b'), before: item('b', { v: text('bad') }), after: item('b') },
      // It is so already: whoever made it so, it was not the rewrite.
      { key: key('c'), before: item('c', { v: text('bad') }), after: item('c', { v: text('good') }) },
    ]);
    await member.apply(plan);
    await member.put(item('b', { v: text('even newer') }));
    const { plan: back, applied } = await member.takeBack(plan.id);
    expect(back).toMatchObject({ puts: 1, deletes: 0 });
    expect(applied.counts).toMatchObject({ put: 0, changed: 1 });
    expect(member.items()).toEqual(byId([item('a', { v: text('newer') }), item('b', { v: text('even newer') }), item('c', { v: text('good') })]));
  });

  it('works for a run that was stopped, which cannot go on then', async () => {
    const lines = Array.from({ length: 1_500 }, (_, i): PlanLine => ({ key: key(`k${i}`), after: item(`k${i}`) }));
    const member = await Member.create();
    const plan = await member.plan(lines);
    let asked = 0;
    await member.apply(plan, { stopped: () => asked++ > 0 });
    expect(member.items().size).toBe(1_000);
    await member.takeBack(plan.id);
    expect(member.items().size).toBe(0);
    await expect(member.apply(plan)).rejects.toMatchObject({ code: 'taken-back' });
  });

  it('by a plan that was made before: only once the other can surely not go on', async () => {
    const lines = Array.from({ length: 1_500 }, (_, i): PlanLine => ({ key: key(`k${i}`), after: item(`k${i}`) }));
    const member = await Member.create();
    const plan = await member.plan(lines);
    let asked = 0;
    await member.apply(plan, { stopped: () => asked++ > 0 });
    const ctx = rewriteContext(member.context, member.place(), member.region.table);
    const early = await member.plan(
      inverseLines(member.place(), member.runtime, await member.now(findOriginal(ctx, member.place(), member.runtime, plan.id))),
      'take-back',
      plan.id,
    );
    const check = (): Promise<void> => member.now(checkTakesBack(ctx, member.runtime, early));
    await expect(check()).rejects.toMatchObject({ code: 'went-on' });
    const seen = await member.now(findOriginal(ctx, member.place(), member.runtime, plan.id));
    await member.apply(plan, { stopped: () => asked++ > 2 });
    // It went on between the plan and its begin.
    await expect(member.now(markTakenBack(ctx, member.runtime, seen, early.id, 'a test'))).rejects.toMatchObject({ code: 'went-on' });
    await expect(check()).resolves.toBeUndefined();
  });

  it('refuses a job that is taken back already, and names the one that can be taken back now', async () => {
    const member = await Member.create();
    const plan = await member.plan([{ key: key('a'), after: item('a') }]);
    await member.apply(plan);
    const ctx = rewriteContext(member.context, member.place(), member.region.table);
    const seen = await member.now(findOriginal(ctx, member.place(), member.runtime, plan.id));
    const first = await member.takeBack(plan.id);
    await expect(member.takeBack(plan.id)).rejects.toMatchObject({
      code: 'taken-back',
      message: `${plan.id} is taken back already, by ${first.plan.id}. Nothing was changed. --undo ${first.plan.id} takes back what ${first.plan.id} did.`,
    });
    // Two at the same time: the second finds out when it begins.
    await expect(member.now(markTakenBack(ctx, member.runtime, seen, 'take-back-20270101T000000Z-abcdef', 'a test'))).rejects.toMatchObject({
      code: 'taken-back',
    });
    const second = await member.takeBack(first.plan.id);
    await expect(member.takeBack(plan.id)).rejects.toThrow(`--undo ${second.plan.id} takes back`);
    expect(member.items().size).toBe(1);
  });

  it('says of a job that was killed just now when its lease ends', async () => {
    const member = await Member.create();
    const plan = await member.plan([{ key: key('a'), after: item('a') }]);
    await member.apply(plan, { death: { at: 5, after: true } }).catch(() => undefined);
    await expect(member.takeBack(plan.id)).rejects.toMatchObject({
      code: 'job-taken',
      message: expect.stringMatching(
        / is being carried out by a test\. Its lease ends in (1\d|20) s unless that run renews it: if it was killed, try again then;/,
      ),
    });
    await member.clock.advance(25_000);
    await member.takeBack(plan.id);
    expect(member.items().size).toBe(0);
  });

  it('refuses a plan that was never carried out, and a job that nobody knows', async () => {
    const member = await Member.create();
    const plan = await member.plan([]);
    await expect(member.takeBack(plan.id)).rejects.toMatchObject({ code: 'nothing-written' });
    await expect(member.takeBack('undo-20260101T000000Z-abcdef')).rejects.toMatchObject({ code: 'unknown-job' });
    await expect(member.takeBack('../log/x')).rejects.toMatchObject({ code: 'invalid-job' });
  });

  it('refuses when an object of the result is gone', async () => {
    const member = await Member.create([item('a', { v: text('newer') })]);
    const plan = await member.plan([{ key: key('a'), after: item('a') }]);
    await member.apply(plan);
    await member.now(member.region.objects.delete(member.bucket, `reports/${plan.id}/result/000000.jsonl.zst`));
    await expect(member.takeBack(plan.id)).rejects.toThrow('names 0 lines that were skipped; the savepoint counts 1');
  });
});

describe('a rewrite that is to go on', () => {
  it('is shown with what is done and what is left of it, across chunks', async () => {
    const lines = Array.from(
      { length: 5_008 },
      (_, i): PlanLine => (i === 5_001 ? { key: key('s'), skipped: 'it is gone' } : { key: key(`k${i}`), after: item(`k${i}`) }),
    );
    const member = await Member.create();
    const plan = await member.plan(lines);
    const ctx = rewriteContext(member.context, member.place(), member.region.table);
    const found = () => member.now(findEarlier(ctx, member.place(), member.runtime, plan.id));
    expect(await found()).toMatchObject({ job: undefined, preview: { rewrites: lines.slice(0, 10), skipped: [] } });
    let asked = 0;
    await member.apply(plan, { stopped: () => asked++ > 4 });
    const { job, preview } = await found();
    expect(job).toMatchObject({ counts: { put: 5_000 }, next: { chunk: 1, line: 0 } });
    expect(preview).toEqual({ rewrites: lines.slice(5_000).filter((line) => !('skipped' in line)), skipped: [lines[5_001]] });
    await member.apply(plan);
    expect(await found()).toMatchObject({ job: { done: expect.any(Number) }, preview: { rewrites: [], skipped: [] } });
  });
});

describe('a run that is killed', () => {
  const BEFORE = Array.from({ length: 6 }, (_, i) => item(`k${i}`, { v: text('bad') }));
  const LINES: PlanLine[] = BEFORE.map((before, i) => ({ key: key(`k${i}`), before, ...(i % 3 !== 0 && { after: item(`k${i}`, { v: text('old') }) }) }));

  it('at any request, before or after its effect, goes on, counts each line once, and can be taken back whole', async () => {
    const whole = await Member.create(BEFORE);
    const { counts } = await whole.apply(await whole.plan(LINES));
    const requests = whole.calls;
    expect(counts).toEqual({ put: 4, deleted: 2, already: 0, changed: 0, refused: 0 });
    expect(requests).toBeGreaterThan(10);
    for (let at = 1; at <= requests; at += 1) {
      for (const after of [false, true]) {
        const member = await Member.create(BEFORE);
        const plan = await member.plan(LINES);
        await member.apply(plan, { death: { at, after } }).catch((error: unknown) => {
          if (!(error instanceof Killed)) throw error;
        });
        await member.clock.advance(25_000);
        expect(await member.apply(plan), `killed at ${at}`).toMatchObject({ done: true, counts });
        expect(member.items()).toEqual(whole.items());
        const back = await member.takeBack(plan.id);
        expect(back.applied.counts).toMatchObject({ put: 6, changed: 0, already: 0 });
        expect(member.items(), `taken back after it was killed at ${at}`).toEqual(byId(BEFORE));
      }
    }
  });

  it('can be taken back as it is', async () => {
    for (let at = 5; at <= 16; at += 1) {
      const member = await Member.create(BEFORE);
      const plan = await member.plan(LINES);
      await member.apply(plan, { death: { at, after: true } }).catch(() => undefined);
      await member.clock.advance(25_000);
      await member.takeBack(plan.id);
      expect(member.items(), `killed at ${at}`).toEqual(byId(BEFORE));
    }
  });
});

describe('writes beside a rewrite', () => {
  it('are never undone by it: in every state, what it replaces is what was planned', async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const chance = new SeededChance(seed);
      const keys = Array.from({ length: 12 }, (_, i) => `k${i}`);
      const planned = new Map(keys.map((id) => [id, item(id, { v: text('bad') })]));
      // Written by the write path, so that a direct writer can carry the rev along.
      const member = await Member.create([...planned.values()].map((i, n) => ({ ...i, _s: metaValue(rev(2, 1, n), undefined) })));
      const plan = await member.plan(
        keys.map((id, i): PlanLine => ({ key: key(id), before: planned.get(id) as Item, ...(i % 3 !== 0 && { after: item(id, { v: text('old') }) }) })),
      );
      const { items } = member.context.tables;
      const wrong: string[] = [];
      let own = 0;
      member.cloud.recorded = (_, table, record, call) => {
        if (table !== items || call?.by?.name !== 'rewrite') return;
        own += 1;
        const { _s, ...old } = record.oldImage ?? {};
        const id = (record.keys['id'] as { S: string }).S;
        if (JSON.stringify(old) !== JSON.stringify(planned.get(id))) wrong.push(`${id}: ${JSON.stringify(old)}`);
      };
      member.cloud.hook = (call) =>
        call.by?.name === 'rewrite' && (call.op === 'put' || call.op === 'delete') && call.resources[0] === items
          ? { effectMs: chance.below(40), answerMs: chance.below(60) + 40, ...(chance.random() < 0.1 && { lost: lostAnswer() }) }
          : undefined;
      const other = async (): Promise<void> => {
        for (let n = 0; n < 40; n += 1) {
          await member.clock.sleep(chance.below(6));
          const id = keys[chance.below(keys.length)] as string;
          const what = chance.below(4);
          const there = member.raw().find((i) => (i['id'] as { S: string }).S === id);
          if (what === 0) await member.region.table.delete(items, key(id));
          // A direct writer carries the metadata along.
          else if (what === 1) await member.region.table.put(items, { ...item(id, { v: text(`mine ${n}`) }), ...(there?.['_s'] && { _s: there['_s'] }) });
          // The same content again.
          else if (what === 2) await member.region.table.put(items, planned.get(id) as Item);
          else await member.region.table.put(items, item(id, { v: text(`other ${n}`) }));
        }
      };
      await Promise.all([member.apply(plan), other()]);
      expect(wrong, `seed ${seed}`).toEqual([]);
      expect(own).toBeGreaterThan(0);
    }
  });
});

describe('the brake on mass deletion', () => {
  it('holds more than 100 deletions of more than a tenth of the table, until so many are allowed', () => {
    expect(isBraked(100, 10)).toBe(false);
    expect(isBraked(101, 1_010)).toBe(false);
    expect(isBraked(102, 1_010)).toBe(true);
    // The count of a table may be hours old.
    expect(isBraked(101, 0)).toBe(true);
    expect(() => checkDeletes(102, 1_010, undefined)).toThrow(
      'The plan deletes 102 items, 10 % of the about 1,010 in the table. Look at the plan; if that is meant, add --allow-deletes 102.',
    );
    expect(() => checkDeletes(102, 1_010, 101)).toThrow('--allow-deletes 101 is not enough');
    expect(() => checkDeletes(102, 1_010, 102)).not.toThrow();
  });
});

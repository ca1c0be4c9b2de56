import { describe, expect, it } from 'vitest';
import type { CloudCall, Fault } from '../../../lib/adapters/memory/call.ts';
import { lostAnswer } from '../../../lib/adapters/memory/call.ts';
import type { Item } from '../../../lib/core/attribute.ts';
import { FENCE_AGE_MAX_MS } from '../../../lib/core/constants.ts';
import { rev, revParts } from '../../../lib/core/formats/rev.ts';
import { metaOf, metaValue } from '../../../lib/core/formats/seal.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import { city, del, EU, get, put, US, World } from './harness.ts';

/** Writes when things go wrong: lost answers, refusals, races, and a seat that changes. */

const world = async (): Promise<World> => {
  const made = new World();
  await made.seats(EU);
  return made;
};
const item = (w: World): Item | undefined => w.region(EU).items(w.tables(EU).items)[0];
const nameOf = (w: World): unknown => item(w)?.['name'];

/** A fault for the nth call (from 1) of an operation on the items table. */
function onItems(w: World, op: string, faults: Readonly<Record<number, Fault | ((call: CloudCall) => Promise<Fault | undefined>)>>): { count: number } {
  const seen = { count: 0 };
  w.cloud.hook = async (call) => {
    if (call.op !== op || !call.resources.includes(w.tables(EU).items)) return undefined;
    seen.count += 1;
    const fault = faults[seen.count];
    return typeof fault === 'function' ? fault(call) : fault;
  };
  return seen;
}

const throttled = (): Fault => ({ refuse: new RemoteError('throttled', 'ThrottlingException', 'slow down') });

describe('an answer that is lost', () => {
  it('a put that took effect: its repetition is recognised, and written once', async () => {
    const w = await world();
    await w.send(EU, put(city('one')));
    const puts = onItems(w, 'put', { 1: { lost: lostAnswer() } });
    const got = await w.send(EU, put(city('two')));
    expect(got.status).toBe(204);
    expect(puts.count).toBe(2);
    expect(nameOf(w)).toEqual({ S: 'two' });
    expect(w.region(EU).streamRecords(w.tables(EU).items)).toHaveLength(2);
    w.cloud.hook = undefined;
    expect((await w.send(EU, get())).headers['etag']).toBe(got.headers['etag']);
  });

  it('a put that takes effect only after its repetition changes nothing then', async () => {
    const w = await world();
    await w.send(EU, put(city('one')));
    // The first attempt arrives 2.9 s after its issue; the caller gave up after 2.5 s, repeated it, and was answered.
    onItems(w, 'put', { 1: { effectMs: 2_900, answerMs: 2_500, lost: lostAnswer() } });
    expect((await w.send(EU, put(city('two')))).status).toBe(204);
    w.cloud.hook = undefined;
    expect((await w.send(EU, put(city('three')))).status).toBe(204);
    await w.clock.advance(5_000);
    expect(nameOf(w)).toEqual({ S: 'three' });
  });

  it('⚠ the repetition of a request does not undo a later write', async () => {
    const w = await world();
    await w.send(EU, put(city('one')));
    // The first request is stored, its answer is lost, and another writer replaces it before it is repeated.
    onItems(w, 'put', {
      1: { lost: lostAnswer() },
      2: async () => {
        const other = await w.start(EU, put(city('later')));
        expect(other.status).toBe(204);
        return undefined;
      },
    });
    const got = await w.send(EU, put(city('two')));
    expect(got).toMatchObject({ status: 503, json: { type: 'urn:syncline:problem:unknown-outcome' } });
    expect(got.headers['retry-after']).toBe('1');
    expect(nameOf(w)).toEqual({ S: 'later' });
  });

  it('⚠ nor does the same request of a client, sent again with its If-Match', async () => {
    const w = await world();
    const etag = (await w.send(EU, put(city('one')))).headers['etag'] as string;
    const request = put(city('two'), { 'If-Match': etag });
    await w.send(EU, request);
    await w.send(EU, put(city('later')));
    expect((await w.send(EU, request)).status).toBe(412);
    expect(nameOf(w)).toEqual({ S: 'later' });
  });

  it('⚠ nor does a stored request that arrives late, from a sandbox whose clock is ahead', async () => {
    const w = await world();
    await w.send(EU, put(city('one')));
    w.clock.stepWall(900);
    // Its first attempt arrives late; the later write comes from a sandbox whose clock is 0.9 s behind, so its rev is lower.
    onItems(w, 'put', { 1: { effectMs: 2_900, answerMs: 2_500, lost: lostAnswer() } });
    const lost = w.start(EU, put(city('late')));
    await w.clock.advance(10);
    w.cloud.hook = undefined;
    w.clock.stepWall(-900);
    w.freshSandbox(EU);
    // The later write, while the first one is still on its way to the table.
    expect((await w.clock.run(w.start(EU, put(city('later'))))).status).toBe(204);
    expect((await w.clock.run(lost)).json['type']).toBe('urn:syncline:problem:unknown-outcome');
    await w.clock.advance(5_000);
    expect(nameOf(w)).toEqual({ S: 'later' });
  });

  it('a delete that took effect is done', async () => {
    const w = await world();
    await w.send(EU, put(city('one')));
    const deletes = onItems(w, 'delete', { 1: { lost: lostAnswer() } });
    expect((await w.send(EU, del())).status).toBe(204);
    expect(deletes.count).toBe(2);
    expect(item(w)).toBeUndefined();
  });

  it('⚠ the repetition of a delete does not remove what was written after it', async () => {
    const w = await world();
    await w.send(EU, put(city('one')));
    onItems(w, 'delete', {
      1: { lost: lostAnswer() },
      2: async () => {
        expect((await w.start(EU, put(city('later')))).status).toBe(201);
        return undefined;
      },
    });
    expect(await w.send(EU, del())).toMatchObject({ status: 503, json: { type: 'urn:syncline:problem:unknown-outcome' } });
    expect(nameOf(w)).toEqual({ S: 'later' });
  });

  it('no attempt is ever answered: unknown, within the budget', async () => {
    const w = await world();
    onItems(w, 'put', Object.fromEntries(Array.from({ length: 20 }, (_, i) => [i + 1, { answerMs: 2_500, lost: lostAnswer() }])));
    const began = w.clock.elapsed();
    const got = await w.send(EU, put(city('one')));
    expect(got).toMatchObject({
      status: 503,
      json: { type: 'urn:syncline:problem:unknown-outcome', detail: expect.stringContaining('nothing is known') as unknown },
    });
    expect(w.clock.elapsed() - began).toBeLessThanOrEqual(13_000);
  });
});

describe('refusals', () => {
  it('a throttled write is tried again', async () => {
    const w = await world();
    const puts = onItems(w, 'put', { 1: throttled(), 2: throttled() });
    expect((await w.send(EU, put(city()))).status).toBe(201);
    expect(puts.count).toBe(3);
  });

  it('one that stays throttled: busy, nothing was changed', async () => {
    const w = await world();
    onItems(w, 'put', Object.fromEntries(Array.from({ length: 50 }, (_, i) => [i + 1, throttled()])));
    expect(await w.send(EU, put(city()))).toMatchObject({ status: 503, headers: { 'retry-after': '1' }, json: { type: 'urn:syncline:problem:busy' } });
    expect(item(w)).toBeUndefined();
  });

  it('throttled after a lost answer: unknown, not busy', async () => {
    const w = await world();
    onItems(w, 'put', { 1: { lost: lostAnswer() }, ...Object.fromEntries(Array.from({ length: 50 }, (_, i) => [i + 2, throttled()])) });
    expect((await w.send(EU, put(city()))).json['type']).toBe('urn:syncline:problem:unknown-outcome');
  });

  it.each([
    ['denied', 'AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/x'],
    ['missing', 'ResourceNotFoundException: table syncline-x'],
  ] as const)('%s: 503 without a word of what is inside', async (kind, message) => {
    const w = await world();
    onItems(w, 'put', { 1: { refuse: new RemoteError(kind, 'X', message) } });
    const got = await w.send(EU, put(city()));
    expect(got).toMatchObject({ status: 503, json: { type: 'urn:syncline:problem:store-unavailable' } });
    expect(got.body).not.toMatch(/arn:|syncline-x/);
  });

  it('an unexpected error: 500 with the request’s id, the rest in the log', async () => {
    const w = await world();
    w.cloud.hook = () => {
      throw new Error('secret detail');
    };
    const got = await w.send(EU, put(city()));
    expect(got).toMatchObject({ status: 500, json: { type: 'urn:syncline:problem:internal', instance: 'urn:syncline:request:gateway-request' } });
    expect(got.body).not.toContain('secret');
    expect(w.logged.find((l) => l.message === 'problem')).toMatchObject({ level: 'error', fields: { id: 'gateway-request', why: 'Error: secret detail' } });
  });
});

describe('races', () => {
  it('many writers of one item: every one is either done or told that it was not, and the last rev stands', async () => {
    const w = await world();
    const all = await w.clock.run(Promise.all(Array.from({ length: 8 }, (_, i) => w.start(EU, put(city(`n${i}`))))));
    const done = all.filter((g) => g.status === 201 || g.status === 204);
    expect(done.length).toBeGreaterThan(0);
    expect(all.filter((g) => g.status === 201)).toHaveLength(1);
    for (const other of all) if (!done.includes(other)) expect(other.json['type']).toBe('urn:syncline:problem:busy');
    const last = done.map((g) => g.headers['etag'] as string);
    w.cloud.hook = undefined;
    expect(last).toContain((await w.send(EU, get())).headers['etag']);
    expect(w.region(EU).streamRecords(w.tables(EU).items)).toHaveLength(done.length);
  });

  it('a stream never shows an older rev of a key after a newer one', async () => {
    const w = await world();
    const jobs = Array.from({ length: 12 }, (_, i) => (i % 4 === 3 ? w.start(EU, del()) : w.start(EU, put(city(`n${i}`)))));
    await w.clock.run(Promise.all(jobs));
    const revs = w
      .region(EU)
      .streamRecords(w.tables(EU).items)
      .flatMap((r) => (r.newImage === undefined ? [] : [metaOf(r.newImage).rev as Buffer]));
    expect(revs.length).toBeGreaterThan(2);
    expect([...revs].sort(Buffer.compare)).toEqual(revs);
  });
});

describe('the seat', () => {
  it('none: nothing can be written, and it says what to do', async () => {
    const w = new World();
    expect(await w.send(EU, put(city()))).toMatchObject({
      status: 503,
      json: { type: 'urn:syncline:problem:not-initialised', detail: expect.stringContaining('syncline init') as unknown },
    });
    expect((await w.send(EU, get())).status).toBe(404);
  });

  it('⚠ no write is issued under a seat that was read more than W ago', async () => {
    const w = await world();
    const admitted: number[] = [];
    let asked = 0;
    let readAt = 0;
    w.cloud.hook = (call) => {
      if (call.op === 'get' && call.resources.includes(w.tables(EU).control)) readAt = w.clock.elapsed();
      if (call.op !== 'put') return undefined;
      asked += 1;
      // Stuck in the client, before the socket, for longer than W.
      return asked === 1 ? { queueMs: FENCE_AGE_MAX_MS + 1 } : undefined;
    };
    w.cloud.witness = (call) => {
      if (call.op === 'put') admitted.push(w.clock.elapsed() - readAt);
    };
    expect((await w.send(EU, put(city()))).status).toBe(201);
    expect(asked).toBe(2);
    expect(admitted).toHaveLength(1);
    expect(admitted[0]).toBeLessThanOrEqual(FENCE_AGE_MAX_MS);
  });

  it('⚠ deposed between two attempts: the write goes to the new primary, and none is issued here', async () => {
    const w = await world();
    let asked = 0;
    w.cloud.hook = async (call) => {
      if (call.op !== 'put' || !call.resources.includes(w.tables(EU).items)) return undefined;
      asked += 1;
      w.cloud.hook = undefined;
      const seat = { primary: US, fence: 2, v: 2 };
      for (const [member, own] of [
        [EU, 1],
        [US, 2],
      ] as const) {
        const table = w.region(member).table;
        const key = { pk: { S: 'self' }, sk: { S: 'seat' } };
        await table.update(w.tables(member).control, key, { set: { fence: { N: String(seat.fence) }, own: { N: String(own) }, primary: { S: US } } });
      }
      return { queueMs: FENCE_AGE_MAX_MS + 1 };
    };
    const got = await w.send(EU, put(city()));
    expect(got).toMatchObject({ status: 201, headers: { 'syncline-member': US } });
    expect(asked).toBe(1);
    expect(item(w)).toBeUndefined();
    const there = w.region(US).items(w.tables(US).items)[0] as Item;
    expect(revParts(metaOf(there).rev as Buffer).epoch).toBe(2);
  });

  it('⚠ a lease: nothing is issued within R and the margin of its end', async () => {
    const w = new World();
    await w.seat(EU, EU, { until: w.clock.now() + 4_999 });
    expect(await w.send(EU, put(city()))).toMatchObject({ status: 503, json: { type: 'urn:syncline:problem:no-primary' } });
    await w.seat(EU, EU, { until: w.clock.now() + 5_500 });
    expect((await w.send(EU, put(city()))).status).toBe(201);
  });

  it('⚠ an answer that comes after the lease is no success', async () => {
    const w = new World();
    await w.seat(EU, EU, { until: w.clock.now() + 6_000 });
    onItems(w, 'put', { 1: { effectMs: 10, answerMs: 6_500 } });
    expect((await w.send(EU, put(city()))).json['type']).toBe('urn:syncline:problem:unknown-outcome');
  });
});

describe('revs that are not ours', () => {
  it.each([
    ['of a later epoch', rev(9, 1, 0)],
    ['from the end of time', rev(1, 2 ** 48 - 1, 0xffff)],
    ['from the day after tomorrow', rev(1, 1_767_225_600_000 + 2 * 24 * 3_600_000, 0)],
  ])('%s: replaced, and the clock does not follow', async (_, foreign) => {
    const w = await world();
    const made = { ...city('by hand'), _s: metaValue(foreign, undefined) } as Item;
    await w.clock.run(w.region(EU).table.put(w.tables(EU).items, made));
    expect((await w.send(EU, put(city('two')))).status).toBe(204);
    const parts = revParts(metaOf(item(w) as Item).rev as Buffer);
    expect(parts.epoch).toBe(1);
    expect(parts.wallMs).toBe(w.clock.now());
    expect((await w.send(EU, del())).status).toBe(204);
  });

  it.each([
    ['a string in the place of our map', { S: 'x' }],
    ['a rev that is none', { M: { r: { B: 'AAAA' } } }],
    ['another map', { M: { z: { N: '1.0' } } }],
  ])('%s: the item is shown and replaced all the same', async (_, meta) => {
    const w = await world();
    await w.clock.run(w.region(EU).table.put(w.tables(EU).items, { ...city('by hand'), _s: meta } as Item));
    const shown = await w.send(EU, get());
    expect(shown).toMatchObject({ status: 200, json: city('by hand') });
    expect((await w.send(EU, put(city('two'), { 'If-Match': shown.headers['etag'] as string }))).status).toBe(204);
  });
});

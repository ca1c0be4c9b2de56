import { describe, expect, it } from 'vitest';
import { FAR, FakeSet, failure, MIDDLE, NEAR, warm } from './world.ts';

const ALL = [NEAR, MIDDLE, FAR] as const;
const ITEM = { id: 'a', n: 1 };

describe('writes', () => {
  it('are repeated elsewhere under the same key when their answer is lost, so that each has one effect for its caller', async () => {
    const set = new FakeSet();
    const client = set.client({ timeoutMs: 10_000 });
    set.moods.near = 'lost';
    const outcome = await set.clock.run(client.put(ITEM));
    const keys = set.calls.map((c) => c.headers.get('idempotency-key'));
    expect(keys.length).toBeGreaterThan(1);
    expect(new Set(keys)).toEqual(new Set([outcome.idempotencyKey]));
    expect(new Set(set.calls.map((c) => c.body)).size).toBe(1);
    expect(set.effects.size).toBe(1);
  });

  it('have a key each', async () => {
    const set = new FakeSet();
    const client = set.client();
    for (let i = 0; i < 5; i += 1) await set.clock.run(client.put(ITEM));
    expect(set.effects.size).toBe(5);
  });

  it('are not hedged', async () => {
    const set = new FakeSet();
    const client = set.client();
    await warm(set, client);
    const before = set.calls.length;
    set.moods.near = 'frozen';
    await set.clock.run(client.put(ITEM));
    const [first, second] = set.calls.slice(before);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(2_500);
  });

  it('all find another member, however many were under way when theirs froze, and none is lost', async () => {
    const set = new FakeSet();
    const client = set.client({ timeoutMs: 10_000 });
    await warm(set, client);
    set.moods.near = 'frozen';
    const outcomes = await set.clock.run(Promise.all(Array.from({ length: 300 }, (_, n) => client.put({ ...ITEM, n }))));
    expect(new Set(outcomes.map((o) => o.idempotencyKey))).toEqual(new Set(set.effects.keys()));
    expect([...set.effects.values()].every((times) => times === 1)).toBe(true);
  });

  it('without an answer in time say so, with the key to repeat them', async () => {
    const set = new FakeSet();
    for (const name of ALL) set.moods[name] = 'lost';
    const client = set.client({ timeoutMs: 4_000 });
    const began = set.clock.elapsed();
    const error = await failure(set.clock.run(client.put(ITEM, { idempotencyKey: 'mine' })));
    expect(error).toMatchObject({ code: 'unknown-outcome', idempotencyKey: 'mine' });
    expect(set.clock.elapsed() - began).toBe(4_000);
    for (const name of ALL) set.moods[name] = 'well';
    expect((await set.clock.run(client.put(ITEM, { idempotencyKey: 'mine' }))).idempotencyKey).toBe('mine');
  });

  it('that nobody can have made are not called unknown', async () => {
    const set = new FakeSet();
    for (const name of ALL) set.moods[name] = { status: 503, code: 'no-primary', headers: { 'retry-after': '10' } };
    const error = await failure(set.clock.run(set.client().put(ITEM)));
    expect(error).toMatchObject({ code: 'no-primary', status: 503 });
    expect(error.message).toContain('Nothing was changed');
    for (const name of ALL) set.moods[name] = 'unreached';
    expect((await failure(set.clock.run(set.client({ timeoutMs: 50 }).put(ITEM)))).code).toBe('unreachable');
    // A connection that broke may have been one that carried the request.
    for (const name of ALL) set.moods[name] = 'refused';
    expect((await failure(set.clock.run(set.client({ timeoutMs: 50 }).put(ITEM)))).code).toBe('unknown-outcome');
  });

  it.each([
    [502, 'unknown-outcome'],
    [500, 'unknown-outcome'],
    [504, 'unknown-outcome'],
    [429, 'too-many-requests'],
  ])('that end with %d everywhere end with %s', async (status, code) => {
    const set = new FakeSet();
    for (const name of ALL) set.moods[name] = { status, code: status === 429 ? 'too-many-requests' : 'internal' };
    expect((await failure(set.clock.run(set.client({ timeoutMs: 3_600_000 }).put(ITEM)))).code).toBe(code);
  });

  it.each([
    [403, 'insufficient-scope', 'unknown-outcome'],
    [401, 'unauthorized', 'unknown-outcome'],
    [404, 'no-route', 'unknown-outcome'],
    [412, 'precondition-failed', 'precondition-failed'],
    [409, 'condition-failed', 'condition-failed'],
    [400, 'invalid-item', 'invalid-item'],
  ])('refused with %d after an attempt without an answer: %s is %s', async (status, code, outcome) => {
    const set = new FakeSet();
    set.moods.near = 'lost';
    set.moods.middle = { status, code };
    const error = await failure(set.clock.run(set.client({ timeoutMs: 10_000 }).put(ITEM)));
    expect(error.code).toBe(outcome);
    expect(error.idempotencyKey).toBeDefined();
    // Without such an attempt the refusal is what it is.
    set.moods.near = { status, code };
    expect((await failure(set.clock.run(set.client().put(ITEM)))).code).toBe(code);
  });

  it('are ended by their signal, and give the key', async () => {
    const set = new FakeSet();
    for (const name of ALL) set.moods[name] = 'lost';
    const controller = new AbortController();
    const writing = failure(set.client().put(ITEM, { signal: controller.signal, idempotencyKey: 'mine' }));
    await set.clock.advance(100);
    controller.abort();
    expect(await writing).toMatchObject({ code: 'aborted', idempotencyKey: 'mine' });
    expect(set.clock.elapsed()).toBe(100);
  });
});

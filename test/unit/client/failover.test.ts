import { describe, expect, it } from 'vitest';
import { SynclineError } from '../../../client/errors.ts';
import { FAR, FakeSet, MIDDLE, NEAR, url } from './world.ts';

const KEY = { id: 'a' };

async function failure(promise: Promise<unknown>): Promise<SynclineError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof SynclineError) return error;
    throw error;
  }
  throw new Error('It should have failed.');
}

/** A first read; beside it the client finds and measures the members. */
async function warm(set: FakeSet, client: ReturnType<FakeSet['client']>): Promise<void> {
  await set.clock.run(client.get(KEY));
  await set.clock.advance(2_000);
}

describe('reads', () => {
  it('go to the nearest member, and stay there', async () => {
    const set = new FakeSet();
    const client = set.client();
    for (let i = 0; i < 5; i += 1) expect((await set.clock.run(client.get(KEY))).member).toBe(NEAR);
    expect(new Set(set.calls.map((c) => c.member))).toEqual(new Set([NEAR]));
  });

  it('go back to the nearest one by measured latency, not by the order of the seeds', async () => {
    const set = new FakeSet();
    const client = set.client({ endpoints: [FAR, MIDDLE, NEAR].map(url) });
    expect((await set.clock.run(client.get(KEY))).member).toBe(FAR);
    await set.clock.advance(2_000);
    expect((await set.clock.run(client.get(KEY))).member).toBe(NEAR);
  });

  it('cost no more than the hedge when the nearest member freezes, and nothing after that', async () => {
    const set = new FakeSet();
    const client = set.client();
    await warm(set, client);
    set.moods.near = 'frozen';
    const began = set.clock.elapsed();
    expect((await set.clock.run(client.get(KEY))).member).toBe(MIDDLE);
    expect(set.clock.elapsed() - began).toBeLessThanOrEqual(50 + 40);
    // The frozen one is found out by its attempt's own time limit, by other calls meanwhile.
    for (let i = 0; i < 30; i += 1) await set.clock.run(client.get(KEY));
    const last = set.clock.elapsed();
    await set.clock.run(client.get(KEY));
    expect(set.clock.elapsed() - last).toBeLessThanOrEqual(50 + 40);
  });

  it('without hedging cost one attempt’s time when the nearest member freezes; then it is avoided', async () => {
    const set = new FakeSet();
    const client = set.client({ hedge: false });
    await warm(set, client);
    set.moods.near = 'frozen';
    const began = set.clock.elapsed();
    expect((await set.clock.run(client.get(KEY))).member).toBe(MIDDLE);
    expect(set.clock.elapsed() - began).toBe(1_000 + 40);
    const second = set.clock.elapsed();
    expect((await set.clock.run(client.get(KEY))).member).toBe(MIDDLE);
    expect(set.clock.elapsed() - second).toBe(40);
  });

  it('come back to a member that has recovered', async () => {
    const set = new FakeSet();
    const client = set.client();
    await warm(set, client);
    set.moods.near = 'refused';
    expect((await set.clock.run(client.get(KEY))).member).toBe(MIDDLE);
    set.moods.near = 'well';
    await set.clock.advance(60_000);
    expect((await set.clock.run(client.get(KEY))).member).toBe(NEAR);
  });

  it('end at their time limit exactly when everybody hangs, and say what was tried', async () => {
    const set = new FakeSet();
    for (const name of [NEAR, MIDDLE, FAR]) set.moods[name] = 'frozen';
    const client = set.client({ timeoutMs: 2_500 });
    const began = set.clock.elapsed();
    const error = await failure(set.clock.run(client.get(KEY)));
    expect(error.code).toBe('timeout');
    expect(set.clock.elapsed() - began).toBe(2_500);
    expect(error.attempts.length).toBeGreaterThanOrEqual(3);
    expect(error.message).toContain('near');
  });

  it('are ended by their signal at once', async () => {
    const set = new FakeSet();
    set.moods.near = 'frozen';
    set.moods.middle = 'frozen';
    const client = set.client();
    const controller = new AbortController();
    const reading = failure(client.get(KEY, { signal: controller.signal }));
    await set.clock.advance(10);
    controller.abort(new Error('enough'));
    expect((await set.clock.run(reading)).code).toBe('aborted');
    expect(set.clock.elapsed()).toBe(10);
    expect((await failure(client.get(KEY, { signal: controller.signal }))).code).toBe('aborted');
  });

  it('obey Retry-After within their time, and give up when it asks for more', async () => {
    const set = new FakeSet();
    for (const name of [NEAR, MIDDLE, FAR]) set.moods[name] = { status: 503, headers: { 'retry-after': '2' } };
    const client = set.client({ timeoutMs: 10_000 });
    const reading = set.client({ timeoutMs: 1_000 }).get(KEY);
    expect((await failure(set.clock.run(reading))).problem?.detail).toBe('Too much.');
    const began = set.clock.elapsed();
    const long = client.get(KEY);
    await set.clock.advance(1_000);
    for (const name of [NEAR, MIDDLE, FAR]) set.moods[name] = 'well';
    await set.clock.run(long);
    expect(set.clock.elapsed() - began).toBeGreaterThanOrEqual(2_000);
  });

  it('are not repeated when the request itself is at fault', async () => {
    const set = new FakeSet();
    set.moods.near = { status: 400 };
    const error = await failure(set.clock.run(set.client().get(KEY)));
    expect(error.status).toBe(400);
    expect(set.calls).toHaveLength(1);
  });
});

describe('an outage', () => {
  it('does not multiply the load: the budget for retries runs out, and comes back with successes', async () => {
    const set = new FakeSet();
    for (const name of [NEAR, MIDDLE, FAR]) set.moods[name] = 'refused';
    const client = set.client({ timeoutMs: 3_000 });
    for (let i = 0; i < 60; i += 1) await failure(set.clock.run(client.get(KEY)));
    const before = set.calls.length;
    for (let i = 0; i < 20; i += 1) await failure(set.clock.run(client.get(KEY)));
    // One attempt a call, as nothing is left for a second one.
    expect(set.calls.length - before).toBeLessThanOrEqual(25);
    for (const name of [NEAR, MIDDLE, FAR]) set.moods[name] = 'well';
    await set.clock.advance(120_000);
    for (let i = 0; i < 50; i += 1) await set.clock.run(client.get(KEY));
    set.moods.near = 'refused';
    expect((await set.clock.run(client.get(KEY))).member).not.toBe(NEAR);
  });
});

describe('writes', () => {
  it('are repeated elsewhere under the same key when their answer is lost, so that each has one effect for its caller', async () => {
    const set = new FakeSet();
    const client = set.client({ timeoutMs: 10_000 });
    set.moods.near = 'lost';
    const outcome = await set.clock.run(client.put({ id: 'a', n: 1 }));
    const keys = set.calls.map((c) => c.headers.get('idempotency-key'));
    expect(keys.length).toBeGreaterThan(1);
    expect(new Set(keys)).toEqual(new Set([outcome.idempotencyKey]));
    expect(new Set(set.calls.map((c) => c.body)).size).toBe(1);
  });

  it('are not hedged', async () => {
    const set = new FakeSet();
    const client = set.client();
    await warm(set, client);
    const before = set.calls.length;
    set.moods.near = 'frozen';
    await set.clock.run(client.put({ id: 'a' }));
    const [first, second] = set.calls.slice(before);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(2_500);
  });

  it('without an answer in time say so, with the key to repeat them', async () => {
    const set = new FakeSet();
    for (const name of [NEAR, MIDDLE, FAR]) set.moods[name] = 'lost';
    const client = set.client({ timeoutMs: 4_000 });
    const error = await failure(set.clock.run(client.put({ id: 'a' }, { idempotencyKey: 'mine' })));
    expect(error).toMatchObject({ code: 'unknown-outcome', idempotencyKey: 'mine' });
    for (const name of [NEAR, MIDDLE, FAR]) set.moods[name] = 'well';
    expect((await set.clock.run(client.put({ id: 'a' }, { idempotencyKey: 'mine' }))).idempotencyKey).toBe('mine');
  });
});

it('an API key goes with every request', async () => {
  const set = new FakeSet();
  const client = set.client({ apiKey: 'the-key' });
  await set.clock.run(client.get(KEY));
  await set.clock.run(client.put({ id: 'a' }));
  await set.clock.advance(2_000);
  expect(set.seen.length).toBeGreaterThan(4);
  expect(set.seen.every((s) => s.headers.get('x-api-key') === 'the-key')).toBe(true);
});

describe('discovery', () => {
  it('finds the other members from one seed', async () => {
    const set = new FakeSet();
    const client = set.client({ endpoints: [url(FAR)] });
    await set.clock.run(client.discover());
    set.moods.far = 'refused';
    expect((await set.clock.run(client.get(KEY))).member).not.toBe(FAR);
  });

  it('keeps the seeds where members’ URLs were not announced', async () => {
    const set = new FakeSet();
    set.announced = false;
    const client = set.client({ endpoints: [url(NEAR), url(FAR)] });
    await set.clock.run(client.discover());
    set.moods.near = 'refused';
    expect((await set.clock.run(client.get(KEY))).member).toBe(FAR);
  });

  it('takes no call’s time: a member that hangs on it holds nothing up', async () => {
    const set = new FakeSet();
    const client = set.client();
    const began = set.clock.elapsed();
    await set.clock.run(client.get(KEY));
    expect(set.clock.elapsed() - began).toBe(5);
    expect(set.seen.some((s) => s.path === '/v1/.well-known/syncline')).toBe(true);
  });
});

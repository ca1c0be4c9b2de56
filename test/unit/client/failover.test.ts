import { describe, expect, it } from 'vitest';
import { FAR, FakeSet, failure, KEY, MIDDLE, NEAR, url, warm } from './world.ts';

const ALL = [NEAR, MIDDLE, FAR] as const;

describe('an outage', () => {
  it('does not multiply the load: the budget for retries runs out, and comes back with successes', async () => {
    const set = new FakeSet();
    for (const name of ALL) set.moods[name] = 'refused';
    const client = set.client({ timeoutMs: 3_000 });
    for (let i = 0; i < 60; i += 1) await failure(set.clock.run(client.get(KEY)));
    const before = set.calls.length;
    for (let i = 0; i < 20; i += 1) await failure(set.clock.run(client.get(KEY)));
    // One attempt a call, as nothing is left for a second one.
    expect(set.calls.length - before).toBeLessThanOrEqual(25);
    for (const name of ALL) set.moods[name] = 'well';
    await set.clock.advance(120_000);
    for (let i = 0; i < 50; i += 1) await set.clock.run(client.get(KEY));
    set.moods.near = 'refused';
    expect((await set.clock.run(client.get(KEY))).member).not.toBe(NEAR);
  });

  it('by overload is not answered with load: each call beyond the budget is one request', async () => {
    const set = new FakeSet();
    for (const name of ALL) set.moods[name] = { status: 429, code: 'too-many-requests' };
    const client = set.client({ retryTokens: 0 });
    for (let i = 0; i < 10; i += 1) await failure(set.clock.run(client.get(KEY)));
    expect(set.calls).toHaveLength(10);
  });

  it('ends after twelve attempts, whatever the time', async () => {
    const set = new FakeSet();
    for (const name of ALL) set.moods[name] = 'refused';
    const error = await failure(set.clock.run(set.client({ timeoutMs: 3_600_000 }).get(KEY)));
    expect(error.code).toBe('unreachable');
    expect(error.attempts).toHaveLength(12);
  });
});

describe('reads', () => {
  it('go to the nearest member, and stay there', async () => {
    const set = new FakeSet();
    const client = set.client();
    for (let i = 0; i < 5; i += 1) expect((await set.clock.run(client.get(KEY))).member).toBe(NEAR);
    expect(new Set(set.calls.map((c) => c.member))).toEqual(new Set([NEAR]));
  });

  it('go to the nearest one by measured latency, not by the order of the seeds', async () => {
    const set = new FakeSet();
    const client = set.client({ endpoints: [FAR, MIDDLE, NEAR].map(url) });
    expect((await set.clock.run(client.get(KEY))).member).toBe(FAR);
    await set.clock.advance(2_000);
    expect((await set.clock.run(client.get(KEY))).member).toBe(NEAR);
  });

  it('stay at the nearest one although writes through it take long, as they are handed on', async () => {
    const set = new FakeSet();
    const client = set.client();
    await warm(set, client);
    set.moods.near = (method) => (method === 'PUT' ? 'slow' : 'well');
    for (let i = 0; i < 20; i += 1) await set.clock.run(client.put({ id: 'a' }));
    expect((await set.clock.run(client.get(KEY))).member).toBe(NEAR);
  });

  it('cost no more than the hedge when the nearest member freezes, and nothing once it is found out', async () => {
    const set = new FakeSet();
    const client = set.client();
    await warm(set, client);
    set.moods.near = 'frozen';
    const cost = async (): Promise<number> => {
      const began = set.clock.elapsed();
      expect((await set.clock.run(client.get(KEY))).member).toBe(MIDDLE);
      return set.clock.elapsed() - began;
    };
    const costs: number[] = [];
    const before = set.seen.length + 1;
    for (let i = 0; i < 200; i += 1) costs.push(await cost());
    // The first one waits until an answer is overdue. Then others are asked, and it is looked at beside the calls: avoided
    // when that has no answer, either, for 1 s, then longer and longer.
    expect(costs[0]).toBe(50 + 40);
    expect(new Set(costs.slice(1))).toEqual(new Set([40]));
    for (let i = 0; i < 100; i += 1) {
      await set.clock.advance(5_000);
      expect(await cost()).toBe(40);
    }
    const looks = set.seen.slice(before).filter((s) => s.member === NEAR);
    expect(looks.every((s) => s.path === '/v1/health')).toBe(true);
    expect(looks.length).toBeGreaterThan(8);
    expect(looks.length).toBeLessThan(30);
  });

  it('without hedging cost one attempt’s time when the nearest member freezes; then it is avoided', async () => {
    const set = new FakeSet();
    const client = set.client({ hedge: false });
    await warm(set, client);
    set.moods.near = 'frozen';
    const began = set.clock.elapsed();
    expect((await set.clock.run(client.get(KEY))).member).toBe(MIDDLE);
    expect(set.clock.elapsed() - began).toBe(1_500 + 40);
    const second = set.clock.elapsed();
    expect((await set.clock.run(client.get(KEY))).member).toBe(MIDDLE);
    expect(set.clock.elapsed() - second).toBe(40);
  });

  it('wait for a function that starts cold, while a second member is asked beside it', async () => {
    const set = new FakeSet();
    for (const name of ALL) set.moods[name] = { delayMs: 1_200 };
    const began = set.clock.elapsed();
    expect((await set.clock.run(set.client().get(KEY))).member).toBe(NEAR);
    expect(set.clock.elapsed() - began).toBe(1_205);
    expect(set.calls.map((c) => [c.member, c.at])).toEqual([
      [NEAR, 0],
      [MIDDLE, 500],
    ]);
  });

  it('are not sent to a second member, when the budget for retries does not allow it', async () => {
    for (const [retryTokens, requests] of [
      [0, 1],
      [10, 2],
    ] as const) {
      const set = new FakeSet();
      set.announced = false;
      const client = set.client({ endpoints: [MIDDLE, FAR].map(url), retryTokens });
      await warm(set, client);
      set.moods.middle = 'slow';
      const before = set.calls.length;
      await set.clock.run(client.get(KEY));
      expect(set.calls.length - before).toBe(requests);
    }
  });

  it('ask no member twice at a time, though the members are found anew meanwhile', async () => {
    const set = new FakeSet();
    const client = set.client();
    await warm(set, client);
    await set.clock.advance(5 * 60_000);
    set.moods.near = (_, path) => (path.includes('items') ? 'frozen' : 'well');
    const before = set.calls.length;
    expect((await set.clock.run(client.get(KEY))).member).toBe(MIDDLE);
    expect(set.calls.slice(before).map((c) => c.member)).toEqual([NEAR, MIDDLE]);
  });

  it('wait for a slow member when there is nobody else to ask', async () => {
    const set = new FakeSet();
    set.announced = false;
    const client = set.client({ endpoints: [NEAR, MIDDLE].map(url) });
    await warm(set, client);
    set.moods.near = 'refused';
    // It takes 400 ms, ten times as long as usual, and the only other one has just refused.
    set.moods.middle = 'slow';
    expect((await set.clock.run(client.get(KEY))).member).toBe(MIDDLE);
  });

  it('all find another member, however many were under way when theirs died', async () => {
    const set = new FakeSet();
    const client = set.client({ hedge: false });
    await warm(set, client);
    set.moods.near = 'frozen';
    const results = await set.clock.run(Promise.all(Array.from({ length: 300 }, () => client.get(KEY))));
    expect(results.every((r) => r.member === MIDDLE)).toBe(true);
  });

  it('come back to a member that has recovered; no call pays for finding out', async () => {
    const set = new FakeSet();
    const client = set.client();
    await warm(set, client);
    set.moods.near = 'refused';
    expect((await set.clock.run(client.get(KEY))).member).toBe(MIDDLE);
    set.moods.near = 'well';
    await set.clock.advance(60_000);
    expect((await set.clock.run(client.get(KEY))).member).toBe(MIDDLE);
    expect((await set.clock.run(client.get(KEY))).member).toBe(NEAR);
  });

  it('avoid a member whose table is gone, and not one that only lacks a primary', async () => {
    const set = new FakeSet();
    const client = set.client();
    await warm(set, client);
    set.moods.near = { status: 503, code: 'store-unavailable' };
    expect((await set.clock.run(client.get(KEY))).member).toBe(MIDDLE);
    expect((await set.clock.run(client.get(KEY))).member).toBe(MIDDLE);
    set.moods.near = 'well';
    await set.clock.advance(2_000);
    await set.clock.run(client.get(KEY));
    set.moods.near = (method) => (method === 'PUT' ? { status: 503, code: 'no-primary' } : 'well');
    expect((await set.clock.run(client.put({ id: 'a' }))).member).toBe(MIDDLE);
    expect((await set.clock.run(client.get(KEY))).member).toBe(NEAR);
  });

  it('end at their time limit exactly when everybody hangs, and say what was tried', async () => {
    const set = new FakeSet();
    for (const name of ALL) set.moods[name] = 'frozen';
    const client = set.client({ timeoutMs: 2_500 });
    const began = set.clock.elapsed();
    const error = await failure(set.clock.run(client.get(KEY)));
    expect(error.code).toBe('timeout');
    expect(set.clock.elapsed() - began).toBe(2_500);
    expect(error.attempts.length).toBeGreaterThanOrEqual(3);
    expect(error.message).toContain('near');
  });

  it('of many items may take as long as the API reads on, and hang no longer than that', async () => {
    const set = new FakeSet();
    const client = set.client({ hedge: false });
    await warm(set, client);
    set.moods.near = { delayMs: 8_000 };
    const began = set.clock.elapsed();
    await set.clock.run(client.query({ partition: 'a' }));
    expect(set.clock.elapsed() - began).toBe(8_005);
    expect(set.calls.filter((c) => c.path === '/v1/query')).toHaveLength(1);
    for (const name of ALL) set.moods[name] = 'frozen';
    const hung = set.clock.elapsed();
    expect((await failure(set.clock.run(client.query({ partition: 'a' })))).code).toBe('timeout');
    expect(set.clock.elapsed() - hung).toBe(15_000);
    expect((await failure(set.clock.run(client.batchWrite([{ delete: KEY }], { timeoutMs: 700 })))).code).toBe('unknown-outcome');
    expect(set.clock.elapsed() - hung).toBe(15_700);
  });

  it('that usually take long are not sent twice for that', async () => {
    const set = new FakeSet();
    const client = set.client();
    await warm(set, client);
    for (const name of ALL) set.moods[name] = { delayMs: 400 };
    await set.clock.run(client.query({ partition: 'a' }));
    for (const name of ALL) set.moods[name] = { delayMs: 1_100 };
    await set.clock.run(client.query({ partition: 'a' }));
    expect(set.calls.filter((c) => c.path === '/v1/query')).toHaveLength(2);
  });

  it('that had little time say nothing of the member: it is not avoided for that', async () => {
    const set = new FakeSet();
    const client = set.client({ hedge: false });
    await warm(set, client);
    const near = set.calls.length;
    expect((await failure(set.clock.run(client.get(KEY, { timeoutMs: 2 })))).code).toBe('timeout');
    expect((await set.clock.run(client.get(KEY))).member).toBe(NEAR);
    expect(set.calls.slice(near).map((c) => c.member)).toEqual([NEAR, NEAR]);
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

  it('are ended by their signal in a pause between two attempts, too', async () => {
    const set = new FakeSet();
    for (const name of ALL) set.moods[name] = { status: 429, headers: { 'retry-after': '3' } };
    const controller = new AbortController();
    const reading = failure(set.client().get(KEY, { signal: controller.signal }));
    await set.clock.advance(1_000);
    controller.abort(new Error('enough'));
    expect((await reading).code).toBe('aborted');
    expect(set.clock.elapsed()).toBe(1_000);
  });

  it.each([429, 503])('obey Retry-After of %d within their time, and give up when it asks for more', async (status) => {
    const set = new FakeSet();
    const code = status === 429 ? 'too-many-requests' : 'busy';
    for (const name of ALL) set.moods[name] = { status, code, headers: { 'retry-after': '2' } };
    const client = set.client({ timeoutMs: 10_000 });
    const error = await failure(set.clock.run(set.client({ timeoutMs: 1_000 }).get(KEY)));
    expect(error).toMatchObject({ status, code, problem: { detail: 'Too much.' } });
    const began = set.clock.elapsed();
    const long = client.get(KEY);
    await set.clock.advance(1_000);
    for (const name of ALL) set.moods[name] = 'well';
    await set.clock.run(long);
    expect(set.clock.elapsed() - began).toBeGreaterThanOrEqual(2_000);
  });

  it.each([500, 502, 503, 504])('go on to another member after a %d', async (status) => {
    const set = new FakeSet();
    set.moods.near = { status, code: 'internal' };
    expect((await set.clock.run(set.client().get(KEY))).member).toBe(MIDDLE);
  });

  it('are not repeated when the request itself is at fault', async () => {
    const set = new FakeSet();
    set.moods.near = { status: 400 };
    const error = await failure(set.clock.run(set.client().get(KEY)));
    expect(error.status).toBe(400);
    expect(set.calls).toHaveLength(1);
  });
});

import { describe, expect, it } from 'vitest';
import { FAR, FakeSet, failure, KEY, MIDDLE, NEAR, url, warm } from './world.ts';

const ALL = [NEAR, MIDDLE, FAR] as const;

describe('credentials', () => {
  it('that fail are named as such at once, and no member is blamed', async () => {
    const set = new FakeSet();
    let fail = false;
    const token = async (): Promise<string> => {
      if (fail) throw new Error('the login is over');
      return 'token';
    };
    const client = set.client({ auth: { type: 'bearer', token } });
    await warm(set, client);
    fail = true;
    const began = set.clock.elapsed();
    const error = await failure(set.clock.run(client.get(KEY)));
    expect(error.code).toBe('no-credentials');
    expect(error.message).toContain('the login is over');
    expect(set.clock.elapsed()).toBe(began);
    fail = false;
    expect((await set.clock.run(client.get(KEY))).member).toBe(NEAR);
  });

  it('that never come cost no more than the time of the call', async () => {
    const set = new FakeSet();
    let hang = false;
    const client = set.client({
      auth: { type: 'bearer', token: () => (hang ? new Promise<never>(() => undefined) : Promise.resolve('token')) },
      timeoutMs: 3_000,
    });
    await warm(set, client);
    hang = true;
    const began = set.clock.elapsed();
    const error = await failure(set.clock.run(client.put({ id: 'a' })));
    // Nothing was sent, so nothing can have happened.
    expect(error.code).toBe('timeout');
    expect(set.clock.elapsed() - began).toBe(3_000);
    hang = false;
    expect((await set.clock.run(client.get(KEY))).member).toBe(NEAR);
  });

  it('that are no token, and headers that cannot be sent, are refused before anything is', async () => {
    const set = new FakeSet();
    expect((await failure(set.clock.run(set.client({ auth: { type: 'bearer', token: async () => 'a b' } }).get(KEY)))).code).toBe('no-credentials');
    expect((await failure(set.client().put({ id: 'a' }, { ifMatch: 'a\nb' }))).code).toBe('invalid-value');
    expect((await failure(set.client().get(KEY, { consistency: { atLeast: 'no revision' } }))).code).toBe('invalid-value');
    expect(set.calls).toEqual([]);
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

  it('forgets what is no member any more', async () => {
    // It asks whom it knows, when nobody answers.
    const set = new FakeSet();
    set.farUrl = 'https://moved/v1';
    const client = set.client({ endpoints: [url(NEAR)] });
    await set.clock.run(client.discover());
    set.farUrl = undefined;
    await set.clock.run(client.discover());
    for (const name of ALL) set.moods[name] = 'refused';
    await failure(set.clock.run(client.get(KEY)));
    expect(new Set(set.calls.map((c) => c.member))).toEqual(new Set(ALL));
  });

  it.each(['http://far/v1', 'javascript:alert(1)', 'no url', ''])('sends no token to %s', async (bad) => {
    const set = new FakeSet();
    set.farUrl = bad;
    const client = set.client({ endpoints: [url(NEAR)] });
    await set.clock.run(client.discover());
    set.moods.near = 'refused';
    set.moods.middle = 'refused';
    await failure(set.clock.run(client.get(KEY)));
    await set.clock.advance(2_000);
    expect(new Set(set.seen.map((s) => s.member))).toEqual(new Set([NEAR, MIDDLE]));
  });

  it('takes no call’s time: a member that hangs on it holds nothing up', async () => {
    const set = new FakeSet();
    set.moods.near = (_, path) => (path.includes('well-known') ? 'frozen' : 'well');
    const client = set.client();
    const began = set.clock.elapsed();
    await set.clock.run(client.get(KEY));
    expect(set.clock.elapsed() - began).toBe(5);
    expect(set.seen.some((s) => s.path === '/v1/.well-known/syncline')).toBe(true);
  });

  it('is made anew every five minutes, and ten seconds after a failure', async () => {
    const set = new FakeSet();
    const client = set.client();
    const discoveries = (): number => set.seen.filter((s) => s.path.includes('well-known')).length;
    await warm(set, client);
    expect(discoveries()).toBe(1);
    await set.clock.advance(4 * 60_000);
    await warm(set, client);
    expect(discoveries()).toBe(1);
    await set.clock.advance(60_000);
    await warm(set, client);
    expect(discoveries()).toBe(2);
    await set.clock.advance(10_000);
    set.moods.near = 'refused';
    await warm(set, client);
    await warm(set, client);
    expect(discoveries()).toBeGreaterThan(2);
  });

  it('that failed is tried again soon', async () => {
    const set = new FakeSet();
    set.moods.far = { status: 400 };
    const client = set.client({ endpoints: [url(FAR)] });
    await failure(set.clock.run(client.get(KEY)));
    await set.clock.advance(2_000);
    set.moods.far = 'well';
    await set.clock.advance(10_000);
    await warm(set, client);
    set.moods.far = 'refused';
    expect((await set.clock.run(client.get(KEY))).member).toBe(NEAR);
  });
});

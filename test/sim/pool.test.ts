import { afterEach, describe, expect, test } from 'vitest';
import { inOrder, Pool, type PoolOptions, StoppedError } from './pool.ts';
import type { Done, Task } from './pool-protocol.ts';

/** Modules that run seeds in place of run.ts: the pool's own behaviour is what is tested. */
const moduleOf = (body: string): string =>
  `data:text/javascript,${encodeURIComponent(`
  const outcome = (seed, knobs) => ({ seed, knobs, virtualMs: 1, writes: 0, calls: 0, invocations: 0, states: 0, injected: {}, events: 0, digest: String(seed) });
  const world = (calls) => ({ clock: { elapsed: () => 7200000 }, model: { userWrites: 3 }, calls, invocations: 5, states: 6, trace: { count: 7, events: [] } });
  export async function runSeed(seed, options) { ${body} }
`)}`;

let pool: Pool | undefined;
const made = (options: Partial<PoolOptions> & { body: string }): Pool => {
  pool = new Pool({ jobs: options.jobs ?? 1, stopMs: 500, module: moduleOf(options.body) });
  return pool;
};
afterEach(async () => {
  await pool?.stop();
  pool = undefined;
});

const until = async (condition: () => boolean): Promise<void> => {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('The condition was not met within 10 s.');
    await new Promise((done) => setTimeout(done, 10));
  }
};

describe('the pool', () => {
  test('gives what seeds come to in their order, whichever is done first', async () => {
    const p = made({
      jobs: 3,
      body: 'await new Promise((d) => setTimeout(d, seed % 3 === 0 ? 30 : 0)); return { outcome: outcome(seed, options.knobs ?? {}) };',
    });
    const tasks = Array.from({ length: 100 }, (_, seed): Task => ({ seed }));
    const seeds: number[] = [];
    for await (const done of inOrder(p, tasks)) seeds.push(done.outcome.seed);
    expect(seeds).toEqual(tasks.map((t) => t.seed));
  });

  test('an exception is a failure of its seed with its stack and how far it got, and the next seed runs', async () => {
    const p = made({ body: 'if (seed === 1) { options.watch(world(4)); throw new RangeError("no such shard"); } return { outcome: outcome(seed, {}) };' });
    const failed = await p.run({ seed: 1 });
    expect(failed.outcome.violation).toEqual({ rule: 'exception', message: 'RangeError: no such shard', t: 7_200_000 });
    expect(failed.outcome).toMatchObject({ virtualMs: 7_200_000, writes: 3, calls: 4, invocations: 5, states: 6, events: 7 });
    expect(failed.stack).toContain('runSeed');
    expect((await p.run({ seed: 2 })).outcome.violation).toBeUndefined();
  });

  test('an error that nobody catches is a failure of the seed that ran', async () => {
    const p = made({
      body: 'if (seed === 1) { setTimeout(() => { throw new TypeError("from nowhere"); }, 0); await new Promise(() => undefined); } return { outcome: outcome(seed, {}) };',
    });
    const [failed, next] = await Promise.all([p.run({ seed: 1 }), p.run({ seed: 2 })]);
    expect(failed.outcome.violation).toMatchObject({ rule: 'exception', message: 'TypeError: from nowhere' });
    expect(next.outcome).toMatchObject({ seed: 2 });
  });

  test('a promise that is rejected and that nobody awaits is one, too', async () => {
    const p = made({ body: 'void Promise.reject(new TypeError("unseen")); await new Promise(() => undefined);' });
    expect((await p.run({ seed: 1 })).outcome.violation).toMatchObject({ rule: 'exception', message: 'TypeError: unseen' });
  });

  test('a thread that ends by itself is a failure of its seed', async () => {
    const p = made({ body: 'if (seed === 1) process.exit(3); return { outcome: outcome(seed, {}) };' });
    expect((await p.run({ seed: 1 })).outcome.violation).toMatchObject({ rule: 'exception', message: 'The thread ended by itself, with code 3' });
    expect((await p.run({ seed: 2 })).outcome.seed).toBe(2);
  });

  test('a seed that neither ends nor fails hangs, with how far it had got', async () => {
    const p = made({ body: 'if (seed === 1) { options.watch(world(42)); await new Promise(() => undefined); } return { outcome: outcome(seed, {}) };' });
    // A thread that is started needs no time of the limit.
    expect((await p.run({ seed: 2 })).outcome.seed).toBe(2);
    const hung = await p.run({ seed: 1, limitMs: 1_500 });
    expect(hung.outcome.violation).toMatchObject({ rule: 'hang', message: expect.stringContaining('1.5 s') });
    expect(hung.outcome.violation?.message).toContain('2.00 virtual hours, 42 requests');
    expect((await p.run({ seed: 2 })).outcome.seed).toBe(2);
  });

  test('even a loop without an await hangs only its own thread', async () => {
    const p = made({ jobs: 2, body: 'if (seed === 1) for (;;); return { outcome: outcome(seed, {}) };' });
    const [hung, other] = await Promise.all([p.run({ seed: 1, limitMs: 1_000 }), p.run({ seed: 2 })]);
    expect([hung.outcome.violation?.rule, other.outcome.violation]).toEqual(['hang', undefined]);
  });

  test('what is urgent goes first, what is aborted is never run', async () => {
    const p = made({ body: 'await new Promise((d) => setTimeout(d, 20)); return { outcome: outcome(seed, {}) };' });
    const order: number[] = [];
    const note = (done: Done): void => void order.push(done.outcome.seed);
    const controller = new AbortController();
    const first = p.run({ seed: 1 }).then(note);
    const dropped = p.run({ seed: 2 }, { signal: controller.signal }).then(note);
    const last = p.run({ seed: 3 }).then(note);
    const urgent = p.run({ seed: 4 }, { urgent: true }).then(note);
    controller.abort();
    await expect(dropped).rejects.toThrow(StoppedError);
    await Promise.all([first, last, urgent]);
    expect(order).toEqual([1, 4, 3]);
  });

  test('a reader that stops leaves nothing waiting', async () => {
    const p = made({ jobs: 2, body: 'await new Promise((d) => setTimeout(d, 5)); return { outcome: outcome(seed, {}) };' });
    const seeds: number[] = [];
    for await (const done of inOrder(
      p,
      Array.from({ length: 1_000 }, (_, seed): Task => ({ seed })),
    )) {
      seeds.push(done.outcome.seed);
      if (seeds.length === 3) break;
    }
    expect(seeds).toEqual([0, 1, 2]);
    // The hundreds behind were dropped: the next one has its turn at once.
    expect((await p.run({ seed: 5_000 })).outcome.seed).toBe(5_000);
  });

  test('a stop rejects what runs and what waits, and what comes later', async () => {
    const p = made({ body: 'await new Promise(() => undefined);' });
    const ended: unknown[] = [];
    for (const seed of [1, 2]) p.run({ seed }).catch((error: unknown) => ended.push(error));
    await p.stop();
    await until(() => ended.length === 2);
    expect(ended.every((e) => e instanceof StoppedError)).toBe(true);
    await expect(p.run({ seed: 3 })).rejects.toThrow(StoppedError);
  });
});

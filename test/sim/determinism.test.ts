import { afterAll, describe, expect, test } from 'vitest';
import { Pool } from './pool.ts';
import { runSeed } from './run.ts';
import { traceText } from './trace.ts';

/** Seeds that are run twice: of several sizes and kinds of fault. */
const SEEDS = [11, 12, 13, 14] as const;
const STEPS = 60;

const pool = new Pool({ jobs: 1 });
afterAll(() => pool.stop());

describe('the same seed gives the same run', () => {
  test.each(SEEDS)('seed %i, byte for byte, here and on a thread, with a trace and without', async (seed) => {
    const knobs = { steps: STEPS };
    const first = await runSeed(seed, { knobs, keepTrace: true });
    const second = await runSeed(seed, { knobs, keepTrace: true });
    const bare = await runSeed(seed, { knobs });
    const thread = await pool.run({ seed, knobs, keepTrace: true });
    if (first.trace === undefined || second.trace === undefined || thread.trace === undefined) throw new Error('A trace was asked for, and there is none.');
    const text = traceText(first.trace.header, first.trace.events);
    expect(first.trace.events.length).toBe(first.outcome.events);
    expect(first.outcome.events).toBeGreaterThan(STEPS);
    expect(traceText(second.trace.header, second.trace.events)).toBe(text);
    expect(traceText(thread.trace.header, thread.trace.events)).toBe(text);
    expect([second.outcome, bare.outcome, thread.outcome]).toEqual([first.outcome, first.outcome, first.outcome]);
  });

  test('another seed gives another run', async () => {
    const digests = await Promise.all(SEEDS.map(async (seed) => (await runSeed(seed, { knobs: { steps: 10 } })).outcome.digest));
    expect(new Set(digests).size).toBe(SEEDS.length);
  });
});

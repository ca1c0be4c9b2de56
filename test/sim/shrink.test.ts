import { describe, expect, test } from 'vitest';
import type { Knobs } from './knobs.ts';
import type { Outcome } from './outcome.ts';
import { type Broken, sameFailure, shrink, smaller } from './shrink.ts';

const KNOBS: Knobs = {
  members: 3,
  lanes: 16,
  keys: 8,
  steps: 140,
  paceMs: 15,
  batchRecords: 100,
  batchMessages: 10,
  concurrency: 4,
  tickMs: 60_000,
  faults: { a: 0.5, b: 0.25, c: 0.1, d: 0.9, e: 0.05 },
};

/** A run of a world that breaks a rule exactly where `rule` says so. */
function world(rule: (knobs: Knobs) => string | undefined, injected: (knobs: Knobs) => Record<string, number> = () => ({})): (knobs: Knobs) => Outcome {
  return (knobs) => {
    const broken = rule(knobs);
    return {
      seed: 7,
      knobs,
      virtualMs: 0,
      writes: 0,
      calls: 0,
      invocations: 0,
      states: 0,
      injected: injected(knobs),
      events: 0,
      digest: '',
      ...(broken !== undefined && { violation: { rule: broken, message: 'it broke', t: 0 } }),
    };
  };
}

async function shrunk(
  run: (knobs: Knobs) => Outcome,
  jobs = 1,
  more: { runsMax?: number } = {},
): Promise<{ knobs: Knobs; rule: string; runs: number; complete: boolean; tried: number }> {
  let tried = 0;
  const { outcome, runs, complete } = await shrink(run(KNOBS) as Broken, {
    attempt: async (knobs) => {
      tried += 1;
      return run(knobs);
    },
    jobs,
    now: () => 0,
    ...more,
  });
  return { knobs: outcome.knobs, rule: outcome.violation.rule, runs, complete, tried };
}

describe('shrink', () => {
  test('what the failure does not need goes, what it needs stays', async () => {
    const run = world((k) => (k.steps >= 37 && k.keys >= 3 && 'c' in k.faults && k.members === 3 ? 'I2' : undefined));
    const { knobs, complete } = await shrunk(run);
    expect(knobs).toMatchObject({ steps: 37, keys: 3, members: 3, lanes: 1, concurrency: 1, batchMessages: 1, batchRecords: 1 });
    expect(Object.keys(knobs.faults)).toEqual(['c']);
    expect(complete).toBe(true);
  });

  test('two faults that only fail together both stay', async () => {
    const { knobs } = await shrunk(world((k) => ('a' in k.faults && 'e' in k.faults ? 'I1' : undefined)));
    expect(Object.keys(knobs.faults)).toEqual(['a', 'e']);
  });

  test('another rule that a smaller run breaks does not count', async () => {
    const { knobs, rule } = await shrunk(world((k) => (k.steps >= 20 ? 'I2' : 'I1')));
    expect([knobs.steps, rule]).toEqual([20, 'I2']);
  });

  test('a fault that strikes late is made to strike early', async () => {
    // It strikes once, at the step where its rate has added up to one, and the rule is broken two steps later.
    const strikesAt = (k: Knobs): number => Math.ceil(1 / (k.faults['e'] ?? 0.001));
    const run = world(
      (k) => (k.steps >= strikesAt(k) + 2 ? 'I2' : undefined),
      (k) => ({ e: k.steps >= strikesAt(k) ? 1 : 0 }),
    );
    const { knobs } = await shrunk(run);
    expect(knobs).toMatchObject({ steps: 3, faults: { e: 1 } });
  });

  test('rates fall as long as fewer faults are injected', async () => {
    const run = world(
      (k) => ((k.faults['d'] ?? 0) >= 0.1 ? 'I2' : undefined),
      (k) => ({ d: Math.round((k.faults['d'] ?? 0) * 100) }),
    );
    const { knobs } = await shrunk(run);
    expect(knobs.faults['d']).toBeGreaterThanOrEqual(0.1);
    expect(knobs.faults['d']).toBeLessThan(0.15);
  });

  test('the number of threads changes nothing in what comes out', async () => {
    const run = world((k) => ((k.steps * 7 + k.keys * 3 + Object.keys(k.faults).length) % 4 !== 0 && k.steps > 11 ? 'I2' : undefined));
    const one = await shrunk(run, 1);
    for (const jobs of [2, 5, 64]) {
      const many = await shrunk(run, jobs);
      expect({ ...many, tried: 0 }).toEqual({ ...one, tried: 0 });
    }
  });

  test('the limit of runs is kept, and told', async () => {
    const { runs, complete, knobs } = await shrunk(
      world((k) => (k.steps >= 37 ? 'I2' : undefined)),
      1,
      { runsMax: 5 },
    );
    expect([runs, complete]).toEqual([5, false]);
    expect(knobs.steps).toBeGreaterThanOrEqual(37);
  });

  test('the wall limit is kept', async () => {
    let clock = 0;
    const run = world(() => 'I2');
    const { runs, complete } = await shrink(run(KNOBS) as Broken, {
      attempt: async (knobs) => {
        clock += 10;
        return run(knobs);
      },
      jobs: 1,
      now: () => clock,
      wallMs: 25,
    });
    expect([runs, complete]).toEqual([3, false]);
  });

  test('a candidate that cannot be run is not taken', async () => {
    const run = world((k) => (k.steps >= 2 ? 'I2' : undefined));
    const { outcome } = await shrink(run(KNOBS) as Broken, {
      attempt: async (knobs) => {
        if (knobs.keys === 1) throw new Error('the pool was stopped');
        return run(knobs);
      },
      jobs: 3,
      now: () => 0,
    });
    expect(outcome.knobs).toMatchObject({ keys: 2, steps: 2 });
  });

  test('exceptions are told apart by their words, not by their numbers; a hang is left as it is', async () => {
    const violation = (rule: string, message: string): { rule: string; message: string; t: number } => ({ rule, message, t: 0 });
    expect(sameFailure(violation('exception', 'TypeError: k1 of 3'), violation('exception', 'TypeError: k5 of 17'))).toBe(true);
    expect(sameFailure(violation('exception', 'TypeError: a'), violation('exception', 'RangeError: b'))).toBe(false);
    expect(sameFailure(violation('I1', 'one'), violation('I1', 'another'))).toBe(true);
    expect(sameFailure(violation('I1', 'one'), undefined)).toBe(false);
    expect(await shrunk(world(() => 'hang'))).toMatchObject({ runs: 0, tried: 0, knobs: KNOBS });
  });

  test('smaller numbers come in order, each once, none outside', () => {
    expect(smaller(140, 1)).toEqual([1, 70, 105, 122, 131, 135, 137, 138, 139]);
    expect(smaller(3, 2)).toEqual([2]);
    expect(smaller(2, 2)).toEqual([]);
    expect(smaller(1, 2)).toEqual([]);
    for (let n = 1; n < 300; n += 1) {
      const all = smaller(n, 1);
      expect(all.every((c, i) => c >= 1 && c < n && (i === 0 || c > (all[i - 1] ?? 0)))).toBe(true);
      expect(all.at(-1) ?? 0).toBe(n - 1);
    }
  });
});

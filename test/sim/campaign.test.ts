import { stripVTControlCharacters } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { firstOfEachRule, investigate, runAll } from './campaign.ts';
import { Pool } from './pool.ts';
import type { Failed, Task } from './pool-protocol.ts';
import { failureList, findingData, findingText, neverInjected, replayCommand, shrinkText, Totals, totalsTable } from './report.ts';
import type { Paint } from './story.ts';

const plain: Paint = (_, text) => text;

/** A world in which every seventh seed breaks a rule as soon as it has 5 steps and redelivery; seed 3 throws. */
const WORLD = `data:text/javascript,${encodeURIComponent(`
  let runs = 0;
  export async function runSeed(seed, { knobs, keepTrace }) {
    runs += 1;
    if (seed === 3) throw new RangeError('no such shard');
    const unstable = seed === 700 && keepTrace;
    const broken = seed % 7 === 0 && knobs.steps >= 5 && 'redelivery' in knobs.faults && !unstable;
    const violation = broken ? { rule: seed % 14 === 0 ? 'I2' : 'I1', message: 'k0 went back', key: 'k0', t: 42 } : undefined;
    const outcome = { seed, knobs, ...(broken && { violation }), virtualMs: 3600000, writes: 10, calls: 20, invocations: 30, states: 40, injected: { redelivery: 2 }, events: 1, digest: 'd' + seed };
    const header = { syncline: 'trace', version: 1, seed, knobs, members: ['a', 'b'], links: [], lanes: 1, keys: ['k0'], endMs: 50, ...(broken && { violation }) };
    return { outcome, ...(keepTrace && { trace: { header, events: [{ n: 0, t: 42, kind: 'write', who: 'user', at: 'a', keys: ['k0'], text: 'k0=1@5' }] } }) };
  }
`)}`;

const pool = new Pool({ jobs: 2, module: WORLD });
afterAll(() => pool.stop());

const KNOBS = {
  members: 3,
  lanes: 4,
  keys: 8,
  steps: 140,
  paceMs: 20_000,
  batchRecords: 10,
  batchMessages: 10,
  concurrency: 4,
  tickMs: 1_800_000,
  faults: { redelivery: 0.5, drift: 0.1 },
};
const tasks = (from: number, to: number): Task[] => Array.from({ length: to - from }, (_, i) => ({ seed: from + i, knobs: KNOBS }));

describe('many seeds', () => {
  test('are summed, and their failures come in order', async () => {
    const shown: number[] = [];
    const { totals, failures } = await runAll(pool, tasks(0, 30), 100, (t) => shown.push(t.seeds));
    expect(failures.map((f) => [f.outcome.seed, f.outcome.violation.rule])).toEqual([
      [0, 'I2'],
      [3, 'exception'],
      [7, 'I1'],
      [14, 'I2'],
      [21, 'I1'],
      [28, 'I2'],
    ]);
    // The one that threw has no figures.
    expect(totals).toMatchObject({
      seeds: 30,
      failed: 6,
      virtualMs: 29 * 3_600_000,
      writes: 290,
      calls: 580,
      invocations: 870,
      states: 1_160,
      injected: { redelivery: 58 },
    });
    expect(shown.at(-1)).toBe(30);
    expect(firstOfEachRule(failures).map((f) => f.outcome.seed)).toEqual([0, 3, 7]);
  });

  test('end at the failure that is one too many', async () => {
    const { totals, failures } = await runAll(pool, tasks(0, 1_000), 2, () => undefined);
    expect([totals.seeds, failures.length]).toEqual([4, 2]);
  });
});

describe('a failure', () => {
  const failureOf = async (seed: number): Promise<Failed> => (await runAll(pool, [{ seed, knobs: KNOBS }], 1, () => undefined)).failures[0] as Failed;

  test('is made smaller, and told with the commands that replay and draw it', async () => {
    const finding = await investigate(pool, await failureOf(14), { shrink: true });
    expect(finding).toMatchObject({ complete: true, shrunk: { knobs: { steps: 5, members: 2, keys: 1, lanes: 1 }, violation: { rule: 'I2' } } });
    expect(Object.keys(finding.shrunk.knobs.faults)).toEqual(['redelivery']);
    const text = findingText(finding, plain);
    expect(text).toContain('✗ I2  k0 went back');
    expect(text).toContain('steps 140 → 5, faults 2 → 1, members 3 → 2');
    expect(text).toContain('The story of k0');
    expect(text).toContain('writes k0=1@5');
    expect(text).toContain(`npm run sim -- --seed 14 --seeds 1 --no-shrink --knobs '${JSON.stringify(finding.shrunk.knobs)}'`);
    expect(text).toContain('npm run sim:view -- --seed 14');
    expect(text).not.toContain('unstable');
    expect(findingData(finding)).toMatchObject({ seed: 14, knobs: KNOBS, violation: { rule: 'I2' }, shrunk: { knobs: { steps: 5 }, complete: true } });
  });

  test('stays as it is when nobody wants it smaller', async () => {
    const finding = await investigate(pool, await failureOf(14), { shrink: false });
    expect(finding.shrunk.knobs).toEqual(KNOBS);
    expect(findingText(finding, plain)).not.toContain('shrunk');
  });

  test('that does not come again with its trace is said to be unstable', async () => {
    const finding = await investigate(pool, await failureOf(700), { shrink: false });
    expect(findingText(finding, plain)).toContain('gave no violation at the second run');
  });

  test('that is an exception has its stack', async () => {
    const text = findingText(await investigate(pool, await failureOf(3), { shrink: false }), plain);
    expect(text).toContain('✗ exception  RangeError: no such shard');
    expect(text).toContain('at runSeed');
  });
});

describe('the report', () => {
  test('marks kinds of fault that were never injected', () => {
    const totals = new Totals();
    totals.add({
      seed: 1,
      knobs: KNOBS,
      virtualMs: 7_200_000,
      writes: 1_234,
      calls: 0,
      invocations: 0,
      states: 0,
      injected: { redelivery: 12, drift: 0 },
      events: 0,
      digest: '',
    });
    const table = totalsTable(totals, 2_000, (style, text) => (style === 'yellow' ? `<${text}>` : text));
    expect(table).toMatch(/redelivery +│ +12 /);
    expect(table).toMatch(/<drift> +│ +<0 !>/);
    expect(table).toMatch(/<lost-answer> +│ +<off>/);
    expect(table).toMatch(/writes by users +│ +1,234/);
    expect(table).toMatch(/virtual hours\/s +│ +1\.0/);
    expect(neverInjected(totals)).toContain('drift');
    expect(neverInjected(totals)).not.toContain('redelivery');
    const widths = table.split('\n').map((l) => stripVTControlCharacters(l).replaceAll(/[<>]/g, '').length);
    expect(Math.max(...widths)).toBeLessThan(120);
  });

  test('lists failures, but not thousands', () => {
    const failures = Array.from({ length: 50 }, (_, seed) => ({ outcome: { seed, violation: { rule: 'I1', message: 'm', t: 0 } } })) as unknown as Failed[];
    const lines = failureList(failures, plain).split('\n');
    expect(lines[0]).toBe('✗ seed 0  I1: m');
    expect(lines.at(-1)).toBe('… and 30 more');
  });

  test('quotes for a shell, and tells only what changed', () => {
    expect(replayCommand(1, { ...KNOBS, faults: {} })).toContain(`--knobs '{"members":3,`);
    expect(shrinkText(KNOBS, { ...KNOBS, keys: 1 })).toBe('keys 8 → 1');
    expect(shrinkText(KNOBS, KNOBS)).toBe('');
  });
});

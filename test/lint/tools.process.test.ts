import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { VitestReport } from '../../tools/report.ts';
import { readVitest, summaryLine, total } from '../../tools/report.ts';

/** The runner of `npm test`: it must count what happened, go on after a failure, and never look green when it is not. */

type Status = VitestReport['testResults'][number]['assertionResults'][number]['status'];

const file = (name: string, statuses: readonly Status[], failedItself = false, message = ''): VitestReport['testResults'][number] => ({
  name,
  status: failedItself || statuses.includes('failed') ? 'failed' : 'passed',
  message,
  assertionResults: statuses.map((status, i) => ({ fullName: `${name} ${i}`, status })),
});

describe('readVitest', () => {
  test('counts what passed, failed and was skipped, and names the last two', () => {
    const report = { testResults: [file('a', ['passed', 'failed', 'skipped']), file('b', ['passed', 'todo'])] };
    expect(readVitest(report, 1)).toEqual({ passed: 2, failed: 1, skipped: 2, notes: ['failed: a 1', 'skipped: a 2', 'skipped: b 1'] });
  });

  test.each<[string, VitestReport | undefined, number, RegExp]>([
    ['no report', undefined, 137, /code 137 and wrote no report/],
    ['a file that could not be loaded', { testResults: [file('a', ['passed']), file('b', [], true, 'Cannot find x\n at y')] }, 1, /the file b Cannot find x$/],
    ['a file whose worker died', { testResults: [file('a', ['passed', 'pending'], true)] }, 1, /the file a did not finish/],
    ['an error outside of tests', { testResults: [file('a', ['passed'])] }, 1, /code 1 though no test failed/],
    ['no test at all', { testResults: [] }, 0, /no test ran/],
    ['skipped tests only', { testResults: [file('a', ['skipped'])] }, 0, /no test ran/],
  ])('%s is one failure', (_, report, code, note) => {
    const outcome = readVitest(report, code);
    expect(outcome.failed).toBe(1);
    expect(outcome.notes.some((n) => note.test(n))).toBe(true);
  });

  test('names a bounded number of them', () => {
    const report = { testResults: [file('a', [...Array<Status>(500).fill('failed'), ...Array<Status>(500).fill('skipped')])] };
    const { failed, skipped, notes } = readVitest(report, 1);
    expect([failed, skipped]).toEqual([500, 500]);
    expect(notes.length).toBeLessThan(150);
    expect(notes).toContain('… and 400 more');
  });
});

test('the summary is "N passed, N failed", and says what was skipped only if something was', () => {
  const some = { passed: 3, failed: 0, skipped: 0, notes: [] };
  expect(summaryLine(some)).toBe('3 passed, 0 failed');
  expect(summaryLine(total([some, { passed: 1, failed: 2, skipped: 4, notes: ['x'] }]))).toBe('4 passed, 2 failed, 4 skipped');
});

describe('runSteps', () => {
  /** Runs steps in a process of their own; gives its exit code and its lines. */
  const run = (steps: string, limitMs = 60_000): Promise<{ code: number; lines: string[] }> =>
    new Promise((resolve) => {
      const steps_ts = join(import.meta.dirname, '..', '..', 'tools', 'steps.ts');
      const script = `import { check, runSteps } from ${JSON.stringify(steps_ts)}; process.exitCode = await runSteps([${steps}], { limitMs: ${limitMs} });`;
      execFile(process.execPath, ['--input-type=module', '-e', script], (error, stdout) => {
        resolve({ code: error === null ? 0 : Number(error.code), lines: stdout.trimEnd().split('\n') });
      });
    });

  test('ends with 0 when all passed; the last line is the sum', async () => {
    const { code, lines } = await run("check('one', 'true', [], 10_000), check('two', 'true', [], 10_000)");
    expect([code, lines.at(-1)]).toEqual([0, '2 passed, 0 failed']);
  });

  test('goes on after a failure, and a program that is not there is one', async () => {
    const { code, lines } = await run("check('one', 'false', [], 10_000), check('two', 'no-such-program', [], 10_000), check('three', 'true', [], 10_000)");
    expect([code, lines.at(-1)]).toEqual([1, '1 passed, 2 failed']);
    expect(lines).toContain('failed: one: false ended with code 1');
    expect(lines.some((l) => /^failed: two: .*no-such-program/.test(l))).toBe(true);
  });

  test('ends a step that takes too long, with all that it has started', async () => {
    // The shell's child keeps the pipe open: were it left running, this would not come back.
    const started = performance.now();
    const { code, lines } = await run("check('slow', 'sh', ['-c', 'sleep 60; true'], 200)");
    expect([code, lines.at(-1)]).toEqual([1, '0 passed, 1 failed']);
    expect(lines).toContain('failed: slow: not done within 0.2 s');
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  test('a run that takes too long ends its step, and says which ones it did not start', async () => {
    const { code, lines } = await run("check('slow', 'sleep', ['60'], 60_000), check('next', 'true', [], 10_000)", 200);
    expect([code, lines.at(-1)]).toEqual([1, '0 passed, 2 failed']);
    expect(lines).toContain("failed: next: not started: the run's 0.2 s are used up");
  });
});

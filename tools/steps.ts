import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Outcome, VitestReport } from './report.ts';
import { readVitest, summaryLine, total } from './report.ts';

/**
 * The steps of `npm run verify` and `npm test`: each is a process of its own with a limit, all of them run even if an
 * earlier one failed, and the last line says what they came to.
 */

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** One step. */
export interface Step {
  readonly name: string;
  /** Longest time it may take (ms); then its whole process group is ended, and the step has failed. */
  readonly limitMs: number;
  run(limitMs: number): Promise<Outcome>;
}

/** From SIGTERM to SIGKILL for a step that ran out of time (ms): vitest's teardown stops local clouds in it. */
const GRACE_MS = 20_000;

interface Ended {
  readonly code: number;
  readonly timedOut: boolean;
}

/** Runs a program of node_modules/.bin in the project, its output on ours. Ends the whole process group at the limit. */
async function program(command: string, args: readonly string[], limitMs: number): Promise<Ended> {
  const child = spawn(command, args, {
    cwd: ROOT,
    stdio: 'inherit',
    // A group of its own, so that what a test has started is ended with it.
    detached: true,
    env: { ...process.env, PATH: `${dirname(process.execPath)}:${join(ROOT, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}` },
  });
  const signal = (name: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // The group is gone already.
    }
  };
  let timedOut = false;
  let interrupted: number | undefined;
  const timers: NodeJS.Timeout[] = [];
  const endSoon = (): void => {
    signal('SIGTERM');
    timers.push(setTimeout(() => signal('SIGKILL'), GRACE_MS));
  };
  timers.push(
    setTimeout(() => {
      timedOut = true;
      endSoon();
    }, limitMs),
  );
  const onInterrupt = (name: NodeJS.Signals): void => {
    interrupted = name === 'SIGINT' ? 130 : 143;
    endSoon();
  };
  process.on('SIGINT', onInterrupt).on('SIGTERM', onInterrupt);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (status) => resolve(status ?? 1));
    });
    // A person who interrupts wants all of it to end, not only this step.
    if (interrupted !== undefined) process.exit(interrupted);
    return { code, timedOut };
  } finally {
    for (const timer of timers) clearTimeout(timer);
    process.off('SIGINT', onInterrupt).off('SIGTERM', onInterrupt);
  }
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** A step that passes when a program ends with 0: one passed or one failed. */
export const check = (name: string, command: string, args: readonly string[], limitMs: number): Step => ({
  name,
  limitMs,
  async run(limit) {
    const { code, timedOut } = await program(command, args, limit);
    if (code === 0) return { passed: 1, failed: 0, skipped: 0, notes: [] };
    return {
      passed: 0,
      failed: 1,
      skipped: 0,
      notes: [`failed: ${name}: ${timedOut ? `not done within ${seconds(limit)}` : `${command} ended with code ${code}`}`],
    };
  },
});

/** A step that runs the simulator on seeds 1 to `seeds`: one passed, or one failed with its story on the output. */
export const simulation = (seeds: number, limitMs: number): Step =>
  check('simulation', 'node', ['--disable-warning=ExperimentalWarning', 'test/sim/main.ts', '--seeds', String(seeds), '--seed', '1'], limitMs);

/** A step that runs one of vitest's projects (see vitest.config.ts). `filters` are parts of file names. */
export const tests = (name: string, project: string, limitMs: number, filters: readonly string[] = []): Step => ({
  name,
  limitMs,
  async run(limit) {
    const folder = await mkdtemp(join(tmpdir(), 'syncline-test-'));
    const file = join(folder, 'report.json');
    try {
      const { code, timedOut } = await program(
        'vitest',
        ['run', `--project=${project}`, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...filters],
        limit,
      );
      const text = await readFile(file, 'utf8').catch(() => undefined);
      const late = failure(`${name}: not done within ${seconds(limit)}`);
      // Vitest writes its report at the end, so a run that was ended early usually has none.
      if (timedOut && text === undefined) return late;
      const outcome = readVitest(text === undefined ? undefined : (JSON.parse(text) as VitestReport), code);
      return timedOut ? total([outcome, late]) : outcome;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
});

/** Two steps at the same time, as one: the one computes while the other mostly waits. Their outputs are mixed. */
export const beside = (one: Step, other: Step): Step => ({
  name: `${one.name} and ${other.name}`,
  limitMs: Math.max(one.limitMs, other.limitMs),
  async run(limit) {
    const outcomes = await Promise.all([one, other].map((step) => attempt(step, Math.min(step.limitMs, limit))));
    return total(outcomes);
  },
});

const failure = (what: string): Outcome => ({ passed: 0, failed: 1, skipped: 0, notes: [`failed: ${what}`] });

/** Runs a step; what it throws is its failure. */
const attempt = (step: Step, limitMs: number): Promise<Outcome> =>
  step.run(limitMs).catch((error: unknown) => failure(`${step.name}: ${error instanceof Error ? error.message : String(error)}`));

/** Options of a run of steps. */
export interface RunOptions {
  /** Longest time of the whole run (ms): a step gets what is left of it, at most its own limit. */
  readonly limitMs: number;
  /** Lines for the summary, e.g. what this machine lacks. */
  readonly notes?: readonly string[];
}

/** Runs the steps in order, all of them, prints the summary, and returns the exit code. */
export async function runSteps(steps: readonly Step[], { limitMs, notes = [] }: RunOptions): Promise<number> {
  const rows: { name: string; ms: number; outcome: Outcome }[] = [];
  const begin = performance.now();
  for (const step of steps) {
    const started = performance.now();
    const left = begin + limitMs - started;
    process.stdout.write(`\n── ${step.name} ──\n`);
    const outcome =
      left > 0 ? await attempt(step, Math.min(step.limitMs, left)) : failure(`${step.name}: not started: the run's ${seconds(limitMs)} are used up`);
    rows.push({ name: step.name, ms: performance.now() - started, outcome });
  }
  const all = total(rows.map((r) => r.outcome));
  process.stdout.write('\n── summary ──\n');
  for (const note of [...notes, ...all.notes]) process.stdout.write(`${note}\n`);
  const width = Math.max(...rows.map((r) => r.name.length));
  for (const { name, ms, outcome } of rows) {
    process.stdout.write(`${outcome.failed === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(width)} ${seconds(ms).padStart(9)}  ${summaryLine(outcome)}\n`);
  }
  process.stdout.write(`${summaryLine(all)}\n`);
  return all.failed === 0 ? 0 : 1;
}

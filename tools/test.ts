import { spawnSync } from 'node:child_process';
import { BROWSERS } from './browsers.ts';
import type { Step } from './steps.ts';
import { beside, check, runSteps, simulation, tests } from './steps.ts';

/**
 * `npm test`: everything, in order, from the cheapest to the dearest. It goes on after a failure and reports all of
 * them. The last line is "N passed, N failed", and ", N skipped" if any were; a failed type check or lint counts as one.
 *
 *   npm test                             everything
 *   npm test -- --only unit,local        some of the steps
 */

const MINUTE = 60_000;

/** Longest time of the whole (ms): CI's 20 minutes, less the installation before it. A step gets what is left, at most its own limit. */
const LIMIT_MS = 19 * MINUTE;

/** Seeds of the simulator, from the first. */
const SEEDS = 400;

/** Requests that the API is fuzzed with, at least: the fuzzer's fixed cases alone are many thousands. */
const FUZZED = 1_000;

const PROCESS = tests('process', 'process', 4 * MINUTE);
/** They wait for local clouds most of their time, and so does what follows. */
const LOCAL = tests('local', 'local', 7 * MINUTE);
const FUZZ = check('fuzz', 'node', ['--disable-warning=ExperimentalWarning', 'test/fuzz/main.ts', '--requests', String(FUZZED), '--seed', '1'], 8 * MINUTE);
const E2E = tests('e2e', 'e2e', 13 * MINUTE);

/** Steps and the longest time of each (ms). */
const STEPS: readonly Step[] = [
  check('types', 'tsc', [], 2 * MINUTE),
  check('page', 'tsc', ['-p', 'test/sim/view/page'], MINUTE),
  check('lint', 'biome', ['check', '--error-on-warnings', '.'], 2 * MINUTE),
  check('audit', 'node', ['tools/audit.ts'], 2 * MINUTE),
  tests('unit', 'unit', 5 * MINUTE),
  simulation(SEEDS, 6 * MINUTE),
  tests('cdk', 'cdk', 5 * MINUTE),
  PROCESS,
  LOCAL,
  FUZZ,
  E2E,
];

/** The steps that `--only` names; all without it. @throws Error for a step that there is not. */
function chosen(args: readonly string[]): readonly Step[] {
  // Together two steps take as long as the longer one.
  if (args.length === 0) return [...STEPS.slice(0, STEPS.indexOf(PROCESS)), beside(PROCESS, LOCAL), beside(FUZZ, E2E)];
  const [flag, list] = args;
  const names = flag === '--only' && args.length === 2 ? (list ?? '').split(',') : [];
  const known = STEPS.map((s) => s.name);
  const unknown = names.filter((n) => !known.includes(n));
  if (names.length === 0 || unknown.length > 0) {
    throw new Error(`usage: npm test [-- --only STEP[,STEP…]]; the steps are ${known.join(', ')}${unknown.length > 0 ? `, not ${unknown.join(', ')}` : ''}.`);
  }
  return STEPS.filter((s) => names.includes(s.name));
}

/** What this machine lacks, said before the numbers. */
function missing(steps: readonly Step[]): readonly string[] {
  const has = (command: string, flag: string): boolean => spawnSync(command, [flag], { stdio: 'ignore' }).status === 0;
  const runs = (name: string): boolean => steps.some((s) => s.name.split(' and ').includes(name));
  return [
    ...(runs('local') && !has('java', '-version')
      ? ["skipped: tests on AWS's own DynamoDB Local, since there is no `java` on the PATH. Install a Java runtime, 17 or newer, to run them."]
      : []),
    ...(runs('e2e') && !BROWSERS.some((name) => has(name, '--version'))
      ? ['skipped: the client in a browser, since there is no Chromium on the PATH. Install one to run it.']
      : []),
  ];
}

try {
  const steps = chosen(process.argv.slice(2));
  process.exitCode = await runSteps(steps, { limitMs: LIMIT_MS, notes: missing(steps) });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}

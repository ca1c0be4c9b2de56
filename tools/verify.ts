import { check, runSteps, simulation, tests } from './steps.ts';

/**
 * `npm run verify`: the quick loop, meant to be run before every commit. Types, lint, unit tests and a short simulation, in
 * less than a minute; nothing is started, nothing is deployed. Arguments are parts of test file names.
 */

const filters = process.argv.slice(2);

/** Seeds of the simulator, from the first: the same ones each time, so that a failure is the change's. `npm run sim` takes others. */
const SEEDS = 200;

/** Longest time of the whole (ms): it takes less than a minute on two free cores, and several on a busy machine. */
const LIMIT_MS = 8 * 60_000;

process.exitCode = await runSteps(
  [
    check('types', 'tsc', [], 120_000),
    check('types of the page', 'tsc', ['-p', 'test/sim/view/page'], 60_000),
    check('lint', 'biome', ['check', '--error-on-warnings', '.'], 120_000),
    tests('unit', 'unit', 300_000, filters),
    simulation(SEEDS, 120_000),
  ],
  { limitMs: LIMIT_MS },
);

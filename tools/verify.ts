import { check, runSteps, tests } from './steps.ts';

/**
 * `npm run verify`: the quick loop, meant to be run before every commit. Types, lint and unit tests, in less than a
 * minute; nothing is started, nothing is deployed. Arguments are parts of test file names.
 */

const filters = process.argv.slice(2);

/** Longest time of the whole (ms): it takes less than a minute on two free cores, and several on a busy machine. */
const LIMIT_MS = 8 * 60_000;

process.exitCode = await runSteps(
  [check('types', 'tsc', [], 120_000), check('lint', 'biome', ['check', '--error-on-warnings', '.'], 120_000), tests('unit', 'unit', 300_000, filters)],
  { limitMs: LIMIT_MS },
);

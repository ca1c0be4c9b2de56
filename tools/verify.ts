import { check, runSteps, tests } from './steps.ts';

/**
 * `npm run verify`: the quick loop, meant to be run before every commit. Types, lint and unit tests, in less than a
 * minute; nothing is started, nothing is deployed. Arguments are parts of test file names.
 */

const filters = process.argv.slice(2);

process.exitCode = await runSteps([
  check('types', 'tsc', [], 120_000),
  check('lint', 'biome', ['check', '--error-on-warnings', '.'], 60_000),
  tests('unit', 'unit', 180_000, filters),
]);

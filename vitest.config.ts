import { configDefaults, defineConfig } from 'vitest/config';

/**
 * Five projects, told apart by a test file's suffix or folder:
 *
 * | project | files | needs |
 * |---|---|---|
 * | unit | `*.test.ts` | nothing |
 * | cdk | `test/cdk/*.test.ts` | nothing, but synthesizes whole stacks, which takes its time |
 * | process | `*.process.test.ts` | nothing, but starts commands as processes, which takes its time |
 * | local | `*.local.test.ts` | a local cloud (Python 3.10+), or Java |
 * | e2e | `*.e2e.test.ts` | stacks deployed to a local cloud |
 *
 * `npm test` runs all of them in this order; `node tools/run.mjs tools/test.ts --only unit` runs one.
 */

/** Longest time of one test, and of one hook (ms). A test that needs more says so itself, with its reason. */
const LIMITS = {
  unit: { test: 30_000, hook: 60_000 },
  process: { test: 60_000, hook: 60_000 },
  local: { test: 60_000, hook: 180_000 },
  e2e: { test: 180_000, hook: 480_000 },
} as const;

const exclude = [...configDefaults.exclude, 'dist/**', 'cdk.out/**', '.local/**'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...exclude, 'test/cdk/**', '**/*.process.test.ts', '**/*.local.test.ts', '**/*.e2e.test.ts'],
          testTimeout: LIMITS.unit.test,
          hookTimeout: LIMITS.unit.hook,
          // One process serves many files: making a new one for each took half of the time. So no unit test may leave a trace.
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'cdk',
          include: ['test/cdk/**/*.test.ts'],
          exclude,
          testTimeout: LIMITS.process.test,
          hookTimeout: LIMITS.process.hook,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'process',
          include: ['test/**/*.process.test.ts'],
          exclude,
          testTimeout: LIMITS.process.test,
          hookTimeout: LIMITS.process.hook,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'local',
          include: ['test/**/*.local.test.ts'],
          exclude,
          testTimeout: LIMITS.local.test,
          hookTimeout: LIMITS.local.hook,
          // One file at a time: each starts processes of its own, and two cores are all there is to count on.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/**/*.e2e.test.ts'],
          exclude,
          testTimeout: LIMITS.e2e.test,
          hookTimeout: LIMITS.e2e.hook,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});

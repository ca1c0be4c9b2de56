/**
 * Reads vitest's JSON report and adds up what happened. Pure: the files and processes are in steps.ts.
 */

/** The part of vitest's JSON report that is counted (reporter `json`, vitest 5). */
export interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: 'passed' | 'failed';
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: 'passed' | 'failed' | 'skipped' | 'pending' | 'todo' | 'disabled';
    }[];
  }[];
}

/** What a step, or a whole run, came to. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** One line for each failure and each thing that was left out, with its reason. */
  readonly notes: readonly string[];
}

/** Skipped tests that are named one by one; more are counted only. */
const SKIPPED_NAMED_MAX = 40;
/** Failed tests that are named one by one. */
const FAILED_NAMED_MAX = 100;

/**
 * The outcome of a vitest run.
 *
 * A file that could not be loaded, or whose worker died, has no failed test in it: it counts as one failure. So does a run
 * that ended with an error though every test passed (an error outside of tests), and one that found no test at all: a
 * step that proves nothing must not look like one that passed.
 *
 * @param report the parsed report; undefined when vitest wrote none.
 * @param code vitest's exit code.
 */
export function readVitest(report: VitestReport | undefined, code: number): Outcome {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0, notes: [`vitest ended with code ${code} and wrote no report`] };
  let passed = 0;
  let failed = 0;
  const failures: string[] = [];
  const skips: string[] = [];
  for (const file of report.testResults) {
    let failedHere = 0;
    for (const test of file.assertionResults) {
      if (test.status === 'passed') passed += 1;
      else if (test.status === 'failed') {
        failedHere += 1;
        failures.push(`failed: ${test.fullName}`);
      } else skips.push(`skipped: ${test.fullName}`);
    }
    if (file.status === 'failed' && failedHere === 0) {
      failedHere = 1;
      failures.push(`failed: the file ${file.name} ${firstLine(file.message) || 'did not finish'}`);
    }
    failed += failedHere;
  }
  if (failed === 0 && code !== 0) {
    failed = 1;
    failures.push(`failed: vitest ended with code ${code} though no test failed: an error outside of the tests, or no test file`);
  } else if (failed === 0 && passed === 0) {
    failed = 1;
    failures.push('failed: no test ran');
  }
  return { passed, failed, skipped: skips.length, notes: [...capped(failures, FAILED_NAMED_MAX), ...capped(skips, SKIPPED_NAMED_MAX)] };
}

/** The sum of outcomes. */
export const total = (outcomes: readonly Outcome[]): Outcome => ({
  passed: outcomes.reduce((n, o) => n + o.passed, 0),
  failed: outcomes.reduce((n, o) => n + o.failed, 0),
  skipped: outcomes.reduce((n, o) => n + o.skipped, 0),
  notes: outcomes.flatMap((o) => o.notes),
});

/** The last line of a run: "N passed, N failed", and ", N skipped" if any were. */
export const summaryLine = (o: Outcome): string => `${o.passed} passed, ${o.failed} failed${o.skipped > 0 ? `, ${o.skipped} skipped` : ''}`;

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

const capped = (lines: readonly string[], max: number): readonly string[] =>
  lines.length <= max ? lines : [...lines.slice(0, max), `… and ${lines.length - max} more`];

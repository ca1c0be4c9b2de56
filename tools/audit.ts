import { spawnSync } from 'node:child_process';
import { judgeAudit } from './audit-report.ts';
import { ROOT } from './steps.ts';

/**
 * Checks what is shipped (dependencies, without those for development) against known vulnerabilities, by `npm audit`.
 *
 * Exit codes: 0 nothing that must stop a build, or nothing was looked at, which it says aloud; 1 a vulnerability of
 * severity high or critical; 2 npm gave nothing that can be read.
 *
 *   node tools/run.mjs tools/audit.ts
 */

/** npm's question takes a second; a registry that does not answer must not hold a build (ms). */
const AUDIT_MAX_MS = 60_000;
/** A report of many vulnerabilities (bytes). */
const OUTPUT_MAX = 16 * 1024 * 1024;
const EXIT = { clean: 0, skipped: 0, stopped: 1, unreadable: 2 } as const;

// npm ends with 1 both for vulnerabilities and for a registry without advisories: what it prints tells them apart.
const npm = process.env['npm_execpath'];
const [command, first] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
const { stdout, error } = spawnSync(command, [...first, 'audit', '--omit=dev', '--json', '--fetch-retries=1'], {
  cwd: ROOT,
  encoding: 'utf8',
  timeout: AUDIT_MAX_MS,
  maxBuffer: OUTPUT_MAX,
  stdio: ['ignore', 'pipe', 'ignore'],
});
const { verdict, lines } =
  error === undefined ? judgeAudit(stdout) : ({ verdict: 'unreadable', lines: [`npm audit could not be run: ${error.message}`] } as const);
for (const line of lines) process.stdout.write(`${line}\n`);
process.exitCode = EXIT[verdict];

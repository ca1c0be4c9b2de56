import { randomInt } from 'node:crypto';
import { appendFileSync, mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { styleText } from 'node:util';
import { Command, CommanderError } from 'commander';
import { localDirectory } from '../../local/paths.ts';
import { listenForEnd } from '../../local/signals.ts';
import { investigate } from './campaign.ts';
import { type FaultChoice, faultsOf, JOBS_MAX, MINUTES_MAX, parseFaults, SEED_MAX, wholeNumber } from './options.ts';
import { Pool, StoppedError } from './pool.ts';
import { type Done, type Failed, isFailed } from './pool-protocol.ts';
import { showProgress } from './progress.ts';
import { failureList, findingData, findingText, neverInjected, Totals, totalsTable } from './report.ts';
import type { Paint } from './story.ts';

/** `npm run sim:soak`: random seeds on all cores until the time is over, and a log of what failed. */

const MINUTES = 10;
/** Failures of one rule that are made smaller; the others are logged as they are, so that one bug does not eat the whole time. */
const SHRUNK_A_RULE_MAX = 2;
/** A line of the log comes this often (ms). */
const LOG_MS = 60_000;

interface Options {
  readonly minutes: number;
  readonly jobs: number;
  readonly faults?: FaultChoice;
}

const ending = listenForEnd();
const { stdout, stderr } = process;
const paint: Paint = (style, text) => styleText(style as Parameters<typeof styleText>[0], text, { stream: stdout, validateStream: true });

const program = new Command('npm run sim:soak --')
  .description('Runs random seeds of the simulation on all cores until the time is over. Each failure is made smaller and logged to .local/sim.')
  .option('--minutes <m>', 'how long', wholeNumber(1, MINUTES_MAX), MINUTES)
  .option('--jobs <n>', 'threads', wholeNumber(1, JOBS_MAX), availableParallelism())
  .option('--faults <list>', 'exactly these kinds of fault, in every seed: a,b=0.2 (name, or name=rate), or none', parseFaults)
  .addHelpText('after', '\nExit codes: 0 no violation, 1 a rule was broken, 2 wrong usage.')
  .showHelpAfterError('Try --help.')
  .exitOverride();

/** Appends lines of JSON, each with its time. */
function openLog(): { readonly path: string; readonly write: (kind: string, data: object) => void } {
  const folder = join(localDirectory, 'sim');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `soak-${new Date().toISOString().replaceAll(':', '-').slice(0, 19)}.jsonl`);
  return { path, write: (kind, data) => appendFileSync(path, `${JSON.stringify({ at: new Date().toISOString(), kind, ...data })}\n`) };
}

/** What a soak has come to so far. */
class Soak {
  readonly totals = new Totals();
  readonly failures: Failed[] = [];
  readonly began = performance.now();
  readonly #rules = new Map<string, number>();

  get sums(): object {
    const { injected, on, ...sums } = this.totals;
    return { ...sums, seconds: Math.round((performance.now() - this.began) / 1_000) };
  }
  /** Counts a run; says whether it is a failure that shall be looked at closely. */
  take(done: Done): Failed | undefined {
    this.totals.add(done.outcome);
    if (!isFailed(done)) return undefined;
    this.failures.push(done);
    const { rule } = done.outcome.violation;
    const count = (this.#rules.get(rule) ?? 0) + 1;
    this.#rules.set(rule, count);
    return count <= SHRUNK_A_RULE_MAX ? done : undefined;
  }
}

async function run({ minutes, jobs, faults }: Options): Promise<number> {
  const log = openLog();
  const where = relative(process.cwd(), log.path);
  const progress = showProgress(stderr);
  const soak = new Soak();
  const pool = new Pool({ jobs });
  const stop = (): void => void pool.stop();
  ending.signal.addEventListener('abort', stop);
  const minute = setInterval(() => log.write('progress', soak.sums), LOG_MS);
  const until = performance.now() + minutes * 60_000;
  stdout.write(`${minutes} min of random seeds on ${jobs} threads; log: ${where}\n`);
  log.write('start', { minutes, jobs, ...(faults !== undefined && { faults: [...faults.keys()] }) });

  const look = async (failed: Failed): Promise<void> => {
    const finding = await investigate(pool, failed, { shrink: true });
    log.write('failure', findingData(finding));
    progress.note('');
    stdout.write(`${findingText(finding, paint, stdout.isTTY ? stdout.columns : undefined)}\n`);
  };
  /** One seed after the other; there is one of these for each thread, so that each always has work. */
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      const seed = randomInt(0, SEED_MAX + 1);
      const done = await pool.run({ seed, ...(faults !== undefined && { knobs: { faults: faultsOf(seed, faults) } }) });
      const failed = soak.take(done);
      if (failed !== undefined) await look(failed);
      else if (isFailed(done)) log.write('failure', { seed, violation: done.outcome.violation, knobs: done.outcome.knobs });
      const left = Math.max(0, Math.round((until - performance.now()) / 60_000));
      progress.show(
        () => `${soak.totals.seeds} seeds, ${(soak.totals.virtualMs / 3_600_000).toFixed(0)} virtual hours, ${soak.totals.failed} failed, ${left} min left`,
      );
    }
  };
  try {
    await Promise.all(Array.from({ length: jobs }, worker));
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
  } finally {
    clearInterval(minute);
    ending.signal.removeEventListener('abort', stop);
    await pool.stop();
    progress.clear();
    log.write('end', { ...soak.sums, injected: soak.totals.injected });
  }
  if (soak.failures.length > 0) stdout.write(`\n${failureList(soak.failures, paint)}\n`);
  stdout.write(`\n${totalsTable(soak.totals, performance.now() - soak.began, paint)}\n`);
  const never = faults === undefined ? neverInjected(soak.totals) : [];
  if (never.length > 0) stdout.write(`Never injected: ${never.join(', ')}.\n`);
  stdout.write(`Log: ${where}\n`);
  return ending.code() ?? (soak.failures.length > 0 ? 1 : 0);
}

async function main(): Promise<number> {
  try {
    program.parse();
    return await run(program.opts<Options>());
  } catch (error) {
    // Commander has said what is wrong, or has shown its help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
}

process.exitCode = await main();

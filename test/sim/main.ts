import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { styleText } from 'node:util';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { listenForEnd } from '../../local/signals.ts';
import { firstOfEachRule, investigate, runAll } from './campaign.ts';
import { drawKnobs } from './draw.ts';
import { isName, writeKept } from './kept.ts';
import type { Knobs } from './knobs.ts';
import { type FaultChoice, faultsOf, JOBS_MAX, parseFaults, parseKnobs, SEED_MAX, SEEDS_MAX, wholeNumber } from './options.ts';
import { Pool } from './pool.ts';
import type { Task } from './pool-protocol.ts';
import { showProgress } from './progress.ts';
import { type Finding, failureList, findingData, findingText, neverInjected, totalsTable } from './report.ts';
import type { Paint } from './story.ts';
import { traceText } from './trace.ts';

/** `npm run sim`: runs seeds of the simulation, and explains the first that fails. */

const SEEDS = 200;
const FAILURES = 10;
/** Failures that are made smaller and told, the first of each rule. */
const TOLD_MAX = 3;

interface Options {
  readonly seeds?: number;
  readonly seed?: number;
  readonly scenario?: string;
  readonly faults?: FaultChoice;
  readonly knobs?: Partial<Knobs>;
  readonly trace?: string;
  readonly jobs: number;
  readonly failures: number;
  readonly shrink: boolean;
  readonly keep?: string;
  readonly json?: boolean;
}

const ending = listenForEnd();
const { stdout, stderr } = process;
const paint: Paint = (style, text) => styleText(style as Parameters<typeof styleText>[0], text, { stream: stdout, validateStream: true });

const program = new Command('npm run sim --')
  .description('Runs the real flows in a simulated world: each seed is one history of writes, faults and their healing, watched by all oracles.')
  .option('--seeds <n>', `how many seeds (default: ${SEEDS}; 1 with --seed)`, wholeNumber(1, SEEDS_MAX))
  .option('--seed <s>', 'the first seed (default: a random one)', wholeNumber(0, SEED_MAX))
  .option('--scenario <file>', 'play a scenario instead: a path, or a name in test/sim/scenarios')
  .option('--faults <list>', 'exactly these kinds of fault, in every seed: a,b=0.2 (name, or name=rate), or none', parseFaults)
  .option('--knobs <json>', 'knobs that are not drawn from the seed (test/sim/knobs.ts)', parseKnobs)
  .option('--trace <file>', 'write the trace of the first failure that is told or, of a single seed, in any case')
  .option('--jobs <n>', 'threads', wholeNumber(1, JOBS_MAX), availableParallelism())
  .option('--failures <n>', 'stop after so many failing seeds', wholeNumber(1, SEEDS_MAX), FAILURES)
  .option('--no-shrink', 'tell a failure as it is, without making it smaller first')
  .option('--keep <name>', 'keep the first failure as test/sim/kept/NAME.json')
  .option('--json', 'print one line of JSON instead of text')
  .addHelpText('after', '\nExit codes: 0 no violation, 1 a rule was broken, 2 wrong usage.')
  .showHelpAfterError('Try --help.')
  .exitOverride();

/** @throws InvalidArgumentError for what does not go together. */
function checked(options: Options): { readonly start: number; readonly seeds: number } {
  const seeds = options.seeds ?? (options.seed === undefined ? SEEDS : 1);
  const start = options.seed ?? randomInt(0, SEED_MAX - seeds + 2);
  if (start + seeds - 1 > SEED_MAX)
    throw new InvalidArgumentError(`--seed and --seeds: the last seed would be ${start + seeds - 1}, and the largest is ${SEED_MAX}.`);
  if (options.faults !== undefined && options.knobs?.faults !== undefined)
    throw new InvalidArgumentError('--faults and --knobs both name the faults: leave one of them out.');
  if (options.keep !== undefined && !isName(options.keep)) throw new InvalidArgumentError(`--keep: "${options.keep}" must be lower-case words with hyphens.`);
  return { start, seeds };
}

/** The tasks of all seeds, made as they are wanted. */
function* tasksOf(start: number, seeds: number, { knobs, faults }: Options): Generator<Task, void, void> {
  for (let seed = start; seed < start + seeds; seed += 1) {
    const own = { ...knobs, ...(faults !== undefined && { faults: faultsOf(seed, faults) }) };
    yield { seed, ...(Object.keys(own).length > 0 && { knobs: own }) };
  }
}

async function run(options: Options): Promise<number> {
  const { start, seeds } = checked(options);
  const began = performance.now();
  const progress = showProgress(stderr);
  const print = (text: string): void => void (options.json === true ? stderr : stdout).write(`${text}\n`);
  const [first] = tasksOf(start, 1, options);
  const shown =
    seeds === 1
      ? { ...drawKnobs(start), ...first?.knobs }
      : { ...options.knobs, ...(options.faults !== undefined && { faults: Object.fromEntries([...options.faults].map(([k, v]) => [k, v ?? 'drawn'])) }) };
  print(seeds === 1 ? `seed ${start}` : `seeds ${start} to ${start + seeds - 1} (again: npm run sim -- --seed ${start} --seeds ${seeds})`);
  print(`knobs ${Object.keys(shown).length === 0 ? 'drawn from each seed' : JSON.stringify(shown)}`);

  const pool = new Pool({ jobs: options.jobs });
  const stop = (): void => void pool.stop();
  ending.signal.addEventListener('abort', stop);
  let wallMs = 0;
  try {
    const { totals, failures } = await runAll(pool, tasksOf(start, seeds, options), options.failures, (t) =>
      progress.show(() => `${t.seeds} of ${seeds} seeds, ${(t.virtualMs / 3_600_000).toFixed(0)} virtual hours, ${t.failed} failed`),
    );
    wallMs = performance.now() - began;
    progress.clear();
    const findings: Finding[] = [];
    for (const failed of firstOfEachRule(failures).slice(0, TOLD_MAX)) {
      const { seed } = failed.outcome;
      findings.push(
        await investigate(pool, failed, {
          shrink: options.shrink,
          progress: (now, runs) =>
            progress.show(() => `shrinking seed ${seed}: ${runs} runs, ${now.knobs.steps} steps, ${Object.keys(now.knobs.faults).length} kinds of fault`),
        }),
      );
    }
    progress.clear();
    for (const finding of findings) print(`\n${findingText(finding, paint, stdout.isTTY ? stdout.columns : undefined)}`);
    if (failures.length > 0) print(`\n${failureList(failures, paint)}`);
    if (failures.length >= options.failures && totals.seeds < seeds) print(`Stopped after ${failures.length} failing seeds (--failures).`);
    print(`\n${totalsTable(totals, wallMs, paint)}`);
    // One seed has most kinds of fault off.
    const never = seeds > 1 && options.faults === undefined && options.knobs?.faults === undefined ? neverInjected(totals) : [];
    if (never.length > 0) print(`Never injected: ${never.join(', ')}.`);
    if (options.trace !== undefined) await writeTrace(options.trace, pool, seeds === 1 ? first : undefined, findings[0], print);
    const [told] = findings;
    if (options.keep !== undefined && told !== undefined) {
      const { seed, knobs, violation } = told.shrunk;
      const path = writeKept({ name: options.keep, about: '', rule: violation.rule, message: violation.message, seed, knobs });
      print(`Kept as ${relative(process.cwd(), path)}: say in "about" what was wrong.`);
    }
    if (options.json === true) {
      const { seeds: ran, ...sums } = totals;
      stdout.write(
        `${JSON.stringify({ start, seeds: ran, ...sums, wallMs: Math.round(wallMs), never, findings: findings.map(findingData), failures: failures.map((f) => ({ seed: f.outcome.seed, ...f.outcome.violation })) })}\n`,
      );
    }
    return failures.length > 0 ? 1 : 0;
  } finally {
    progress.clear();
    ending.signal.removeEventListener('abort', stop);
    await pool.stop();
  }
}

async function writeTrace(file: string, pool: Pool, single: Task | undefined, finding: Finding | undefined, print: (text: string) => void): Promise<void> {
  const trace = finding?.trace ?? (single === undefined ? undefined : (await pool.run({ ...single, keepTrace: true })).trace);
  if (trace === undefined) return print(`No trace was written to ${file}: no seed failed. With --seeds 1 one is written in any case.`);
  const path = resolve(file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, traceText(trace.header, trace.events));
  print(`Trace: ${file} (${trace.events.length} events)`);
}

/** What test/sim/scenario/player.ts exports. */
interface Player {
  playScenario(text: string, name: string): Promise<{ readonly ok: boolean; readonly output: string; readonly diff?: string }>;
}

async function play(scenario: string): Promise<number> {
  const folder = join(import.meta.dirname, 'scenarios');
  const path = [scenario, join(folder, scenario), join(folder, `${scenario}.txt`)].find((p) => existsSync(p));
  if (path === undefined) throw new InvalidArgumentError(`--scenario: there is no file "${scenario}", neither as a path nor in test/sim/scenarios.`);
  const { playScenario } = (await import(new URL('./scenario/player.ts', import.meta.url).href)) as Player;
  const { ok, output, diff } = await playScenario(readFileSync(path, 'utf8'), basename(path, '.txt'));
  stdout.write(`${ok ? output : (diff ?? output)}\n`);
  return ok ? 0 : 1;
}

async function main(): Promise<number> {
  try {
    program.parse();
    const options = program.opts<Options>();
    return await (options.scenario === undefined ? run(options) : play(options.scenario));
  } catch (error) {
    if (ending.signal.aborted) {
      stderr.write(`${(ending.signal.reason as Error).message}\n`);
      return ending.code() ?? 1;
    }
    if (error instanceof InvalidArgumentError) {
      stderr.write(`${error.message}\nTry --help.\n`);
      return 2;
    }
    // Commander has said what is wrong, or has shown its help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
}

process.exitCode = await main();

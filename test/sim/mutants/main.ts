import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { createLogUpdate } from 'log-update';
import { listenForEnd } from '../../../local/signals.ts';
import type { Knobs } from '../knobs.ts';
import { JOBS_MAX, parseKnobs, SEED_MAX, SEEDS_MAX, wholeNumber } from '../options.ts';
import { MUTANTS, mutantNamed } from './list.ts';
import type { Mutant } from './mutant.ts';
import { inParallel, runTask } from './pool.ts';
import type { Row } from './report.ts';
import { medianSeeds, renderText, rowOf } from './report.ts';

/** `npm run sim:mutants`: plants each mutant into the production flows, and counts the seeds until the simulator notices. */

/** Seeds that a mutant is given by default. */
const SEEDS_DEFAULT = 2_000;

interface Options {
  readonly only?: readonly Mutant[];
  readonly seeds: number;
  readonly seed: number;
  readonly jobs: number;
  readonly knobs?: Partial<Knobs>;
  readonly traces?: string;
  readonly json?: boolean;
  readonly list?: boolean;
}

function named(name: string): Mutant {
  try {
    return mutantNamed(name);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

const ending = listenForEnd();

const program = new Command('npm run sim:mutants --')
  .description(
    'Plants known bugs into the production flows, one at a time, and runs seeds until the simulator sees a rule broken. A bug that it does not see is a defect.',
  )
  .option('--only <names...>', 'these mutants only', (name: string, before: readonly Mutant[] | undefined) => [...(before ?? []), named(name)])
  .option('--seeds <n>', 'seeds that a mutant is given', wholeNumber(1, SEEDS_MAX), SEEDS_DEFAULT)
  .option('--seed <s>', 'the first seed; the others follow it', wholeNumber(0, SEED_MAX), 1)
  .option('--jobs <n>', 'processes at a time', wholeNumber(1, JOBS_MAX), availableParallelism())
  .option('--knobs <json>', 'knobs that are not drawn from the seed: to see which fault a bug needs', parseKnobs)
  .option('--traces <directory>', 'write the whole trace of each run that broke a rule')
  .option('--list', 'only say which mutants there are')
  .option('--json', 'print one line of JSON instead of the table')
  .addHelpText('after', '\nExit codes: 0 all were caught, 1 one was not, or the simulator itself fails, 2 wrong usage.')
  .showHelpAfterError('Try --help.')
  .exitOverride();

/** Tells whether a seed keeps every rule without any mutant. Each is run once, in a process of its own. */
class Plain {
  readonly #known = new Map<string, Promise<boolean>>();
  readonly dirty = new Set<number>();

  keeps(seed: number, knobs: Mutant['knobs']): Promise<boolean> {
    const id = JSON.stringify([seed, knobs]);
    const known = this.#known.get(id) ?? this.#run(seed, knobs);
    this.#known.set(id, known);
    return known;
  }

  async #run(seed: number, knobs: Mutant['knobs']): Promise<boolean> {
    const end = await runTask({ seeds: [seed], ...(knobs !== undefined && { knobs }) }, () => undefined, ending.signal);
    if (end.kind === 'failed' || end.kind === 'hung') {
      // Nothing can be said of any mutant by a simulator that does not run.
      throw new Error(`Without any mutant, seed ${seed} ${end.kind === 'hung' ? 'hangs' : `fails: ${end.why}`}`);
    }
    if (end.kind === 'broken') this.dirty.add(seed);
    return end.kind === 'clean';
  }
}

/** Runs seeds under a mutant until one breaks a rule that it keeps without the mutant. */
async function hunt(mutant: Mutant, seeds: readonly number[], plain: Plain, traceFile: string | undefined, onSeed: (done: number) => void): Promise<Row> {
  const began = performance.now();
  // Each turn goes on after the seed at which the one before has ended, so there are at most as many as seeds.
  for (let from = 0; ; ) {
    const task = {
      mutant: mutant.name,
      seeds: seeds.slice(from),
      ...(mutant.knobs !== undefined && { knobs: mutant.knobs }),
      ...(traceFile !== undefined && { traceFile }),
    };
    const end = await runTask(task, (done) => onSeed(from + done), ending.signal);
    if (end.kind === 'clean') {
      // What no seed shows, a scenario may: an interleaving that chance hardly ever draws.
      const played = await runTask({ mutant: mutant.name, seeds: [], scenarios: true }, () => undefined, ending.signal);
      return rowOf(mutant, played.kind === 'broken' ? { ...played, done: end.done } : end, from, performance.now() - began);
    }
    const clear = end.kind !== 'broken' || (await plain.keeps(end.seed, mutant.knobs));
    if (clear) return rowOf(mutant, end, from, performance.now() - began);
    from += end.done;
    if (from >= seeds.length) return rowOf(mutant, { kind: 'clean', done: 0 }, from, performance.now() - began);
  }
}

async function run(options: Options): Promise<number> {
  const { knobs } = options;
  const mutants = (options.only ?? MUTANTS).map((m) => (knobs === undefined ? m : { ...m, knobs: { ...m.knobs, ...knobs } }));
  if (options.list === true) {
    for (const m of mutants) process.stdout.write(`${m.name}  (${m.breaks})\n    ${m.about}\n`);
    return 0;
  }
  const began = performance.now();
  const traces = options.traces === undefined ? undefined : resolve(options.traces);
  if (traces !== undefined) mkdirSync(traces, { recursive: true });
  const seeds = Array.from({ length: Math.min(options.seeds, SEED_MAX - options.seed + 1) }, (_, i) => options.seed + i);
  const draw = createLogUpdate(process.stderr);
  const plain = new Plain();
  const running = new Map<string, number>();
  const rows: (Row | undefined)[] = mutants.map(() => undefined);
  const show = (): void => {
    if (!process.stderr.isTTY) return;
    draw(
      [`${rows.filter((r) => r !== undefined).length} of ${mutants.length} done`, ...[...running].map(([name, done]) => `  ${name}: ${done} seeds`)].join('\n'),
    );
  };
  const timer = setInterval(show, 100);
  try {
    await inParallel(mutants, options.jobs, async (mutant, i) => {
      if (ending.signal.aborted) return;
      running.set(mutant.name, 0);
      const traceFile = traces === undefined ? undefined : join(traces, `${mutant.name}.trace`);
      const row = await hunt(mutant, seeds, plain, traceFile, (done) => running.set(mutant.name, done));
      running.delete(mutant.name);
      rows[i] = row;
      if (!process.stderr.isTTY)
        process.stderr.write(`${row.mutant}: ${row.verdict}${row.rule === undefined ? '' : ` by ${row.rule}`} after ${row.seeds} seeds\n`);
    });
  } finally {
    clearInterval(timer);
    draw.clear();
  }
  const found = rows.filter((r) => r !== undefined);
  const facts = { firstSeed: options.seed, seeds: seeds.length, wallMs: Math.round(performance.now() - began), dirty: [...plain.dirty].sort((a, b) => a - b) };
  if (options.json === true) process.stdout.write(`${JSON.stringify({ ...facts, medianSeeds: medianSeeds(found), mutants: found })}\n`);
  else process.stdout.write(`${renderText(found, facts)}\n`);
  return ending.code() ?? (found.length === mutants.length && found.every((r) => r.verdict === 'caught') ? 0 : 1);
}

async function main(): Promise<number> {
  try {
    program.parse();
    return await run(program.opts<Options>());
  } catch (error) {
    // Commander has said what is wrong, or has shown its help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return ending.code() ?? 1;
  }
}

process.exit(await main());

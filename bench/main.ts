import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { temporaryRoot } from '../local/paths.ts';
import { listenForEnd } from '../local/signals.ts';
import { showSteps } from '../local/steps.ts';
import { measureAlone } from './alone.ts';
import { ARCHIVE_GROUPS, measureArchive } from './archive/all.ts';
import type { Bench } from './bench.ts';
import { makeBundles } from './bundles.ts';
import { measureCpu } from './cpu.ts';
import { measureDigest } from './digest.ts';
import { measureMemory } from './memory.ts';
import { measurePipeline } from './pipeline.ts';
import { RawMeter } from './raw.ts';
import { BYTES_GROUPS, measureBytes } from './reconcile/bytes.ts';
import { measureSweep, SWEEP_GROUPS } from './reconcile/sweep.ts';
import { renderJson, renderText } from './render.ts';
import { GROUPS, type Group, type Row } from './rows.ts';
import { openSite } from './site.ts';

/** `npm run bench`: measures the pipeline and its parts on this machine, each against a limit that is taken in the same run. */

interface Options {
  readonly json?: boolean;
  readonly quick?: boolean;
  readonly only?: readonly Group[];
  readonly repeats?: number;
  readonly profile?: string;
}

/** More repeats take an hour and tell no more. */
const REPEATS_MAX = 50;

/** What is measured on two regions of the local cloud. */
const ON_SITE = ['raw', 'fanout', 'apply', 'pipeline'] as const satisfies readonly Group[];

const ending = listenForEnd();

function parseRepeats(text: string): number {
  const repeats = Number(text);
  if (!/^\d+$/.test(text) || repeats < 1 || repeats > REPEATS_MAX) throw new InvalidArgumentError(`It must be a whole number from 1 to ${REPEATS_MAX}.`);
  return repeats;
}

const program = new Command('npm run bench --')
  .description('Measures raw writes, the handlers and the whole pipeline on a local cloud. Every result is checked; numbers of a wrong result do not count.')
  .addOption(new Option('--only <names...>', 'measure these only').choices(GROUPS))
  .option('--quick', 'short runs: to see that it works, not to compare numbers')
  .option('--repeats <n>', 'how often each measurement is repeated', parseRepeats)
  .option('--profile <directory>', 'write a processor profile of each process that is measured alone (for Chrome’s DevTools)')
  .option('--json', 'print one line of JSON instead of the table')
  .addHelpText(
    'after',
    `
  raw       the limit: BatchWriteItem by the SDK, the best of several numbers of calls in flight
  fanout    the real handler, from stream events into a FIFO queue
  apply     the real handler, from the queue's events into the target's table
  cpu       processor time for each record, at an endpoint that answers at once
  pipeline  deployed stacks: a backlog from its release until both members are equal, then the lag
  memory    peak memory of the handlers at full batches of large records
  archive   the real observer, from stream events into a bucket, beside PutObject by the SDK
  snapshot  a snapshot of a table, beside a bare parallel scan
  restore   a restore into a new table, beside raw
  history   the history of one key in a log of a million changes
  archive-memory  peak memory of each of these at a million items
  sweep     both tables scanned for the digests, beside two bare parallel scans
  sweep-memory  peak memory of that at a million items a table
  bytes     what an opening reads across regions, by how many keys differ in a million
  fold      entries of the log that the standing proof folds in a second
  digest    processor time of the digest for each change, and its share of the observer's

Exit codes: 0 measured (goals may be missed), 1 a result was wrong or something failed, 2 wrong usage.`,
  )
  .showHelpAfterError('Try --help.')
  .exitOverride();

async function run(options: Options): Promise<number> {
  const { signal } = ending;
  const steps = showSteps(process.stderr);
  const began = performance.now();
  const wanted = new Set<Group>(options.only ?? GROUPS);
  const directory = mkdtempSync(join(temporaryRoot(), 'syncline-bench-'));
  try {
    if (options.profile !== undefined) mkdirSync(resolve(options.profile), { recursive: true });
    const bundled = steps.begin('Bundling');
    const bundles = await makeBundles(directory);
    bundled();
    const bench: Bench = {
      directory,
      bundles,
      steps,
      signal,
      quick: options.quick === true,
      repeats: options.repeats,
      profileTo: options.profile === undefined ? undefined : resolve(options.profile),
    };
    const rows: Row[] = [];
    let rawConcurrency: number | undefined;
    if (ON_SITE.some((group) => wanted.has(group))) {
      const started = steps.begin('Starting two regions');
      const site = await openSite(signal);
      started();
      const raw = await RawMeter.start(bench, site);
      try {
        const found: Row[] = [];
        if ((['raw', 'fanout', 'apply'] as const).some((group) => wanted.has(group))) found.push(...(await measureAlone(bench, site, raw)));
        if (wanted.has('pipeline')) found.push(...(await measurePipeline(bench, raw)));
        rows.push(raw.row(), ...found.filter((row) => wanted.has(row.group)));
        rawConcurrency = raw.best;
      } finally {
        await raw.end();
        await site.stop();
      }
    }
    if (wanted.has('cpu')) rows.push(...(await measureCpu(bench)));
    if (wanted.has('memory')) rows.push(...(await measureMemory(bench)));
    if (ARCHIVE_GROUPS.some((group) => wanted.has(group))) rows.push(...(await measureArchive(bench, wanted)));
    if (SWEEP_GROUPS.some((group) => wanted.has(group))) rows.push(...(await measureSweep(bench, wanted)));
    if (BYTES_GROUPS.some((group) => wanted.has(group))) rows.push(...(await measureBytes(bench, wanted)));
    if (wanted.has('digest')) rows.push(...measureDigest(bench));
    const facts = {
      node: process.version.slice(1),
      processors: availableParallelism(),
      quick: bench.quick,
      seconds: Math.round((performance.now() - began) / 1_000),
      ...(rawConcurrency !== undefined && { rawConcurrency }),
    };
    process.stdout.write(`${options.json === true ? renderJson(rows, facts) : renderText(rows, facts)}\n`);
    return ending.code() ?? 0;
  } catch (error) {
    steps.fail();
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return ending.code() ?? 1;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function main(): Promise<number> {
  try {
    program.parse();
  } catch (error) {
    // Commander has said what is wrong, or has shown its help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
  return run(program.opts<Options>());
}

process.exit(await main());

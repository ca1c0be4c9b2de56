import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import type { Knobs } from '../knobs.ts';
import { runSeed } from '../run.ts';
import type { TraceEvent, TraceHeader } from '../trace.ts';
import { PAGE_EVENTS_MAX, viewHtml } from './html.ts';
import { parseTrace, TraceFileError } from './read.ts';

/** `npm run sim:view`: makes the picture of a run, one HTML file to open in a browser. */

/** Largest trace file (bytes): well below the longest string of V8. */
const TRACE_BYTES_MAX = 256 * 1_024 * 1_024;

interface Options {
  readonly seed?: number;
  readonly knobs?: Partial<Knobs>;
  readonly trace?: string;
  readonly out?: string;
}

/** What --knobs may give: see test/sim/knobs.ts. */
const knobsSchema = z.strictObject({
  members: z.int().min(2).max(3).optional(),
  lanes: z.int().min(1).optional(),
  keys: z.int().min(1).optional(),
  steps: z.int().min(0).optional(),
  paceMs: z.number().min(0).optional(),
  batchRecords: z.int().min(1).optional(),
  batchMessages: z.int().min(1).optional(),
  concurrency: z.int().min(1).optional(),
  tickMs: z.number().positive().optional(),
  faults: z.record(z.string(), z.number().min(0)).optional(),
});

function parseSeed(text: string): number {
  const seed = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(seed)) throw new InvalidArgumentError('It must be a whole number.');
  return seed;
}

function parseKnobs(text: string): Partial<Knobs> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`It must be JSON: ${(error as Error).message}.`);
  }
  const parsed = knobsSchema.safeParse(value);
  if (!parsed.success) throw new InvalidArgumentError(`They are not knobs of a run (test/sim/knobs.ts):\n${z.prettifyError(parsed.error)}`);
  return Object.fromEntries(Object.entries(parsed.data).filter(([, v]) => v !== undefined));
}

const program = new Command('npm run sim:view --')
  .description('Draws a simulated run, lane by time, as one HTML file that needs nothing else.')
  .addOption(new Option('--seed <n>', 'run this seed and draw it').argParser(parseSeed).conflicts('trace'))
  .addOption(
    new Option('--knobs <json>', 'knobs that are not drawn from the seed, for example \'{"keys":1,"faults":{"freeze":0.1}}\'')
      .argParser(parseKnobs)
      .conflicts('trace'),
  )
  .option('--trace <file>', 'draw this trace file instead of running a seed')
  .option('--out <file>', 'where the page goes (default: .local/sim/seed-N.html)')
  .addHelpText('after', '\nExit codes: 0 the page is written, whatever the run came to; 1 it could not be; 2 wrong usage.')
  .showHelpAfterError('Try --help.')
  .exitOverride();

async function traceOf(options: Options): Promise<{ readonly header: TraceHeader; readonly events: readonly TraceEvent[] }> {
  if (options.trace !== undefined) {
    const { size } = statSync(options.trace);
    if (size > TRACE_BYTES_MAX)
      throw new TraceFileError(`${options.trace} has ${size} bytes; at most ${TRACE_BYTES_MAX} can be drawn. Keep its first line and its last events.`);
    return parseTrace(readFileSync(options.trace, 'utf8'));
  }
  const { trace } = await runSeed(options.seed as number, { keepTrace: true, ...(options.knobs !== undefined && { knobs: options.knobs }) });
  if (trace === undefined) throw new Error('The run kept no trace, though it was asked to.');
  return trace;
}

async function run(options: Options): Promise<void> {
  if (options.seed === undefined && options.trace === undefined) program.error('error: say which run: --seed N or --trace FILE', { exitCode: 2 });
  const { header, events } = await traceOf(options);
  const out = resolve(options.out ?? join('.local', 'sim', `seed-${header.seed}.html`));
  mkdirSync(dirname(out), { recursive: true });
  const page = viewHtml(header, events);
  writeFileSync(out, page);
  const cut = events.length > PAGE_EVENTS_MAX ? `, the newest ${PAGE_EVENTS_MAX.toLocaleString('en')} of them drawn` : '';
  const verdict = header.violation === undefined ? 'no rule broken' : `${header.violation.rule} broken: ${header.violation.message}`;
  process.stdout.write(
    `Seed ${header.seed}: ${verdict}.\n${events.length.toLocaleString('en')} events${cut}, ${Math.ceil(page.length / 1_024).toLocaleString('en')} KiB.\n${out}\n`,
  );
}

try {
  program.parse();
  await run(program.opts<Options>());
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    const known = error instanceof TraceFileError || (error instanceof Error && 'code' in error);
    process.stderr.write(`error: ${known ? (error as Error).message : error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
}

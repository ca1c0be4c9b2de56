import { once } from 'node:events';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { parseRegions } from './cli.ts';
import { type Cloud, DEFAULT_REGIONS, startCloud } from './cloud.ts';
import { allCities } from './demo/cities.ts';
import { examples, outcomeText, placesText, shellLine, tryExample } from './demo/report.ts';
import { type DemoResult, runDemo } from './demo/run.ts';
import { type Deployment, deploy, makeSeeds } from './deploy.ts';
import { pretendedText } from './deployed.ts';
import { ensurePython, pythonIsReady } from './python.ts';
import { DEFAULT_CLOUD } from './record.ts';
import { endText, listenForEnd } from './signals.ts';
import { duration, showSteps } from './steps.ts';

/** `npm start`: three regions on this machine, the real stacks in them, real data, and the proof that all members are equal. */

interface Options {
  readonly items: number;
  readonly regions: readonly string[];
  readonly exit?: boolean;
  readonly json?: boolean;
}

const ITEMS_DEFAULT = 5_000;
const ITEMS_MIN = 10;
/** Some cities must be left for the inserts. */
const ITEMS_MAX = 120_000;

const ending = listenForEnd();

function parseItems(text: string): number {
  const items = Number(text);
  if (!/^\d+$/.test(text) || items < ITEMS_MIN || items > ITEMS_MAX)
    throw new InvalidArgumentError(`It must be a whole number from ${ITEMS_MIN} to ${ITEMS_MAX} (there are ${allCities().length} cities).`);
  return items;
}

function parseTwoRegions(text: string): string[] {
  const regions = parseRegions(text);
  if (regions.length < 2) throw new InvalidArgumentError('Replication needs two regions at least.');
  return regions;
}

const program = new Command('npm start --')
  .description('Starts a local cloud of three regions, deploys Syncline to it, writes real data and compares all members. Stays up until Ctrl-C.')
  .option('--items <n>', 'number of cities to write', parseItems, ITEMS_DEFAULT)
  .option('--regions <list>', 'comma list; the first is the primary', parseTwoRegions, [...DEFAULT_REGIONS])
  .option('--exit', 'end when the comparison is done')
  .option('--json', 'print the outcome as one line of JSON, as the last line of standard output')
  .showHelpAfterError('Try --help.')
  .exitOverride();

async function start(options: Options): Promise<number> {
  const { signal } = ending;
  // With --json, standard output is data: everything for people goes to standard error.
  const output = options.json === true ? process.stderr : process.stdout;
  const steps = showSteps(output);
  const began = performance.now();
  let cloud: Cloud | undefined;
  try {
    if (!pythonIsReady()) {
      const installed = steps.begin('Installing MiniStack');
      await ensurePython(signal);
      installed();
    }
    await makeSeeds(options.regions, { signal, onStep: steps.begin });
    const started = steps.begin(`Starting ${options.regions.length} regions`);
    cloud = await startCloud({ regions: options.regions, name: DEFAULT_CLOUD, seeded: true, signal });
    started(options.regions.join(', '));
    const deployment = await deploy(cloud, { set: 'cities', keys: 'country:S,cityId:N', signal, onStep: steps.begin });
    output.write(pretendedText(deployment.pretended));
    const result = await runDemo({ cloud, deployment, items: options.items, steps, output, signal });
    output.write(`\n${outcomeText(result)}\n`);
    const worked = await showWhatToTry(cloud, deployment, result, output);
    output.write(`\nReady after ${duration(performance.now() - began)}.\n`);
    if (options.json === true) process.stdout.write(`${JSON.stringify(result.outcome)}\n`);
    if (options.exit !== true) await stayUp(output, signal);
    return ending.code() ?? (result.outcome.converged && worked ? 0 : 1);
  } catch (error) {
    steps.fail();
    process.stderr.write(`${endText(ending, error)}\n`);
    return ending.code() ?? 1;
  } finally {
    await cloud?.stop();
  }
}

/** Shows where everything is, and requests to try, each of which was run just now. Says whether all of them worked. */
async function showWhatToTry(cloud: Cloud, deployment: Deployment, result: DemoResult, output: NodeJS.WritableStream): Promise<boolean> {
  output.write(`\n${placesText(cloud, deployment)}\n\nTry (each was run just now, with the answer shown):\n`);
  let worked = true;
  for (const example of examples(deployment, result)) {
    ending.signal.throwIfAborted();
    const { ok, answer } = await tryExample(example);
    worked &&= ok || answer.startsWith('not run');
    output.write(`\n# ${example.what}\n${shellLine(example.args)}\n# → ${answer}\n`);
  }
  const region = deployment.config.members.at(-1)?.region ?? '';
  output.write(`\n# an outage, and its end\nnpm run local -- fault freeze ${region}\nnpm run local -- fault resume ${region}\nnpm run local -- status\n`);
  return worked;
}

async function stayUp(output: NodeJS.WritableStream, signal: AbortSignal): Promise<void> {
  output.write('Everything stays up until Ctrl-C.\n');
  // A timer keeps the process alive; the regions are not children that Node waits for.
  const alive = setInterval(() => undefined, 60_000);
  if (!signal.aborted) await once(signal, 'abort');
  clearInterval(alive);
}

async function main(): Promise<number> {
  try {
    program.parse();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
  return start(program.opts<Options>());
}

process.exit(await main());

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Table from 'cli-table3';
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { type Cloud, DEFAULT_REGIONS, openCloud, regionsProblem, startCloud } from './cloud.ts';
import { type Deployment, deploy, deployTo, makeSeeds } from './deploy.ts';
import { pretendedText } from './deployed.ts';
import { FAULT_TEXT, FAULTS, type Fault } from './faults.ts';
import { startIssuer } from './issuer.ts';
import { endpointUrl, mustAnswer, sharedPlace } from './place.ts';
import { isAlive } from './processes.ts';
import { ensurePython, pythonIsReady } from './python.ts';
import { allRecords, type CloudRecord, DEFAULT_CLOUD, isInUse, readRecord, removeCloud, sweepAbandoned } from './record.ts';
import { urlOf } from './region.ts';
import { endText, listenForEnd } from './signals.ts';
import { showSteps } from './steps.ts';

/** `npm run local -- …`: takes the local cloud up and down, says how it is, and gives its regions outages. */

interface Shared {
  readonly cloud: string;
  readonly json?: boolean;
}

interface StackOptions extends Shared {
  readonly set: string;
  readonly keys: string;
  readonly primary?: string;
  readonly context?: Readonly<Record<string, string>>;
}

interface IssuerOptions {
  readonly audience: string;
  readonly port?: number;
}

interface UpOptions extends StackOptions {
  readonly regions: readonly string[];
  readonly empty?: boolean;
}

interface DeployOptions extends StackOptions {
  readonly endpoint?: string;
  readonly regions?: readonly string[];
}

const ending = listenForEnd();
const steps = showSteps(process.stderr);
const print = (text: string): boolean => process.stdout.write(`${text}\n`);

/** Reads a comma list of regions. Shared with `npm start`. @throws InvalidArgumentError */
export function parseRegions(text: string): string[] {
  const regions = text.split(',').map((region) => region.trim());
  const problem = regionsProblem(regions);
  if (problem !== undefined) throw new InvalidArgumentError(problem);
  return regions;
}

/** Reads `name=value`, once more for each. @throws InvalidArgumentError */
function parseContext(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be name=value, such as auth=jwt.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** @throws InvalidArgumentError */
function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('It must be a port.');
  return port;
}

/** Reads the URL of a cloud that somebody else runs. @throws InvalidArgumentError */
function parseEndpoint(text: string): string {
  try {
    return endpointUrl(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function program(): Command {
  const command = new Command('npm run local --')
    .description('The local cloud: one MiniStack process a region.')
    .showHelpAfterError('Try --help.')
    .exitOverride();
  const cloud = (): Option => new Option('--cloud <name>', 'which local cloud').default(DEFAULT_CLOUD);
  const json = (): Option => new Option('--json', 'print JSON');
  const stacks = (c: Command): Command =>
    c
      .option('--set <name>', 'name of the replica set', 'cities')
      .option('--keys <keys>', "the items' key: name:TYPE[,name:TYPE]", 'country:S,cityId:N')
      .option('--primary <region>', 'the member that accepts writes (default: the first region)')
      .option('-c, --context <name=value>', 'a setting of the CDK app, such as auth=jwt; may be repeated', parseContext);
  stacks(command.command('up').description('Start the regions and deploy a replica set; they stay up until "down".').option('--empty', 'deploy nothing'))
    .option('--regions <list>', 'comma list', parseRegions, [...DEFAULT_REGIONS])
    .addOption(cloud())
    .addOption(json())
    .action(up);
  stacks(
    command
      .command('deploy')
      .description(
        'Deploy the replica set again: to a region that was lost, or after a change of the code. With --endpoint: to a cloud that somebody else runs.',
      )
      .option('--endpoint <url>', 'URL that serves all regions: of LocalStack, or of one MiniStack', parseEndpoint)
      .option('--regions <list>', `with --endpoint: comma list (default: ${DEFAULT_REGIONS.join(',')})`, parseRegions),
  )
    .addOption(cloud())
    .addOption(json())
    .action(redeploy);
  command
    .command('down')
    .description('End all processes of the local cloud and remove its files.')
    .addOption(cloud())
    .option('--all', 'every local cloud of this project')
    .addOption(json())
    .action(down);
  command.command('status').description('Which regions are up, and where.').addOption(cloud()).addOption(json()).action(status);
  command
    .command('fault')
    .description('Give a region an outage, or end one.')
    .addArgument(new Argument('<kind>', FAULTS.map((f) => `${f}: ${FAULT_TEXT[f]}`).join('; ')).choices(FAULTS))
    .argument('<region>', 'the region')
    .addOption(cloud())
    .addOption(json())
    .action(fault);
  command
    .command('issuer')
    .description('An issuer of bearer tokens on this machine, until Ctrl-C, to try an API that takes tokens (-c auth=jwt).')
    .option('--audience <name>', 'whom the tokens are for', 'syncline')
    .option('--port <port>', 'where it listens (default: a free one)', parsePort)
    .action(issue);
  return command;
}

async function issue({ audience, port }: IssuerOptions): Promise<void> {
  const issuer = await startIssuer({ audience, ...(port !== undefined && { port }) });
  try {
    print(`Tokens: curl '${issuer.url}/token?scope=read%20write'   (scope, audience, subject, life in seconds)`);
    print(`Deploy: npm run local -- up -c auth=jwt -c issuer=${issuer.url} -c audience=${audience} -c jwksUri=${issuer.jwksUri}`);
    await new Promise((resolve) => ending.signal.addEventListener('abort', resolve, { once: true }));
  } finally {
    await issuer.stop();
  }
}

async function up(options: UpOptions): Promise<void> {
  if (!pythonIsReady()) {
    const installed = steps.begin('Installing MiniStack');
    await ensurePython(ending.signal);
    installed();
  }
  if (options.empty !== true) await makeSeeds(options.regions, { signal: ending.signal, onStep: steps.begin });
  const started = steps.begin(`Starting ${options.regions.length} regions`);
  const cloud = await startCloud({ regions: options.regions, name: options.cloud, detached: true, seeded: true, signal: ending.signal });
  started();
  try {
    if (options.empty !== true) await deployOwn(cloud, options);
  } catch (error) {
    await cloud.stop();
    throw error;
  }
  await status(options);
}

const deployOptions = ({ set, keys, primary, context }: StackOptions) => ({
  set,
  keys,
  ...(context !== undefined && { context }),
  ...(primary !== undefined && { primary }),
  signal: ending.signal,
  onStep: steps.begin,
});

const warn = ({ pretended }: Pick<Deployment, 'pretended'>): boolean => process.stderr.write(pretendedText(pretended));

async function deployOwn(cloud: Cloud, options: StackOptions): Promise<void> {
  warn(await deploy(cloud, deployOptions(options)));
}

async function redeploy(options: DeployOptions): Promise<void> {
  if (options.endpoint !== undefined) return deployAt(options.endpoint, options.regions ?? DEFAULT_REGIONS, options);
  if (options.regions !== undefined) throw new Error('--regions goes with --endpoint only: a local cloud has the regions that it was started with.');
  await deployOwn(openCloud(options.cloud), options);
  await status(options);
}

/** Deploys to a cloud that is not ours: nothing is started, nothing is recorded. */
async function deployAt(endpoint: string, regions: readonly string[], options: StackOptions): Promise<void> {
  await mustAnswer(endpoint);
  const deployment = await deployTo(sharedPlace(endpoint, regions), deployOptions(options));
  const { set, primary, config, apis, pretended } = deployment;
  if (options.json === true) {
    print(JSON.stringify({ endpoint, set, primary, members: config.members.map(({ name, region }) => ({ name, region, api: apis[name] })), pretended }));
    return;
  }
  warn(deployment);
  const table = new Table({ head: ['member', 'API'], style: { head: [], border: [] } });
  for (const { name } of config.members) table.push([name, apis[name] ?? '–']);
  print(table.toString());
  const named = `--set ${set} --regions ${config.members.map((m) => m.region).join(',')} --keys ${options.keys}`;
  print(`Look at it: npm run syncline -- status --endpoint ${endpoint} ${named}`);
}

async function down(options: Shared & { all?: boolean }): Promise<void> {
  const named = readRecord(options.cloud);
  const chosen = options.all === true ? allRecords() : named === undefined ? [] : [named];
  await Promise.all(chosen.map(removeCloud));
  const swept = await sweepAbandoned();
  const names = [...chosen.map((record) => record.name), ...swept];
  print(options.json === true ? JSON.stringify({ down: names }) : names.length === 0 ? 'Nothing was up.' : `Down: ${names.join(', ')}.`);
}

async function fault(kind: Fault, region: string, options: Shared): Promise<void> {
  const cloud = openCloud(options.cloud);
  const began = performance.now();
  await cloud.fault(kind, region);
  const ms = Math.round(performance.now() - began);
  const state = readRecord(cloud.name)?.regions[region]?.state;
  print(options.json === true ? JSON.stringify({ region, state, ms }) : `${region} is ${state} (${kind} took ${ms} ms).`);
}

/** How a region is: what it was told to be, unless its process is gone. Pure but for the look at the process. */
function stateOf(region: CloudRecord['regions'][string]): string {
  return region.process !== undefined && !isAlive(region.process) ? 'crashed' : region.state;
}

async function status(options: Shared): Promise<void> {
  const record = readRecord(options.cloud);
  const present = record !== undefined && isInUse(record) ? record : undefined;
  const regions = Object.entries(present?.regions ?? {}).map(([region, r]) => ({
    region,
    state: stateOf(r),
    endpoint: urlOf(r.port),
    pid: r.process?.pid,
    api: present?.deployment?.apis[region],
    log: join(present?.directory ?? '', region, 'region.log'),
  }));
  if (options.json === true) {
    print(JSON.stringify({ cloud: options.cloud, up: present !== undefined, regions }));
    return;
  }
  if (present === undefined) {
    print(`The local cloud "${options.cloud}" is not up. Start it with \`npm start\` or \`npm run local -- up\`.`);
    return;
  }
  const table = new Table({ head: ['region', 'state', 'endpoint', 'process', 'API'], style: { head: [], border: [] } });
  for (const r of regions) table.push([r.region, r.state, r.endpoint, r.pid ?? '–', r.api ?? '–']);
  print(table.toString());
  const log = regions.find((r) => existsSync(r.log))?.log;
  if (log !== undefined) print(`Logs: ${join(present.directory, '*', 'region.log')}`);
}

async function main(): Promise<number> {
  try {
    await program().parseAsync();
    return 0;
  } catch (error) {
    // Commander has said what is wrong, or has shown its help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    steps.fail();
    process.stderr.write(`${endText(ending, error)}\n`);
    return ending.code() ?? 1;
  }
}

if (import.meta.main) process.exit(await main());

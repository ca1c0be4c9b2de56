import { join } from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import type { SetConfig } from '../lib/core/config.ts';
import { memberNames } from '../lib/core/names.ts';
import { buildAssembly, cdkCommand, type StackSettings } from './build.ts';
import { type Cloud, startCloud } from './cloud.ts';
import { plainEnvironment, runCommand } from './command.ts';
import { deployedConfig, lookAt, type Seen } from './deployed.ts';
import { root } from './paths.ts';
import type { Place } from './place.ts';
import { changeRecord } from './record.ts';
import { LOCAL_ACCOUNT, localClient } from './region.ts';
import { startRouter } from './router.ts';
import { hasSeed, keepSeed } from './seed.ts';

/** Deploys the real stacks onto a local cloud, of ours or somebody else's: `cdk bootstrap`, `cdk deploy`, `syncline init`. */

const CDK_MAX_MS = 5 * 60_000;
const INIT_MAX_MS = 2 * 60_000;

/** What to deploy. */
export interface DeployOptions extends Omit<StackSettings, 'regions'> {
  /** Default: all of the cloud's, in its order. */
  readonly regions?: readonly string[];
  /** The member that accepts writes. Default: the first region. */
  readonly primary?: string;
  readonly signal?: AbortSignal | undefined;
  /** Hears of each step as it begins; the function it gives is called when the step is done. */
  readonly onStep?: ((title: string) => () => void) | undefined;
}

/** What was deployed. */
export interface Deployment extends Seen {
  readonly set: string;
  readonly primary: string;
  readonly config: SetConfig;
}

/** The same as `deployTo` for a cloud of ours, whose record then says what is deployed. */
export async function deploy(cloud: Cloud, options: DeployOptions): Promise<Deployment> {
  const deployment = await deployTo(cloud, options);
  const { set, primary, config, apis } = deployment;
  changeRecord(cloud.name, (record) => ({ ...record, deployment: { set, primary, config: JSON.stringify(config), apis } }));
  return deployment;
}

/**
 * Deploys a replica set and gives it its seats. Repeating it deploys what has changed.
 *
 * @throws Error with the output of the step that failed.
 */
export async function deployTo(place: Place, options: DeployOptions): Promise<Deployment> {
  const { onStep, signal } = options;
  const regions = options.regions ?? place.regions;
  const primary = options.primary ?? regions[0] ?? '';
  const step = async <T>(title: string, work: () => Promise<T>): Promise<T> => {
    const done = onStep?.(title);
    const result = await work();
    done?.();
    return result;
  };
  const settings = { set: options.set, regions, keys: options.keys, ...(options.context && { context: options.context }) };
  // Bootstrapping needs no stacks, so it goes on beside the building of them.
  const [assembly] = await Promise.all([buildAssembly(settings, { signal, onStep }), bootstrap(place, regions, options)]);
  await step(`Deploying to ${regions.length} regions`, async () =>
    cdk(place, ['deploy', '-a', assembly, '--all', '--require-approval', 'never', '--concurrency', String(regions.length * 2), '--progress', 'events'], signal),
  );
  const config = await step('Reading what was deployed', async () => deployedConfig(place, options.set, regions[0] ?? ''));
  await step('Giving the seats (syncline init)', async () => init(place, config, options.keys, primary, signal));
  const seen = await step('Looking at what was made', async () => lookAt(place, config, assembly));
  return { set: config.set, primary, config, ...seen };
}

/** Bootstraps the regions that are not. */
async function bootstrap(place: Place, regions: readonly string[], { signal, onStep }: Pick<DeployOptions, 'signal' | 'onStep'>): Promise<void> {
  const done = await Promise.all(regions.map(async (region) => isBootstrapped(place, region)));
  const missing = regions.filter((_, i) => done[i] === false);
  if (missing.length === 0) return;
  const ended = onStep?.(`Bootstrapping ${missing.length} ${missing.length === 1 ? 'region' : 'regions'}`);
  await cdk(place, ['bootstrap', ...missing.map((region) => `aws://${LOCAL_ACCOUNT}/${region}`)], signal);
  ended?.();
}

/** Name of the stack that `cdk bootstrap` makes. */
const TOOLKIT = 'CDKToolkit';

async function isBootstrapped(place: Place, region: string): Promise<boolean> {
  const client = new CloudFormationClient(localClient(region, place.endpoints[region]));
  try {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: TOOLKIT }));
    return /^(CREATE|UPDATE)_COMPLETE$/.test(Stacks?.[0]?.StackStatus ?? '');
  } catch (error) {
    if (error instanceof Error && error.message.includes('does not exist')) return false;
    throw error;
  } finally {
    client.destroy();
  }
}

/**
 * Makes seeds for the regions that have none: bootstraps them in a cloud of its own and keeps their state. Once for each
 * version of MiniStack and of the CDK.
 */
export async function makeSeeds(regions: readonly string[], options: Pick<DeployOptions, 'signal' | 'onStep'> = {}): Promise<void> {
  const missing = regions.filter((region) => !hasSeed(region));
  if (missing.length === 0) return;
  const cloud = await startCloud({ regions: missing, ...(options.signal && { signal: options.signal }) });
  try {
    await bootstrap(cloud, missing, options);
    await Promise.all(missing.map(async (region) => cloud.fault('stop', region)));
    for (const region of missing) keepSeed(region, join(cloud.directory, region));
  } finally {
    await cloud.stop();
  }
}

async function cdk(place: Place, args: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  const router = await startRouter(place.endpoints);
  const env = {
    ...plainEnvironment(),
    ...place.environment(place.regions[0] ?? ''),
    AWS_ENDPOINT_URL: router.url,
    AWS_ENDPOINT_URL_S3: router.url,
    CDK_DISABLE_CLI_TELEMETRY: '1',
  };
  // Outside the project, so that `bootstrap` does not run the app of cdk.json.
  try {
    await runCommand(process.execPath, [cdkCommand, ...args, '--no-notices', '--ci'], { cwd: place.directory, env, timeoutMs: CDK_MAX_MS, signal });
  } finally {
    await router.close();
  }
}

async function init(place: Place, config: SetConfig, keys: string, primary: string, signal: AbortSignal | undefined): Promise<void> {
  const env = { ...plainEnvironment(), ...place.environment(config.members[0]?.region ?? '') };
  const adopted = config.members.filter((m) => m.items !== memberNames(config.set, m).items);
  const set = [
    '--set',
    config.set,
    '--regions',
    config.members.map((m) => m.region).join(','),
    '--account',
    LOCAL_ACCOUNT,
    '--keys',
    keys,
    '--lanes',
    String(config.lanes),
    // Adopted tables have names of their own.
    ...(adopted.length === 0 ? [] : ['--tables', adopted.map((m) => `${m.region}=${m.items}`).join(',')]),
  ];
  const args = ['--disable-warning=ExperimentalWarning', join(root, 'cli', 'syncline.ts'), 'init', '--primary', primary, ...set];
  await runCommand(process.execPath, args, { cwd: root, env, timeoutMs: INIT_MAX_MS, signal });
}

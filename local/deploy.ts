import { join } from 'node:path';
import { CloudFormationClient, DescribeStacksCommand, paginateListStackResources, type StackResourceSummary } from '@aws-sdk/client-cloudformation';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { type SetConfig, setConfigSchema } from '../lib/core/config.ts';
import { memberNames } from '../lib/core/names.ts';
import { buildAssembly, cdkCommand, type StackSettings } from './build.ts';
import { type Cloud, startCloud } from './cloud.ts';
import { plainEnvironment, runCommand } from './command.ts';
import { root } from './paths.ts';
import { changeRecord } from './record.ts';
import { LOCAL_ACCOUNT, localClient } from './region.ts';
import { startRouter } from './router.ts';
import { hasSeed, keepSeed } from './seed.ts';

/** Deploys the real stacks onto a local cloud: `cdk bootstrap`, `cdk deploy`, `syncline init`. */

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
export interface Deployment {
  readonly set: string;
  readonly primary: string;
  readonly config: SetConfig;
  /** Each member's API, by member; with its stage, without a slash at the end. */
  readonly apis: Readonly<Record<string, string>>;
}

/**
 * Deploys a replica set onto the cloud and gives it its seats. Repeating it deploys what has changed.
 *
 * @throws Error with the output of the step that failed.
 */
export async function deploy(cloud: Cloud, options: DeployOptions): Promise<Deployment> {
  const { onStep, signal } = options;
  const regions = options.regions ?? cloud.regions;
  const primary = options.primary ?? regions[0] ?? '';
  const step = async <T>(title: string, work: () => Promise<T>): Promise<T> => {
    const done = onStep?.(title);
    const result = await work();
    done?.();
    return result;
  };
  const settings = { set: options.set, regions, keys: options.keys, ...(options.context && { context: options.context }) };
  // Bootstrapping needs no stacks, so it goes on beside the building of them.
  const [assembly] = await Promise.all([buildAssembly(settings, { signal, onStep }), bootstrap(cloud, regions, options)]);
  await step(`Deploying to ${regions.length} regions`, async () =>
    cdk(cloud, ['deploy', '-a', assembly, '--all', '--require-approval', 'never', '--concurrency', String(regions.length * 2), '--progress', 'events'], signal),
  );
  const config = await step('Reading what was deployed', async () => deployedConfig(cloud, options.set, regions[0] ?? ''));
  await step('Giving the seats (syncline init)', async () => init(cloud, config, options.keys, primary, signal));
  const apis = Object.fromEntries(
    await Promise.all(config.members.map(async (m) => [m.name, await apiUrl(cloud, m.region, memberNames(config.set, m).appStack)])),
  );
  const deployment = { set: config.set, primary, config, apis };
  changeRecord(cloud.name, (record) => ({ ...record, deployment: { set: config.set, primary, config: JSON.stringify(config), apis } }));
  return deployment;
}

/** Bootstraps the regions that are not. */
async function bootstrap(cloud: Cloud, regions: readonly string[], { signal, onStep }: Pick<DeployOptions, 'signal' | 'onStep'>): Promise<void> {
  const done = await Promise.all(regions.map(async (region) => isBootstrapped(cloud, region)));
  const missing = regions.filter((_, i) => done[i] === false);
  if (missing.length === 0) return;
  const ended = onStep?.(`Bootstrapping ${missing.length} ${missing.length === 1 ? 'region' : 'regions'}`);
  await cdk(cloud, ['bootstrap', ...missing.map((region) => `aws://${LOCAL_ACCOUNT}/${region}`)], signal);
  ended?.();
}

/** Name of the stack that `cdk bootstrap` makes. */
const TOOLKIT = 'CDKToolkit';

async function isBootstrapped(cloud: Cloud, region: string): Promise<boolean> {
  const client = new CloudFormationClient(localClient(region, cloud.endpoints[region]));
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

async function cdk(cloud: Cloud, args: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  const router = await startRouter(cloud.endpoints);
  const env = {
    ...plainEnvironment(),
    ...cloud.environment(cloud.regions[0] ?? ''),
    AWS_ENDPOINT_URL: router.url,
    AWS_ENDPOINT_URL_S3: router.url,
    CDK_DISABLE_CLI_TELEMETRY: '1',
  };
  // Outside the project, so that `bootstrap` does not run the app of cdk.json.
  try {
    await runCommand(process.execPath, [cdkCommand, ...args, '--no-notices', '--ci'], { cwd: cloud.directory, env, timeoutMs: CDK_MAX_MS, signal });
  } finally {
    await router.close();
  }
}

/** The configuration that the deployed functions have: read from one of them, not computed again. */
async function deployedConfig(cloud: Cloud, set: string, region: string): Promise<SetConfig> {
  const client = new LambdaClient(localClient(region, cloud.endpoints[region]));
  try {
    const name = memberNames(set, { name: region, region, account: LOCAL_ACCOUNT, generation: 1 }).fn('apply');
    const { Environment } = await client.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
    const text = Environment?.Variables?.['SYNCLINE_CONFIG'];
    if (text === undefined) throw new Error(`The function ${name} in ${region} has no SYNCLINE_CONFIG.`);
    return setConfigSchema.parse(JSON.parse(text));
  } finally {
    client.destroy();
  }
}

async function init(cloud: Cloud, config: SetConfig, keys: string, primary: string, signal: AbortSignal | undefined): Promise<void> {
  const env = { ...plainEnvironment(), ...cloud.environment(config.members[0]?.region ?? '') };
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
  ];
  const args = ['--disable-warning=ExperimentalWarning', join(root, 'cli', 'syncline.ts'), 'init', '--primary', primary, ...set];
  await runCommand(process.execPath, args, { cwd: root, env, timeoutMs: INIT_MAX_MS, signal });
}

const REST_API = 'AWS::ApiGateway::RestApi';
const REST_STAGE = 'AWS::ApiGateway::Stage';

/** The URL of a member's API: found by the stack's resources, addressed by path (its host name does not resolve). */
async function apiUrl(cloud: Cloud, region: string, stack: string): Promise<string> {
  const endpoint = cloud.endpoints[region] ?? '';
  const client = new CloudFormationClient(localClient(region, endpoint));
  try {
    const found: StackResourceSummary[] = [];
    for await (const page of paginateListStackResources({ client }, { StackName: stack })) found.push(...(page.StackResourceSummaries ?? []));
    const id = (type: string): string => {
      const resource = found.find((r) => r.ResourceType === type)?.PhysicalResourceId;
      if (resource === undefined) throw new Error(`The stack ${stack} in ${region} has no ${type}.`);
      return resource;
    };
    return `${endpoint}/_aws/execute-api/${id(REST_API)}/${id(REST_STAGE).split('/').at(-1) ?? ''}`;
  } finally {
    client.destroy();
  }
}

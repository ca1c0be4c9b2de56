import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { ReplicaSetProps } from '../../cdk/replica-set.ts';
import { ReplicaSet } from '../../cdk/replica-set.ts';
import { cdkCommand } from '../../local/build.ts';
import type { Cloud } from '../../local/cloud.ts';
import { startCloud } from '../../local/cloud.ts';
import { plainEnvironment, runCommand } from '../../local/command.ts';
import { LOCAL_ACCOUNT } from '../../local/region.ts';
import { CONTEXT, KEY } from './fixture.ts';

/** The real `cdk` command on a cloud of one region, with stacks synthesized here: how a deployment changes what is there. */

export const REGION = 'eu-central-1';
/** One run of the command (ms): it takes 1 to 4 s, more on a busy machine. */
const CDK_MAX_MS = 120_000;

export interface CdkCloud {
  readonly cloud: Cloud;
  readonly endpoint: string;
  /** Runs a command on the stacks of the member in REGION, synthesized with these settings. Gives all that it says. */
  run(command: 'deploy' | 'diff' | 'destroy', props?: Partial<ReplicaSetProps>): Promise<string>;
  stop(): Promise<void>;
}

/** The settings of a set whose other member is never deployed: its stacks are not asked for. */
const SETTINGS: ReplicaSetProps = {
  set: 'kept',
  account: LOCAL_ACCOUNT,
  members: [{ region: REGION }, { region: 'us-east-1' }],
  key: KEY,
  code: () => Code.fromInline('exports.handler = async () => ({ statusCode: 200, body: "{}" });'),
};

const FLAGS = {
  deploy: ['--require-approval', 'never', '--progress', 'events'],
  // By the templates and AWS's own schemas of resources: what a local cloud says of replacements is a guess.
  diff: ['--method=template'],
  destroy: ['--force'],
} as const;

/** Starts the cloud, ready to be deployed to. */
export async function cdkCloud(): Promise<CdkCloud> {
  const cloud = await startCloud({ regions: [REGION] });
  const assemblies = mkdtempSync(join(tmpdir(), 'syncline-cdk-'));
  let count = 0;
  const cdk = async (args: readonly string[]): Promise<string> => {
    let said = '';
    const env = { ...plainEnvironment(), ...cloud.environment(REGION), CDK_DISABLE_CLI_TELEMETRY: '1' };
    await runCommand(process.execPath, [cdkCommand, ...args, '--no-notices', '--no-color', '--ci'], {
      cwd: cloud.directory,
      env,
      timeoutMs: CDK_MAX_MS,
      onOutput: (text) => {
        said += text;
      },
    });
    return said;
  };
  const stop = async (): Promise<void> => {
    rmSync(assemblies, { recursive: true, force: true });
    await cloud.stop();
  };
  try {
    await cdk(['bootstrap', `aws://${LOCAL_ACCOUNT}/${REGION}`]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    cloud,
    endpoint: cloud.endpoints[REGION] ?? '',
    async run(command, props = {}) {
      count += 1;
      const outdir = join(assemblies, String(count));
      const app = new App({ context: CONTEXT, outdir });
      const stacks = new ReplicaSet(app, 'ReplicaSet', { ...SETTINGS, ...props }).stacks.get(REGION);
      if (stacks === undefined) throw new Error(`no member ${REGION}`);
      app.synth();
      return cdk([command, '-a', outdir, stacks.app.stackName, stacks.data.stackName, ...FLAGS[command]]);
    },
    stop,
  };
}

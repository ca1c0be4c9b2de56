import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { plainEnvironment } from '../../../local/command.ts';
import { root } from '../../../local/paths.ts';
import { LOCAL_ACCOUNT } from '../../../local/region.ts';
import { EU, KEYS, REGIONS, SET, type World } from './world.ts';

/** The `syncline` command, run as a process against the deployed set. */

/** One run (ms). */
const RUN_MAX_MS = 60_000;

/** What a run gave. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The options that name the deployed set. */
export const THE_SET = ['--set', SET, '--regions', REGIONS.join(','), '--account', LOCAL_ACCOUNT, '--keys', KEYS] as const;

/** Runs `syncline` with these arguments as they are. */
export async function syncline(world: World, args: readonly string[]): Promise<Outcome> {
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'cli', 'syncline.ts'), ...args], {
    cwd: root,
    env: { ...plainEnvironment(), ...world.cloud.environment(EU) },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: RUN_MAX_MS,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.on('error', reject).on('close', (code) => resolve({ code, stdout, stderr }));
  return promise;
}

/** Runs `syncline … --json` on the deployed set, and reads its one document. @throws Error when standard output is no JSON. */
export async function document<T>(world: World, args: readonly string[]): Promise<{ code: number | null; json: T }> {
  const { code, stdout, stderr } = await syncline(world, [...args, ...THE_SET, '--json']);
  try {
    return { code, json: JSON.parse(stdout) as T };
  } catch {
    throw new Error(`syncline ${args.join(' ')} ended with ${code} and no document: ${stdout.slice(0, 500)} ${stderr.slice(0, 1_000)}`);
  }
}

/** The parts of `status --json` that tests look at. */
export interface Status {
  readonly healthy: boolean;
  readonly links: readonly {
    readonly source: string;
    readonly target: string;
    readonly state: string;
    readonly reason: string;
    readonly deadLetters?: number;
  }[];
  readonly members: readonly { readonly member: string; readonly role: string; readonly refused: number }[];
  readonly attention: readonly { readonly code: string; readonly member?: string; readonly link?: string; readonly message: string }[];
}

/** `syncline status --json`. A region that hangs costs it the whole of its time, so that is short here. */
export const status = async (world: World): Promise<{ code: number | null; json: Status }> => document<Status>(world, ['status', '--timeout', '8']);

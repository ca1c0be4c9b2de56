import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { plainEnvironment } from '../../../local/command.ts';
import { root } from '../../../local/paths.ts';

/** The `syncline` command as a process of its own. */

/** What a run gave. */
export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run that goes on by itself. */
export interface Running {
  readonly outcome: Promise<Outcome>;
  /** Ends it with SIGKILL: it does nothing more, and nothing is cleared up. */
  kill(): void;
}

/** Starts `syncline` with these arguments. @param environment where the cloud is @param timeoutMs longest time of the run */
export function startSyncline(args: readonly string[], environment: Readonly<Record<string, string>>, timeoutMs: number): Running {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'cli', 'syncline.ts'), ...args], {
    cwd: root,
    env: { ...plainEnvironment(), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
  });
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.on('error', reject).on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  return { outcome: promise, kill: () => void child.kill('SIGKILL') };
}

/** Reads the one document of a run with --json. @throws Error when standard output is no JSON */
export function documentOf<T>(args: readonly string[], { code, stdout, stderr }: Outcome): { readonly code: number | null; readonly json: T } {
  try {
    return { code, json: JSON.parse(stdout) as T };
  } catch {
    throw new Error(`syncline ${args.join(' ')} ended with ${code} and no document: ${stdout.slice(0, 500)} ${stderr.slice(0, 2_000)}`);
  }
}

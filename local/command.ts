import { spawn } from 'node:child_process';

/** Runs another program to its end, with a time limit, and shows its last words when it fails. */

/** How much of a program's output is kept for a message (characters). */
const OUTPUT_SHOWN = 4_000;
/** A program that got SIGTERM and is still there is killed after this (ms). */
const KILL_AFTER_MS = 5_000;

export interface CommandOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** How long it may take (ms). */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Sees each piece of output as it comes. */
  readonly onOutput?: ((text: string) => void) | undefined;
}

/**
 * Runs a program and gives what it wrote to standard output.
 *
 * @throws Error with the end of its output when it fails, takes too long, or is interrupted.
 */
export async function runCommand(file: string, args: readonly string[], { cwd, env, timeoutMs, signal, onOutput }: CommandOptions): Promise<string> {
  signal?.throwIfAborted();
  const limit = AbortSignal.timeout(timeoutMs);
  const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let tail = '';
  const hear = (text: string): void => {
    tail = (tail + text).slice(-OUTPUT_SHOWN);
    onOutput?.(text);
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    hear(text);
  });
  child.stderr.setEncoding('utf8').on('data', hear);
  const end = (): void => {
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS).unref();
  };
  const ends = signal === undefined ? limit : AbortSignal.any([limit, signal]);
  ends.addEventListener('abort', end, { once: true });
  try {
    const { promise, resolve, reject } = Promise.withResolvers<number | NodeJS.Signals | null>();
    child.on('error', reject).on('close', (code, by) => resolve(code ?? by));
    const code = await promise;
    if (code === 0) return stdout;
    signal?.throwIfAborted();
    const why = limit.aborted ? `took more than ${timeoutMs / 1_000} s` : `ended with ${code}`;
    throw new Error(`${[file.split('/').at(-1), ...args].join(' ').slice(0, 200)} ${why}:\n${tail.trim()}`);
  } finally {
    ends.removeEventListener('abort', end);
  }
}

/** Variables that programs inherit from ours. Credentials and profiles are not among them: nothing here may reach a real account. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'TERM'] as const;

/** The variables that any program may have. */
export function plainEnvironment(own: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return Object.fromEntries(INHERITED.flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]]])));
}

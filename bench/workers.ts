import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { plainEnvironment } from '../local/command.ts';
import type { Answers, Question, Reply, Task } from './workers/protocol.ts';

/** Starts and ends the bench's worker processes, and asks them. */

/** One task (ms). The longest is a restore of a million items on a busy machine. */
const TASK_MAX_MS = 20 * 60_000;
/** A worker that was asked to end and has not is killed after this (ms). */
const END_MAX_MS = 5_000;
/** How much of a worker's output an error shows (characters). */
const OUTPUT_SHOWN = 3_000;

/** How to start a worker. */
export interface WorkerOptions {
  readonly name: string;
  /** The worker's program, bundled (see bundles.ts). */
  readonly program: string;
  /** Where its output goes, and files for it. */
  readonly directory: string;
  /** Its environment, beside the few variables that every program has. */
  readonly environment: Readonly<Record<string, string>>;
  /** Memory that Lambda would be set to (MiB): bounds the heap as Lambda's runtime does. Unbounded when absent. */
  readonly memoryMiB?: number;
  /** Writes a processor profile into this directory when it ends. */
  readonly profileTo?: string | undefined;
}

/**
 * The heap's bounds that Lambda's Node runtime sets for a function's memory: a tenth for new objects, in two halves, the
 * rest for old ones (the runtime's own bootstrap script, /var/runtime/bootstrap).
 */
export function heapFlags(memoryMiB: number): string[] {
  const young = Math.floor(memoryMiB / 10);
  return [`--max-semi-space-size=${Math.floor(young / 2)}`, `--max-old-space-size=${memoryMiB - young}`];
}

/** A worker that runs. */
export class Worker {
  readonly #child: ChildProcess;
  readonly #output: string;
  readonly #name: string;
  #next = 0;
  #ended: string | undefined;

  private constructor(name: string, child: ChildProcess, output: string) {
    this.#name = name;
    this.#child = child;
    this.#output = output;
    child.on('exit', (code, signal) => {
      this.#ended = `ended with ${code ?? signal}`;
    });
  }

  /** Starts one. What it prints goes to a file: a pipe that this process must empty would share its time. */
  static start(options: WorkerOptions): Worker {
    const output = join(options.directory, `${options.name}.log`);
    const log = openSync(output, 'a');
    try {
      const child = fork(options.program, [], {
        cwd: options.directory,
        execArgv: [
          '--disable-warning=ExperimentalWarning',
          '--expose-gc',
          ...(options.memoryMiB === undefined ? [] : heapFlags(options.memoryMiB)),
          ...(options.profileTo === undefined
            ? []
            : ['--cpu-prof', '--cpu-prof-interval=500', `--cpu-prof-dir=${options.profileTo}`, `--cpu-prof-name=${options.name}.cpuprofile`]),
        ],
        env: { ...plainEnvironment(), ...options.environment },
        stdio: ['ignore', log, log, 'ipc'],
      });
      return new Worker(options.name, child, output);
    } finally {
      closeSync(log);
    }
  }

  /** Asks for a task to be done. @throws Error with what the worker says, or with the end of its output when it is gone. */
  async ask<K extends Task['kind']>(task: Extract<Task, { kind: K }>): Promise<Answers[K]> {
    if (this.#ended !== undefined) throw new Error(`The worker "${this.#name}" ${this.#ended}.${this.tail()}`);
    this.#next += 1;
    const id = this.#next;
    const { promise, resolve, reject } = Promise.withResolvers<Answers[K]>();
    const hear = (reply: Reply): void => {
      if (reply.id !== id) return;
      if ('error' in reply) reject(new Error(`The worker "${this.#name}" failed at "${task.kind}": ${reply.error}${this.tail()}`));
      else resolve(reply.answer as Answers[K]);
    };
    const gone = (): void => reject(new Error(`The worker "${this.#name}" ${this.#ended ?? 'ended'} at "${task.kind}".${this.tail()}`));
    const limit = setTimeout(() => reject(new Error(`The worker "${this.#name}" needs more than ${TASK_MAX_MS / 1_000} s for "${task.kind}".`)), TASK_MAX_MS);
    this.#child.on('message', hear).on('exit', gone);
    try {
      this.#child.send({ id, task } satisfies Question);
      return await promise;
    } finally {
      clearTimeout(limit);
      this.#child.off('message', hear).off('exit', gone);
    }
  }

  /** Ends it and waits until it is gone. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), END_MAX_MS);
    await exit;
    clearTimeout(limit);
  }

  /** The end of what it has printed, for a message. */
  tail(): string {
    const text = readFileSync(this.#output, 'utf8').trim();
    return text === '' ? '' : `\nIts output ends:\n${text.slice(-OUTPUT_SHOWN)}`;
  }
}

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Message, Task } from './task.ts';

/** Longest wall time of one seed (ms), the start of its process included: a run has virtual bounds of its own, so more is a hang. */
const SEED_WALL_MAX_MS = 300_000;
/** Heap of one worker (MB): a mutant that runs away shall not take the machine with it. */
const HEAP_MB = 1_024;

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

/** How a task ended: the worker's last message, or that it was ended from here. */
export type End = Exclude<Message, { kind: 'seed' }> | { readonly kind: 'hung'; readonly seed: number | undefined; readonly done: number };

/**
 * Runs a task in a process of its own and waits for its end. A seed that takes longer than SEED_WALL_MAX_MS is a hang: the
 * process is killed.
 *
 * @param onSeed told when a seed begins, with the number of those that are done.
 * @param signal ends the process early; its end is then `failed`.
 */
export function runTask(task: Task, onSeed: (done: number) => void, signal: AbortSignal): Promise<End> {
  return new Promise((resolve) => {
    const child = fork(WORKER, [JSON.stringify(task)], {
      execArgv: ['--disable-warning=ExperimentalWarning', `--max-old-space-size=${HEAP_MB}`],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let end: End | undefined;
    let seed: number | undefined;
    let done = 0;
    let stderr = '';
    let timer = setTimeout(hang, SEED_WALL_MAX_MS);
    const abort = (): void => {
      child.kill('SIGKILL');
    };
    signal.addEventListener('abort', abort, { once: true });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-2_000);
    });
    child.on('message', (message: Message) => {
      if (message.kind !== 'seed') {
        end = message;
        return;
      }
      seed = message.seed;
      done = message.done;
      clearTimeout(timer);
      timer = setTimeout(hang, SEED_WALL_MAX_MS);
      onSeed(done);
    });
    child.on('error', (error) => finish({ kind: 'failed', done, why: error.message }));
    child.on('close', (code, ended) => {
      const why = signal.aborted ? 'ended early' : `the process ended (${code ?? ended}) without an answer${stderr === '' ? '' : `: ${stderr.trim()}`}`;
      finish(end ?? { kind: 'failed', done, why, ...(seed !== undefined && { seed }) });
    });

    function hang(): void {
      end ??= { kind: 'hung', seed, done };
      child.kill('SIGKILL');
    }
    function finish(result: End): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      resolve(result);
    }
  });
}

/** Does the work for each input, at most `width` at a time, in their order. */
export async function inParallel<T>(inputs: readonly T[], width: number, work: (input: T, index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < inputs.length; i = next++) await work(inputs[i] as T, i);
  };
  await Promise.all(Array.from({ length: Math.min(width, inputs.length) }, worker));
}

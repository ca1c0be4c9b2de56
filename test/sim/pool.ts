import { Worker } from 'node:worker_threads';
import { drawKnobs } from './draw.ts';
import type { Knobs } from './knobs.ts';
import type { Done, Failure, Question, Reply, Task, WorkerData } from './pool-protocol.ts';
import { EXCEPTION, FIGURES, HANG, outcomeOfFigures } from './pool-protocol.ts';

/** Runs seeds on threads: one seed is one task. What a seed comes to does not depend on the thread, nor on how many there are. */

/** A run that takes longer hangs (wall ms): so long, and so much for each step of its workload when it has many. A run takes some hundredths of a second. */
export const HANG_MS = 60_000;
export const HANG_A_STEP_MS = 100;

/**
 * A stop waits so long for seeds that run (wall ms). A thread that is ended in the middle of its work can take the whole
 * process with it: Node 24 aborts when a zstd stream is between its making and its setting up ("close before init").
 */
const STOP_MAX_MS = 5_000;

/** How a pool is made. */
export interface PoolOptions {
  /** Threads. */
  readonly jobs: number;
  /** Address of the module that runs a seed; run.ts by default. */
  readonly module?: string;
  /** How long a stop waits for seeds that run (wall ms); STOP_MAX_MS by default. */
  readonly stopMs?: number;
}

/** The pool was stopped before the task was done. */
export class StoppedError extends Error {
  constructor() {
    super('The pool was stopped before this seed was done.');
    this.name = 'StoppedError';
  }
}

interface Job {
  readonly id: number;
  readonly task: Task;
  readonly knobs: Knobs;
  readonly resolve: (done: Done) => void;
  readonly reject: (error: Error) => void;
  readonly signal: AbortSignal | undefined;
}
interface Thread {
  readonly worker: Worker;
  readonly figures: Float64Array;
  job?: Job | undefined;
  since: number;
  limit?: NodeJS.Timeout | undefined;
}

/** A pool of threads. It must be stopped. */
export class Pool {
  readonly jobs: number;
  readonly #module: string;
  readonly #stopMs: number;
  readonly #threads = new Set<Thread>();
  readonly #urgent: Job[] = [];
  readonly #waiting: Job[] = [];
  #count = 0;
  #stopped = false;

  constructor(options: PoolOptions) {
    this.jobs = options.jobs;
    this.#stopMs = options.stopMs ?? STOP_MAX_MS;
    this.#module = options.module ?? new URL('./run.ts', import.meta.url).href;
  }

  /**
   * Runs one seed.
   *
   * @param how.urgent goes before all that wait.
   * @param how.signal a task that still waits when it aborts is never run.
   * @throws StoppedError when the pool is stopped, or the signal aborts, before it is done.
   */
  run(task: Task, how: { readonly urgent?: boolean; readonly signal?: AbortSignal } = {}): Promise<Done> {
    if (this.#stopped) return Promise.reject(new StoppedError());
    const { promise, resolve, reject } = Promise.withResolvers<Done>();
    this.#count += 1;
    const knobs = { ...drawKnobs(task.seed), ...task.knobs };
    (how.urgent === true ? this.#urgent : this.#waiting).push({ id: this.#count, task, knobs, resolve, reject, signal: how.signal });
    this.#next();
    return promise;
  }

  /** Ends all threads. What was not done is rejected at once; the threads may finish the seed that they have, within STOP_MAX_MS. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const threads = [...this.#threads];
    this.#threads.clear();
    for (const job of [...this.#urgent.splice(0), ...this.#waiting.splice(0), ...threads.flatMap((t) => t.job ?? [])]) job.reject(new StoppedError());
    for (const thread of threads) clearTimeout(thread.limit);
    await Promise.all(
      threads.map(async ({ job, worker }) => {
        if (job !== undefined) await answered(worker, this.#stopMs);
        await worker.terminate();
      }),
    );
  }

  /** Gives what waits to threads that are free, and makes threads while there are fewer than there may be. */
  #next(): void {
    for (;;) {
      const free = [...this.#threads].find((t) => t.job === undefined);
      if (free === undefined && this.#threads.size >= this.jobs) return;
      const job = this.#urgent.shift() ?? this.#waiting.shift();
      if (job === undefined) return;
      if (job.signal?.aborted) job.reject(new StoppedError());
      else this.#give(free ?? this.#start(), job);
    }
  }

  #start(): Thread {
    const progress = new SharedArrayBuffer(FIGURES * Float64Array.BYTES_PER_ELEMENT);
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: { module: this.#module, progress } satisfies WorkerData,
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    const thread: Thread = { worker, figures: new Float64Array(progress), since: 0 };
    worker.on('message', (reply: Reply) => this.#hear(thread, reply));
    // Whatever nobody caught in the thread: it belongs to the seed that ran.
    worker.on('error', (error) =>
      this.#broken(thread, { message: `${error.name}: ${error.message}`, ...(error.stack !== undefined && { stack: error.stack }) }),
    );
    worker.on('exit', (code) => this.#broken(thread, { message: `The thread ended by itself, with code ${code}` }));
    this.#threads.add(thread);
    return thread;
  }

  #give(thread: Thread, job: Job): void {
    thread.job = job;
    thread.since = performance.now();
    const limitMs = job.task.limitMs ?? Math.max(HANG_MS, job.knobs.steps * HANG_A_STEP_MS);
    thread.limit = setTimeout(() => this.#hangs(thread, limitMs), limitMs);
    thread.worker.postMessage({ id: job.id, task: job.task } satisfies Question);
  }

  #hear(thread: Thread, reply: Reply): void {
    const { job } = thread;
    if (job?.id !== reply.id) return;
    if ('run' in reply) this.#settle(thread, { ...reply.run, wallMs: performance.now() - thread.since });
    else this.#settle(thread, this.#failed(thread, job, EXCEPTION, reply.failure, reply.events));
    this.#next();
  }

  #broken(thread: Thread, failure: Failure): void {
    const { job } = thread;
    if (!this.#threads.delete(thread)) return;
    void thread.worker.terminate();
    if (job !== undefined) this.#settle(thread, this.#failed(thread, job, EXCEPTION, failure));
    this.#next();
  }

  #hangs(thread: Thread, limitMs: number): void {
    const { job } = thread;
    if (job === undefined || !this.#threads.delete(thread)) return;
    void thread.worker.terminate();
    const [ms = 0, , calls = 0, invocations = 0] = thread.figures;
    const how = calls === 0 ? '' : `; it had got to ${(ms / 3_600_000).toFixed(2)} virtual hours, ${calls} requests and ${invocations} invocations`;
    this.#settle(thread, this.#failed(thread, job, HANG, { message: `neither ends nor fails within ${Math.round(limitMs / 100) / 10} s of wall time${how}` }));
    this.#next();
  }

  #failed(thread: Thread, job: Job, rule: string, failure: Failure, events?: NonNullable<Done['trace']>['events']): Done {
    const { seed } = job.task;
    const { knobs } = job;
    const outcome = outcomeOfFigures(seed, knobs, thread.figures, { rule, message: failure.message });
    return {
      outcome,
      wallMs: performance.now() - thread.since,
      ...(failure.stack !== undefined && { stack: failure.stack }),
      ...(job.task.keepTrace === true && events !== undefined && { trace: { header: headerOf(outcome), events } }),
    };
  }

  #settle(thread: Thread, done: Done): void {
    clearTimeout(thread.limit);
    const { job } = thread;
    thread.job = undefined;
    job?.resolve(done);
  }
}

/** Waits until a thread has said or done anything, at most `maxMs`. */
function answered(worker: Worker, maxMs: number): Promise<void> {
  return new Promise((done) => {
    const limit = setTimeout(done, maxMs);
    const end = (): void => {
      clearTimeout(limit);
      done();
    };
    worker.once('message', end).once('exit', end);
  });
}

/** Header of the trace of a run that threw before it could write its own. */
function headerOf({ seed, knobs, virtualMs, violation }: Done['outcome']): NonNullable<Done['trace']>['header'] {
  const members = ['a', 'b', 'c'].slice(0, knobs.members);
  return {
    syncline: 'trace',
    version: 1,
    seed,
    knobs: { ...knobs },
    members,
    links: members.flatMap((a) => members.filter((b) => b !== a).map((b) => `${a}>${b}`)),
    lanes: knobs.lanes,
    keys: Array.from({ length: knobs.keys }, (_, i) => `k${i}`),
    endMs: virtualMs,
    ...(violation !== undefined && { violation }),
  };
}

/** Tasks that are under way ahead of the one whose turn it is, for each thread. */
const AHEAD_A_THREAD = 16;

/** Runs tasks on all threads, and gives what they come to in the order of the tasks. What is under way when the reader stops is dropped. */
export async function* inOrder(pool: Pool, tasks: Iterable<Task>): AsyncGenerator<Done, void, void> {
  const controller = new AbortController();
  const ahead: Promise<Done>[] = [];
  const iterator = tasks[Symbol.iterator]();
  const fill = (): void => {
    while (ahead.length < pool.jobs * AHEAD_A_THREAD) {
      const next = iterator.next();
      if (next.done === true) return;
      const promise = pool.run(next.value, { signal: controller.signal });
      // It is awaited in its turn, or never, when the reader has stopped.
      promise.catch(() => undefined);
      ahead.push(promise);
    }
  };
  try {
    for (fill(); ahead.length > 0; fill()) yield await (ahead.shift() as Promise<Done>);
  } finally {
    controller.abort();
  }
}

import { parentPort, workerData } from 'node:worker_threads';
import type { Failure, Question, Reply, RunModule, WorkerData } from './pool-protocol.ts';
import { FIGURES, figuresOf } from './pool-protocol.ts';
import type { World } from './world.ts';

/** A thread of the pool: runs one seed after the other, as it is asked. */

/** How often a running seed tells how far it has got (wall ms). */
const PROGRESS_MS = 200;

const { module, progress } = workerData as WorkerData;
const port = parentPort;
if (port === null) throw new Error('test/sim/worker.ts is a thread of the pool in test/sim/pool.ts; it is not run by itself.');
const far = new Float64Array(progress);
let world: World | undefined;

const tell = (): void => {
  if (world !== undefined) far.set(figuresOf(world));
};
// A run gives way to the event loop at each of its steps, so this comes even while one never ends; it stops only in a loop without an await.
setInterval(tell, PROGRESS_MS).unref();

const { runSeed } = (await import(module)) as RunModule;

const answer = async ({ id, task }: Question): Promise<void> => {
  far.fill(0, 0, FIGURES);
  world = undefined;
  try {
    const run = await runSeed(task.seed, {
      ...(task.knobs !== undefined && { knobs: task.knobs }),
      ...(task.keepTrace !== undefined && { keepTrace: task.keepTrace }),
      watch: (w) => {
        world = w;
      },
    });
    port.postMessage({ id, run } satisfies Reply);
  } catch (error) {
    tell();
    port.postMessage({ id, failure: failureOf(error), ...(world !== undefined && { events: lastEvents(world) }) } satisfies Reply);
  } finally {
    world = undefined;
  }
};

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { message: String(error) };
  return { message: `${error.name}: ${error.message}`, ...(error.stack !== undefined && { stack: error.stack }) };
}

/** The kept trace of a run that threw, if any was kept. */
const lastEvents = (of: World): World['trace']['events'] => of.trace.events;

port.on('message', (question: Question) => void answer(question));

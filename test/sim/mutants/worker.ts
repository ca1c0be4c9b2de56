import { writeFileSync } from 'node:fs';
import { scenarioFiles } from '../scenario/files.ts';
import { mutantNamed } from './list.ts';
import { plant } from './loader.ts';
import type { Message, Task } from './task.ts';

/**
 * One process: plants one mutant (or none), runs seeds until one breaks a rule, and says which. It imports nothing of
 * the simulator before the mutant is planted.
 */

/** Longest text of a failure (characters). */
const WHY_MAX = 2_000;

const say = (message: Message): void => {
  process.send?.(message);
};

/** The first of the scenarios that name a mutant that fails under it. */
async function bittenScenario(mutant: string): Promise<string | undefined> {
  const { playScenario } = await import('../scenario/player.ts');
  for (const { file, text, bites } of scenarioFiles()) {
    if (!bites.includes(mutant)) continue;
    const { ok } = await playScenario(text, file);
    if (!ok) return file;
  }
  return undefined;
}

async function work(task: Task): Promise<Message> {
  let done = 0;
  let seed: number | undefined;
  try {
    const planted = task.mutant === undefined ? undefined : plant(mutantNamed(task.mutant));
    const [{ runSeed }, { traceText }] = await Promise.all([import('../run.ts'), import('../trace.ts')]);
    planted?.checkLoaded();
    const options = task.knobs === undefined ? {} : { knobs: task.knobs };
    for (seed of task.seeds) {
      say({ kind: 'seed', seed, done });
      const { outcome } = await runSeed(seed, options);
      done += 1;
      if (outcome.violation === undefined) continue;
      if (task.traceFile !== undefined) {
        const { trace } = await runSeed(seed, { ...options, keepTrace: true });
        if (trace !== undefined) writeFileSync(task.traceFile, traceText(trace.header, trace.events));
      }
      const { rule, message } = outcome.violation;
      return { kind: 'broken', seed, done, rule, message, digest: outcome.digest };
    }
    const bitten = task.scenarios === true && task.mutant !== undefined ? await bittenScenario(task.mutant) : undefined;
    if (bitten !== undefined) return { kind: 'broken', seed: 0, done, rule: bitten, message: 'a scenario fails', digest: '' };
    return { kind: 'clean', done };
  } catch (error) {
    const why = (error instanceof Error ? (error.stack ?? error.message) : String(error)).slice(0, WHY_MAX);
    return { kind: 'failed', done, why, ...(seed !== undefined && { seed }) };
  }
}

// The parent is gone: nobody wants the answer.
process.on('disconnect', () => process.exit(1));
const last = await work(JSON.parse(process.argv[2] ?? '{}') as Task);
process.send?.(last, () => process.exit(0));

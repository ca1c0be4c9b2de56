import type { Answers, Cost, Question, Reply, Task } from './protocol.ts';

/** What all workers have in common: they hear tasks from the bench, do one at a time, and end with it. */

/** Does the work and measures it. */
export async function measured<T>(work: () => Promise<T>): Promise<Cost & { readonly result: T }> {
  const cpu = process.cpuUsage();
  const began = performance.now();
  const result = await work();
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  return { ms, cpuUs: user + system, result };
}

/** Collects garbage, so that a measurement does not begin with what its preparation left. Needs --expose-gc. */
export function rest(): null {
  (globalThis as { gc?: () => void }).gc?.();
  return null;
}

/** The largest resident set until now (bytes). Node gives it in KiB. https://nodejs.org/api/process.html#processresourceusage */
const peak = (): number => process.resourceUsage().maxRSS * 1_024;

/** Answers the bench's tasks with `work`; `rest` and `peak` are answered here. */
export function serve(work: (task: Task) => Promise<Answers[Task['kind']]>): void {
  const answer = async (task: Task): Promise<Answers[Task['kind']]> => {
    if (task.kind === 'rest') return rest();
    if (task.kind === 'peak') return peak();
    return work(task);
  };
  process.on('message', ({ id, task }: Question) => {
    const say = (reply: Reply): void => {
      process.send?.(reply);
    };
    void answer(task).then(
      (done) => say({ id, answer: done }),
      (error: unknown) => say({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  // The bench is gone, whatever way: there is nothing left to work for.
  process.on('disconnect', () => process.exit(0));
}

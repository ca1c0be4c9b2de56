import { together } from '../replicate/together.ts';

/**
 * The results of some work, in its order; `depth` pieces of it are under way beyond the one that is looked at. However
 * it ends, it waits for what is under way: no request outlives it.
 */
export async function* ahead<T>(work: Iterable<() => Promise<T>>, depth: number): AsyncGenerator<T> {
  const running: Promise<T>[] = [];
  const tasks = work[Symbol.iterator]();
  const more = (): void => {
    while (running.length <= depth) {
      const next = tasks.next();
      if (next.done === true) return;
      const task = next.value();
      // It may fail before anybody waits for it.
      task.catch(() => undefined);
      running.push(task);
    }
  };
  try {
    for (more(); running.length > 0; more()) {
      yield await (running[0] as Promise<T>);
      running.splice(0, 1);
    }
  } finally {
    await together(running.map((task) => task.catch(() => undefined)));
  }
}

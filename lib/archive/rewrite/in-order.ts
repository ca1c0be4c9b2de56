/**
 * Works through a list, several at a time, in its order. When one fails the others that are under way are waited for, no more
 * are begun, and its error is thrown.
 *
 * @param limit how many at a time, asked again each time.
 */
export async function inOrder<T>(list: readonly T[], limit: () => number, work: (entry: T) => Promise<void>): Promise<void> {
  const running = new Set<Promise<void>>();
  const failed: unknown[] = [];
  let next = 0;
  while ((next < list.length && failed.length === 0) || running.size > 0) {
    while (next < list.length && failed.length === 0 && running.size < Math.max(1, Math.floor(limit()))) {
      const task: Promise<void> = work(list[next] as T)
        .catch((error: unknown) => {
          failed.push(error);
        })
        .finally(() => running.delete(task));
      running.add(task);
      next += 1;
    }
    if (running.size > 0) await Promise.race(running);
  }
  if (failed.length > 0) throw failed[0];
}

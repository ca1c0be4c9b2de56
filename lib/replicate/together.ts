/**
 * Waits for all of these, and then throws what the first of them threw, if any did.
 *
 * ⚠ `Promise.all` throws as soon as one fails, and leaves the others running: their requests would outlive the handler,
 * and a frozen sandbox would send them hours later. Whatever makes requests at the same time waits by this.
 */
export async function together<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(work);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

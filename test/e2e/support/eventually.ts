import { setTimeout as sleep } from 'node:timers/promises';

/** Waiting for conditions: the only way in which end-to-end tests wait. */

/** Between two looks at a condition (ms). */
const LOOK_EVERY_MS = 250;

/**
 * Looks again and again until `good` holds of what is seen, and gives that.
 *
 * @param what the condition, for the message.
 * @param deadlineMs longest wait (ms).
 * @throws Error with what was seen last, when the deadline has passed.
 */
export async function eventually<T>(what: string, deadlineMs: number, look: () => Promise<T>, good: (seen: T) => boolean): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    let text: string;
    try {
      const seen = await look();
      if (good(seen)) return seen;
      text = JSON.stringify(seen)?.slice(0, 2_000) ?? String(seen);
    } catch (error) {
      text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    }
    if (performance.now() > end) throw new Error(`Not so after ${deadlineMs / 1_000} s: ${what}. Seen last: ${text}`);
    await sleep(LOOK_EVERY_MS);
  }
}

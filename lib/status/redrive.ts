import type { QueueMessage, QueuePort } from '../ports/queue.ts';
import type { Runtime } from '../ports/runtime.ts';
import { drainDeadLetters, UNREADABLE_GROUP } from '../reconcile/dead-letters.ts';
import type { LinkContext } from '../replicate/context.ts';
import type { DeadLetter } from './dead-letters.ts';
import { giveBack, linkName, readDeadLetter } from './dead-letters.ts';

/** What a redrive did with one link's dead letters. */
export interface Redriven {
  readonly link: string;
  /** Dead letters that became resyncs, and the keys in them. */
  readonly redriven: number;
  readonly keys: number;
  /** Those that cannot be read, under the ids by which they can be shown: they stay. Of very many, the first. */
  readonly unreadable: readonly DeadLetter[];
  /** Why it ended before all were seen, if it did. */
  readonly stopped?: string;
}

/**
 * Drains a link's dead letters at once, by the minute run's own code, and names those that stay. They are given back,
 * so that they can be shown without waiting for their visibility timeout.
 *
 * @param epoch the own epoch of the source's seat, which must be primary.
 * @param until elapsed time (ms).
 * @throws RemoteError when the dead-letter queue does not answer.
 */
export async function redriveLink(link: LinkContext, epoch: number, queue: QueuePort, runtime: Runtime, until: number): Promise<Redriven> {
  const held = new Map<string, QueueMessage>();
  const watched: QueuePort = {
    sendBatch: (url, entries) => queue.sendBatch(url, entries),
    changeVisibilityBatch: (url, entries) => queue.changeVisibilityBatch(url, entries),
    deleteBatch: (url, entries) => queue.deleteBatch(url, entries),
    depth: (url) => queue.depth(url),
    receive: async (url, options) => {
      const messages = await queue.receive(url, options);
      // The drain sets unreadable letters aside in a group of their own: what is there stays, under these ids.
      for (const message of messages) if (message.group === UNREADABLE_GROUP) held.set(message.id, message);
      return messages;
    },
  };
  try {
    const { redriven, keys, stopped } = await drainDeadLetters(link, epoch, watched, runtime, until);
    const unreadable = [...held.values()].map((message) => readDeadLetter(message, link));
    return { link: linkName(link), redriven, keys, unreadable, ...(stopped !== undefined && { stopped }) };
  } finally {
    await giveBack(queue, link.dlqUrl, [...held.values()], runtime);
  }
}

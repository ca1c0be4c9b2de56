import type { Key } from '../core/attribute.ts';
import { SQS_BATCH_ENTRIES } from '../core/constants.ts';
import { FormatError, InputError, InvariantError } from '../core/errors.ts';
import type { LaneMessage } from '../core/formats/message.ts';
import { decodeMessage, isDelete } from '../core/formats/message.ts';
import type { KeySchema } from '../core/key.ts';
import { keyOf } from '../core/key.ts';
import type { QueueDepth, QueueMessage, QueuePort } from '../ports/queue.ts';
import type { Runtime } from '../ports/runtime.ts';
import { readMessage } from '../replicate/apply/lane-work.ts';
import type { LinkContext } from '../replicate/context.ts';
import { retried } from '../replicate/retry.ts';

/**
 * Looking at dead letters without taking them away.
 *
 * SQS has no way to peek: a message is received, stays invisible for a while, and blocks its lane for that time. So a
 * look takes a short visibility, and at its end gives everything back at once. Two limits follow from FIFO queues: of
 * each lane only the first messages are seen (those behind them wait until these are gone), and messages that the
 * minute's run holds at that moment are counted, but not shown.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
 */

/** Visibility timeout of a look (s): when the looker dies, this is how long the letters stay hidden. */
export const LOOK_VISIBILITY_S = 30;
/** Receive calls of one look. */
const LOOK_RECEIVES_MAX = 64;
/** A short poll may find nothing though there is something (SQS asks a part of its servers): this many in a row end a look. */
const EMPTY_RECEIVES_MAX = 3;
/** A look ends this long after its first receive (ms), well before its letters become visible by themselves. */
const LOOK_MS_MAX = 20_000;

/** A dead letter, decoded as far as it can be. */
export interface DeadLetter {
  /** SQS's message id. */
  readonly id: string;
  /** "source:target". */
  readonly link: string;
  readonly lane: string;
  /** Why apply refused it; absent when SQS itself moved it (too many receives). */
  readonly reason?: string;
  /** When apply refused it (ms, the source region's clocks). */
  readonly refusedAt?: number;
  /** When it was first sent to the dead-letter queue (ms). */
  readonly sentMs: number;
  readonly receives: number;
  readonly kind: LaneMessage['kind'] | 'unreadable';
  readonly epoch?: number;
  readonly keys: readonly Key[];
  /** Why it cannot be read. */
  readonly problem?: string;
  /** The whole message, when it can be read. */
  readonly message?: LaneMessage;
}

/** What a look found. */
export interface DeadLetterLook {
  readonly link: string;
  readonly letters: readonly DeadLetter[];
  /** The queue's numbers before the look. */
  readonly depth: QueueDepth;
}

/** The name of a link for people: "source:target". */
export const linkName = (link: { readonly source: string; readonly target: string }): string => `${link.source}:${link.target}`;

/** Decodes a dead letter. Never throws for what is in it. Pure. */
export function readDeadLetter(message: QueueMessage, link: LinkContext): DeadLetter {
  const reason = message.attributes['reason'];
  const at = Number(message.attributes['at']);
  const base = {
    id: message.id,
    link: linkName(link),
    lane: message.group,
    ...(reason !== undefined && { reason }),
    ...(Number.isSafeInteger(at) && at > 0 && { refusedAt: at }),
    sentMs: message.sentMs,
    receives: message.receiveCount,
  };
  try {
    const decoded = decodeMessage(message.body);
    // It may be whole, and yet no message for this link: then the minute's run leaves it, too.
    const foreign = readMessage(message.body, link);
    if (typeof foreign === 'string') return { ...base, kind: 'unreadable', keys: [], problem: foreign, message: decoded };
    return { ...base, kind: decoded.kind, epoch: decoded.epoch, keys: keysOf(decoded, link.key), message: decoded };
  } catch (error) {
    if (error instanceof FormatError || error instanceof InvariantError || error instanceof InputError)
      return { ...base, kind: 'unreadable', keys: [], problem: error.message };
    throw error;
  }
}

function keysOf(message: LaneMessage, schema: KeySchema): Key[] {
  return message.kind === 'resync' ? message.keys.map((k) => k.k) : message.changes.map((c) => (isDelete(c) ? c.k : keyOf(c.i, schema)));
}

/**
 * Looks at a link's dead letters, at most `max`, and gives them back.
 *
 * @param done ends the look early, once it has seen what it wants.
 * @throws RemoteError when the queue does not answer.
 */
export async function lookAtDeadLetters(
  queue: QueuePort,
  link: LinkContext,
  runtime: Runtime,
  options: { readonly max: number; readonly until: number; readonly done?: (letter: DeadLetter) => boolean },
): Promise<DeadLetterLook> {
  const depth = await retried(runtime, options.until, () => queue.depth(link.dlqUrl));
  const held = new Map<string, QueueMessage>();
  const letters: DeadLetter[] = [];
  const end = Math.min(options.until, runtime.clock.elapsed() + LOOK_MS_MAX);
  try {
    let empty = 0;
    for (let call = 0; call < LOOK_RECEIVES_MAX && empty < EMPTY_RECEIVES_MAX && held.size < options.max && runtime.clock.elapsed() < end; call += 1) {
      const max = Math.min(SQS_BATCH_ENTRIES, options.max - held.size);
      const messages = await retried(runtime, end, () => queue.receive(link.dlqUrl, { max, visibilityS: LOOK_VISIBILITY_S }));
      empty = messages.length === 0 ? empty + 1 : 0;
      for (const message of messages) {
        held.set(message.id, message);
        letters.push(readDeadLetter(message, link));
      }
      if (options.done !== undefined && letters.some(options.done)) break;
    }
  } finally {
    await giveBack(queue, link.dlqUrl, [...held.values()], runtime);
  }
  return { link: linkName(link), letters, depth };
}

/** Makes messages visible again. Best effort: where it fails, they come back by themselves after LOOK_VISIBILITY_S. */
export async function giveBack(queue: QueuePort, url: string, messages: readonly QueueMessage[], runtime: Runtime): Promise<void> {
  for (let i = 0; i < messages.length; i += SQS_BATCH_ENTRIES) {
    const entries = messages.slice(i, i + SQS_BATCH_ENTRIES).map((m, n) => ({ id: String(n), receipt: m.receipt, seconds: 0 }));
    try {
      const { failed } = await retried(runtime, runtime.clock.elapsed() + LOOK_MS_MAX, () => queue.changeVisibilityBatch(url, entries));
      if (failed.length > 0)
        runtime.log.warn(`${failed.length} dead letters could not be given back at once; they are visible again within ${LOOK_VISIBILITY_S} s.`);
    } catch (error) {
      runtime.log.warn(`Dead letters could not be given back at once; they are visible again within ${LOOK_VISIBILITY_S} s.`, { why: String(error) });
    }
  }
}

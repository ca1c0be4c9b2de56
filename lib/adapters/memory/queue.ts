import { MAX_RECEIVE_COUNT, QUEUE_RETENTION_MS, VISIBILITY_S } from '../../core/constants.ts';
import type { QueueDepth, QueueMessage, SendEntry } from '../../ports/queue.ts';
import type { SeededChance } from './chance.ts';
import { Fifo } from './fifo.ts';
import type { Message } from './messages.ts';
import { Messages } from './messages.ts';

/** A deduplication id is remembered for this long (ms). https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html */
export const DEDUPLICATION_MS = 5 * 60 * 1_000;
/** Longest time that one receive can keep a message invisible, all extensions included (s). */
export const VISIBILITY_MAX_S = 43_200;
/** Receipts of deleted messages that are remembered, so that to delete again is no failure; older ones are unknown. */
const DELETED_RECEIPTS_MAX = 100_000;

/** How a FIFO queue is made. */
export interface QueueDefinition {
  readonly name: string;
  /** Visibility timeout of receives that name none (s). */
  readonly visibilityS?: number;
  readonly retentionMs?: number;
  /** Name of its dead-letter queue, in the same region. */
  readonly dlq?: string;
  /** Receives before a message goes to the dead-letter queue. */
  readonly maxReceiveCount?: number;
}

/** A message in a queue. */
export interface StoredMessage {
  readonly id: string;
  readonly body: string;
  readonly group: string;
  readonly dedup: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly sentMs: number;
  readonly receiveCount: number;
  /** The newest receipt handle; older ones are superseded. */
  readonly receipt: string | undefined;
  readonly firstReceivedMs: number | undefined;
  /** Invisible until then (ms). */
  readonly hiddenUntilMs: number;
}

/** Why an entry of a batch call failed. */
export interface EntryFailure {
  readonly code: string;
  readonly message: string;
}

/**
 * The state of one FIFO queue, with its deduplication scoped to the message group (high throughput mode). Messages of a
 * group come in order, and one that is in flight holds back those after it. So a head that was given back comes again
 * though later ones are still in flight, and those before one that was hidden for longer come again without it (AWS's
 * documents say "subsequent messages"; LocalStack's tests were run against AWS: test_fifo_message_group_visibility_after_*,
 * test_fifo_group_visibility_extends_*).
 *
 * Every method is one atomic step, and none but `contents` looks at messages that it does not return or remove: its cost
 * does not depend on the backlog, only on the number of groups. The times that it is given must not go back.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
 */
export class MemoryQueue {
  readonly name: string;
  readonly url: string;
  readonly arn: string;
  readonly visibilityS: number;
  readonly retentionMs: number;
  readonly maxReceiveCount: number;
  /** Called with each message right after it was stored, adopted ones included. */
  onStored: ((message: StoredMessage) => void) | undefined;
  /** Called with each message that the retention drops. */
  onDropped: ((message: StoredMessage) => void) | undefined;
  readonly #dlq: MemoryQueue | undefined;
  readonly #chance: SeededChance;
  readonly #messages = new Messages();
  /** Receipts by which messages were deleted, the oldest first. */
  readonly #deleted = new Set<string>();
  /** (group, deduplication id) pairs that were seen, and when each is forgotten: in that order, since all live equally long. */
  readonly #seen = new Set<string>();
  #seenUntil = new Fifo<{ readonly dedup: string; readonly ms: number }>();

  constructor(definition: QueueDefinition, url: string, arn: string, dlq: MemoryQueue | undefined, chance: SeededChance) {
    this.name = definition.name;
    this.url = url;
    this.arn = arn;
    this.visibilityS = definition.visibilityS ?? VISIBILITY_S;
    this.retentionMs = definition.retentionMs ?? QUEUE_RETENTION_MS;
    this.maxReceiveCount = definition.maxReceiveCount ?? MAX_RECEIVE_COUNT;
    this.#dlq = dlq;
    this.#chance = chance;
  }

  /** Messages that are stored, in flight or not. What the retention is due to drop counts until the next call that is told the time. */
  get size(): number {
    return this.#messages.size;
  }

  /** Stores a message, unless its group has seen its deduplication id within five minutes. */
  send(entry: SendEntry, nowMs: number): void {
    for (let seen = this.#seenUntil.first; seen !== undefined && seen.ms <= nowMs; seen = this.#seenUntil.first) {
      this.#seen.delete(seen.dedup);
      this.#seenUntil.shift();
    }
    const dedup = `${entry.group}\n${entry.dedup}`;
    if (this.#seen.has(dedup)) return;
    this.#seen.add(dedup);
    this.#seenUntil.push({ dedup, ms: nowMs + DEDUPLICATION_MS });
    this.#store(this.#chance.uuid(), entry, Object.freeze({ ...entry.attributes }), nowMs);
  }

  /**
   * Takes a message from the queue whose dead-letter queue this is. FIFO queues count its age anew, but not its receives
   * (seen on AWS by LocalStack's test_dead_letter_queue_message_attributes).
   * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
   */
  adopt(message: StoredMessage, nowMs: number): void {
    this.#store(message.id, message, message.attributes, nowMs, message.receiveCount);
  }

  /** Receives at most `max` messages, and moves to the dead-letter queue what was received too often. */
  receive(max: number, visibilityS: number, nowMs: number): readonly QueueMessage[] {
    this.#expire(nowMs);
    // The next message of each group, up to the first that was in flight before this call: one call may take several of a group.
    const heads: Message[] = [];
    for (const { head } of this.#messages.groups()) if (head !== undefined && head.hiddenUntilMs <= nowMs) heads.push(head);
    const received: QueueMessage[] = [];
    const dead: Message[] = [];
    while (received.length < max && heads.length > 0) {
      let next = 0;
      for (let i = 1; i < heads.length; i += 1) if ((heads[i] as Message).order < (heads[next] as Message).order) next = i;
      const message = heads[next] as Message;
      const after = message.afterInGroup;
      if (after !== undefined && after.hiddenUntilMs <= nowMs) heads[next] = after;
      else heads.splice(next, 1);
      if (this.#dlq !== undefined && message.receiveCount >= this.maxReceiveCount) {
        dead.push(message);
        continue;
      }
      this.#messages.receive(message, this.#chance.nonce());
      message.receiveCount += 1;
      message.firstReceivedMs = nowMs;
      message.hiddenUntilMs = nowMs + visibilityS * 1_000;
      received.push(messageOf(message));
    }
    for (const message of dead) {
      this.#messages.remove(message);
      this.#dlq?.adopt(message, nowMs);
    }
    return received;
  }

  /** Deletes a message by its newest receipt. Deleting what is gone already is no failure. */
  delete(receipt: string, nowMs: number): EntryFailure | undefined {
    this.#expire(nowMs);
    const found = this.#messages.received(receipt);
    if (found === undefined) return this.#deleted.has(receipt) ? undefined : SUPERSEDED;
    if (found.hiddenUntilMs <= nowMs) return EXPIRED;
    this.#messages.remove(found);
    this.#deleted.add(receipt);
    if (this.#deleted.size > DELETED_RECEIPTS_MAX) this.#forgetDeleted();
    return undefined;
  }

  /** Sets how long from now a message stays invisible. */
  changeVisibility(receipt: string, seconds: number, nowMs: number): EntryFailure | undefined {
    this.#expire(nowMs);
    if (!Number.isInteger(seconds) || seconds < 0 || seconds > VISIBILITY_MAX_S) {
      return {
        code: 'InvalidParameterValue',
        message: `Value ${seconds} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and ${VISIBILITY_MAX_S}`,
      };
    }
    const found = this.#messages.received(receipt);
    if (found === undefined) return SUPERSEDED;
    if (found.hiddenUntilMs <= nowMs) return EXPIRED;
    const until = nowMs + seconds * 1_000;
    if (until - (found.firstReceivedMs ?? nowMs) > VISIBILITY_MAX_S * 1_000) {
      return { code: 'InvalidParameterValue', message: `Total VisibilityTimeout for the message is beyond the limit [${VISIBILITY_MAX_S} seconds]` };
    }
    found.hiddenUntilMs = seconds === 0 ? 0 : until;
    return undefined;
  }

  /** Whether this is the newest receipt of a message that is still hidden: whoever holds it owns the message. */
  owns(receipt: string, nowMs: number): boolean {
    this.#expire(nowMs);
    return (this.#messages.received(receipt)?.hiddenUntilMs ?? 0) > nowMs;
  }

  /**
   * When the next receive would do something, if nothing else happens before: receive a message, or move one to the
   * dead-letter queue. Now, or the time at which the first group's head is visible again; undefined when the queue is empty.
   */
  receivableAt(nowMs: number): number | undefined {
    this.#expire(nowMs);
    let at: number | undefined;
    for (const { head } of this.#messages.groups()) {
      const until = head?.hiddenUntilMs ?? 0;
      if (until <= nowMs) return nowMs;
      if (at === undefined || until < at) at = until;
    }
    return at;
  }

  /** Copies of all messages, in the order in which they were stored. Nothing counts as received by it. */
  contents(nowMs: number): readonly StoredMessage[] {
    this.#expire(nowMs);
    const all: StoredMessage[] = [];
    for (let message = this.#messages.first; message !== undefined; message = message.after) all.push(copyOf(message));
    return all;
  }

  depth(nowMs: number): QueueDepth {
    this.#expire(nowMs);
    let inFlight = 0;
    for (const group of this.#messages.groups()) for (const message of group.received) if (message.hiddenUntilMs > nowMs) inFlight += 1;
    return { visible: this.#messages.size - inFlight, inFlight, delayed: 0 };
  }

  /** When something next changes by itself: a message becomes visible (ms), or undefined. For a simulator's poller. */
  nextVisibleMs(nowMs: number): number | undefined {
    let at: number | undefined;
    for (const group of this.#messages.groups())
      for (const { hiddenUntilMs } of group.received) if (hiddenUntilMs > nowMs && (at === undefined || hiddenUntilMs < at)) at = hiddenUntilMs;
    return at;
  }

  /** Empties the queue, and forgets the deduplication ids (seen on AWS by LocalStack's test_purge_queue_clears_fifo_deduplication_cache). */
  purge(): void {
    this.#messages.clear();
    this.#seen.clear();
    this.#seenUntil = new Fifo();
  }

  #store(id: string, from: Pick<SendEntry, 'body' | 'group' | 'dedup'>, attributes: Readonly<Record<string, string>>, nowMs: number, receiveCount = 0): void {
    const message = this.#messages.store(id, from, attributes, nowMs, receiveCount);
    this.onStored?.(copyOf(message));
  }

  /** Drops what has reached the end of the retention. Messages are in the order of their ages. */
  #expire(nowMs: number): void {
    const oldest = nowMs - this.retentionMs;
    for (let message = this.#messages.first; message !== undefined && message.sentMs < oldest; message = this.#messages.first) {
      this.#messages.remove(message);
      this.onDropped?.(copyOf(message));
    }
  }

  /** Forgets the older half of the receipts of deleted messages: a half at once, so that each delete costs little. */
  #forgetDeleted(): void {
    let surplus = DELETED_RECEIPTS_MAX / 2;
    for (const receipt of this.#deleted) {
      if (surplus === 0) return;
      this.#deleted.delete(receipt);
      surplus -= 1;
    }
  }
}

const SUPERSEDED: EntryFailure = {
  code: 'ReceiptHandleIsInvalid',
  message: 'The input receipt handle is invalid: the message was received again, or is gone.',
};
/** FIFO queues refuse a receipt after its visibility timeout, too. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html */
const EXPIRED: EntryFailure = {
  code: 'InvalidParameterValue',
  message: 'Value for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.',
};

const messageOf = (m: StoredMessage): QueueMessage => ({
  id: m.id,
  receipt: m.receipt as string,
  body: m.body,
  group: m.group,
  receiveCount: m.receiveCount,
  sentMs: m.sentMs,
  attributes: m.attributes,
});

const copyOf = (m: StoredMessage): StoredMessage => ({
  id: m.id,
  body: m.body,
  group: m.group,
  dedup: m.dedup,
  attributes: m.attributes,
  sentMs: m.sentMs,
  receiveCount: m.receiveCount,
  receipt: m.receipt,
  firstReceivedMs: m.firstReceivedMs,
  hiddenUntilMs: m.hiddenUntilMs,
});

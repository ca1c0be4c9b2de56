import { MAX_RECEIVE_COUNT, QUEUE_RETENTION_MS, VISIBILITY_S } from '../../core/constants.ts';
import type { QueueDepth, QueueMessage, SendEntry } from '../../ports/queue.ts';
import type { SeededChance } from './chance.ts';

/** A deduplication id is remembered for this long (ms). https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html */
export const DEDUPLICATION_MS = 5 * 60 * 1_000;
/** Longest time that one receive can keep a message invisible, all extensions included (s). */
export const VISIBILITY_MAX_S = 43_200;

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

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Message = Mutable<StoredMessage>;

/** Why an entry of a batch call failed. */
export interface EntryFailure {
  readonly code: string;
  readonly message: string;
}

/**
 * The state of one FIFO queue, with its deduplication scoped to the message group (high throughput mode). Messages of a
 * group come in order, and a group is blocked while any message of it is in flight. Every method is one atomic step.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
 */
export class MemoryQueue {
  readonly name: string;
  readonly url: string;
  readonly arn: string;
  readonly visibilityS: number;
  readonly retentionMs: number;
  readonly maxReceiveCount: number;
  readonly #dlq: MemoryQueue | undefined;
  readonly #chance: SeededChance;
  #messages: Message[] = [];
  /** (group, deduplication id) → when it is forgotten (ms), and the id of the message that was stored. */
  readonly #seen = new Map<string, { readonly untilMs: number; readonly id: string }>();

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

  /** Stores a message, unless its group has seen its deduplication id within five minutes. */
  send(entry: SendEntry, nowMs: number): void {
    this.#forget(nowMs);
    const dedup = `${entry.group}\n${entry.dedup}`;
    if (this.#seen.has(dedup)) return;
    const id = this.#uuid();
    this.#seen.set(dedup, { untilMs: nowMs + DEDUPLICATION_MS, id });
    this.#messages.push({
      id,
      body: entry.body,
      group: entry.group,
      dedup: entry.dedup,
      attributes: Object.freeze({ ...entry.attributes }),
      sentMs: nowMs,
      receiveCount: 0,
      receipt: undefined,
      firstReceivedMs: undefined,
      hiddenUntilMs: 0,
    });
  }

  /** Receives at most `max` messages, and moves to the dead-letter queue what was received too often. */
  receive(max: number, visibilityS: number, nowMs: number): readonly QueueMessage[] {
    this.#expire(nowMs);
    // In flight before this call: one call may take several messages of a group.
    const blocked = new Set(this.#messages.filter((m) => m.hiddenUntilMs > nowMs).map((m) => m.group));
    const received: QueueMessage[] = [];
    const dead: Message[] = [];
    for (const message of this.#messages) {
      if (received.length === max) break;
      if (blocked.has(message.group)) continue;
      if (this.#dlq !== undefined && message.receiveCount >= this.maxReceiveCount) {
        dead.push(message);
        continue;
      }
      message.receiveCount += 1;
      message.firstReceivedMs = nowMs;
      message.receipt = this.#chance.nonce();
      message.hiddenUntilMs = nowMs + visibilityS * 1_000;
      received.push(messageOf(message));
    }
    for (const message of dead) {
      this.#messages.splice(this.#messages.indexOf(message), 1);
      this.#dlq?.adopt(message, nowMs);
    }
    return received;
  }

  /** Takes a message from the queue whose dead-letter queue this is. FIFO queues count its age anew. */
  adopt(message: StoredMessage, nowMs: number): void {
    this.#messages.push({ ...message, sentMs: nowMs, receiveCount: 0, receipt: undefined, firstReceivedMs: undefined, hiddenUntilMs: 0 });
  }

  /** Deletes a message by its newest receipt. Deleting what is gone already is no failure. */
  delete(receipt: string, nowMs: number): EntryFailure | undefined {
    this.#expire(nowMs);
    const found = this.#byReceipt(receipt);
    if (found === undefined) return this.#used.has(receipt) ? undefined : SUPERSEDED;
    if (found.hiddenUntilMs <= nowMs) return EXPIRED;
    this.#messages.splice(this.#messages.indexOf(found), 1);
    this.#used.add(receipt);
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
    const found = this.#byReceipt(receipt);
    if (found === undefined) return SUPERSEDED;
    if (found.hiddenUntilMs <= nowMs) return EXPIRED;
    const until = nowMs + seconds * 1_000;
    if (until - (found.firstReceivedMs ?? nowMs) > VISIBILITY_MAX_S * 1_000) {
      return { code: 'InvalidParameterValue', message: `Total VisibilityTimeout for the message is beyond the limit [${VISIBILITY_MAX_S} seconds]` };
    }
    found.hiddenUntilMs = seconds === 0 ? 0 : until;
    return undefined;
  }

  /** All messages, in the order in which they were stored. Nothing counts as received by it. */
  contents(nowMs: number): readonly StoredMessage[] {
    this.#expire(nowMs);
    return this.#messages.map((m) => ({ ...m }));
  }

  depth(nowMs: number): QueueDepth {
    this.#expire(nowMs);
    const inFlight = this.#messages.filter((m) => m.hiddenUntilMs > nowMs).length;
    return { visible: this.#messages.length - inFlight, inFlight, delayed: 0 };
  }

  /** When something next changes by itself: a message becomes visible (ms), or undefined. For a simulator's poller. */
  nextVisibleMs(nowMs: number): number | undefined {
    const times = this.#messages.map((m) => m.hiddenUntilMs).filter((at) => at > nowMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Empties the queue. Deduplication ids are remembered all the same. */
  purge(): void {
    this.#messages = [];
  }

  /** Receipts of messages that were deleted. */
  readonly #used = new Set<string>();

  #byReceipt(receipt: string): Message | undefined {
    return this.#messages.find((m) => m.receipt === receipt);
  }

  #expire(nowMs: number): void {
    const oldest = nowMs - this.retentionMs;
    if (this.#messages.some((m) => m.sentMs < oldest)) this.#messages = this.#messages.filter((m) => m.sentMs >= oldest);
  }

  #forget(nowMs: number): void {
    // The map is in the order of its times, since all live equally long.
    for (const [dedup, { untilMs }] of this.#seen) {
      if (untilMs > nowMs) return;
      this.#seen.delete(dedup);
    }
  }

  #uuid(): string {
    const hex = Array.from({ length: 32 }, () => this.#chance.below(16).toString(16)).join('');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
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

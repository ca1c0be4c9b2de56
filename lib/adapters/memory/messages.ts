import type { SendEntry } from '../../ports/queue.ts';
import type { StoredMessage } from './queue.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A message and its places: in the whole queue, and in its group. Both lists are in the order in which messages were stored. */
export interface Message extends Mutable<StoredMessage> {
  /** Rises with each message that is stored. */
  readonly order: number;
  readonly of: Group;
  before: Message | undefined;
  after: Message | undefined;
  beforeInGroup: Message | undefined;
  afterInGroup: Message | undefined;
}

/** The messages of a group that are in the queue. A group without any is forgotten. */
export interface Group {
  readonly id: string;
  head: Message | undefined;
  tail: Message | undefined;
  /**
   * Those that were received here and are still there, hidden or visible again: never more than one receive can take,
   * since each receive of a group takes its first ones.
   */
  readonly received: Message[];
}

/**
 * The messages of one queue: a list of all, and one of each group. To store a message, to find it by its newest receipt,
 * and to take it out cost the same whatever the backlog.
 */
export class Messages {
  readonly #groups = new Map<string, Group>();
  /** By the newest receipt of each message that was received. */
  readonly #byReceipt = new Map<string, Message>();
  #first: Message | undefined;
  #last: Message | undefined;
  #size = 0;
  #order = 0;

  get size(): number {
    return this.#size;
  }

  /** The message that was stored first. */
  get first(): Message | undefined {
    return this.#first;
  }

  /** Those groups that have messages. */
  groups(): Iterable<Group> {
    return this.#groups.values();
  }

  /** The message of which this is the newest receipt. */
  received(receipt: string): Message | undefined {
    return this.#byReceipt.get(receipt);
  }

  store(
    id: string,
    from: Pick<SendEntry, 'body' | 'group' | 'dedup'>,
    attributes: Readonly<Record<string, string>>,
    nowMs: number,
    receiveCount: number,
  ): Message {
    let group = this.#groups.get(from.group);
    if (group === undefined) {
      group = { id: from.group, head: undefined, tail: undefined, received: [] };
      this.#groups.set(group.id, group);
    }
    const message: Message = {
      id,
      body: from.body,
      group: from.group,
      dedup: from.dedup,
      attributes,
      sentMs: nowMs,
      receiveCount,
      receipt: undefined,
      firstReceivedMs: undefined,
      hiddenUntilMs: 0,
      order: this.#order,
      of: group,
      before: this.#last,
      after: undefined,
      beforeInGroup: group.tail,
      afterInGroup: undefined,
    };
    this.#order += 1;
    this.#size += 1;
    if (this.#last === undefined) this.#first = message;
    else this.#last.after = message;
    this.#last = message;
    if (group.tail === undefined) group.head = message;
    else group.tail.afterInGroup = message;
    group.tail = message;
    return message;
  }

  /** Gives a message its next receipt; the one before is superseded. */
  receive(message: Message, receipt: string): void {
    if (message.receipt === undefined) message.of.received.push(message);
    else this.#byReceipt.delete(message.receipt);
    message.receipt = receipt;
    this.#byReceipt.set(receipt, message);
  }

  /** Takes a message out. */
  remove(message: Message): void {
    const { of: group, before, after, beforeInGroup, afterInGroup } = message;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    if (beforeInGroup === undefined) group.head = afterInGroup;
    else beforeInGroup.afterInGroup = afterInGroup;
    if (afterInGroup === undefined) group.tail = beforeInGroup;
    else afterInGroup.beforeInGroup = beforeInGroup;
    // Whoever still holds the message does not hold its neighbours.
    message.before = undefined;
    message.after = undefined;
    message.beforeInGroup = undefined;
    message.afterInGroup = undefined;
    this.#size -= 1;
    if (message.receipt !== undefined) {
      group.received.splice(group.received.indexOf(message), 1);
      this.#byReceipt.delete(message.receipt);
    }
    if (group.head === undefined) this.#groups.delete(group.id);
  }

  clear(): void {
    this.#groups.clear();
    this.#byReceipt.clear();
    this.#first = undefined;
    this.#last = undefined;
    this.#size = 0;
  }
}

import { FUNCTION_TIMEOUT_MS, VISIBILITY_S } from '../../../lib/core/constants.ts';
import type { QueueMessage } from '../../../lib/ports/queue.ts';
import type { ApplyResult } from '../../../lib/replicate/apply/apply.ts';
import type { SimProcess } from '../process.ts';
import type { SimLink } from '../set.ts';
import type { World } from '../world.ts';

/** From a message's arrival to its receive, and from the receive to the invocation (virtual ms), as a rule at most. */
const POLL_MAX_MS = 20;
const START_MAX_MS = 30;
/** From the answer of an invocation to the deletion of what it has finished (virtual ms), at most. */
const DELETE_MAX_MS = 20;

/**
 * Lambda's mapping of a link's FIFO queue to apply: receives while it has room, one invocation a receive, deletes what
 * the answer does not name as failed. Event-driven.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
 */
export class QueueMapping {
  readonly link: SimLink;
  readonly #world: World;
  readonly #apply: (process: SimProcess, messages: readonly QueueMessage[], remainingMs: number) => Promise<ApplyResult>;
  running = 0;
  #planned = -1;
  /** Nothing is received before this (virtual ms): a lag. */
  pausedUntil = 0;
  /** When the present lag began (virtual ms). */
  pausedSince = 0;

  constructor(world: World, link: SimLink, apply: (process: SimProcess, messages: readonly QueueMessage[], remainingMs: number) => Promise<ApplyResult>) {
    this.#world = world;
    this.link = link;
    this.#apply = apply;
  }

  /** Something may be there to receive. */
  kick(): void {
    const world = this.#world;
    if (this.running >= world.knobs.concurrency) return;
    const now = world.nowAt(this.link.source);
    const receivable = this.link.queue.receivableAt(now);
    if (receivable === undefined) return;
    const elapsed = world.clock.elapsed();
    const at = Math.max(elapsed + Math.max(0, receivable - now) + world.chance.below(POLL_MAX_MS), this.pausedUntil);
    if (this.#planned > elapsed && this.#planned <= at) return;
    this.#planned = at;
    // A plan that a newer one has replaced does nothing; were it to poll and plan anew, plans would only ever become more.
    world.clock.after(at - elapsed, () => {
      if (this.#planned === at) this.#poll();
    });
  }

  #poll(): void {
    const world = this.#world;
    this.#planned = -1;
    if (this.running >= world.knobs.concurrency || world.clock.elapsed() < this.pausedUntil) {
      this.kick();
      return;
    }
    const { link } = this;
    const messages = link.queue.receive(1 + world.chance.below(world.knobs.batchMessages), VISIBILITY_S, world.nowAt(link.source));
    world.messages.swept(link);
    if (messages.length === 0) {
      this.kick();
      return;
    }
    this.running += 1;
    const startMs = world.faults.startMs() ?? world.chance.below(START_MAX_MS);
    const process = world.sandbox(link.source, `apply>${link.target}`);
    world.messages.received(link, messages, process.name);
    world.clock.after(startMs, () => this.#start(process, messages));
    this.kick();
  }

  #start(process: SimProcess, messages: readonly QueueMessage[]): void {
    const world = this.#world;
    world.messages.given(process, messages);
    world.invoke(process, () => this.#apply(process, messages, FUNCTION_TIMEOUT_MS), {
      ok: (result) => {
        const finished = messages.filter((m) => !result.failures.includes(m.id));
        if (finished.length > 0) world.clock.after(world.chance.below(DELETE_MAX_MS), () => this.#delete(finished));
      },
      ended: () => {
        this.running -= 1;
        this.kick();
      },
    });
  }

  #delete(finished: readonly QueueMessage[]): void {
    const world = this.#world;
    for (const message of finished) {
      const known = world.messages.known(message.id);
      if (known !== undefined && world.faults.keep(known)) continue;
      if (this.link.queue.delete(message.receipt, world.nowAt(this.link.source)) === undefined) world.messages.deleted(this.link, message);
    }
    this.kick();
  }
}

import type { StoredMessage } from '../../lib/adapters/memory/queue.ts';
import type { LaneMessage } from '../../lib/core/formats/message.ts';
import { decodeMessage, isDelete } from '../../lib/core/formats/message.ts';
import type { QueueMessage } from '../../lib/ports/queue.ts';
import type { SimProcess } from './process.ts';
import type { SimLink } from './set.ts';
import { nameOfKey } from './set.ts';
import type { World } from './world.ts';

/** A message of a lane, as the simulator knows it. */
export interface KnownMessage {
  /** "m17": by the order in which messages were stored. */
  readonly name: string;
  readonly id: string;
  readonly link: SimLink;
  readonly group: string;
  readonly body: string;
  /** What is in it; undefined when it cannot be read. */
  readonly content: LaneMessage | undefined;
  /** Who sent it. */
  readonly by: string;
  readonly t: number;
  /** When an invocation was last given it (virtual ms). */
  givenAt: number;
}

/** Bodies that are remembered decoded: one body goes to every link. */
const DECODED_MAX = 64;

/** Follows every lane message from its store to its end. */
export class Messages {
  readonly #world: World;
  readonly #known = new Map<string, KnownMessage>();
  readonly #decoded = new Map<string, LaneMessage | undefined>();
  /** What each running invocation of apply was given. */
  readonly given_ = new Map<string, readonly QueueMessage[]>();
  #count = 0;

  constructor(world: World) {
    this.#world = world;
    for (const link of world.set.links) {
      link.queue.onStored = (m) => this.#stored(link, m);
      link.queue.onDropped = (m) => this.#dropped(link, m);
      link.dlq.onStored = (m) => this.#dead(link, m);
    }
  }

  known(id: string): KnownMessage | undefined {
    return this.#known.get(id);
  }

  /** Names of the keys that a message is about. */
  keysOf(content: LaneMessage | undefined): readonly string[] {
    if (content === undefined) return [];
    if (content.kind === 'resync') return content.keys.map((k) => nameOfKey(k.k));
    return content.changes.map((c) => nameOfKey(isDelete(c) ? c.k : c.i));
  }

  #decode(body: string): LaneMessage | undefined {
    if (this.#decoded.has(body)) return this.#decoded.get(body);
    let content: LaneMessage | undefined;
    try {
      content = decodeMessage(body);
    } catch {
      // A damaged message: what becomes of it is the flows' matter.
    }
    if (this.#decoded.size >= DECODED_MAX) this.#decoded.delete(this.#decoded.keys().next().value as string);
    this.#decoded.set(body, content);
    return content;
  }

  #stored(link: SimLink, m: StoredMessage): void {
    const world = this.#world;
    const name = `m${this.#count}`;
    this.#count += 1;
    const by = world.currentProcess;
    const known: KnownMessage = {
      name,
      id: m.id,
      link,
      group: m.group,
      body: m.body,
      content: this.#decode(m.body),
      by: by?.name ?? 'operator',
      t: world.clock.elapsed(),
      givenAt: 0,
    };
    this.#known.set(m.id, known);
    world.trace.mix(known.content?.kind === 'changes' ? known.content.changes.length : -(known.content?.keys.length ?? 1));
    world.trace.add('send', () => ({
      who: known.by,
      link: link.id,
      lane: laneOfGroup(m.group),
      message: name,
      keys: this.keysOf(known.content),
      text: describe(known.content),
    }));
    for (const oracle of world.oracles) oracle.stored?.(known);
    world.queues.get(link.id)?.kick();
  }

  #dropped(link: SimLink, m: StoredMessage): void {
    const known = this.#known.get(m.id);
    if (known === undefined) return;
    this.#known.delete(m.id);
    this.#world.trace.add('delete', () => ({
      who: 'sqs',
      link: link.id,
      lane: laneOfGroup(m.group),
      message: known.name,
      text: 'dropped: older than the queue keeps messages',
    }));
    for (const oracle of this.#world.oracles) oracle.dropped?.(known);
  }

  #dead(link: SimLink, m: StoredMessage): void {
    const content = this.#decode(m.body);
    this.#world.trace.add('dead', () => ({
      who: this.#world.currentProcess?.name ?? 'sqs',
      link: link.id,
      lane: laneOfGroup(m.group),
      keys: this.keysOf(content),
      text: m.attributes['reason'] ?? 'received too often',
    }));
    for (const oracle of this.#world.oracles) oracle.dead?.(link, content);
  }

  /** The queue has dropped or moved what it does at a receive. */
  swept(link: SimLink): void {
    this.#world.trace.mix(link.queue.size);
  }

  received(link: SimLink, messages: readonly QueueMessage[], who: string): void {
    for (const m of messages) {
      this.#world.trace.add('receive', () => ({
        who,
        link: link.id,
        lane: laneOfGroup(m.group),
        message: this.#known.get(m.id)?.name ?? '?',
        text: m.receiveCount === 1 ? 'received' : `received for the ${ordinal(m.receiveCount)} time`,
      }));
    }
  }

  given(process: SimProcess, messages: readonly QueueMessage[]): void {
    this.given_.set(process.name, messages);
    for (const m of messages) {
      const known = this.#known.get(m.id);
      if (known !== undefined) known.givenAt = this.#world.clock.elapsed();
    }
  }

  deleted(link: SimLink, m: QueueMessage): void {
    const known = this.#known.get(m.id);
    if (known === undefined) return;
    this.#known.delete(m.id);
    this.#world.trace.add('delete', () => ({ who: 'lambda', link: link.id, lane: laneOfGroup(m.group), message: known.name, text: 'finished' }));
    for (const oracle of this.#world.oracles) oracle.finished?.(known);
  }
}

export const laneOfGroup = (group: string): number => Number(group.slice(group.lastIndexOf('-') + 1));

const ordinal = (n: number): string => `${n}${['th', 'st', 'nd', 'rd'][n % 10 > 3 || (n % 100) - (n % 10) === 10 ? 0 : n % 10]}`;

/** One line for people. */
function describe(content: LaneMessage | undefined): string {
  if (content === undefined) return 'a message that cannot be read';
  if (content.kind === 'resync')
    return content.keys.length === 0
      ? `marker, epoch ${content.epoch}`
      : `resync, epoch ${content.epoch}: ${content.keys.map((k) => nameOfKey(k.k)).join(' ')}`;
  return `changes, epoch ${content.epoch}: ${content.changes.map((c) => (isDelete(c) ? `−${nameOfKey(c.k)}@${c.q}` : `${nameOfKey(c.i)}=${versionOf(c.i)}@${c.q}`)).join(' ')}`;
}

/** The version number that the workload put into an item. */
export const versionOf = (item: { readonly [name: string]: unknown }): string => (item['v'] as { N?: string } | undefined)?.N ?? '?';

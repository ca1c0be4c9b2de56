import type { TraceEvent, TraceKind } from '../trace.ts';
import { UNKNOWN } from './bars.ts';
import { processOf } from './rows.ts';
import { endingOf } from './wording.ts';

/** Which events belong together, and which of them a reader wants to see. */

/** What a reader chose. Empty sets and text choose everything. */
export interface Choice {
  readonly keys: ReadonlySet<string>;
  /** Kinds that are not shown at all. */
  readonly hidden: ReadonlySet<TraceKind>;
  /** Words that must all be found; the name of a key, a message or a lane ("lane2") is found as a whole word. */
  readonly search: string;
}

/** Events that give a story its frame: they are shown with every key. */
const FRAME: ReadonlySet<TraceKind> = new Set(['phase', 'role', 'violation']);

/** How an event is drawn: not at all, dimmed, as usual, or brought out. */
export const LEVEL = { hidden: 0, dim: 1, usual: 2, strong: 3 } as const;

/** Finds what belongs to a key, a message or an invocation. Made once for a trace. */
export class Relations {
  readonly #events: readonly TraceEvent[];
  readonly #ofMessage = new Map<string, number[]>();
  readonly #ofInvocation: number[][];
  /** For each event, its invocation; −1 for one of none. */
  readonly #invocationOf: Int32Array;
  readonly #ofKey = new Map<string, readonly number[]>();
  readonly #keysOfMessage = new Map<string, Set<string>>();
  #words: string[] | undefined;

  constructor(events: readonly TraceEvent[]) {
    this.#events = events;
    events.forEach((event, i) => {
      if (event.message === undefined || event.message === UNKNOWN) return;
      push(this.#ofMessage, event.message, i);
      const known = this.#keysOfMessage.get(event.message) ?? new Set<string>();
      for (const key of event.keys ?? []) known.add(key);
      this.#keysOfMessage.set(event.message, known);
    });
    this.#ofInvocation = invocationsOf(events);
    this.#invocationOf = new Int32Array(events.length).fill(-1);
    this.#ofInvocation.forEach((own, i) => {
      for (const event of own) this.#invocationOf[event] = i;
    });
    const stories = new Map<string, Set<number>>();
    events.forEach((_, i) => {
      for (const key of this.keysOf(i)) {
        const story = stories.get(key) ?? new Set<number>();
        stories.set(key, story);
        story.add(i);
      }
    });
    for (const [key, story] of stories) {
      // What went wrong in the invocations that handled it is part of it, too; that they began and ended well is not.
      for (const invocation of new Set([...story].map((e) => this.#invocationOf[e] ?? -1))) {
        for (const event of this.#ofInvocation[invocation] ?? []) if (this.#wentWrong(event)) story.add(event);
      }
      this.#ofKey.set(
        key,
        [...story].sort((a, b) => a - b),
      );
    }
  }

  #wentWrong(index: number): boolean {
    const event = this.#events[index];
    return event?.kind === 'call' || (event?.kind === 'end' && endingOf(event.text) !== 'done');
  }

  /** The keys that an event is about: its own, and those of its message. */
  keysOf(event: number): ReadonlySet<string> {
    const { keys, message } = this.#events[event] ?? {};
    const ofMessage = message === undefined ? undefined : this.#keysOfMessage.get(message);
    if (ofMessage !== undefined && ofMessage.size > 0) return ofMessage;
    return new Set(keys ?? []);
  }

  /** Indexes of a key's story, in order: its events, its messages' and what went wrong in the invocations that handled it. */
  ofKey(key: string): readonly number[] {
    return this.#ofKey.get(key) ?? [];
  }

  ofMessage(message: string): readonly number[] {
    return this.#ofMessage.get(message) ?? [];
  }

  /** Indexes of the events of an event's invocation, from what it was given to its end. Empty for an event of none. */
  ofInvocation(event: number): readonly number[] {
    return this.#ofInvocation[this.#invocationOf[event] ?? -1] ?? [];
  }

  /**
   * What belongs to an event. `near`: the same message, and what its receivers changed of its keys; of an event without
   * message and keys the same invocation; itself in any case. `far`: the same keys, and the invocations that received
   * the message.
   */
  of(event: number): { readonly near: readonly number[]; readonly far: readonly number[] } {
    const found = this.#events[event];
    if (found === undefined) return { near: [], far: [] };
    const keys = this.keysOf(event);
    const message = found.message === undefined ? [] : this.ofMessage(found.message);
    const receivers = message.filter((e) => this.#events[e]?.kind === 'receive').flatMap((e) => this.ofInvocation(e));
    const effects = receivers.filter((e) => this.#events[e]?.kind === 'state' && this.#events[e]?.keys?.some((k) => keys.has(k)));
    const near = message.length > 0 ? [...message, ...effects] : keys.size > 0 ? [event] : [event, ...this.ofInvocation(event)];
    const runs = receivers.filter((e) => this.#events[e]?.kind === 'begin');
    return { near: [...new Set(near)].sort((a, b) => a - b), far: [...runs, ...[...keys].flatMap((key) => this.ofKey(key))] };
  }

  /** Whether an event has all of the words. */
  #has(event: number, words: readonly RegExp[]): boolean {
    this.#words ??= this.#events.map((e) =>
      [e.kind, e.who, e.at, e.link, e.lane === undefined ? '' : `lane${e.lane}`, e.message, ...(e.keys ?? []), e.text].join(' '),
    );
    const text = this.#words[event] ?? '';
    return words.every((w) => w.test(text));
  }

  /** For each event 1 when the reader wants it, else 0. */
  chosen({ keys, hidden, search }: Choice): Uint8Array {
    const chosen = new Uint8Array(this.#events.length);
    if (keys.size === 0) chosen.fill(1);
    for (const key of keys) for (const event of this.ofKey(key)) chosen[event] = 1;
    const words = searchWords(search, (w) => this.#ofKey.has(w) || this.#ofMessage.has(w) || /^lane\d+$/.test(w));
    this.#events.forEach((event, i) => {
      if (keys.size > 0 && FRAME.has(event.kind)) chosen[i] = 1;
      if (hidden.has(event.kind) || (words.length > 0 && !this.#has(i, words))) chosen[i] = 0;
    });
    return chosen;
  }

  /**
   * For each event a LEVEL: those of hidden kinds are hidden, those not chosen are dim. Something in focus dims
   * everything that does not belong to it, chosen or not, and brings out what is nearest.
   */
  levels(choice: Choice, chosen: Uint8Array, focus: number | undefined): Uint8Array {
    const levels = new Uint8Array(this.#events.length);
    this.#events.forEach((event, i) => {
      levels[i] = choice.hidden.has(event.kind) ? LEVEL.hidden : chosen[i] === 1 && focus === undefined ? LEVEL.usual : LEVEL.dim;
    });
    if (focus === undefined) return levels;
    const { near, far } = this.of(focus);
    for (const event of far) if (levels[event] !== LEVEL.hidden) levels[event] = LEVEL.usual;
    for (const event of near) if (levels[event] !== LEVEL.hidden) levels[event] = LEVEL.strong;
    return levels;
  }
}

/**
 * The events of each invocation. A sandbox runs one after the other under one name; what it is given (`batch`,
 * `receive`) may be told of just before its `begin`.
 */
function invocationsOf(events: readonly TraceEvent[]): number[][] {
  const all: number[][] = [];
  const current = new Map<string, number[]>();
  const given = new Map<string, number[]>();
  events.forEach((event, i) => {
    const { who, kind } = event;
    if (processOf(who) === undefined || who === undefined) return;
    const running = current.get(who);
    const idle = running === undefined || events[running.at(-1) as number]?.kind === 'end';
    if (kind === 'begin') {
      const own = [...(given.get(who) ?? []), i];
      given.delete(who);
      current.set(who, own);
      all.push(own);
    } else if (idle && (kind === 'batch' || kind === 'receive')) push(given, who, i);
    // What takes effect after its end is still its doing.
    else running?.push(i);
  });
  return all;
}

function push(map: Map<string, number[]>, name: string, event: number): void {
  const own = map.get(name);
  if (own === undefined) map.set(name, [event]);
  else own.push(event);
}

/** The words of a search. Upper and lower case are one; `isName` says which words are found only as a whole. */
export function searchWords(search: string, isName: (word: string) => boolean): readonly RegExp[] {
  return search
    .split(/\s+/)
    .filter((w) => w !== '')
    .map((word) => {
      const exact = word.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
      return isName(word) ? new RegExp(`(?<![\\w])${exact}(?![\\w])`, 'i') : new RegExp(exact, 'i');
    });
}

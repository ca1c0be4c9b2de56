import type { TraceEvent, TraceKind } from '../trace.ts';
import { UNKNOWN } from './bars.ts';

/** Which events belong together, and which of them a reader wants to see. */

/** What a reader chose. Empty sets and text choose everything. */
export interface Choice {
  readonly keys: ReadonlySet<string>;
  /** Kinds that are not shown at all. */
  readonly hidden: ReadonlySet<TraceKind>;
  /** Words that must all be found; the name of a key or of a message is found as a whole word. */
  readonly search: string;
}

/** Events that give a story its frame: they are shown with every key. */
const FRAME: ReadonlySet<TraceKind> = new Set(['phase', 'role', 'violation']);

/** How an event is drawn: not at all, dimmed, as usual, or brought out. */
export const LEVEL = { hidden: 0, dim: 1, usual: 2, strong: 3 } as const;

/** Finds what belongs to a key, a message or a process. Made once for a trace. */
export class Relations {
  readonly #events: readonly TraceEvent[];
  readonly #ofMessage = new Map<string, number[]>();
  readonly #ofProcess = new Map<string, number[]>();
  readonly #ofKey = new Map<string, number[]>();
  readonly #keysOfMessage = new Map<string, Set<string>>();
  #words: string[] | undefined;

  constructor(events: readonly TraceEvent[]) {
    this.#events = events;
    events.forEach((event, i) => {
      if (event.message !== undefined) {
        push(this.#ofMessage, event.message, i);
        const known = this.#keysOfMessage.get(event.message) ?? new Set<string>();
        for (const key of event.keys ?? []) known.add(key);
        this.#keysOfMessage.set(event.message, known);
      }
      if (event.who?.includes('/')) push(this.#ofProcess, event.who, i);
    });
    const ofKey = new Map<string, Set<number>>();
    events.forEach((event, i) => {
      for (const key of this.keysOf(i)) {
        const own = ofKey.get(key) ?? new Set<number>();
        own.add(i);
        // The invocation that handled it is part of the story: when it began, and whether it came to its end.
        if (event.who !== undefined) {
          const process = this.#ofProcess.get(event.who) ?? [];
          for (const other of [process[0], process.at(-1)]) {
            const kind = other === undefined ? undefined : events[other]?.kind;
            if (other !== undefined && (kind === 'begin' || kind === 'end')) own.add(other);
          }
        }
        ofKey.set(key, own);
      }
    });
    for (const [key, own] of ofKey)
      this.#ofKey.set(
        key,
        [...own].sort((a, b) => a - b),
      );
  }

  /** The keys that an event is about: its own, and those of its message. */
  keysOf(event: number): ReadonlySet<string> {
    const { keys, message } = this.#events[event] ?? {};
    const ofMessage = message === undefined ? undefined : this.#keysOfMessage.get(message);
    if (ofMessage !== undefined && ofMessage.size > 0) return ofMessage;
    return new Set(keys ?? []);
  }

  /** Indexes of a key's story, in order: its events, its messages' and those of the invocations that handled it. */
  ofKey(key: string): readonly number[] {
    return this.#ofKey.get(key) ?? [];
  }

  ofMessage(message: string): readonly number[] {
    return this.#ofMessage.get(message) ?? [];
  }

  /**
   * What belongs to an event. `near`: the same message or, for an event of no message, the same invocation; itself in
   * any case. `far`: the same keys.
   */
  of(event: number): { readonly near: readonly number[]; readonly far: readonly number[] } {
    const found = this.#events[event];
    if (found === undefined) return { near: [], far: [] };
    const near =
      found.message !== undefined
        ? this.ofMessage(found.message)
        : (found.kind === 'begin' || found.kind === 'end') && found.who
          ? (this.#ofProcess.get(found.who) ?? [])
          : [event];
    return { near, far: [...this.keysOf(event)].flatMap((key) => this.ofKey(key)) };
  }

  /** Whether an event has all of the words. */
  #has(event: number, words: readonly RegExp[]): boolean {
    this.#words ??= this.#events.map((e) =>
      [e.kind, e.who, e.at, e.link, e.lane === undefined ? '' : `lane ${e.lane}`, e.message, ...(e.keys ?? []), e.text].join(' '),
    );
    const text = this.#words[event] ?? '';
    return words.every((w) => w.test(text));
  }

  /** For each event 1 when the reader wants it, else 0. */
  chosen({ keys, hidden, search }: Choice): Uint8Array {
    const chosen = new Uint8Array(this.#events.length);
    if (keys.size === 0) chosen.fill(1);
    for (const key of keys) for (const event of this.ofKey(key)) chosen[event] = 1;
    const words = searchWords(search, (w) => this.#ofKey.has(w) || this.#ofMessage.has(w));
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

/**
 * What happened in a run, in order. Everything in it is plain data that comes from the seed alone, so the same seed
 * gives the same trace, byte for byte, on any machine. A run that nobody looks at keeps only the digest.
 */

/** One thing that happened. Fields that do not apply are absent. */
export interface TraceEvent {
  /** Place in the order, from 0. */
  readonly n: number;
  /** Virtual time since the run's start (ms). */
  readonly t: number;
  /**
   * `write` a user's write took effect · `batch` records were given to a reader of a stream · `send` a message was stored in a lane ·
   * `receive` a message was handed to an invocation · `state` an applier changed a key at a target · `delete` a message left its queue ·
   * `dead` a message went to the dead-letter queue · `begin`, `end` an invocation · `call` a request that a fault touched, or that failed ·
   * `fault` something was injected · `role` a change of a seat · `operator` what a person would do · `phase` a phase of the run ·
   * `violation` a rule was broken
   */
  readonly kind: TraceKind;
  /** Who did it: a process ("a/apply>b#3"), "user", "operator", "lambda" … */
  readonly who?: string;
  /** Member where it took effect. */
  readonly at?: string;
  /** Link, "a>b". */
  readonly link?: string;
  readonly lane?: number;
  /** Message, by its place in the order of all messages: "m17". */
  readonly message?: string;
  /** Names of the keys that it is about, "k3". */
  readonly keys?: readonly string[];
  /** One line for people. */
  readonly text: string;
}

export type TraceKind =
  | 'write'
  | 'batch'
  | 'send'
  | 'receive'
  | 'state'
  | 'delete'
  | 'dead'
  | 'begin'
  | 'end'
  | 'call'
  | 'fault'
  | 'role'
  | 'operator'
  | 'phase'
  | 'violation';

/** First line of a trace file; events follow, a line each, as JSON. */
export interface TraceHeader {
  readonly syncline: 'trace';
  readonly version: 1;
  readonly seed: number;
  /** The knobs of the run, as they were drawn or given. */
  readonly knobs: Readonly<Record<string, unknown>>;
  readonly members: readonly string[];
  readonly links: readonly string[];
  readonly lanes: number;
  readonly keys: readonly string[];
  /** End of the run (virtual ms). */
  readonly endMs: number;
  /** What was broken, if anything. */
  readonly violation?: { readonly rule: string; readonly message: string; readonly key?: string; readonly t: number };
}

/** Events that a full trace keeps; a run with more keeps the newest. */
const EVENTS_MAX = 2_000_000;

/** Collects events, or only their digest. */
export class Trace {
  readonly #elapsed: () => number;
  readonly #keep: boolean;
  readonly #events: TraceEvent[] = [];
  #count = 0;
  #high = 0x811c9dc5;
  #low = 0x01000193;

  /** @param keep whether events are kept; else only their number and digest. */
  constructor(elapsed: () => number, keep: boolean) {
    this.#elapsed = elapsed;
    this.#keep = keep;
  }

  /** Whether events are kept: text that is dear to make is made only then. */
  get kept(): boolean {
    return this.#keep;
  }

  /** @param event made only if events are kept. */
  add(kind: TraceKind, event: () => Omit<TraceEvent, 'n' | 't' | 'kind'>): void {
    const t = this.#elapsed();
    this.#mix(kind.charCodeAt(0) * 31 + kind.length);
    this.#mix(Math.floor(t * 16) | 0);
    const n = this.#count;
    this.#count += 1;
    if (!this.#keep) return;
    if (this.#events.length === EVENTS_MAX) this.#events.shift();
    this.#events.push({ n, t: Math.round(t * 1_000) / 1_000, kind, ...event() });
  }

  /** Mixes a number that the digest shall depend on: an id, a count, a sequence number's last digits. */
  mix(value: number): void {
    this.#mix(value | 0);
  }

  get events(): readonly TraceEvent[] {
    return this.#events;
  }

  get count(): number {
    return this.#count;
  }

  /** 16 hexadecimal digits that are equal for equal runs. */
  get digest(): string {
    return `${(this.#high >>> 0).toString(16).padStart(8, '0')}${(this.#low >>> 0).toString(16).padStart(8, '0')}`;
  }

  /** FNV-1a over 32 bits, twice with different states: a fingerprint, not a signature. */
  #mix(value: number): void {
    this.#high = Math.imul(this.#high ^ value, 0x01000193);
    this.#low = Math.imul(this.#low ^ (value + this.#high), 0x85ebca6b);
  }
}

/** A trace file: the header, then each event, as lines of JSON. */
export const traceText = (header: TraceHeader, events: readonly TraceEvent[]): string => [header, ...events].map((e) => `${JSON.stringify(e)}\n`).join('');

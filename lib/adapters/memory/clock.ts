import type { Clock } from '../../ports/runtime.ts';

/** Wall time at which a manual clock starts by default (ms since 1970): 1 January 2026, 00:00 UTC. */
const START_MS = 1_767_225_600_000;
/** Microtasks in one turn by default: longer than any chain of promises that does not wait for time. */
const TURN_MICROTASKS = 200;
/** Turns that `run` waits for work that nobody sleeps for, before it calls it a deadlock. */
const IDLE_TURNS_MAX = 1_000;
/** Longest time that `run` advances by default before it gives up (ms): a day of virtual time. */
const RUN_MAX_MS = 24 * 60 * 60 * 1_000;

interface Sleeper {
  readonly at: number;
  /** Of two sleepers due at one time the one with the lower tie wakes first, then the one that came first. */
  readonly tie: number;
  readonly order: number;
  readonly wake: () => void;
}

/**
 * Virtual time for tests and simulation. Nothing waits for real: time moves only when a test moves it, from one due
 * sleeper to the next, and between two of them every promise that can run has run (one turn).
 */
export class ManualClock implements Clock {
  #elapsed = 0;
  readonly #turn: () => Promise<void>;
  readonly #tie: () => number;
  #offset: number;
  #order = 0;
  readonly #sleepers: Sleeper[] = [];

  /**
   * @param options.startMs the wall clock's first time (ms since 1970).
   * @param options.turn lets everything run that can. By default it runs microtasks only, which is quick and enough for code
   *   over the memory adapters; give `setImmediate` of node:timers/promises where the code under test does real input or output.
   * @param options.tie decides who goes first of those that are due at one time: a simulator gives chance. By default the first that came.
   */
  constructor(options: { readonly startMs?: number; readonly turn?: () => Promise<void>; readonly tie?: () => number } = {}) {
    this.#offset = options.startMs ?? START_MS;
    this.#turn = options.turn ?? microtasks;
    this.#tie = options.tie ?? (() => 0);
  }

  now(): number {
    return this.#offset + this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.after(ms, wake));
  }

  /** Calls a function when `ms` have passed. */
  after(ms: number, wake: () => void): void {
    push(this.#sleepers, { at: this.#elapsed + Math.max(0, ms), tie: this.#tie(), order: this.#order++, wake });
  }

  /** Sleepers that wait. */
  get waiting(): number {
    return this.#sleepers.length;
  }

  /** Time until the next sleeper is due (ms), or undefined when nobody sleeps. */
  get nextInMs(): number | undefined {
    const next = this.#sleepers[0];
    return next === undefined ? undefined : next.at - this.#elapsed;
  }

  /** Steps the wall clock, as an operator or NTP would; elapsed time does not notice. */
  stepWall(ms: number): void {
    this.#offset += ms;
  }

  /** Moves time on by `ms`, waking sleepers in the order in which they are due, those that begin to sleep meanwhile included. */
  async advance(ms: number): Promise<void> {
    const until = this.#elapsed + ms;
    await this.#turn();
    for (let next = this.#sleepers[0]; next !== undefined && next.at <= until; next = this.#sleepers[0]) await this.#wake();
    this.#elapsed = until;
    await this.#turn();
  }

  /**
   * Moves time on, from sleeper to sleeper, until the condition holds. It is asked after every turn.
   *
   * @returns whether it held; false when `maxMs` have passed, or nobody sleeps any more.
   */
  async runUntil(done: () => boolean, maxMs = RUN_MAX_MS): Promise<boolean> {
    const until = this.#elapsed + maxMs;
    await this.#turn();
    while (!done()) {
      const next = this.#sleepers[0];
      if (next === undefined || next.at > until) return false;
      await this.#wake();
    }
    return true;
  }

  /**
   * Moves time on, from sleeper to sleeper, until the promise settles, and gives its outcome.
   *
   * @throws Error when it has not settled after `maxMs` of virtual time, or when nobody sleeps any more (a deadlock).
   */
  async run<T>(promise: Promise<T>, maxMs = RUN_MAX_MS): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    const until = this.#elapsed + maxMs;
    for (;;) {
      await this.#turn();
      if (settled) return promise;
      const next = this.#sleepers[0];
      if (next === undefined) {
        // A long chain of promises, or work outside virtual time, may still be under way: give it turns before calling it a deadlock.
        for (let i = 0; i < IDLE_TURNS_MAX && !settled && this.#sleepers.length === 0; i += 1) await this.#turn();
        if (settled || this.#sleepers.length > 0) continue;
        throw new Error(
          'The promise never settles: nobody sleeps on the manual clock, and nothing else is due. Something awaits an event that no one will send.',
        );
      }
      if (next.at > until)
        throw new Error(
          `The promise has not settled after ${maxMs} ms of virtual time; ${this.#sleepers.length} sleepers wait, the next for ${next.at - this.#elapsed} ms.`,
        );
      await this.#wake();
    }
  }

  async #wake(): Promise<void> {
    const sleeper = pop(this.#sleepers);
    this.#elapsed = Math.max(this.#elapsed, sleeper.at);
    sleeper.wake();
    await this.#turn();
  }
}

async function microtasks(): Promise<void> {
  for (let i = 0; i < TURN_MICROTASKS; i += 1) await undefined;
}

const before = (a: Sleeper, b: Sleeper): boolean => a.at < b.at || (a.at === b.at && (a.tie < b.tie || (a.tie === b.tie && a.order < b.order)));

/** A binary heap: the first sleeper is the next one due. */
function push(heap: Sleeper[], sleeper: Sleeper): void {
  let at = heap.push(sleeper) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as Sleeper;
    if (!before(sleeper, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = sleeper;
}

function pop(heap: Sleeper[]): Sleeper {
  const first = heap[0] as Sleeper;
  const last = heap.pop() as Sleeper;
  const { length } = heap;
  if (length === 0) return first;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= length) break;
    if (child + 1 < length && before(heap[child + 1] as Sleeper, heap[child] as Sleeper)) child += 1;
    if (!before(heap[child] as Sleeper, last)) break;
    heap[at] = heap[child] as Sleeper;
    at = child;
  }
  heap[at] = last;
  return first;
}

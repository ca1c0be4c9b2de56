import type { CallingProcess, CloudCall } from '../../lib/adapters/memory/call.ts';
import { SeededChance } from '../../lib/adapters/memory/chance.ts';
import type { ManualClock } from '../../lib/adapters/memory/clock.ts';
import type { Chance, Clock } from '../../lib/ports/runtime.ts';

/** A2: two hosts of a region differ by less than a second, so each is off by less than half of it (ms). */
const OFFSET_MAX_MS = 450;
/** A2: rates differ by less than 1 %, so each is off by less than half of it. */
const RATE_ERROR_MAX = 0.0045;

/** The clocks of one host: its wall clock is off by a constant, its elapsed time runs at its own rate. */
class HostClock implements Clock {
  readonly #base: ManualClock;
  readonly #offsetMs: number;
  readonly #rate: number;
  readonly #process: SimProcess;
  readonly #start: number;

  constructor(base: ManualClock, regionOffsetMs: number, chance: SeededChance, process: SimProcess) {
    this.#base = base;
    this.#offsetMs = regionOffsetMs + chance.below(2 * OFFSET_MAX_MS) - OFFSET_MAX_MS;
    this.#rate = 1 + (chance.random() * 2 - 1) * RATE_ERROR_MAX;
    this.#process = process;
    this.#start = base.elapsed();
  }

  now(): number {
    return Math.floor(this.#base.now() + this.#offsetMs);
  }
  elapsed(): number {
    return (this.#base.elapsed() - this.#start) * this.#rate;
  }
  async sleep(ms: number): Promise<void> {
    await this.#base.sleep(ms > 0 ? Math.max(ms / this.#rate, SLEEP_MIN_MS) : 0);
    const wait = this.#process.gate();
    if (wait !== undefined) await wait;
  }
}

/** The shortest sleep (ms): a wait that rounding has made shorter would let no time pass, again and again. */
const SLEEP_MIN_MS = 0.001;

/** Requests that change something, whose late effect could do harm. */
const WRITES: ReadonlySet<string> = new Set(['put', 'delete', 'update', 'batchWrite', 'sendBatch', 'changeVisibilityBatch', 'deleteBatch']);

/** What a process is asked at each of its awaits: go on, or be killed, or frozen for some time (ms). */
export type AtAwait = (process: SimProcess) => void;

/** One sandbox of a function, or a person with a terminal: it has a clock and chance of its own, and can be killed or frozen between any two awaits. */
export class SimProcess implements CallingProcess {
  readonly name: string;
  readonly member: string;
  /** "apply", "fanout", "observe", "reconcile", "operator". */
  readonly fn: string;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly #base: ManualClock;
  readonly #atAwait: AtAwait;
  #killed = false;
  #thawAt = 0;
  /** Called with each request when it leaves the process, and when the process was told what came of it. */
  onSent: ((call: CloudCall) => void) | undefined;
  onAnswered: ((call: CloudCall) => void) | undefined;
  /** Called once when it is killed. */
  onKilled: (() => void) | undefined;
  /** Requests whose caller was not told yet. */
  inFlight = 0;
  /** Writing requests that have left it and may still take effect. */
  readonly pending = new Set<CloudCall>();

  constructor(of: {
    readonly name: string;
    readonly member: string;
    readonly fn: string;
    readonly clock: ManualClock;
    readonly regionOffsetMs: number;
    readonly seed: number;
    readonly atAwait: AtAwait;
  }) {
    this.name = of.name;
    this.member = of.member;
    this.fn = of.fn;
    this.#base = of.clock;
    this.#atAwait = of.atAwait;
    const chance = new SeededChance(of.seed);
    this.clock = new HostClock(of.clock, of.regionOffsetMs, chance, this);
    this.chance = chance;
  }

  get killed(): boolean {
    return this.#killed;
  }
  get frozen(): boolean {
    return this.#thawAt > this.#base.elapsed();
  }

  /** Ends it at its next await: what follows is never run. */
  kill(): void {
    if (this.#killed) return;
    this.#killed = true;
    this.onKilled?.();
  }
  /** Stops it for `ms`, as a paused machine does; its clocks go on. */
  freeze(ms: number): void {
    this.#thawAt = Math.max(this.#thawAt, this.#base.elapsed() + ms);
  }
  /** Ends a freeze soon. */
  thaw(ms: number): void {
    this.#thawAt = Math.min(this.#thawAt, this.#base.elapsed() + ms);
  }

  gate(): Promise<void> | undefined {
    if (!this.#killed) this.#atAwait(this);
    // A promise of its own each time: one that all killed processes shared would keep all that waits for it.
    if (this.#killed) return new Promise<void>(() => undefined);
    return this.frozen ? this.#untilThaw() : undefined;
  }
  async #untilThaw(): Promise<void> {
    while (this.frozen) await this.#base.sleep(Math.min(this.#thawAt - this.#base.elapsed(), FREEZE_LOOK_MS));
    if (this.#killed) await new Promise<void>(() => undefined);
  }

  issued(): void {
    this.inFlight += 1;
  }
  landed(call: CloudCall): void {
    this.pending.delete(call);
  }
  sent(call: CloudCall): void {
    if (WRITES.has(call.op)) this.pending.add(call);
    this.onSent?.(call);
  }
  answered(call: CloudCall): void {
    this.inFlight -= 1;
    this.onAnswered?.(call);
  }
}

/** A frozen process looks this often whether it was thawed early (virtual ms). */
const FREEZE_LOOK_MS = 600_000;

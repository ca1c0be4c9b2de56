import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from './eventually.ts';
import { EU, type Item, type World } from './world.ts';

/** Waits for progress (ms). */
const PROGRESS_MAX_MS = 60_000;
/** Items of one call. */
const AT_ONCE = 5;

/** Writes a set of items at the primary again and again, at a steady rate, beside what a test does. */
export class LiveWriter {
  readonly #world: World;
  readonly #items: readonly Item[];
  /** Between two calls (ms). */
  readonly #everyMs: number;
  #writes = 0;
  #paused = false;
  #over = false;
  #busy: Promise<void> = Promise.resolve();
  readonly #ended: Promise<void>;

  /** @param perSecond writes */
  constructor(world: World, items: readonly Item[], perSecond: number) {
    this.#world = world;
    this.#items = items;
    this.#everyMs = (1_000 * AT_ONCE) / perSecond;
    this.#ended = this.#run();
  }

  get writes(): number {
    return this.#writes;
  }

  async #run(): Promise<void> {
    while (!this.#over) {
      if (!this.#paused) {
        this.#busy = this.#write();
        await this.#busy;
      }
      await sleep(this.#everyMs);
    }
  }

  async #write(): Promise<void> {
    const from = this.#writes;
    const some = Array.from({ length: AT_ONCE }, (_, i) => this.#items[(from + i) % this.#items.length] as Item);
    await this.#world.write(
      EU,
      some.map((item, i) => ({ ...item, live: { N: String(from + i) } })),
    );
    this.#writes += AT_ONCE;
  }

  /** Waits until so many more writes were made. */
  async progress(writes: number): Promise<void> {
    const from = this.#writes;
    await eventually(
      `${writes} more writes`,
      PROGRESS_MAX_MS,
      async () => this.#writes - from,
      (made) => made >= writes,
    );
  }

  async pause(): Promise<void> {
    this.#paused = true;
    await this.#busy;
  }

  resume(): void {
    this.#paused = false;
  }

  /** Ends it. @throws what a write threw */
  async end(): Promise<void> {
    this.#over = true;
    await this.#ended;
  }
}

import type { Bench } from './bench.ts';
import { checkCount, checkItems } from './check.ts';
import type { Row } from './rows.ts';
import type { Site } from './site.ts';
import { RAW_TABLE, rawEnvironment, TARGET } from './site.ts';
import { figure, mean, median } from './stats.ts';
import { Worker } from './workers.ts';

/**
 * The limit: BatchWriteItem by the SDK, 25 items a call, at several numbers of calls in flight. It is measured again and
 * again between the other measurements, so that what disturbs one of them disturbs it, too.
 */

/** Calls in flight that are tried. The best of them is the limit. */
export const CONCURRENCIES = [1, 2, 4, 8] as const;
/** Items in one measurement, in full and in quick runs. */
const ITEMS = { full: 5_000, quick: 2_500 } as const;
/** Items before the first measurement, for the compilers of both processes to warm up. */
const WARM_UP_ITEMS = 5_000;
/** Size of the items (bytes). */
export const ITEM_BYTES = 300;

/** Measures raw writes, round by round. */
export class RawMeter {
  readonly #bench: Bench;
  readonly #site: Site;
  readonly #worker: Worker;
  /** Rates (items/s) by round and concurrency. */
  readonly #rates: Map<number, number[]>[] = [];
  #next = 0;

  private constructor(bench: Bench, site: Site, worker: Worker) {
    this.#bench = bench;
    this.#site = site;
    this.#worker = worker;
  }

  static async start(bench: Bench, site: Site): Promise<RawMeter> {
    const worker = Worker.start({
      name: 'raw',
      program: bench.bundles.raw,
      directory: bench.directory,
      environment: rawEnvironment(site.cloud.endpoints[TARGET] ?? ''),
    });
    const meter = new RawMeter(bench, site, worker);
    await meter.#write(WARM_UP_ITEMS, 4);
    return meter;
  }

  /** Begins a round: what follows is compared with what is measured in it. */
  beginRound(): void {
    this.#rates.push(new Map());
  }

  /** Number of rounds that were begun. */
  get rounds(): number {
    return this.#rates.length;
  }

  /** Measures all concurrencies once, for the present round. @throws WrongResultError */
  async measure(): Promise<void> {
    const round = this.#rates.at(-1);
    if (round === undefined) throw new Error('No round was begun.');
    // Every second pass goes the other way, so that none is always the first.
    const passes = round.get(CONCURRENCIES[0])?.length ?? 0;
    for (const concurrency of passes % 2 === 0 ? CONCURRENCIES : CONCURRENCIES.toReversed()) {
      this.#bench.signal.throwIfAborted();
      const rate = await this.#write(this.#bench.quick ? ITEMS.quick : ITEMS.full, concurrency);
      round.set(concurrency, [...(round.get(concurrency) ?? []), rate]);
    }
  }

  async #write(count: number, concurrency: number): Promise<number> {
    const from = this.#next;
    this.#next += count;
    const { target } = this.#site;
    await this.#worker.ask({ kind: 'prepare', from, count, bytes: ITEM_BYTES, version: 1 });
    await this.#worker.ask({ kind: 'rest' });
    const { ms } = await this.#worker.ask({ kind: 'raw', table: RAW_TABLE, skip: 0, count, concurrency });
    await checkItems(target, RAW_TABLE, { from, count }, { bytes: ITEM_BYTES, version: 1 }, 'raw');
    await checkCount(target, RAW_TABLE, this.#next, 'raw');
    return (count / ms) * 1_000;
  }

  /** The concurrency that was best over all rounds. */
  get best(): number {
    return bestConcurrency(this.#rates);
  }

  /** The limit of each round: its mean rate at the best concurrency (items/s). */
  limits(): number[] {
    const { best } = this;
    return this.#rates.map((round) => mean(round.get(best) ?? []));
  }

  row(): Row {
    const all = CONCURRENCIES.map((c) => `${c}: ${Math.round(median(this.#rates.flatMap((round) => round.get(c) ?? []))).toLocaleString('en')}`).join(', ');
    return {
      group: 'raw',
      name: 'raw BatchWriteItem',
      unit: 'items/s',
      value: figure(this.#rates.flatMap((round) => round.get(this.best) ?? [])),
      note: `By calls in flight, medians: ${all}. ${ITEM_BYTES}-byte items, 25 a call, the SDK with an empty logger.`,
    };
  }

  async end(): Promise<void> {
    await this.#worker.end();
  }
}

/** The concurrency with the highest median over all rounds. Pure. */
export const bestConcurrency = (rounds: readonly ReadonlyMap<number, readonly number[]>[]): number => bestOf(CONCURRENCIES, rounds);

/** Of some settings the one with the highest median rate over all rounds. Pure. */
export function bestOf(settings: readonly [number, ...number[]], rounds: readonly ReadonlyMap<number, readonly number[]>[]): number {
  const of = (c: number): number => median(rounds.flatMap((round) => round.get(c) ?? []));
  return settings.reduce((best, c) => (of(c) > of(best) ? c : best));
}

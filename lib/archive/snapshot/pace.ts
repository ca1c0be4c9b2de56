import type { Item } from '../../core/attribute.ts';
import { InputError } from '../../core/errors.ts';
import { itemBytes } from '../../core/size.ts';
import { PAGE_BYTES, PAGE_RATE_S, READ_UNIT_BYTES, THROTTLED_WAIT_FIRST_MS, THROTTLED_WAIT_MAX_MS } from './limits.ts';

/** Bytes of an item, where nobody knows. */
export const ITEM_BYTES_GUESS = 400;

/** How fast a snapshot reads. */
export interface ReadRate {
  /** Items a second at most. */
  readonly itemsPerS?: number;
  /** Read units a second at most. */
  readonly unitsPerS?: number;
}

/**
 * The rate that was asked for. Pure.
 *
 * @param share of the provisioned read units, above 0 and at most 1.
 * @param provisionedReads of the table; absent where it is on demand.
 * @throws InputError "on-demand" for a share of a table that has no provisioned units.
 */
export function readRate(
  asked: { readonly itemsPerS?: number; readonly share?: number; readonly onDemand?: 'refuse' | 'no-share' },
  provisionedReads: number | undefined,
): ReadRate {
  const { itemsPerS, share, onDemand = 'refuse' } = asked;
  if (share !== undefined && provisionedReads === undefined && onDemand === 'refuse')
    throw new InputError(
      'on-demand',
      'A share is one of the provisioned read units, and the table is on demand: it has none. Give --rate ITEMS instead, or neither.',
    );
  return {
    ...(itemsPerS !== undefined && { itemsPerS }),
    ...(share !== undefined && provisionedReads !== undefined && { unitsPerS: share * provisionedReads }),
  };
}

/** Read units of a page of so many bytes, strongly consistent. */
export const unitsOf = (bytes: number): number => Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES));

/**
 * Keeps a scan at its rate, and lets it slow down while the table refuses reads for load. One for all parts of a run;
 * times are elapsed times (ms).
 */
export class ReadPace {
  readonly #rate: ReadRate;
  readonly #parts: number;
  readonly #sinceMs: number;
  #items = 0;
  #units = 0;
  #bytes = 0;
  /** Average of the items so far (bytes); a guess before. */
  #itemBytes: number;
  /** Items of a page at most, once a whole page took too long to come; absent before. */
  #pageItems: number | undefined;
  #refusedWaitMs = 0;
  #refusedSinceMs: number | undefined;

  /**
   * @param parts that are read at the same time.
   * @param averageBytes of an item, as DynamoDB reckons; 0 where it does not.
   */
  constructor(rate: ReadRate, parts: number, averageBytes: number, nowMs: number) {
    this.#rate = rate;
    this.#parts = parts;
    this.#itemBytes = averageBytes > 0 ? averageBytes : ITEM_BYTES_GUESS;
    this.#sinceMs = nowMs;
  }

  /** Items that the next page may have; undefined for a whole page. A page by units is worth a unit at least: less is billed as one. */
  get limit(): number | undefined {
    const { itemsPerS, unitsPerS } = this.#rate;
    const due = (perS: number): number => Math.floor((perS * PAGE_RATE_S) / this.#parts);
    const perUnit = READ_UNIT_BYTES / this.#itemBytes;
    const limits = [
      ...(this.#pageItems === undefined ? [] : [this.#pageItems]),
      ...(itemsPerS === undefined ? [] : [due(itemsPerS)]),
      ...(unitsPerS === undefined ? [] : [Math.max(due(unitsPerS * perUnit), Math.floor(perUnit))]),
    ];
    return limits.length === 0 ? undefined : Math.max(1, Math.min(...limits));
  }

  /** A page was read. */
  read(items: readonly Item[]): void {
    this.#refusedSinceMs = undefined;
    // Pages that come in time may grow again.
    if (this.#pageItems !== undefined) this.#pageItems = Math.ceil(this.#pageItems * 1.1);
    if ((this.#pageItems ?? 0) >= this.#wholePage) this.#pageItems = undefined;
    this.#refusedWaitMs = this.#refusedWaitMs < THROTTLED_WAIT_FIRST_MS ? 0 : this.#refusedWaitMs * 0.8;
    this.#items += items.length;
    if (this.#rate.unitsPerS === undefined) return;
    const bytes = items.reduce((sum, item) => sum + itemBytes(item), 0);
    this.#units += unitsOf(bytes);
    this.#bytes += bytes;
    // By bytes, not by units: a short page is billed a whole unit, and would make the next one shorter still.
    if (this.#items > 0) this.#itemBytes = Math.max(1, this.#bytes / this.#items);
  }

  /** Pages do not come in time: over a slow line a whole one takes too long, so the next ones have half as many items. */
  shorten(): void {
    this.#pageItems = Math.max(1, Math.floor((this.#pageItems ?? this.#wholePage) / 2));
  }

  get #wholePage(): number {
    return Math.ceil(PAGE_BYTES / this.#itemBytes);
  }

  /** The table has refused a page for load. */
  refused(nowMs: number): void {
    this.#refusedSinceMs ??= nowMs;
    this.#refusedWaitMs = Math.min(THROTTLED_WAIT_MAX_MS, Math.max(THROTTLED_WAIT_FIRST_MS, this.#refusedWaitMs * 2));
  }

  /** For how long the table has refused every page (ms). */
  refusedMs(nowMs: number): number {
    return this.#refusedSinceMs === undefined ? 0 : nowMs - this.#refusedSinceMs;
  }

  /** How long to wait before the next page, by the rate (ms). */
  due(nowMs: number): number {
    const { itemsPerS, unitsPerS } = this.#rate;
    const dueS = Math.max(itemsPerS === undefined ? 0 : this.#items / itemsPerS, unitsPerS === undefined ? 0 : this.#units / unitsPerS);
    return Math.max(0, Math.ceil(this.#sinceMs + dueS * 1_000 - nowMs));
  }

  /** How long to wait before the next page after refusals for load (ms). @param random uniform in [0, 1), so that parts do not come back together */
  backOff(random: number): number {
    return Math.ceil(this.#refusedWaitMs * (0.5 + random));
  }
}

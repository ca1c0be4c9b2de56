import type { Item, Key } from '../../core/attribute.ts';
import { BATCH_WRITE_BYTES, BATCH_WRITE_REQUESTS, REQUEST_EFFECT_MAX_MS, WRITE_CONCURRENCY } from '../../core/constants.ts';
import { assert } from '../../core/errors.ts';
import type { KeySchema } from '../../core/key.ts';
import { keyOf, keyText } from '../../core/key.ts';
import { itemBytes } from '../../core/size.ts';
import { isRemote, RemoteError } from '../../ports/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { TablePort } from '../../ports/table.ts';
import type { Pace } from '../../replicate/back-off.ts';
import { retryDelayMs, slowDown, speedUp } from '../../replicate/back-off.ts';
import { QUEUED_BYTES_MAX, QUEUED_ITEMS_MAX, SILENT_MAX_MS, STALL_MAX_MS } from './limits.ts';

/** An item that the table can never take, with the reason: it breaks a rule of one of the table's indexes, say. */
export interface RefusedItem {
  readonly key: Key;
  readonly reason: string;
}

/** Items that were taken from the queue before it is cut. */
const QUEUE_CUT = 10_000;

/** Items that came together. */
interface Group {
  left: number;
  readonly refused: RefusedItem[];
  readonly done: (refused: readonly RefusedItem[]) => void;
}

interface Waiting {
  readonly item: Item;
  readonly bytes: number;
  readonly group: Group;
}

/**
 * Puts items into a table that is this run's alone, by BatchWriteItem, several calls in flight, their number adapted to
 * what the table takes. Each key comes once with one value, so a call that got no answer is simply sent again.
 */
export class ItemWriter {
  readonly #port: TablePort;
  readonly #table: string;
  readonly #key: KeySchema;
  readonly #runtime: Runtime;
  readonly #pace: Pace = { limit: WRITE_CONCURRENCY.start };
  readonly #queue: Waiting[] = [];
  /** What stands before it was taken. */
  #head = 0;
  readonly #running = new Set<Promise<void>>();
  /** Items that wait or are in flight, and their bytes. */
  #items = 0;
  #bytes = 0;
  #failure: { readonly error: unknown } | undefined;
  /** When the table last took anything (elapsed ms). */
  #tookAt: number;
  /** When a call that got no answer was last issued (elapsed ms). */
  #unansweredAt = Number.NEGATIVE_INFINITY;

  constructor(target: { readonly port: TablePort; readonly table: string; readonly key: KeySchema }, runtime: Runtime) {
    this.#port = target.port;
    this.#table = target.table;
    this.#key = target.key;
    this.#runtime = runtime;
    this.#tookAt = runtime.clock.elapsed();
  }

  /**
   * Takes items; waits while too many are on their way.
   *
   * @param done called once each of them is in the table or refused; it is given those that are refused.
   * @throws what an earlier call failed with: RemoteError, also when the table refuses for load for STALL_MAX_MS, or does not answer for SILENT_MAX_MS.
   */
  async add(items: readonly Item[], done: Group['done']): Promise<void> {
    if (items.length === 0) {
      done([]);
      return;
    }
    const group: Group = { left: items.length, refused: [], done };
    for (const item of items) {
      const bytes = itemBytes(item);
      this.#queue.push({ item, bytes, group });
      this.#bytes += bytes;
    }
    this.#items += items.length;
    this.#start(false);
    while (this.#failure === undefined && (this.#items > QUEUED_ITEMS_MAX || this.#bytes > QUEUED_BYTES_MAX)) await this.#next();
    this.#check();
  }

  /** Waits for everything; calls that got no answer have no effect any more when it returns. @throws as `add` */
  async end(): Promise<void> {
    this.#start(true);
    while (this.#running.size > 0) await this.#next();
    const over = this.#unansweredAt + REQUEST_EFFECT_MAX_MS - this.#runtime.clock.elapsed();
    if (over > 0) await this.#runtime.clock.sleep(over);
    this.#check();
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Waits for a call to end, and begins others. A few large items are sent though they do not fill a call: nothing else could end. */
  async #next(): Promise<void> {
    if (this.#running.size > 0) await Promise.race(this.#running);
    this.#start(true);
  }

  /** Begins as many calls as the pace allows. @param all a last call that is not full, too. */
  #start(all: boolean): void {
    while (this.#failure === undefined && this.#running.size < Math.max(1, Math.floor(this.#pace.limit))) {
      const pack = this.#pack(all);
      if (pack === undefined) return;
      const task: Promise<void> = this.#send(pack)
        .catch((error: unknown) => {
          this.#failure ??= { error };
        })
        .finally(() => {
          this.#items -= pack.length;
          for (const { bytes } of pack) this.#bytes -= bytes;
          this.#running.delete(task);
        });
      this.#running.add(task);
    }
  }

  #pack(all: boolean): Waiting[] | undefined {
    let bytes = 0;
    let end = this.#head;
    while (end < this.#queue.length && end - this.#head < BATCH_WRITE_REQUESTS) {
      const next = (this.#queue[end] as Waiting).bytes;
      if (end > this.#head && bytes + next > BATCH_WRITE_BYTES) return this.#take(end);
      bytes += next;
      end += 1;
    }
    const full = end - this.#head === BATCH_WRITE_REQUESTS;
    return full || (all && end > this.#head) ? this.#take(end) : undefined;
  }

  /** Takes what waits up to `end`. What was taken is cut off now and then: to do so each time would move the rest each time. */
  #take(end: number): Waiting[] {
    const pack = this.#queue.slice(this.#head, end);
    this.#head = end;
    if (this.#head >= QUEUE_CUT) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    return pack;
  }

  async #send(pack: readonly Waiting[]): Promise<void> {
    const { clock, chance } = this.#runtime;
    const begun = clock.elapsed();
    let left = pack;
    for (let attempt = 1; left.length > 0; attempt += 1) {
      const issuedAt = clock.elapsed();
      let failed: RemoteError;
      try {
        const { unprocessed } = await this.#port.batchWrite(left.map(({ item }) => ({ table: this.#table, put: item })));
        const names = new Set(unprocessed.map((write) => keyText(write.put ?? write.delete, this.#key)));
        const back = names.size === 0 ? [] : left.filter(({ item }) => names.has(keyText(item, this.#key)));
        assert(back.length === unprocessed.length, 'an unprocessed write that was not sent', { sent: left.length, unprocessed: unprocessed.length });
        if (back.length < left.length) this.#tookAt = clock.elapsed();
        for (const waiting of left) if (!back.includes(waiting)) settle(waiting.group);
        left = back;
        if (left.length === 0) {
          speedUp(this.#pace, WRITE_CONCURRENCY.max);
          return;
        }
        failed = new RemoteError('throttled', 'UnprocessedItems', `the table ${this.#table} leaves items unwritten`);
      } catch (error) {
        if (isRemote(error, 'invalid')) return this.#split(left, error);
        if (!isRemote(error, 'throttled', 'transient', 'unanswered')) throw error;
        if (error.kind === 'unanswered') this.#unansweredAt = issuedAt;
        failed = error;
      }
      if (failed.kind === 'throttled') slowDown(this.#pace, WRITE_CONCURRENCY.min);
      const patience = failed.kind === 'throttled' ? STALL_MAX_MS : SILENT_MAX_MS;
      if (clock.elapsed() - Math.max(begun, this.#tookAt) >= patience) throw failed;
      await clock.sleep(retryDelayMs(attempt, chance.random()));
    }
  }

  /** A call that is refused as invalid is sent again item by item: what is at fault is told, the rest is written. */
  async #split(pack: readonly Waiting[], error: RemoteError): Promise<void> {
    const [only] = pack;
    if (only !== undefined && pack.length === 1) {
      only.group.refused.push({ key: keyOf(only.item, this.#key), reason: `${error.code}: ${error.message}` });
      settle(only.group);
      return;
    }
    for (const waiting of pack) await this.#send([waiting]);
  }
}

function settle(group: Group): void {
  group.left -= 1;
  if (group.left === 0) group.done(group.refused);
}

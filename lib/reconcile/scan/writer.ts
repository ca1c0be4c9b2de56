import type { ArchivePlace } from '../../archive/place.ts';
import { storeOnce } from '../../archive/snapshot/store.ts';
import type { Item } from '../../core/attribute.ts';
import { itemHash } from '../../core/canonical.ts';
import type { Fingerprint } from '../../core/digest.ts';
import { expiryDay } from '../../core/expiry-day.ts';
import { INDEX_ITEM_HASH_BYTES } from '../../core/formats/segment-index.ts';
import type { KeySchema } from '../../core/key.ts';
import { keyHash, keyOf, keyText } from '../../core/key.ts';
import type { JobLease } from '../../job/lease.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { RUN_OPEN_ENTRIES } from './limits.ts';
import type { RunRef } from './run.ts';
import { readEntry, runName } from './run.ts';
import { RunBuffer } from './run-buffer.ts';
import { readRun } from './stored.ts';
import type { ScanMark, ScanTask } from './task.ts';

/** The fingerprint of an item. Pure. @param expiry the attribute by which items expire, where expiry days are compared */
export const fingerprintOf = (item: Item, key: KeySchema, expiry: string | undefined): Fingerprint => ({
  keyHash: keyHash(keyText(item, key)),
  itemHash: itemHash(item).subarray(0, INDEX_ITEM_HASH_BYTES),
  day: expiryDay(item, expiry),
});

/** Where a part of a scan is. */
export type ScanPosition = Pick<ScanMark, 'at' | 'after'>;

/** Writes the runs of one part of a scan, and saves after each. */
export class RunWriter {
  readonly #place: ArchivePlace;
  readonly #runtime: Runtime;
  readonly #lease: JobLease<ScanTask>;
  readonly #run: string;
  readonly #part: number;
  readonly #buffer = new RunBuffer();
  /** The run before the one that is being made. */
  #previous: RunRef | undefined;
  /** The run that was read again, and goes on growing: the next one stands in its place. */
  #again: RunRef | undefined;

  private constructor(place: ArchivePlace, runtime: Runtime, lease: JobLease<ScanTask>, run: string, part: number) {
    this.#place = place;
    this.#runtime = runtime;
    this.#lease = lease;
    this.#run = run;
    this.#part = part;
    this.#previous = this.#mark.newest;
  }

  /**
   * @param run short name of this slice, which no other uses
   * @throws FormatError naming a run that is missing or damaged · RemoteError
   */
  static async open(place: ArchivePlace, runtime: Runtime, lease: JobLease<ScanTask>, run: string, part: number): Promise<RunWriter> {
    const writer = new RunWriter(place, runtime, lease, run, part);
    const { newest } = writer.#mark;
    if (newest === undefined || newest.entries >= RUN_OPEN_ENTRIES) return writer;
    const { entries, lines, footer } = await readRun(place, runtime, newest);
    lines.forEach((line, i) => void writer.#buffer.add(readEntry(entries, i), line));
    if (writer.#buffer.isFull) {
      // It has few entries, with long keys: it was stored because it was full.
      writer.#buffer.clear();
      return writer;
    }
    writer.#again = newest;
    writer.#previous = footer.head.previous;
    return writer;
  }

  get #mark(): ScanMark {
    return this.#lease.job.segments[this.#part] as ScanMark;
  }

  /** Items that were read and are in no run yet. */
  get held(): number {
    return this.#buffer.length - (this.#again?.entries ?? 0);
  }

  /** Takes the items of a page. A run that is full is stored, and saved: also within a page. @param at which of the part's segments it is of */
  async take(items: readonly Item[], at: number): Promise<void> {
    const { key } = this.#place;
    const expiry = this.#lease.job.table?.expiry;
    for (const item of items) {
      const itemKey = keyOf(item, key);
      this.#buffer.add(fingerprintOf(item, key, expiry), JSON.stringify(itemKey));
      if (this.#buffer.isFull) await this.store({ at, after: itemKey }, false);
    }
  }

  /** Stores what was taken, and saves how far the part is. */
  async store({ at, after }: ScanPosition, done: boolean): Promise<void> {
    const fresh = this.held;
    const ref = fresh > 0 ? await this.#storeRun() : undefined;
    const dropped = ref === undefined ? undefined : this.#again;
    await this.#lease.save((task) => ({
      segments: task.segments.map((mark, i) =>
        i === this.#part
          ? { ...kept(mark), at, done, runs: mark.runs + (ref ? 1 : 0), ...(after !== undefined && { after }), ...(ref && { newest: ref }) }
          : mark,
      ),
      items: task.items + fresh,
      bytes: task.bytes + (ref?.bytes ?? 0) - (dropped?.bytes ?? 0),
    }));
    if (ref === undefined) return;
    this.#buffer.clear();
    this.#previous = ref;
    this.#again = undefined;
  }

  async #storeRun(): Promise<RunRef> {
    const about = { id: this.#lease.job.id, part: this.#part, number: this.#mark.runs + 1, ...(this.#previous && { previous: this.#previous }) };
    const { body, sum } = this.#buffer.encode(about);
    const name = runName(about, this.#run);
    // A page may have taken long: whoever still has the lease goes on.
    await this.#lease.renew();
    await storeOnce(this.#place, this.#runtime, name, body, () => this.#lease.admit());
    return { name, bytes: body.length, entries: this.#buffer.length, sum };
  }
}

/** What of a mark outlives a new position. */
const kept = ({ newest }: ScanMark): Pick<ScanMark, 'newest'> => (newest === undefined ? {} : { newest });

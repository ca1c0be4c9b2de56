import type { Key } from '../../core/attribute.ts';
import { FormatError } from '../../core/errors.ts';
import { LOG_PREFIX, readLogName } from '../../core/formats/archive-names.ts';
import { keyHash, keyText } from '../../core/key.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { together } from '../../replicate/together.ts';
import { ahead } from '../ahead.ts';
import type { ArchivePlace } from '../place.ts';
import type { LoggedChange } from './changes.ts';
import type { ReadCount } from './counted.ts';
import { CountedPlace, TimeOver } from './counted.ts';
import type { Finding } from './finding.ts';
import { TODO_RESTORE_OBJECT } from './finding.ts';
import type { WantedFrame } from './frames.ts';
import { framesOf } from './frames.ts';
import type { Hit } from './hits.ts';
import { changesIn, hitOrder, recordsOf } from './hits.ts';
import { SEARCH_REQUESTS_AT_ONCE } from './limits.ts';
import type { SegmentRef } from './list.ts';
import { compareFirst, inReplayOrder } from './list.ts';
import { readRange } from './read.ts';
import type { Source } from './sources.ts';
import { findSources, orReport } from './sources.ts';

/** A key whose newest change is wanted. */
export interface WantedKey {
  readonly key: Key;
  /** Only changes up to this one, by stream and sequence number, itself included. */
  readonly upTo?: { readonly label: string; readonly sequence: string };
}

/** How far a search has come: plain JSON. */
export interface SearchMark {
  /** Whatever was made later (ms) was looked at. */
  readonly toMs: number;
  /** How much of the time before is looked at next (ms). */
  readonly widthMs: number;
}

/** What is wanted of a search. */
export interface SearchOptions<T> {
  /** Where it goes on. See `searchFrom`. */
  readonly mark: SearchMark;
  /** Only changes made up to this time (ms). */
  readonly untilMs?: number;
  /** Elapsed time (ms) after which no request is begun. */
  readonly until: number;
  /** What is kept of a change: its images may take 800 KB. */
  readonly keep: (change: LoggedChange) => T;
}

/** What a search has found. */
export interface Searched<T> {
  /** By the place of the key. Null: the log shows no such change, or damage may hide one. Absent: not found yet. */
  readonly found: ReadonlyMap<number, T | null>;
  /** Where to go on; absent when all is found. */
  readonly mark?: SearchMark;
  readonly read: ReadCount;
}

const HOUR_MS = 3_600_000;
/** How much of the log's time is looked at first (ms), and at least. */
const WIDTH_FIRST_MS = 6 * HOUR_MS;
const WIDTH_MIN_MS = 60_000;
/** A window so wide (ms) takes in all that is left. */
const WIDTH_WHOLE_MS = 60 * 24 * HOUR_MS;
/** Each window is so many times as wide as the one before, if that one was quick; one that did not come to its end is made so many times narrower. */
const WIDTH_STEP = 4;
/** Sources that are looked into at a time, the newest first. Of each about 2 MB are held. */
const SOURCES_AT_ONCE = 16;
/** Lines of a key that are held (lines): the newest of those that were found side by side. */
const LINES_PER_KEY = 200;
/** Reads of frames that are under way at the same time. */
const FRAMES_AHEAD = 7;

/** Where a search begins. @param toMs nothing that was made later (ms) is wanted */
export const searchFrom = (toMs: number): SearchMark => ({ toMs, widthMs: WIDTH_FIRST_MS });

/**
 * The newest change of each of many keys, wherever in the log it is: from the newest roll-ups and segments back, each read once for all keys
 * that are still open, until all are found or the log begins. It goes by windows of time, each wider than the one before; where the time
 * ends within one, that one is begun again.
 *
 * Damage is no error. But a change that is older than what cannot be read is not surely the newest: such keys count as not shown.
 *
 * Memory: about 30 MB, and the footers of the roll-ups of a window.
 *
 * @throws RemoteError
 */
export async function newestChanges<T>(place: ArchivePlace, runtime: Runtime, wanted: readonly WantedKey[], options: SearchOptions<T>): Promise<Searched<T>> {
  const counted = new CountedPlace(place, runtime.clock, SEARCH_REQUESTS_AT_ONCE, options.until);
  const search = new Search(counted.place, runtime, wanted, options);
  const mark = await search.run();
  return { found: search.found, read: counted.read, ...(mark !== undefined && { mark }) };
}

type Place = Pick<SegmentRef, 'label' | 'shard' | 'first'>;

class Search<T> {
  readonly found = new Map<number, T | null>();
  readonly #place: ArchivePlace;
  readonly #runtime: Runtime;
  readonly #wanted: readonly WantedKey[];
  readonly #hashes: readonly Buffer[];
  readonly #options: SearchOptions<T>;
  readonly #open: Set<number>;
  /** The newest segment whose index could not be read. */
  #doubt: Place | undefined;

  constructor(place: ArchivePlace, runtime: Runtime, wanted: readonly WantedKey[], options: SearchOptions<T>) {
    this.#place = place;
    this.#runtime = runtime;
    this.#wanted = wanted;
    this.#hashes = wanted.map(({ key }) => keyHash(keyText(key, place.key)));
    this.#options = options;
    this.#open = new Set(wanted.keys());
  }

  async run(): Promise<SearchMark | undefined> {
    const { until } = this.#options;
    const { clock } = this.#runtime;
    let mark = this.#options.mark;
    try {
      while (this.#open.size > 0) {
        const fromMs = mark.widthMs >= WIDTH_WHOLE_MS ? 0 : Math.max(0, mark.toMs - mark.widthMs);
        const began = clock.elapsed();
        await this.#window(fromMs, mark.toMs);
        if (fromMs === 0) for (const i of this.#open) this.#settle(i, null);
        const now = clock.elapsed();
        const isQuick = WIDTH_STEP * (now - began) <= until - now;
        mark = { toMs: fromMs, widthMs: mark.widthMs * (isQuick ? WIDTH_STEP : 1) };
      }
      return undefined;
    } catch (error) {
      if (!(error instanceof TimeOver)) throw error;
      // A window that had the time for itself is too wide.
      const isFirst = mark === this.#options.mark;
      return isFirst ? { ...mark, widthMs: Math.max(WIDTH_MIN_MS, Math.min(mark.widthMs, WIDTH_WHOLE_MS) / WIDTH_STEP) } : mark;
    }
  }

  #settle(i: number, found: T | null): void {
    this.found.set(i, found);
    this.#open.delete(i);
  }

  async #window(fromMs: number, toMs: number): Promise<void> {
    const sources = await findSources(this.#place, this.#runtime, { fromMs, toMs }, this.#hear);
    sources.sort(inReplayOrder);
    // The last ones are the newest.
    while (sources.length > 0 && this.#open.size > 0) {
      const lines = await this.#lookInto(sources.splice(-SOURCES_AT_ONCE));
      // What is older than the window may have a newer change beside it that is out of its sight: the next window shows it.
      for (const [i, hits] of lines) if ((hits.at(-1) as Hit).at < fromMs) lines.delete(i);
      await this.#readNewest(lines, fromMs);
      if (this.#doubt !== undefined) for (const i of this.#open) this.#settle(i, null);
    }
  }

  /** What of the log cannot be read. (A damaged roll-up hides nothing: its segments are read in its place.) */
  readonly #hear = ({ object }: Finding): void => {
    const of = object?.startsWith(LOG_PREFIX) === true ? readLogName(object) : undefined;
    if (of !== undefined && (this.#doubt === undefined || inReplayOrder(of, this.#doubt) > 0)) this.#doubt = of;
  };

  /** Whether a segment, or a roll-up that begins with one, may hold what is wanted of a key. */
  #mayHold({ label, first }: Pick<Place, 'label' | 'first'>, i: number): boolean {
    const { upTo } = this.#wanted[i] as WantedKey;
    return upTo === undefined || label < upTo.label || (label === upTo.label && compareFirst(first, upTo.sequence) <= 0);
  }

  /** The lines of the open keys in some sources, in their order. */
  async #lookInto(sources: readonly Source[]): Promise<Map<number, Hit[]>> {
    const { untilMs = Number.POSITIVE_INFINITY } = this.#options;
    const lines = new Map<number, Hit[]>();
    const lookInto = async (source: Source): Promise<void> => {
      const asked = [...this.#open].filter((i) => this.#mayHold(source, i));
      if (asked.length === 0) return;
      const found = await orReport(source, this.#hear, TODO_RESTORE_OBJECT, () => source.find(asked.map((i) => this.#hashes[i] as Buffer)));
      for (const [n, i] of asked.entries()) {
        const hits = found?.[n]?.filter(({ at, segment }) => at <= untilMs && this.#mayHold(segment, i)) ?? [];
        if (hits.length > 0) lines.set(i, [...(lines.get(i) ?? []), ...hits].sort(hitOrder).slice(-LINES_PER_KEY));
      }
    };
    await together(sources.map(lookInto));
    const doubt = this.#doubt;
    if (doubt === undefined) return lines;
    return new Map([...lines].filter(([, hits]) => inReplayOrder((hits.at(-1) as Hit).segment, doubt) >= 0));
  }

  /** Reads the frames that hold the newest lines, and those before where they are not what is wanted. */
  async #readNewest(lines: ReadonlyMap<number, readonly Hit[]>, fromMs: number): Promise<void> {
    for (let left = lines; left.size > 0; ) {
      const { reads, rest } = framesOf(left);
      const some = reads.map(({ name, range }) => async () => ({ range, bytes: await orDamaged(() => readRange(this.#place, this.#runtime, name, range)) }));
      for await (const { range, bytes } of ahead(some, FRAMES_AHEAD)) {
        for (const frame of range.parts) await this.#take(frame, bytes?.subarray(frame.from - range.from, frame.to - range.from), fromMs, rest);
      }
      left = rest;
    }
  }

  /** Takes from a frame what is wanted of it. A key that has its answer, or will not get it from this window, needs no older lines. */
  async #take({ segment, lines }: WantedFrame, bytes: Uint8Array | undefined, fromMs: number, rest: Map<number, readonly Hit[]>): Promise<void> {
    const records = bytes && (await orDamaged(() => recordsOf(segment, bytes)));
    for (const [i, hits] of lines) {
      const { key } = this.#wanted[i] as WantedKey;
      const changes = records && (await orDamaged(() => changesIn(this.#place, records, hits, key)));
      const newest = changes?.findLast((change) => this.#isWanted(change, i));
      if (changes !== undefined && newest === undefined) continue;
      rest.delete(i);
      if (newest === undefined) this.#settle(i, null);
      else if (newest.at >= fromMs) this.#settle(i, this.#options.keep(newest));
    }
  }

  #isWanted({ label, sequence }: LoggedChange, i: number): boolean {
    const { upTo } = this.#wanted[i] as WantedKey;
    return upTo === undefined || label < upTo.label || (label === upTo.label && BigInt(sequence) <= BigInt(upTo.sequence));
  }
}

/** Undefined for what is damaged, or gone. */
async function orDamaged<R>(work: () => R | Promise<R>): Promise<R | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

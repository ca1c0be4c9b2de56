import type { Key } from '../../core/attribute.ts';
import { keyHash, keyText } from '../../core/key.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { together } from '../../replicate/together.ts';
import type { ArchivePlace } from '../place.ts';
import type { LoggedChange } from './changes.ts';
import type { ReadCount } from './counted.ts';
import { CountedPlace, TimeOver } from './counted.ts';
import type { Finding } from './finding.ts';
import { TODO_RESTORE_OBJECT } from './finding.ts';
import type { Hit } from './hits.ts';
import { hitOrder, readHits } from './hits.ts';
import { HISTORY_REQUESTS_AT_ONCE } from './limits.ts';
import type { SegmentRef } from './list.ts';
import { compareFirst, inReplayOrder, listPage } from './list.ts';
import type { Source } from './sources.ts';
import { findSources, orReport } from './sources.ts';

/** What of a key's history is wanted. */
export interface HistoryOptions {
  /** Changes made from the one time up to the other (ms), both included. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** The newest so many of them; CHANGES_MAX where it is absent. */
  readonly limit?: number;
  /** Only changes before this one, by stream and sequence number. */
  readonly before?: { readonly label: string; readonly sequence: string };
  /** Elapsed time (ms) after which no request is begun. */
  readonly until?: number;
}

/** What became of a key. */
export interface KeyHistory {
  /** The oldest first. */
  readonly changes: readonly LoggedChange[];
  readonly read: ReadCount;
  /** What of the log could not be read, so that changes of it may be missing here. */
  readonly findings: readonly Finding[];
  /** Older changes may be there: the limit was reached, or the time was over. */
  readonly more: boolean;
  /** The time was over: everything made after this (ms) was looked at. Absent also when nothing was. */
  readonly reached?: number;
}

/** Most changes of one look: their images may take 400 KB each. */
const CHANGES_MAX = 10_000;
/** Sources that are looked into at a time, the newest first: when enough changes are found, the others are not. */
const SOURCES_AT_ONCE = 4 * HISTORY_REQUESTS_AT_ONCE;

/**
 * What became of a key: its changes in the log, found by the roll-ups and the indexes of the segments that none covers, without
 * reading the log itself. Of each change only the frame that holds it is read.
 *
 * @throws RemoteError. Damage is no error but a finding.
 */
export async function history(place: ArchivePlace, runtime: Runtime, key: Key, options: HistoryOptions = {}): Promise<KeyHistory> {
  const counted = new CountedPlace(place, runtime.clock, HISTORY_REQUESTS_AT_ONCE, options.until ?? Number.POSITIVE_INFINITY);
  return new Look(counted, runtime, key, options).run();
}

class Look {
  readonly #counted: CountedPlace;
  readonly #runtime: Runtime;
  readonly #key: Key;
  readonly #options: HistoryOptions;
  readonly #limit: number;
  readonly #findings: Finding[] = [];
  /** Name of the first object of each folder of a shard that was asked for. */
  readonly #oldest = new Map<string, Promise<string | undefined>>();
  /** The newest first. */
  readonly #changes: LoggedChange[] = [];

  constructor(counted: CountedPlace, runtime: Runtime, key: Key, options: HistoryOptions) {
    this.#counted = counted;
    this.#runtime = runtime;
    this.#key = key;
    this.#options = options;
    this.#limit = options.limit ?? CHANGES_MAX;
  }

  async run(): Promise<KeyHistory> {
    let left: Source[] | undefined;
    try {
      left = await this.#sources();
      // The last ones are the newest.
      while (left.length > 0 && this.#changes.length < this.#limit) {
        const from = Math.max(0, left.length - SOURCES_AT_ONCE);
        if (await this.#lookInto(left.slice(from))) return this.#result(true);
        left.length = from;
      }
      return this.#result(left.length > 0);
    } catch (error) {
      if (!(error instanceof TimeOver)) throw error;
      const reached = left?.reduce((latest, { toMs }) => Math.max(latest, toMs), 0);
      return this.#result(true, reached !== undefined && Number.isFinite(reached) ? reached : undefined);
    }
  }

  /** Where the key may be, in the order of its changes. */
  async #sources(): Promise<Source[]> {
    const { before, sinceMs, untilMs } = this.#options;
    const range = { ...(sinceMs !== undefined && { fromMs: sinceMs }), ...(untilMs !== undefined && { toMs: untilMs }) };
    const found = await findSources(this.#counted.place, this.#runtime, range, (finding) => this.#findings.push(finding));
    const wanted =
      before === undefined ? found : found.filter((s) => s.label < before.label || (s.label === before.label && compareFirst(s.first, before.sequence) < 0));
    return wanted.sort(inReplayOrder);
  }

  /** Looks into some sources. Says whether the limit was reached before all that they name was read. */
  async #lookInto(sources: readonly Source[]): Promise<boolean> {
    const hash = keyHash(keyText(this.#key, this.#counted.place.key));
    const { sinceMs = 0, untilMs = Number.POSITIVE_INFINITY } = this.#options;
    const found = await together(sources.map((source) => this.#guarded(source, async () => (await source.find([hash])).flat())));
    const hits = unique(found.flat().filter(({ at }) => at >= sinceMs && at <= untilMs));
    while (hits.length > 0 && this.#changes.length < this.#limit) {
      const some = hits.splice(Math.max(0, hits.length - (this.#limit - this.#changes.length)));
      const read = await together(
        frames(some).map((frame) => this.#guarded((frame[0] as Hit).segment, () => readHits(this.#counted.place, this.#runtime, frame, this.#key))),
      );
      this.#changes.push(
        ...read
          .flat()
          .filter((change) => this.#isBefore(change))
          .reverse(),
      );
    }
    return hits.length > 0;
  }

  #isBefore({ label, sequence }: LoggedChange): boolean {
    const { before } = this.#options;
    return before === undefined || label < before.label || (label === before.label && BigInt(sequence) < BigInt(before.sequence));
  }

  /** What is missing since it is older than all that is left of its shard has expired, and is no finding. */
  async #isExpired({ name }: Pick<SegmentRef, 'name'>): Promise<boolean> {
    const prefix = name.slice(0, name.lastIndexOf('/') + 1);
    const asked = this.#oldest.get(prefix) ?? listPage(this.#counted.place, this.#runtime, { prefix }, 1).then(({ objects }) => objects[0]?.key);
    this.#oldest.set(prefix, asked);
    const oldest = await asked;
    return oldest === undefined || name < oldest;
  }

  async #guarded<T>(of: Pick<SegmentRef, 'name' | 'shard' | 'firstAtMs'>, work: () => Promise<T[]>): Promise<T[]> {
    let found: Finding | undefined;
    const result = await orReport(of, (finding) => (found = finding), TODO_RESTORE_OBJECT, work);
    if (found !== undefined && !(found.kind === 'missing' && (await this.#isExpired(of)))) this.#findings.push(found);
    return result ?? [];
  }

  #result(more: boolean, reached?: number): KeyHistory {
    const changes = this.#changes.slice(0, this.#limit).reverse();
    return { changes, read: this.#counted.read, findings: this.#findings, more, ...(reached !== undefined && { reached }) };
  }
}

/** Hits in the order of the changes, each line once: two roll-ups may cover the same segment. */
function unique(hits: readonly Hit[]): Hit[] {
  const sorted = [...hits].sort(hitOrder);
  return sorted.filter((hit, i) => i === 0 || hitOrder(sorted[i - 1] as Hit, hit) !== 0);
}

/** Hits by the frame that holds them, in order. */
function frames(hits: readonly Hit[]): Hit[][] {
  const found: Hit[][] = [];
  for (const hit of hits) {
    const last = found.at(-1)?.[0];
    if (last !== undefined && last.segment.name === hit.segment.name && last.offset === hit.offset) found.at(-1)?.push(hit);
    else found.push([hit]);
  }
  return found;
}

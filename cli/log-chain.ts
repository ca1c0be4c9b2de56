import { ahead } from '../lib/archive/ahead.ts';
import { ChainWalk } from '../lib/archive/log/chain.ts';
import type { ChainedSegment } from '../lib/archive/log/chain-findings.ts';
import { segmentsOf } from '../lib/archive/log/changes.ts';
import type { Finding } from '../lib/archive/log/finding.ts';
import { FOOTERS_AT_ONCE } from '../lib/archive/log/limits.ts';
import type { SegmentRef, TimeRange } from '../lib/archive/log/list.ts';
import { listPage, refOf, shardFolder, shardPath } from '../lib/archive/log/list.ts';
import { readHead } from '../lib/archive/log/read.ts';
import type { ArchivePlace } from '../lib/archive/place.ts';
import type { Runtime } from '../lib/ports/runtime.ts';
import type { SureLog } from './log-sure.ts';

/** Whether the segments that `syncline log` reads follow one another, told while they are read. */
export class LogChain {
  readonly #place: ArchivePlace;
  readonly #runtime: Runtime;
  readonly #walk: ChainWalk;
  readonly #lasts = new Map<string, SegmentRef>();
  readonly #toMs: number;
  readonly #nowMs: number;
  /** Those that the range may need, in the order of replay. */
  readonly segments: readonly SegmentRef[];

  private constructor(
    place: ArchivePlace,
    runtime: Runtime,
    segments: readonly SegmentRef[],
    { fromMs, toMs }: Required<TimeRange>,
    { shards, retentionMs }: SureLog,
    report: (finding: Finding) => void,
  ) {
    [this.#place, this.#runtime, this.#toMs, this.#nowMs, this.segments] = [place, runtime, toMs, runtime.clock.now(), segments];
    // A segment that began before the range is there without those before it: what is said of those does not concern the range.
    const within = (finding: Finding): void => {
      if ((finding.toMs ?? Number.POSITIVE_INFINITY) >= fromMs && (finding.fromMs ?? 0) <= toMs) report(finding);
    };
    // Of later ends nothing was listed.
    const tails = (shards ?? []).filter(({ tail }) => tail !== undefined && tail.firstAt <= toMs);
    this.#walk = new ChainWalk(within, tails, { nowMs: this.#nowMs, ...(retentionMs !== undefined && { retentionMs }) });
    for (const ref of segments) this.#lasts.set(shardPath(ref), ref);
  }

  /**
   * Lists the segments of a range.
   *
   * @param sure what is known of the log. ⚠ Its rows are read before this: they may name a segment that is younger than the list.
   * @throws RemoteError, InputError "log-too-long"
   */
  static async of(place: ArchivePlace, runtime: Runtime, range: Required<TimeRange>, sure: SureLog, report: (finding: Finding) => void): Promise<LogChain> {
    return new LogChain(place, runtime, await segmentsOf(place, runtime, range), range, sure, report);
  }

  /** The next segment is read. What is missing between it and the one before it in its shard is reported now. */
  readonly reached = (segment: ChainedSegment): void => this.#walk.push(segment);

  /** All were read: what only the whole shows is reported, and whether the next segment of each shard follows on. @throws RemoteError, FormatError */
  async end(): Promise<void> {
    if (this.#toMs < this.#nowMs) {
      const nexts = [...this.#lasts.values()].map((last) => () => this.#next(last));
      for await (const next of ahead(nexts, FOOTERS_AT_ONCE)) if (next !== undefined) this.#walk.push(next);
    }
    this.#walk.end();
  }

  /** The segment after the last one of the range in its shard: only its head is read. */
  async #next(last: SegmentRef): Promise<ChainedSegment | undefined> {
    const { objects } = await listPage(this.#place, this.#runtime, { prefix: shardFolder(last), after: last.name }, 1);
    const ref = objects[0] && refOf(objects[0]);
    return ref && { ref, head: await readHead(this.#place, this.#runtime, ref) };
  }
}

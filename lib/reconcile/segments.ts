import { z } from 'zod';
import { ahead } from '../archive/ahead.ts';
import { nameOf, plain } from '../archive/log/chain-findings.ts';
import { Gate } from '../archive/log/gate.ts';
import { FOOTERS_AT_ONCE, LISTS_AT_ONCE, READ_MAX_MS, STAMP_DISORDER_MS } from '../archive/log/limits.ts';
import type { SegmentRef } from '../archive/log/list.ts';
import { compareFirst, listSegments, shardPath } from '../archive/log/list.ts';
import { readFooter, readHead } from '../archive/log/read.ts';
import type { ArchivePlace } from '../archive/place.ts';
import { STREAM_RETENTION_MS } from '../core/constants.ts';
import { FormatError } from '../core/errors.ts';
import type { SegmentFooter } from '../core/formats/segment-footer.ts';
import type { Runtime } from '../ports/runtime.ts';
import { retried } from '../replicate/retry.ts';
import { together } from '../replicate/together.ts';
import type { Others } from './proof/list-behind.ts';
import { listBehind, readPath } from './proof/list-behind.ts';

/** How far a shard was read: its newest segment. */
export interface Mark {
  /** Sequence number of that segment's first record, without leading zeros, and when it was made (ms): its name. */
  readonly first: string;
  readonly firstAt: number;
  /** Of its last record, and the latest time of all its records (ms). Where its footer was not read: those of the first. */
  readonly last: string;
  readonly lastAt: number;
  /** A later shard follows on it: nothing comes any more. */
  readonly over?: boolean;
}

/**
 * How far a member's log was read: a shard path ("label/shard") → its newest segment that counts. Under HORIZON stands the time
 * before which everything counts that was of shards which are named no more.
 */
export type Watermark = ReadonlyMap<string, Mark>;

/** See Watermark. It sorts before every label. */
export const HORIZON = '*';

/** Of a shard that is known, and of which nothing counts: no record has this sequence number. */
const NOTHING: Mark = { first: '0', firstAt: 0, last: '0', lastAt: 0 };

const isNothing = ({ first }: Mark): boolean => first === NOTHING.first;

/** The log does not show every change after a watermark. Its message is a sentence for people. */
export class LogGapError extends Error {
  readonly shard: string;
  readonly what: string;
  constructor(shard: string, what: string) {
    super(what);
    this.name = 'LogGapError';
    this.shard = shard;
    this.what = what;
  }
}

/** A segment's footer. */
export interface ReadFooter {
  readonly ref: SegmentRef;
  readonly footer: SegmentFooter;
}

/** How footers are read. */
export interface FootersOptions {
  /** Elapsed time (ms) after which no further one is given. */
  readonly untilElapsedMs?: number;
  /** Nothing is given once so many entries were. */
  readonly entriesMax?: number;
  /** Only what this watermark counts. What it says is over is looked at, too. */
  readonly to?: Watermark;
  /** Looks for new shards also between the known ones: one request a shard. Without it, only those are found that sort after all known ones, as DynamoDB names them. */
  readonly wide?: boolean;
  /** Hears of each gap in place of an error, and goes on behind it. */
  readonly onGap?: (gap: LogGapError) => void;
}

/** Lists of one look that are made anew, because what was listed first had grown by the time of the last. */
const LOOKS_MAX = 3;
/** Shards that are over are forgotten when their last record is older than the newest one by so much (ms): no child of theirs is still to begin. */
const FORGET_AFTER_MS = 2 * STREAM_RETENTION_MS;

/**
 * The watermark that has everything before a time behind it: the last segment of each shard that surely ended before. Those of shards that have
 * been silent for two days are behind its horizon where DynamoDB's own naming shows that they are closed. Lists, and a head for each shard that ended in the day before.
 *
 * @param fromMs of records (ms). The footers after it hold all that were made from then on, and a few older ones.
 * @throws RemoteError · InputError "log-too-long"
 */
export async function markAt(place: ArchivePlace, runtime: Runtime, fromMs: number): Promise<Watermark> {
  // What a segment holds was in the stream at the same time, so it spans no more than that keeps.
  const refs = await listSegments(place, runtime, { fromMs: fromMs - STREAM_RETENTION_MS - STAMP_DISORDER_MS });
  const ended = fromMs - STAMP_DISORDER_MS;
  const gate = new Gate(LISTS_AT_ONCE);
  const marks = await together(
    [...Map.groupBy(refs, shardPath)].map(async ([path, of]): Promise<readonly [string, Mark]> => {
      // Everything of a segment was made before the next one’s first record, but for a disorder of the stamps.
      const last = of.findLastIndex(({ firstAtMs }) => firstAtMs < ended);
      const isBehind = last >= 0 && ((of[last] as SegmentRef).firstAtMs < ended - STREAM_RETENTION_MS || (await endsBefore(of, last)));
      const ref = of[isBehind ? last : last - 1];
      return [path, ref === undefined ? NOTHING : { first: ref.first, firstAt: ref.firstAtMs, last: ref.first, lastAt: ref.firstAtMs }];
    }),
  );
  return trimmed(new Map(marks), fromMs);

  /**
   * ⚠ The last segment of a shard is asked itself: where the shard is closed, its keys have newer changes in a child of it, which may lie before
   * the time, too. Given again without these, its changes would undo them.
   */
  async function endsBefore(of: readonly SegmentRef[], last: number): Promise<boolean> {
    if (last !== of.length - 1) return false;
    try {
      const { toMs } = await gate.pass(() => readHead(place, runtime, of[last] as SegmentRef));
      return toMs < ended;
    } catch (error) {
      // Whoever reads on meets the damage, and tells it.
      if (!(error instanceof FormatError)) throw error;
      return false;
    }
  }
}

/** When DynamoDB made a shard (ms), by its name. Undefined for a name of another kind. */
function shardMadeAt(path: string): number | undefined {
  const digits = /\/shardId-0{7}(\d{13})-[0-9a-f]{8}$/.exec(path)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Forgets old shards that are over. @param nowMs of the newest record */
function trimmed(marks: ReadonlyMap<string, Mark>, nowMs: number): Watermark {
  const oldMs = nowMs - FORGET_AFTER_MS;
  let horizon = marks.get(HORIZON)?.firstAt;
  const kept = new Map<string, Mark>();
  for (const [path, mark] of marks) {
    if (path === HORIZON) continue;
    const closed = mark.over === true || (shardMadeAt(path) ?? Number.POSITIVE_INFINITY) < oldMs;
    if (closed && mark.lastAt < oldMs && !isNothing(mark)) horizon = Math.max(horizon ?? 0, oldMs);
    else kept.set(path, mark);
  }
  return horizon === undefined ? kept : new Map([[HORIZON, { first: '0', firstAt: horizon, last: '0', lastAt: horizon }], ...kept]);
}

/** The watermark, with one more segment read. */
export function grown(mark: Watermark, { ref, footer }: ReadFooter): Watermark {
  const { head } = footer;
  const next = new Map(mark);
  const path = shardPath(ref);
  next.set(path, { first: ref.first, firstAt: ref.firstAtMs, last: plain(head.last), lastAt: head.toMs });
  if (head.previous === undefined || head.previous.shard === ref.shard) return next;
  const parent = shardPath({ label: ref.label, shard: head.previous.shard });
  const parentMark = next.get(parent);
  if (parentMark === undefined || parentMark.over === true) return next;
  next.set(parent, { ...parentMark, over: true });
  return trimmed(next, head.fromMs);
}

/** Whether a watermark counts a segment. */
export function counts(mark: Watermark, ref: Pick<SegmentRef, 'label' | 'shard' | 'first' | 'firstAtMs'>): boolean {
  const own = mark.get(shardPath(ref));
  return own === undefined ? ref.firstAtMs < (mark.get(HORIZON)?.firstAt ?? Number.NEGATIVE_INFINITY) : compareFirst(ref.first, own.first) <= 0;
}

/** Whether the one watermark counts all that the other counts. */
export const covers = (mark: Watermark, other: Watermark): boolean =>
  [...other].every(([path, { first, firstAt }]) => {
    if (path === HORIZON || first === NOTHING.first) return true;
    const own = mark.get(path);
    return own === undefined ? firstAt < (mark.get(HORIZON)?.firstAt ?? Number.NEGATIVE_INFINITY) : compareFirst(first, own.first) <= 0;
  });

/** When the newest record that a watermark counts was made (ms); 0 for none. */
export const newestOf = (mark: Watermark): number => [...mark.values()].reduce((newest, { lastAt }) => Math.max(newest, lastAt), 0);

/**
 * Footers of the segments after a watermark (or from a time on, see `markAt`), in the order of replay: a key's records come in their order.
 * A few are read ahead. Each must name the one before it. When nothing is new that is one list for each open shard and one for new shards.
 *
 * @throws LogGapError for a doubt in a head, a broken chain, a stream that was replaced · FormatError naming a damaged footer · RemoteError
 */
export async function* footersAfter(
  place: ArchivePlace,
  runtime: Runtime,
  from: Watermark | { readonly fromMs: number },
  options: FootersOptions = {},
): AsyncGenerator<ReadFooter> {
  let mark = 'fromMs' in from ? await markAt(place, runtime, from.fromMs) : from;
  let entries = 0;
  for (let look = 1; ; look += 1) {
    const refs = await listAfter(place, runtime, mark, { ...options, wide: options.wide === true || look > 1 });
    let again: LogGapError | undefined;
    for await (const read of ahead(
      refs.map((ref) => async () => ({ ref, footer: await readFooter(place, runtime, ref) })),
      FOOTERS_AT_ONCE,
    )) {
      if (isOver(runtime, options, entries)) return;
      const gap = gapBefore(mark, read);
      if (gap !== undefined) {
        // It may have been stored after its shard was listed: then another look shows it.
        if (gap.listed && look < LOOKS_MAX && (await isThere(place, runtime, read))) {
          again = gap.error;
          break;
        }
        if (options.onGap === undefined) throw gap.error;
        options.onGap(gap.error);
      }
      yield read;
      entries += read.footer.index.length;
      mark = grown(mark, read);
    }
    if (again === undefined) return;
  }
}

const isOver = (runtime: Runtime, { untilElapsedMs, entriesMax }: FootersOptions, entries: number): boolean =>
  (untilElapsedMs !== undefined && runtime.clock.elapsed() >= untilElapsedMs) || (entriesMax !== undefined && entries >= entriesMax);

/** Whether the segment before one is in the bucket. */
async function isThere(place: ArchivePlace, runtime: Runtime, { ref, footer }: ReadFooter): Promise<boolean> {
  const { previous } = footer.head;
  if (previous === undefined) return false;
  const name = nameOf(previous, ref.label);
  return (await retried(runtime, runtime.clock.elapsed() + READ_MAX_MS, () => place.objects.head(place.bucket, name))) !== undefined;
}

/** What lies behind a watermark, in the order of replay. */
function listAfter(place: ArchivePlace, runtime: Runtime, mark: Watermark, { to, wide }: FootersOptions): Promise<SegmentRef[]> {
  const paths = (of: Watermark): string[] => [...of.keys()].filter((path) => path !== HORIZON);
  const known = paths(mark).map((path) => {
    const { first, firstAt, over } = mark.get(path) as Mark;
    const end = to?.get(path);
    const isRead = over === true || (to !== undefined && (end === undefined || compareFirst(end.first, first) <= 0));
    return { ...readPath(path), first, firstAtMs: firstAt, over: isRead };
  });
  const all = wide === true ? 'all' : 'later';
  const others: Others = to === undefined ? all : paths(to).flatMap((path) => (mark.has(path) ? [] : [readPath(path)]));
  return listBehind(place, runtime, known, others, (ref) => !counts(mark, ref) && (to === undefined || counts(to, ref)));
}

/** What is missing before a segment, where something is. `listed`: it may only not have been listed. */
function gapBefore(mark: Watermark, { ref, footer }: ReadFooter): { readonly error: LogGapError; readonly listed: boolean } | undefined {
  const { previous, doubt } = footer.head;
  const gap = (what: string, listed = false): { readonly error: LogGapError; readonly listed: boolean } => ({
    error: new LogGapError(ref.shard, what),
    listed,
  });
  if (doubt !== undefined) return gap(`Changes before ${ref.name} are in doubt ("${doubt}"): the log does not show whether any are missing.`);
  const marked = mark.get(shardPath(ref));
  const own = marked === undefined || isNothing(marked) ? undefined : marked;
  if (previous === undefined) {
    if (own !== undefined) return gap(`${ref.name} names no segment before it, though there is one.`);
    const older = [...mark.keys()].find((path) => path !== HORIZON && readPath(path).label !== ref.label && !isNothing(mark.get(path) as Mark));
    return older === undefined
      ? undefined
      : gap(`The table’s stream was replaced: what was written before ${ref.label} began, and after ${readPath(older).label} ended, is in no log.`);
  }
  const named = { label: ref.label, shard: previous.shard, first: plain(previous.first), firstAtMs: previous.firstAt };
  const before = own ?? mark.get(shardPath(named));
  const wrong = `${ref.name} follows on ${nameOf(previous, ref.label)}, which was not read`;
  if (own !== undefined && previous.shard !== ref.shard) return gap(`${wrong}: it is of another shard.`);
  if (before !== undefined && before.first === named.first) return undefined;
  if (before === undefined && counts(mark, named)) return undefined;
  if (before !== undefined && compareFirst(named.first, before.first) < 0) return gap(`${wrong}, and there is a later one in its shard.`);
  return gap(`${wrong}: it is missing.`, true);
}

const sequence = z.string().regex(/^\d{1,40}$/);
const time = z.int().min(0);
const marks = z.array(
  z.strictObject({ shard: z.string().min(1), first: sequence, firstAt: time, last: sequence, lastAt: time, over: z.boolean().exactOptional() }),
);

/** A watermark as a JSON value. */
export const encodeWatermark = (mark: Watermark): readonly object[] => [...mark].map(([shard, of]) => ({ shard, ...of }));

/** Reads what `encodeWatermark` has written. @throws FormatError */
export function decodeWatermark(value: unknown): Watermark {
  const found = marks.safeParse(value);
  if (!found.success) throw new FormatError(`a watermark that is none: ${found.error.issues[0]?.message ?? ''}`);
  return new Map(found.data.map(({ shard, ...mark }) => [shard, mark]));
}

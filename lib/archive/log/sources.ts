import { STREAM_RETENTION_MS } from '../../core/constants.ts';
import { FormatError } from '../../core/errors.ts';
import { INDEX_PREFIX, segmentName } from '../../core/formats/archive-names.ts';
import type { RollupHead, RollupSegment } from '../../core/formats/rollup.ts';
import { Rollup, rolledRecord, rollupTailBytes, rollupTailLength } from '../../core/formats/rollup.ts';
import type { SegmentFooter } from '../../core/formats/segment-footer.ts';
import { decodeFooter, decodeHead, footerLength } from '../../core/formats/segment-footer.ts';
import { partOf, readPart } from '../../core/formats/segment-index-part.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { together } from '../../replicate/together.ts';
import { ahead } from '../ahead.ts';
import type { ArchivePlace } from '../place.ts';
import { chooseRollups, gaps } from './coverage.ts';
import type { Finding } from './finding.ts';
import { TODO_RESTORE_OBJECT } from './finding.ts';
import type { Hit } from './hits.ts';
import { hitsOf } from './hits.ts';
import { STAMP_DISORDER_MS } from './limits.ts';
import type { SegmentRef, TimeRange } from './list.ts';
import { inReplayOrder, listShards, shardPath } from './list.ts';
import { inRanges } from './ranges.ts';
import { checkNamed, decoded, MissingObjectError, readFooter, readRange } from './read.ts';

/** What can be asked where a key's changes are: a roll-up, or a segment that none covers. */
export interface Source extends Pick<SegmentRef, 'name' | 'label' | 'shard' | 'first' | 'firstAtMs'> {
  /** No change of it was made later (ms). */
  readonly toMs: number;
  /** The lines of some keys, by the place of their hash. What of the source they share is read once. @throws FormatError naming the object · RemoteError */
  find(hashes: readonly Buffer[]): Promise<Hit[][]>;
}

/** How much of a segment's end is read at first (bytes): the whole footer of some 100 records, the head of most others. */
const SEGMENT_TAIL_BYTES = 8 * 1_024;
/** A key's part of an index is read alone when that spares so many bytes: a request costs, too. */
const PART_SPARES_BYTES = 16 * 1_024;
/** Parts of a roll-up are read together up to so many bytes: several are held at a time. */
const PARTS_BYTES_MAX = 1_024 * 1_024;

const DO_NOTHING = 'Nothing is lost: the segments were read in its place. Delete it; the minute run does not make it again, which costs time alone.';

/**
 * Where the changes of a range of times may be: the roll-ups, and the segments that none covers. Pages of lists, and the
 * ends of the roll-ups, are all that is read.
 *
 * @param report hears of roll-ups that cannot be read: the segments that they cover are then asked one by one.
 * @throws RemoteError
 */
export async function findSources(place: ArchivePlace, runtime: Runtime, range: TimeRange, report: (finding: Finding) => void): Promise<Source[]> {
  const rollups: SegmentRef[] = [];
  await listShards(place, runtime, { prefix: INDEX_PREFIX }, (refs) => {
    rollups.push(...refs);
    return true;
  });
  const { wanted, passed } = chooseRollups(rollups, range);
  const read = await together(wanted.map((ref) => readEnd(place, runtime, ref, report)));
  const ends = read.filter((end) => end !== undefined);
  const refs: SegmentRef[] = [];
  await together(
    gaps(
      ends.map(({ rollup }) => rollup.head),
      passed,
    ).map((stretch) =>
      listShards(place, runtime, stretch, (found) => {
        refs.push(...found);
        return true;
      }),
    ),
  );
  const { fromMs = 0, toMs = Number.POSITIVE_INFINITY } = range;
  return [...ends.map((end) => rollupSource(place, runtime, end, report)), ...segmentSources(place, runtime, refs)].filter(
    (source) => source.firstAtMs <= toMs + STAMP_DISORDER_MS && source.toMs >= fromMs - STAMP_DISORDER_MS,
  );
}

interface RollupEnd {
  readonly ref: SegmentRef;
  readonly rollup: Rollup;
}

/** Fan-out and head of a roll-up; undefined when it is damaged, or went away meanwhile. */
export async function readEnd(place: ArchivePlace, runtime: Runtime, ref: SegmentRef, report: (finding: Finding) => void): Promise<RollupEnd | undefined> {
  const gone = (finding: Finding): void => (finding.kind === 'missing' ? undefined : report(finding));
  return orReport(ref, gone, DO_NOTHING, async () => {
    if (ref.size === 0) throw new FormatError(`${ref.name} is damaged: it is empty.`);
    const tail = await readRange(place, runtime, ref.name, { last: rollupTailBytes(ref.size) });
    const length = decoded(ref.name, () => rollupTailLength(tail));
    const whole = length <= tail.length ? tail : await readRange(place, runtime, ref.name, { last: length });
    const rollup = decoded(ref.name, () => new Rollup(whole));
    const { head } = rollup;
    const first = head.segments[0] as RollupSegment;
    if (shardPath(head) !== shardPath(ref) || BigInt(first.first) !== BigInt(ref.first))
      throw new FormatError(`${ref.name} is damaged: it is the roll-up of ${shardPath(head)} from ${first.first} on, which its name does not say.`);
    return { ref, rollup };
  });
}

function rollupSource(place: ArchivePlace, runtime: Runtime, { ref, rollup }: RollupEnd, report: (finding: Finding) => void): Source {
  const { head } = rollup;
  const find = async (hashes: readonly Buffer[]): Promise<Hit[][]> => {
    const found: Hit[][] = hashes.map(() => []);
    const parts = hashes.map((hash, i) => ({ i, hash, ...rollup.range(hash) })).filter(({ from, to }) => from < to);
    const reads = inRanges(parts, PART_SPARES_BYTES, PARTS_BYTES_MAX).map((range) => async () => ({
      range,
      bytes: await readRange(place, runtime, ref.name, range),
    }));
    for await (const { range, bytes } of ahead(reads, 1)) {
      for (const { i, hash, from, to } of range.parts) {
        const entries = decoded(ref.name, () => rollup.find(hash, bytes.subarray(from - range.from, to - range.from)));
        found[i] = entries.map(({ segment, ...entry }): Hit => ({ ...entry, segment: rolledRef(head, segment), exact: false }));
      }
    }
    return found;
  };
  return {
    ...ref,
    toMs: head.segments.reduce((latest, { toMs }) => Math.max(latest, toMs), 0),
    find: async (hashes) => {
      const found = await orReport(ref, report, DO_NOTHING, () => find(hashes));
      if (found !== undefined) return found;
      const refs = head.segments.map((segment) => rolledRef(head, segment));
      const each = await together(refs.map((one) => orReport(one, report, TODO_RESTORE_OBJECT, () => findInSegment(place, runtime, one, hashes))));
      return hashes.map((_, i) => each.flatMap((hits) => hits?.[i] ?? []));
    },
  };
}

/** A segment as a roll-up knows it. Its etag is not known. */
function rolledRef(head: RollupHead, segment: RollupSegment): SegmentRef {
  const record = rolledRecord(head, segment);
  return { ...record, name: segmentName(record), size: segment.bytes, etag: '' };
}

/** Damage in one object does not hide what the others hold: undefined then, and a finding. @throws RemoteError */
export async function orReport<T>(
  of: Pick<SegmentRef, 'name' | 'shard' | 'firstAtMs'>,
  report: (finding: Finding) => void,
  todo: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const kind = error instanceof MissingObjectError ? 'missing' : 'damaged';
    report({ kind, object: of.name, shard: of.shard, fromMs: of.firstAtMs, what: error.message, todo });
    return undefined;
  }
}

function segmentSources(place: ArchivePlace, runtime: Runtime, refs: readonly SegmentRef[]): Source[] {
  const next = new Map<string, number>();
  return [...refs]
    .sort(inReplayOrder)
    .reverse()
    .map((ref) => {
      // What a segment holds was in the stream at the same time, so it spans no more than that keeps.
      const toMs = next.get(shardPath(ref)) ?? ref.firstAtMs + STREAM_RETENTION_MS;
      next.set(shardPath(ref), ref.firstAtMs);
      return { ...ref, toMs, find: (hashes) => findInSegment(place, runtime, ref, hashes) };
    });
}

/** Looks into a segment's index: into all of it when it is small or several keys are wanted, else into the part where the key must be. */
async function findInSegment(place: ArchivePlace, runtime: Runtime, ref: SegmentRef, hashes: readonly Buffer[]): Promise<Hit[][]> {
  const [hash] = hashes;
  if (hash === undefined || hashes.length > 1) return inFooter(ref, await readFooter(place, runtime, ref), hashes);
  if (ref.size === 0) throw new FormatError(`${ref.name} is damaged: it is empty.`);
  const tail = await readRange(place, runtime, ref.name, { last: SEGMENT_TAIL_BYTES });
  const length = decoded(ref.name, () => footerLength(tail));
  if (length <= tail.length) {
    const footer = decoded(ref.name, () => decodeFooter(tail));
    checkNamed(ref, footer.head);
    return inFooter(ref, footer, hashes);
  }
  const head = decoded(ref.name, () => decodeHead(tail));
  const part = head === undefined ? undefined : partOf(head, hash);
  if (head !== undefined && part !== undefined && length - (part.range.to - part.range.from) >= PART_SPARES_BYTES) {
    checkNamed(ref, head);
    const bytes = await readRange(place, runtime, ref.name, part.range);
    const index = decoded(ref.name, () => readPart(head, part, bytes, hash));
    if (index !== undefined) return inFooter(ref, { head, index }, hashes);
  }
  return inFooter(ref, await readFooter(place, runtime, ref), hashes);
}

const inFooter = (ref: SegmentRef, footer: Pick<SegmentFooter, 'head' | 'index'>, hashes: readonly Buffer[]): Hit[][] =>
  hashes.map((hash) => hitsOf(ref, footer, hash));

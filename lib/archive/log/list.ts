import { InputError } from '../../core/errors.ts';
import { LOG_PREFIX, readLogName } from '../../core/formats/archive-names.ts';
import type { ListedObject, ObjectListRequest, ObjectPage } from '../../ports/objects.ts';
import { OBJECT_LIST_MAX } from '../../ports/objects.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import { together } from '../../replicate/together.ts';
import type { ArchivePlace } from '../place.ts';
import { Gate } from './gate.ts';
import { LISTED_SEGMENTS_MAX, LISTS_AT_ONCE, READ_MAX_MS, STAMP_DISORDER_MS } from './limits.ts';

/** A segment, or a roll-up, as a list of the bucket shows it. Its name says when its first record was made. */
export interface SegmentRef {
  readonly name: string;
  /** Label of the stream, and shard. */
  readonly label: string;
  readonly shard: string;
  /** Sequence number of the first record, without leading zeros. */
  readonly first: string;
  /** When that was made (ms, whole seconds). */
  readonly firstAtMs: number;
  /** Of the object (bytes). */
  readonly size: number;
  readonly etag: string;
}

/** Times of records (ms), both included. */
export interface TimeRange {
  readonly fromMs?: number;
  readonly toMs?: number;
}

/** Comes after all segments of a shard, which begin with digits. */
const PAST_SEGMENTS = '~';

/** The name of a shard with its stream, unique in a log. */
export const shardPath = ({ label, shard }: Pick<SegmentRef, 'label' | 'shard'>): string => `${label}/${shard}`;

/** The order of two sequence numbers without leading zeros. */
export const compareFirst = (a: string, b: string): number => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);

/** The order of replay: streams as they were made; within one by first sequence number, so that a shard comes after its parent. */
export const inReplayOrder = (a: Pick<SegmentRef, 'label' | 'shard' | 'first'>, b: Pick<SegmentRef, 'label' | 'shard' | 'first'>): number =>
  a.label === b.label ? compareFirst(a.first, b.first) || (a.shard < b.shard ? -1 : a.shard > b.shard ? 1 : 0) : a.label < b.label ? -1 : 1;

/** What a list shows of a segment or roll-up; undefined for any other object. */
export function refOf({ key, size, etag }: ListedObject): SegmentRef | undefined {
  const said = readLogName(key);
  return said && { name: key, ...said, size, etag };
}

/** One page of a list of the bucket. @throws RemoteError */
export const listPage = (place: ArchivePlace, runtime: Runtime, request: Omit<ObjectListRequest, 'limit'>, limit = OBJECT_LIST_MAX): Promise<ObjectPage> =>
  retried(runtime, runtime.clock.elapsed() + READ_MAX_MS, () => place.objects.list(place.bucket, { ...request, limit }));

/** A stretch of the names of a bucket: those after the one and before the other, both excluded. */
export interface NameStretch {
  readonly prefix: string;
  readonly after?: string;
  readonly before?: string;
}

/**
 * Lists what is below `log/` or `index/`, several shards side by side: a page that ends within a shard is followed by two
 * lists, of the rest of that shard and of what comes after it.
 *
 * @param take gets each page's segments; those of one shard come in order. It says whether more of the last one's shard is wanted.
 * @throws RemoteError
 */
export async function listShards(
  place: ArchivePlace,
  runtime: Runtime,
  { prefix, after: start, before }: NameStretch,
  take: (refs: readonly SegmentRef[]) => boolean,
): Promise<void> {
  const gate = new Gate(LISTS_AT_ONCE);
  const isIn = (name: string): boolean => before === undefined || name < before;
  const page = async (within: string, after: string | undefined): Promise<{ readonly more: boolean; readonly next: string | undefined }> => {
    const { objects, next } = await gate.pass(() => listPage(place, runtime, { prefix: within, ...(after !== undefined && { after }) }));
    const more = take(objects.flatMap((object) => (isIn(object.key) ? (refOf(object) ?? []) : [])));
    return { more, next: next !== undefined && isIn(next) ? next : undefined };
  };
  const rest = async (folder: string, from: string): Promise<void> => {
    for (let after: string | undefined = from; after !== undefined; ) {
      const { more, next } = await page(folder, after);
      after = more ? next : undefined;
    }
  };
  const strand = async (after: string | undefined): Promise<void> => {
    const { more, next } = await page(prefix, after);
    if (next === undefined) return;
    const folder = next.slice(0, next.lastIndexOf('/') + 1);
    await together([...(more ? [rest(folder, next)] : []), strand(`${folder}${PAST_SEGMENTS}`)]);
  };
  await strand(start);
}

/**
 * The segments of all streams and shards, in the order of replay. With `fromMs` also the last one of each shard that began
 * before it: it may reach into the range, and the chain of the range hangs on it. Footers are not read.
 *
 * @throws InputError "log-too-long" beyond LISTED_SEGMENTS_MAX · RemoteError
 */
export async function listSegments(place: ArchivePlace, runtime: Runtime, range: TimeRange = {}): Promise<SegmentRef[]> {
  const { fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY } = range;
  const found: SegmentRef[] = [];
  const before = new Map<string, SegmentRef>();
  const begun = new Set<string>();
  await listShards(place, runtime, { prefix: LOG_PREFIX }, (refs) => {
    for (const ref of refs) {
      if (ref.firstAtMs > toMs) continue;
      const path = shardPath(ref);
      // Stamps are a little out of order: what follows on a segment of the range is part of it, whatever its name says.
      if (ref.firstAtMs < fromMs && !begun.has(path)) before.set(path, ref);
      else {
        begun.add(path);
        found.push(ref);
      }
    }
    if (found.length > LISTED_SEGMENTS_MAX) {
      throw new InputError(
        'log-too-long',
        `The log has more than ${LISTED_SEGMENTS_MAX.toLocaleString('en')} segments in this range. Give a shorter one ("--since", "--until").`,
      );
    }
    const last = refs.at(-1);
    return last === undefined || last.firstAtMs <= toMs + STAMP_DISORDER_MS;
  });
  return [...before.values(), ...found].sort(inReplayOrder);
}

/** The first segment of each shard, one request a shard: what comes after it in the shard is passed over. @throws RemoteError */
export async function* firstOfShards(place: ArchivePlace, runtime: Runtime, after?: string): AsyncGenerator<SegmentRef> {
  for (let from = after; ; ) {
    const { objects } = await listPage(place, runtime, { prefix: LOG_PREFIX, ...(from !== undefined && { after: from }) }, 1);
    const [object] = objects;
    if (object === undefined) return;
    const ref = refOf(object);
    if (ref !== undefined) yield ref;
    from = ref === undefined ? object.key : pastShard(ref);
  }
}

/** What the names of a shard's segments begin with. */
export const shardFolder = (ref: Pick<SegmentRef, 'label' | 'shard'>): string => `${LOG_PREFIX}${shardPath(ref)}/`;

/** Comes after the names of all its segments. */
export const pastShard = (ref: Pick<SegmentRef, 'label' | 'shard'>): string => `${shardFolder(ref)}${PAST_SEGMENTS}`;

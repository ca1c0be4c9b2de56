import { FormatError } from '../core/errors.ts';
import { LOG_PREFIX, readLogName, segmentName } from '../core/formats/archive-names.ts';
import type { ShardMark } from '../core/formats/rows.ts';
import { decodeShard, type Shard, shardKey } from '../core/formats/rows.ts';
import { sha256Base64 } from '../core/formats/segment.ts';
import type { Predecessor, SegmentHead } from '../core/formats/segment-footer.ts';
import { decodeFooter } from '../core/formats/segment-footer.ts';
import type { ObjectPort } from '../ports/objects.ts';
import { OBJECT_LIST_MAX } from '../ports/objects.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { TablePort } from '../ports/table.ts';
import { retried } from '../replicate/retry.ts';
import type { ShardFinder } from '../replicate/shards.ts';
import type { Before } from './doubt.ts';
import type { Flagged } from './orphans.ts';
import { flaggedIn } from './orphans.ts';

/**
 * Pages of a shard's segments that are listed to find its newest one, when no row says it: more segments than a shard has
 * on AWS, where one is open for a few hours.
 */
const LIST_PAGES_MAX = 100;

/** The newest segment of a line, and its last record. */
export interface Tail {
  readonly previous: Predecessor;
  readonly mark: ShardMark;
  /** The segment itself, where it was found in the bucket, and no row says that all was done for it: its orphans may not be listed. */
  readonly unlisted?: StoredSegment;
}

/** A segment that was found in the bucket. */
export interface StoredSegment {
  readonly name: string;
  readonly head: SegmentHead;
  /** Its records of drift. */
  readonly flagged: readonly Flagged[];
}

/** Where a shard's log goes on. */
export interface Line extends Omit<Before, 'tail' | 'kept'> {
  readonly tail?: Tail;
  /** The newest archived record of the shard itself: records up to it are in the log already. */
  readonly seen?: ShardMark;
}

/** Where to look. */
export interface LinePlace {
  readonly table: TablePort;
  readonly control: string;
  readonly objects: ObjectPort;
  readonly bucket: string;
  readonly shards: ShardFinder;
  /** ARN and label of the stream. */
  readonly stream: string;
  readonly label: string;
}

/**
 * Finds where a shard's log goes on: after its own newest segment, else after that of its nearest ancestor that has one.
 * The rows of `control` say it; where none does (they are dropped two days after a shard's last record) the bucket is listed.
 *
 * @param own the shard's own row.
 * @param until elapsed time (ms) after which no further request is begun.
 * @throws RemoteError, FormatError (a damaged row or segment).
 */
export async function findLine(place: LinePlace, own: Shard, runtime: Runtime, until: number): Promise<Line> {
  const { id } = own;
  const known = tailOf(own);
  if (known !== undefined) return { tail: known, seen: known.mark, line: [own] };
  const ancestors = await retried(runtime, until, () => place.shards.ancestors(place.stream, id));
  const line: Shard[] = [own];
  for (const ancestor of ancestors) {
    const row = await retried(runtime, until, () => place.table.get(place.control, shardKey(ancestor)));
    const shard: Shard = row === undefined ? { id: ancestor } : decodeShard(row);
    line.push(shard);
    const tail = tailOf(shard);
    if (tail !== undefined) return { tail, ...seenOf(own), line };
  }
  for (const [i, shard] of [id, ...ancestors].entries()) {
    const tail = await newestSegment(place, shard, runtime, until);
    if (tail === undefined) continue;
    const upTo = { ...(line[i] as Shard), seen: tail.mark };
    return { tail, ...(i === 0 ? { seen: tail.mark } : seenOf(own)), line: [...line.slice(0, i), upTo] };
  }
  const [oldest] = (await retried(runtime, until, () => place.objects.list(place.bucket, { prefix: `${LOG_PREFIX}${place.label}/`, limit: 1 }))).objects;
  const beganMs = oldest === undefined ? undefined : readLogName(oldest.key)?.firstAtMs;
  return { ...seenOf(own), line, ...(beganMs !== undefined && { beganMs }) };
}

const seenOf = ({ seen }: Shard): Pick<Line, 'seen'> => (seen === undefined ? {} : { seen });

function tailOf({ id, seen, tail }: Shard): Tail | undefined {
  if (seen === undefined || tail === undefined) return undefined;
  return { previous: { shard: id, ...tail, last: seen.sequence }, mark: seen };
}

/**
 * Where a line goes on when the bucket holds more of it than the rows say: an attempt has stored a segment and died before its
 * mark, and its records came no more, since they grew too old. Asked only where records may be missing: what is stored
 * is not, and what follows must name it. (Found by simulation.)
 *
 * @returns the line with its newest segment; undefined when the rows say it.
 * @throws RemoteError, FormatError (a damaged segment).
 */
export async function lineOfBucket(place: LinePlace, shard: string, known: Line, runtime: Runtime, until: number): Promise<Line | undefined> {
  if (known.tail === undefined) return undefined;
  const { shard: of, first, firstAt } = known.tail.previous;
  const tail = await newestSegment(place, of, runtime, until, segmentName({ label: place.label, shard: of, first, firstAtMs: firstAt }));
  if (tail === undefined) return undefined;
  const upTo = { ...known.line.at(-1), seen: tail.mark };
  return { ...known, tail, ...(of === shard && { seen: tail.mark }), line: [...known.line.slice(0, -1), upTo] };
}

/** The newest segment in the bucket of one shard. @param behind only those after this name. */
async function newestSegment(place: LinePlace, shard: string, runtime: Runtime, until: number, behind?: string): Promise<Tail | undefined> {
  const prefix = `${LOG_PREFIX}${place.label}/${shard}/`;
  let newest: string | undefined;
  let after = behind;
  for (let pages = 0; pages < LIST_PAGES_MAX; pages += 1) {
    const page = await retried(runtime, until, () =>
      place.objects.list(place.bucket, { prefix, limit: OBJECT_LIST_MAX, ...(after !== undefined && { after }) }),
    );
    newest = page.objects.findLast(({ key }) => readLogName(key) !== undefined)?.key ?? newest;
    after = page.next;
    if (after === undefined) return newest === undefined ? undefined : readTail(place, newest, runtime, until);
  }
  throw new FormatError(`more than ${LIST_PAGES_MAX * OBJECT_LIST_MAX} segments under ${prefix}, and no row of the shard that says which is the newest`);
}

/**
 * Reads where a stored segment ends. The whole object is read, so that S3 compares it with its SHA-256.
 *
 * @throws RemoteError; FormatError naming the object when it is not the segment that its name says.
 */
export async function readTail(place: Pick<LinePlace, 'objects' | 'bucket'>, name: string, runtime: Runtime, until: number): Promise<Tail> {
  const found = await retried(runtime, until, () => place.objects.get(place.bucket, name));
  if (found === undefined) throw new FormatError(`The segment ${name} in ${place.bucket} was there, and is gone.`);
  try {
    const footer = decodeFooter(found.body);
    const { head } = footer;
    const { shard, first, firstAt, last, toMs } = head;
    const said = readLogName(name);
    if (said === undefined || segmentName({ ...said, shard, first, firstAtMs: firstAt }) !== name) throw new FormatError(`its footer is of ${shard}, ${first}`);
    const sha256 = found.sha256 ?? sha256Base64(found.body);
    const unlisted = { name, head, flagged: flaggedIn(found.body, footer) };
    return { previous: { shard, first, firstAt, last, sha256 }, mark: { sequence: last, at: toMs }, unlisted };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(
      `The segment ${name} in ${place.bucket} is damaged, so the log cannot go on after it. Restore it, or move it away; the records of its shard wait (at most 24 hours).`,
      { cause: error },
    );
  }
}

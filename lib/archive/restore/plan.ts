import { isoSeconds } from '../../core/calendar.ts';
import { sha256 } from '../../core/canonical.ts';
import { FormatError } from '../../core/errors.ts';
import type { Manifest } from '../../core/formats/manifest.ts';
import { manifestName, timeOfSnapshot } from '../../core/formats/manifest.ts';
import type { Shard } from '../../core/formats/rows.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { Finding } from '../log/finding.ts';
import type { SegmentRef } from '../log/list.ts';
import { shardPath } from '../log/list.ts';
import type { ArchivedBound } from '../log/until.ts';
import type { ArchivePlace } from '../place.ts';
import { findManifest, snapshotIds } from '../snapshot/read.ts';
import { checkFiles } from './check-files.ts';
import type { CheckedRange } from './check-range.ts';
import { checkRange } from './check-range.ts';
import { replayFrom } from './range-faults.ts';
import { RestoreRefusedError } from './refused.ts';

/** What a restore reads: one snapshot, and the segments from before its start up to T. All of it was read and checked. */
export interface RestorePlan {
  /** T: records made later do not count (ms). */
  readonly atMs: number;
  /** Where replay begins: what was made earlier is in the snapshot (ms). */
  readonly fromMs: number;
  readonly snapshot: Manifest;
  /** In the order of replay: records of one key come in their own order. */
  readonly segments: readonly PlannedSegment[];
  /** Names all that is read and T: two plans of the same sum give the same table. Hex. */
  readonly sum: string;
  /** Records of the segments. */
  readonly records: number;
  /** Bytes that were read to check everything, and that a pass reads again. */
  readonly bytes: { readonly segments: number; readonly snapshot: number };
  /** What the person should know of how it was chosen, in sentences. */
  readonly notes: readonly string[];
}

export interface PlannedSegment {
  readonly ref: SegmentRef;
  readonly records: number;
}

/** What an earlier run had chosen: a run that goes on must choose the same. */
export interface Pinned {
  readonly snapshot: string;
  readonly sum: string;
  /** Name of the last segment of each shard, by `label/shard`. */
  readonly last: Readonly<Record<string, string>>;
}

/** What is to be restored, and what is known beside the bucket. */
export interface PlanRequest {
  /** T (ms, whole seconds); `latest` takes all that is there. */
  readonly at: number | 'latest';
  /** The rows `shard / …` of the member's control table; absent when they cannot be read. */
  readonly rows?: readonly Shard[];
  /** ARN of the stream that the member's seat names, where it can be read. */
  readonly stream?: string;
  /** Up to when the log surely holds everything, by rows and stream; absent when they cannot be asked. */
  readonly surely?: ArchivedBound;
  /** Of an earlier run that this one goes on from. */
  readonly pinned?: Pinned;
}

/** Hears how the checking goes: bytes that were read, of all. */
export type CheckProgress = (now: { readonly bytes: number; readonly of: number }) => void;

const SECOND_MS = 1_000;
const NEW_SNAPSHOT = 'Take a snapshot now ("syncline snapshot"): from its end on, restores are possible again.';

/**
 * Chooses the snapshot and the segments for T, and reads and checks every byte of them.
 *
 * The newest finished snapshot that ended at T or before serves; when its own objects are damaged, the one before it, and
 * the notes say so. A fault in the log is in the range of every older snapshot, too, so it refuses at once.
 *
 * @throws RestoreRefusedError with what was found, where, and what can be done · RemoteError
 */
export async function planRestore(
  place: ArchivePlace,
  runtime: Runtime,
  request: PlanRequest,
  progress: CheckProgress = () => undefined,
): Promise<RestorePlan> {
  const { at, pinned, surely } = request;
  const ids = (await snapshotIds(place, runtime)).reverse();
  if (at !== 'latest' && surely !== undefined && at > surely.untilMs) throw tooLate(at, surely, await firstPossible(place, runtime, ids));
  const faults: Finding[] = [];
  for (const id of ids) {
    if (pinned !== undefined && id !== pinned.snapshot) continue;
    if (at !== 'latest' && (timeOfSnapshot(id) as number) > at) continue;
    const manifest = await manifestOf(place, runtime, id, faults);
    if (manifest === undefined) continue;
    if (at !== 'latest' && manifest.endedMs > at) continue;
    const range = await checkRange(place, runtime, manifest, request, progress);
    const damaged = await checkFiles(place, runtime, manifest, (bytes) => progress({ bytes: range.read + bytes, of: range.read + bytesOf(manifest) }));
    if (damaged.length === 0) return planOf(manifest, range, at, faults, pinned);
    faults.push(...damaged);
  }
  throw await noSnapshot(place, runtime, request, ids, faults);
}

const bytesOf = (manifest: Manifest): number => manifest.files.reduce((sum, file) => sum + file.bytes, 0);

/** A finished snapshot's manifest; undefined when it is unfinished or damaged, which goes to `faults`. */
async function manifestOf(place: ArchivePlace, runtime: Runtime, id: string, faults: Finding[]): Promise<Manifest | undefined> {
  try {
    return await findManifest(place, runtime, id);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    faults.push({ kind: 'damaged', object: manifestName(id), fromMs: timeOfSnapshot(id) as number, what: error.message, todo: NEW_SNAPSHOT });
    return undefined;
  }
}

function planOf(snapshot: Manifest, range: CheckedRange, at: number | 'latest', faults: readonly Finding[], pinned: Pinned | undefined): RestorePlan {
  const atMs = at === 'latest' ? Math.max(snapshot.endedMs, range.toMs) : at;
  const names = range.segments.map(({ ref }) => `${ref.name} ${ref.etag} ${ref.size}`);
  const sum = sha256(JSON.stringify([atMs, snapshot.id, snapshot.sum, names])).toString('hex');
  if (pinned !== undefined && sum !== pinned.sum) {
    throw new RestoreRefusedError('The archive is not what it was when this restore began. Restore into another table.', [
      {
        kind: 'damaged',
        object: manifestName(snapshot.id),
        what: 'The snapshot or the segments that this restore began with have been replaced.',
        todo: 'Restore into another table, from the beginning.',
      },
    ]);
  }
  const skipped = new Set(faults.map((fault) => fault.object?.split('/')[1]));
  const notes = [...range.notes];
  if (skipped.size > 0) {
    notes.unshift(
      `${skipped.size === 1 ? 'A newer snapshot is' : `${skipped.size} newer snapshots are`} damaged, so an older one is used, of ${isoSeconds(snapshot.startedMs)}: ${faults.map((f) => f.what).join(' ')}`,
    );
  }
  const records = range.segments.reduce((n, segment) => n + segment.records, 0);
  return {
    atMs,
    fromMs: replayFrom(snapshot),
    snapshot,
    segments: range.segments,
    sum,
    records,
    bytes: { segments: range.bytes, snapshot: bytesOf(snapshot) },
    notes,
  };
}

/** What a run that goes on must find again. */
export function pinnedOf(plan: RestorePlan): Pinned {
  const last: Record<string, string> = {};
  for (const { ref } of plan.segments) last[shardPath(ref)] = ref.name;
  return { snapshot: plan.snapshot.id, sum: plan.sum, last };
}

/** The first whole second at which an undamaged snapshot had ended (ms): no earlier time can be restored. @param ids the newest first */
async function firstPossible(place: ArchivePlace, runtime: Runtime, ids: readonly string[]): Promise<number | undefined> {
  for (const id of [...ids].reverse()) {
    const manifest = await manifestOf(place, runtime, id, []);
    if (manifest !== undefined) return Math.ceil(manifest.endedMs / SECOND_MS) * SECOND_MS;
  }
  return undefined;
}

/** What can be asked for instead of a time that is too late. @param since the first time that can be restored */
function insteadOf(untilMs: number, since: number | undefined): string {
  if (since === undefined) return `There is no finished snapshot yet. ${NEW_SNAPSHOT}`;
  if (untilMs === 0) return 'Try again in a minute, or ask for "latest".';
  if (since > untilMs)
    return `Nothing earlier is possible either: a snapshot had ended at ${isoSeconds(since)} for the first time, and the log does not surely read that far yet. Try again in a minute, or ask for "latest".`;
  return `Ask for a time from ${isoSeconds(since)} to ${isoSeconds(untilMs)}, or for "latest", or try again in a minute.`;
}

function tooLate(at: number, { untilMs, why, shard }: ArchivedBound, since: number | undefined): RestoreRefusedError {
  const bound = untilMs === 0 ? 'nothing' : `everything up to ${isoSeconds(untilMs)}`;
  const what = `${isoSeconds(at)} is later than what is surely archived: ${bound}. ${why}`;
  return new RestoreRefusedError(what, [
    {
      kind: 'unfinished',
      ...(shard !== undefined && { shard }),
      fromMs: untilMs,
      toMs: at,
      what,
      todo: insteadOf(untilMs, since),
    },
  ]);
}

async function noSnapshot(
  place: ArchivePlace,
  runtime: Runtime,
  { at, pinned }: PlanRequest,
  ids: readonly string[],
  faults: readonly Finding[],
): Promise<RestoreRefusedError> {
  if (pinned !== undefined || at === 'latest') {
    const why =
      faults.length > 0 ? 'No snapshot is whole.' : pinned === undefined ? 'There is no finished snapshot.' : `The snapshot ${pinned.snapshot} is gone.`;
    const todo = pinned === undefined ? NEW_SNAPSHOT : 'Restore into another table, from the beginning.';
    return new RestoreRefusedError(why, faults.length > 0 ? faults : [{ kind: 'missing', what: why, todo }]);
  }
  const since = await firstPossible(place, runtime, ids);
  const possible = since === undefined ? 'There is no finished snapshot yet.' : `Restores are possible from ${isoSeconds(since)} on.`;
  const what = `No ${faults.length > 0 ? 'undamaged ' : ''}snapshot ended at ${isoSeconds(at)} or before. ${possible}`;
  return new RestoreRefusedError(what, [
    ...faults,
    { kind: 'missing', toMs: at, what, todo: since === undefined ? NEW_SNAPSHOT : 'Ask for a later time, or for "latest".' },
  ]);
}

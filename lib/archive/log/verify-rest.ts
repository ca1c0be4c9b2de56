import { FormatError } from '../../core/errors.ts';
import { INDEX_PREFIX, segmentName } from '../../core/formats/archive-names.ts';
import type { Manifest, SnapshotFile } from '../../core/formats/manifest.ts';
import { manifestName, scanPrefix, timeOfSnapshot } from '../../core/formats/manifest.ts';
import { rolledRecord, sameRollup } from '../../core/formats/rollup.ts';
import type { RolledSegment } from '../../core/formats/rollup-encode.ts';
import { encodeRollup } from '../../core/formats/rollup-encode.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import { ahead } from '../ahead.ts';
import type { ArchivePlace } from '../place.ts';
import { findManifest, listAll, snapshotIds, snapshotItems, wholeObject } from '../snapshot/read.ts';
import type { Finding } from './finding.ts';
import { READ_MAX_MS, SEGMENTS_AHEAD } from './limits.ts';
import type { SegmentRef } from './list.ts';
import { listShards } from './list.ts';
import { decoded, readFooter } from './read.ts';
import { readEnd } from './sources.ts';

/** What is verified beside the log itself: its roll-ups, and the snapshots. */

const TODO_ROLLUP = 'Delete it: nothing is lost, since the segments say the same; only looking into a history takes longer.';
const TODO_SNAPSHOT_BAD = 'Take another snapshot ("syncline snapshot"): this one serves no restore any more. Times before its end need an older one.';
const TODO_UNFINISHED =
  'If none is being taken now, run "syncline snapshot": it goes on with it, or begins another. What an abandoned one has left can be deleted.';

/** What a part of a verification reports to. */
export interface RestWatcher {
  readonly deep: boolean;
  readonly report: (finding: Finding) => void;
  readonly looked: (bytes: number) => void;
}

/** Verifies the roll-ups: their ends, or that all they say is what the footers say. @throws RemoteError */
export async function verifyRollups(
  place: ArchivePlace,
  runtime: Runtime,
  { deep, report, looked }: RestWatcher,
): Promise<{ readonly rollups: number; readonly bytes: number }> {
  const refs: SegmentRef[] = [];
  await listShards(place, runtime, { prefix: INDEX_PREFIX }, (found) => {
    refs.push(...found);
    return true;
  });
  const bad = (finding: Finding): void => {
    const { fromMs: _, toMs: __, ...rest } = finding;
    report({ ...rest, todo: TODO_ROLLUP });
  };
  const checks = refs.map((ref) => async () => {
    const end = await readEnd(place, runtime, ref, bad);
    if (deep && end !== undefined)
      await compareRollup(
        place,
        runtime,
        ref,
        end.rollup.head.segments.map((segment) => rolledRecord(end.rollup.head, segment)),
        bad,
      );
    looked(ref.size);
  });
  for await (const _ of ahead(checks, SEGMENTS_AHEAD));
  return { rollups: refs.length, bytes: refs.reduce((sum, { size }) => sum + size, 0) };
}

async function compareRollup(
  place: ArchivePlace,
  runtime: Runtime,
  ref: SegmentRef,
  records: readonly Pick<SegmentRef, 'label' | 'shard' | 'first' | 'firstAtMs'>[],
  report: (finding: Finding) => void,
): Promise<void> {
  const segments = records.map((record): SegmentRef => ({ ...record, first: BigInt(record.first).toString(), name: segmentName(record), size: 1, etag: '' }));
  try {
    const body = await wholeObject(place, runtime, ref.name);
    if (body === undefined) return;
    const rolled: RolledSegment[] = [];
    for (const segment of segments) {
      const facts = await retried(runtime, runtime.clock.elapsed() + READ_MAX_MS, () => place.objects.head(place.bucket, segment.name));
      if (facts !== undefined) rolled.push({ ...(await readFooter(place, runtime, segment)), bytes: facts.size });
    }
    // What has expired cannot be compared any more; what is missing or damaged is reported by the walk through the log.
    if (rolled.length < segments.length) return;
    if (!decoded(ref.name, () => sameRollup(body, encodeRollup(rolled).body)))
      throw new FormatError(`${ref.name} is damaged: it is not what the footers of its segments say.`);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    if (error.message.startsWith(ref.name)) report({ kind: 'damaged', object: ref.name, shard: ref.shard, what: error.message, todo: TODO_ROLLUP });
  }
}

/** The snapshots that are whole, and what all have. */
export interface SnapshotTotals {
  readonly whole: readonly Pick<Manifest, 'startedMs' | 'endedMs'>[];
  readonly snapshots: number;
  readonly bytes: number;
}

/**
 * Verifies the snapshots: manifests, and that every file is there with its size, or with every byte.
 *
 * @param running ids of those that are being taken now. @throws RemoteError
 */
export async function verifySnapshots(place: ArchivePlace, runtime: Runtime, watcher: RestWatcher, running: readonly string[]): Promise<SnapshotTotals> {
  const whole: SnapshotTotals['whole'][number][] = [];
  let [snapshots, bytes] = [0, 0];
  for (const id of await snapshotIds(place, runtime)) {
    const manifest = await manifestOf(place, runtime, id, watcher, running);
    if (manifest === undefined) continue;
    snapshots += 1;
    bytes += manifest.files.reduce((sum, file) => sum + file.bytes, 0);
    if (await verifyFiles(place, runtime, manifest, watcher)) whole.push({ startedMs: manifest.startedMs, endedMs: manifest.endedMs });
  }
  return { whole, snapshots, bytes };
}

async function manifestOf(
  place: ArchivePlace,
  runtime: Runtime,
  id: string,
  { report }: RestWatcher,
  running: readonly string[],
): Promise<Manifest | undefined> {
  const at = { object: manifestName(id), fromMs: timeOfSnapshot(id) as number };
  try {
    const found = await findManifest(place, runtime, id);
    if (found === undefined && !running.includes(id))
      report({ ...at, kind: 'unfinished', what: `The snapshot ${id} has no manifest: it was never finished.`, todo: TODO_UNFINISHED });
    return found;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    report({ ...at, kind: 'damaged', what: error.message, todo: TODO_SNAPSHOT_BAD });
    return undefined;
  }
}

/** Whether every file of a snapshot is as its manifest says. */
async function verifyFiles(place: ArchivePlace, runtime: Runtime, manifest: Manifest, { deep, report, looked }: RestWatcher): Promise<boolean> {
  const sizes = new Map<string, number>();
  for await (const { key, size } of listAll(place, runtime, scanPrefix(manifest.id))) sizes.set(key, size);
  let good = true;
  const bad = (kind: 'missing' | 'damaged', file: SnapshotFile, what: string): void => {
    good = false;
    report({ kind, object: file.name, fromMs: manifest.startedMs, toMs: manifest.endedMs, what, todo: TODO_SNAPSHOT_BAD });
  };
  const checks = manifest.files.map((file) => async () => {
    const size = sizes.get(file.name);
    if (size === undefined) bad('missing', file, `${file.name} is missing: the manifest of ${manifest.id} names it.`);
    else if (size !== file.bytes) bad('damaged', file, `${file.name} is damaged: it has ${size} bytes; its manifest says ${file.bytes}.`);
    else if (deep) await readFile(place, runtime, manifest, file, (what) => bad('damaged', file, what));
    looked(file.bytes);
  });
  for await (const _ of ahead(checks, SEGMENTS_AHEAD));
  return good;
}

/** Reads a file to its end: its sum is checked at the beginning, the number of its lines at the end. */
async function readFile(place: ArchivePlace, runtime: Runtime, manifest: Manifest, file: SnapshotFile, bad: (what: string) => void): Promise<void> {
  try {
    for await (const _ of snapshotItems(place, runtime, manifest, file));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    bad(error.message);
  }
}

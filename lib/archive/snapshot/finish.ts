import { isoSeconds } from '../../core/calendar.ts';
import { assert, FormatError, InputError } from '../../core/errors.ts';
import type { Manifest, SnapshotFile } from '../../core/formats/manifest.ts';
import { dataPrefix, encodeManifest, exportPrefix, makeManifest, manifestName, timeOfSnapshot } from '../../core/formats/manifest.ts';
import type { JobLease } from '../../job/lease.ts';
import { readJob } from '../../job/lease.ts';
import { whyText } from '../../ports/errors.ts';
import { OBJECT_CALL_BYTES_MAX } from '../../ports/objects.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { TablePort } from '../../ports/table.ts';
import type { ArchivePlace } from '../place.ts';
import { readArchiveSettings } from '../settings-row.ts';
import { ABANDONED_AFTER_MS, REQUEST_MAX_MS } from './limits.ts';
import { partsPrefix, readParts } from './parts.ts';
import { findManifest, listAll, snapshotIds } from './read.ts';
import type { SnapshotJob } from './savepoint.ts';
import { isTooOld, snapshotJobPlace } from './savepoint.ts';
import { storeOnce, sweep } from './store.ts';

/** Where a snapshot is finished: its objects, and the member's savepoints. */
export interface FinishPlace {
  readonly place: ArchivePlace;
  readonly table: TablePort;
  /** Name of the member's `control` table. */
  readonly control: string;
}

/**
 * Finishes a snapshot whose every page was read: deletes files of attempts that were given up, writes the manifest, and says
 * so in the savepoint. Everything that the manifest says is in the savepoint before, so a second run writes the same bytes.
 *
 * @param endMarginMs added to the clock now, which is after the last page.
 * @throws InputError "too-large", "too-old", "name-taken", "job-lost" · RemoteError · FormatError naming the file or the part that
 *   is gone or damaged.
 */
export async function finishSnapshot(at: FinishPlace, runtime: Runtime, lease: JobLease<SnapshotJob>, endMarginMs: number): Promise<Manifest> {
  const { place } = at;
  if (lease.job.ended === undefined) await lease.save({ ended: runtime.clock.now() + endMarginMs });
  const { job } = lease;
  const { retentionMs } = await readArchiveSettings(at.table, at.control, runtime, runtime.clock.elapsed() + REQUEST_MAX_MS);
  if (isTooOld(job, retentionMs, runtime.clock.now()))
    throw new InputError(
      'too-old',
      `The snapshot was begun at ${isoSeconds(job.started)}, and the log from then on is about to expire: it would be of no use. Begin anew with --restart, and take it faster.`,
    );
  const files = [...(await readParts(place, runtime, job.id, job.part)), ...job.pending];
  assert(files.length === job.files, 'a snapshot whose savepoint names another number of files', { counted: job.files, named: files.length });
  const manifest = makeManifest({
    id: job.id,
    set: place.set,
    member: place.member,
    table: job.table,
    tableId: job.tableId,
    key: { partition: place.key.partition, ...(place.key.sort && { sort: place.key.sort }) },
    startedMs: job.started,
    endedMs: job.ended as number,
    via: job.via,
    compression: job.compression,
    files,
  });
  assert(manifest.items === job.items, 'a snapshot whose files hold another number of items', { counted: job.items, inFiles: manifest.items });
  const body = encodeManifest(manifest);
  if (body.length > OBJECT_CALL_BYTES_MAX)
    throw new InputError(
      'too-large',
      `The manifest would have ${body.length} bytes; at most ${OBJECT_CALL_BYTES_MAX} pass. Take the snapshot with --via export.`,
    );
  await lease.renew();
  await settleFiles(place, runtime, job, files);
  await lease.renew();
  await storeOnce(place, runtime, manifestName(job.id), body, () => lease.admit());
  await lease.release({ done: runtime.clock.now(), pending: [] });
  await clearAbandoned(at, runtime, job.id).catch((error: unknown) =>
    runtime.log.warn('What unfinished snapshots have left could not be deleted; the next snapshot tries again.', { why: whyText(error) }),
  );
  return manifest;
}

/**
 * Deletes what is below the snapshot's data and no file of its, and looks whether each of its files is there: a manifest that
 * names what is gone is worse than none. @throws FormatError naming the first that is not there, or of another size · RemoteError
 */
async function settleFiles(place: ArchivePlace, runtime: Runtime, job: SnapshotJob, files: readonly SnapshotFile[]): Promise<void> {
  const left = new Map(files.map((file) => [file.name, file.bytes]));
  const settle = (name: string, size: number): boolean => {
    const bytes = left.get(name);
    if (bytes === undefined) return false;
    if (size !== bytes) throw new FormatError(`${name} has ${size} bytes; ${bytes} were stored. Begin the snapshot anew with --restart.`);
    left.delete(name);
    return true;
  };
  // What an export has written is DynamoDB's: it is looked at, and nothing of it is deleted.
  if (job.via === 'export') for await (const { key, size } of listAll(place, runtime, `${exportPrefix(job.id)}/`)) settle(key, size);
  else await sweep(place, runtime, dataPrefix(job.id), ({ key, size }) => settle(key, size));
  const [gone] = left.keys();
  if (gone !== undefined)
    throw new FormatError(`${gone} is gone, a file of the snapshot that is being taken (files that are gone: ${left.size}). Begin it anew with --restart.`);
}

/**
 * Deletes what is of no use any more: the parts of this snapshot, and parts and files of older ones that were begun and
 * given up. One that a savepoint goes on from is not given up, and of one that no savepoint knows only time tells. Exports are
 * DynamoDB's, and are left alone.
 */
async function clearAbandoned({ place, table, control }: FinishPlace, runtime: Runtime, id: string): Promise<void> {
  const none = (): boolean => false;
  // The savepoints are read after the list: one that is begun in between is not in the list.
  const ids = await snapshotIds(place, runtime);
  const jobs = [await readJob(snapshotJobPlace(table, control, 'scan'), runtime), await readJob(snapshotJobPlace(table, control, 'export'), runtime)];
  const underWay = new Set(jobs.flatMap((job) => (job === undefined || job.done !== undefined ? [] : [job.id])));
  const before = runtime.clock.now() - ABANDONED_AFTER_MS;
  for (const other of ids) {
    if (other > id) return;
    if (other === id) await sweep(place, runtime, partsPrefix(other), none);
    else if (!underWay.has(other) && (timeOfSnapshot(other) ?? before) < before) {
      await sweep(place, runtime, partsPrefix(other), none);
      if ((await findManifest(place, runtime, other)) === undefined) await sweep(place, runtime, dataPrefix(other), none);
    }
  }
}

import { assert, InputError } from '../../core/errors.ts';
import type { Manifest } from '../../core/formats/manifest.ts';
import { dataPrefix, encodeManifest, makeManifest, manifestName } from '../../core/formats/manifest.ts';
import type { JobLease } from '../../job/lease.ts';
import { whyText } from '../../ports/errors.ts';
import { OBJECT_CALL_BYTES_MAX } from '../../ports/objects.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { ArchivePlace } from '../place.ts';
import { partsPrefix, readParts } from './parts.ts';
import { findManifest, snapshotIds } from './read.ts';
import type { SnapshotJob } from './savepoint.ts';
import { storeOnce, sweep } from './store.ts';

/**
 * Finishes a snapshot whose every page was read: deletes files of attempts that were given up, writes the manifest, and says
 * so in the savepoint. Everything that the manifest says is in the savepoint before, so a second run writes the same bytes.
 *
 * @param endMarginMs added to the clock now, which is after the last page.
 * @throws InputError "too-large", "name-taken", "job-lost" · RemoteError, FormatError
 */
export async function finishSnapshot(place: ArchivePlace, runtime: Runtime, lease: JobLease<SnapshotJob>, endMarginMs: number): Promise<Manifest> {
  if (lease.job.ended === undefined) await lease.save({ ended: runtime.clock.now() + endMarginMs });
  const { job } = lease;
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
  const named = new Set(files.map((file) => file.name));
  await sweep(place, runtime, dataPrefix(job.id), (name) => named.has(name));
  await lease.renew();
  await storeOnce(place, runtime, manifestName(job.id), body, () => lease.admit());
  await lease.release({ done: runtime.clock.now(), pending: [] });
  await clearAbandoned(place, runtime, job.id).catch((error: unknown) =>
    runtime.log.warn('What unfinished snapshots have left could not be deleted; the next snapshot tries again.', { why: whyText(error) }),
  );
  return manifest;
}

/**
 * Deletes what is of no use any more: the parts of this snapshot, and parts and files of older ones that were begun and
 * given up. Exports are DynamoDB's, and are left alone.
 */
async function clearAbandoned(place: ArchivePlace, runtime: Runtime, id: string): Promise<void> {
  const none = (): boolean => false;
  for (const other of await snapshotIds(place, runtime)) {
    if (other > id) return;
    await sweep(place, runtime, partsPrefix(other), none);
    if (other !== id && (await findManifest(place, runtime, other)) === undefined) await sweep(place, runtime, dataPrefix(other), none);
  }
}

import type { ArchivePlace } from '../../archive/place.ts';
import { ABANDONED_AFTER_MS } from '../../archive/snapshot/limits.ts';
import { snapshotIds } from '../../archive/snapshot/read.ts';
import { sweep } from '../../archive/snapshot/store.ts';
import { scanPrefix, timeOfSnapshot } from '../../core/formats/manifest.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import { baseName } from './base.ts';
import { BASES_KEPT, OBJECT_MAX_MS } from './limits.ts';

/** What a snapshot has below its id: not ours. */
const OF_SNAPSHOTS = ['data/', 'parts/', 'export', 'manifest.json'] as const;

/**
 * Deletes what scans and the tasks on them have left in a member's bucket: of scans with a base all but the newest BASES_KEPT, and
 * what has none and was begun ABANDONED_AFTER_MS ago (samples, sketches, what was given up). What a snapshot holds stays.
 *
 * One request for each id in the bucket, and one for each object that is deleted.
 *
 * @param keep ids that something still goes on from.
 * @throws RemoteError; what is left then is deleted the next time
 */
export async function dropScans(place: ArchivePlace, runtime: Runtime, keep: readonly string[]): Promise<void> {
  const before = runtime.clock.now() - ABANDONED_AFTER_MS;
  let bases = 0;
  for (const id of (await snapshotIds(place, runtime)).reverse()) {
    const base = await retried(runtime, runtime.clock.elapsed() + OBJECT_MAX_MS, () => place.objects.head(place.bucket, baseName(id)));
    if (base !== undefined) bases += 1;
    const stays = base === undefined ? (timeOfSnapshot(id) ?? before) >= before : bases <= BASES_KEPT;
    if (stays || keep.includes(id)) continue;
    const own = scanPrefix(id);
    await sweep(place, runtime, own, ({ key }) => OF_SNAPSHOTS.some((name) => key.startsWith(`${own}${name}`)));
  }
}

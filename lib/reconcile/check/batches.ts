import type { ArchivePlace } from '../../archive/place.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { freshBatch } from '../verdict/batch.ts';
import { VERDICT_BATCH_KEYS } from '../verdict/limits.ts';
import type { Suspicion } from '../verdict/suspicion.ts';

import { storeBatch } from './objects.ts';

/**
 * Stores suspicions as batches.
 *
 * @param from number of the first one. @param beat called before each: it renews the lease of whoever stores them.
 * @returns the number after the last one. @throws RemoteError
 */
export async function storeSuspicions(
  place: ArchivePlace,
  runtime: Runtime,
  id: string,
  from: number,
  suspicions: readonly Suspicion[],
  beat: () => Promise<void>,
): Promise<number> {
  let n = from;
  for (let at = 0; at < suspicions.length; at += VERDICT_BATCH_KEYS, n += 1) {
    await beat();
    const some = suspicions.slice(at, at + VERDICT_BATCH_KEYS);
    await storeBatch(place, runtime, id, freshBatch(id, n, some));
  }
  return n;
}

import { InputError } from '../../core/errors.ts';
import { sha256Base64 } from '../../core/formats/segment.ts';
import { isRemote } from '../../ports/errors.ts';
import type { ListedObject } from '../../ports/objects.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import { together } from '../../replicate/together.ts';
import type { ArchivePlace } from '../place.ts';
import { DELETES_AT_ONCE, REQUEST_MAX_MS } from './limits.ts';
import { listAll } from './read.ts';

/** Writing and clearing objects of a snapshot. */

/**
 * Stores an object under a name that is used for these bytes alone. An attempt that got no answer may have stored it: then
 * what is there has the same sum.
 *
 * @param admit as `CallOptions.admit`: the lease of the run that stores it, so that nothing is stored after another has taken over.
 * @returns the SHA-256, base64.
 * @throws InputError "name-taken" when other bytes are there; what `admit` throws · RemoteError
 */
export async function storeOnce(place: ArchivePlace, runtime: Runtime, name: string, body: Uint8Array, admit: () => void): Promise<string> {
  const sha256 = sha256Base64(body);
  const until = runtime.clock.elapsed() + REQUEST_MAX_MS;
  const answer = await retried(runtime, until, () => place.objects.put(place.bucket, name, body, { sha256, ifNoneMatch: '*' }, { admit })).catch(
    (error: unknown) => {
      throw isRemote(error, 'notIssued') && error.cause instanceof InputError ? error.cause : error;
    },
  );
  if (answer.ok) return sha256;
  const there = await retried(runtime, until, () => place.objects.head(place.bucket, name));
  if (there?.sha256 !== sha256) {
    throw new InputError(
      'name-taken',
      `Another object is at ${name} of the bucket ${place.bucket}: this run ends, and changes nothing there. Is another run at work, or another tool? Begin anew with --restart.`,
    );
  }
  return sha256;
}

/**
 * Deletes what is below a prefix and not to be kept. Returns how many objects those were.
 *
 * @throws RemoteError
 */
export async function sweep(place: ArchivePlace, runtime: Runtime, prefix: string, keep: (object: ListedObject) => boolean): Promise<number> {
  let deleted = 0;
  let due: string[] = [];
  const flush = async (): Promise<void> => {
    await together(due.map((name) => retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () => place.objects.delete(place.bucket, name))));
    deleted += due.length;
    due = [];
  };
  for await (const object of listAll(place, runtime, prefix)) {
    if (keep(object)) continue;
    due.push(object.key);
    if (due.length >= DELETES_AT_ONCE) await flush();
  }
  await flush();
  return deleted;
}

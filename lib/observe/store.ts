import type { EncodedSegment } from '../core/formats/segment.ts';
import { isRemote, whyText } from '../ports/errors.ts';
import type { ObjectPort } from '../ports/objects.ts';
import type { Runtime } from '../ports/runtime.ts';
import { retried } from '../replicate/retry.ts';
import type { Tail } from './line.ts';
import { readTail } from './line.ts';

/** A segment that is in the bucket, under the name of one that was to be stored. */
export interface Stored {
  readonly tail: Tail;
  /** Whether it is the very one, now or by an earlier attempt; else another cut of the same records is there, and counts. */
  readonly own: boolean;
}

/**
 * Stores a segment unless there is one of its name. S3 checks its SHA-256, and that it is the first of its name.
 *
 * ⚠ A put without an answer may have stored it; repeated, it then meets itself. So whatever is there is read, never guessed.
 *
 * @throws RemoteError, FormatError (what is there is damaged).
 */
export async function storeSegment(objects: ObjectPort, bucket: string, segment: EncodedSegment, runtime: Runtime, until: number): Promise<Stored> {
  const { name, body, sha256, head } = segment;
  const answer = await retried(runtime, until, () => objects.put(bucket, name, body, { sha256, ifNoneMatch: '*' }));
  if (answer.ok) {
    const { shard, first, firstAt, last, toMs } = head;
    return { tail: { previous: { shard, first, firstAt, last, sha256 }, mark: { sequence: last, at: toMs } }, own: true };
  }
  const tail = await readTail({ objects, bucket }, name, runtime, until);
  return { tail, own: tail.previous.sha256 === sha256 };
}

/** Does something with the bucket, and says it loudly when S3 refuses: nothing is lost for a day, and a human has to look. */
export async function withBucket<T>(bucket: string, runtime: Runtime, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isRemote(error, 'denied', 'missing', 'invalid')) {
      runtime.log.error('The log cannot be written: the batch comes again, and its records are lost when that lasts for 23 hours.', {
        bucket,
        why: whyText(error),
      });
    }
    throw error;
  }
}

import { z } from 'zod';
import type { ArchivePlace } from '../../archive/place.ts';
import { store } from '../../archive/rewrite/store.ts';
import { wholeObject } from '../../archive/snapshot/read.ts';
import { readDocument, scanPrefix } from '../../core/formats/manifest.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { TASK_WHY_MAX } from './limits.ts';

/**
 * How a member tells that a task failed for good: the object `scans/<task>/failed` of its bucket. Whoever asked may be allowed to read
 * the bucket's scans and to put rows of jobs, but not to read them.
 */
const failedName = (id: string): string => `${scanPrefix(id)}failed`;

const schema = z.strictObject({ why: z.string(), at: z.int() });

/** Tells it; again with the same words does no harm. @throws RemoteError */
export async function tellFailed(place: ArchivePlace, runtime: Runtime, id: string, why: string): Promise<void> {
  await store(place, runtime, failedName(id), Buffer.from(JSON.stringify({ why: why.slice(0, TASK_WHY_MAX), at: runtime.clock.now() }), 'utf8'));
}

/** Why a task failed for good; undefined as long as nothing is told. @throws FormatError naming the object · RemoteError */
export async function readFailed(place: ArchivePlace, runtime: Runtime, id: string): Promise<string | undefined> {
  const bytes = await wholeObject(place, runtime, failedName(id));
  return bytes === undefined ? undefined : readDocument(bytes, schema, failedName(id)).why;
}

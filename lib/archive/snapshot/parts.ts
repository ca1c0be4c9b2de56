import { z } from 'zod';
import { FormatError } from '../../core/errors.ts';
import type { SnapshotFile } from '../../core/formats/manifest.ts';
import { readDocument, SNAPSHOT_FILES_MAX, scanPrefix, snapshotFileSchema } from '../../core/formats/manifest.ts';
import { sha256Base64 } from '../../core/formats/segment.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { ArchivePlace } from '../place.ts';
import { wholeObject } from './read.ts';
import type { PartRef } from './savepoint.ts';
import { storeOnce } from './store.ts';

/**
 * The files of a snapshot that is being taken, where the savepoint's row would grow too large: objects
 * `scans/<id>/parts/<number>-<run>.json`, each with some files and the name and sum of the one before.
 */

const partSchema = z.strictObject({
  format: z.literal(1),
  id: z.string(),
  /** From 1. */
  number: z.int().min(1),
  previous: z.strictObject({ name: z.string(), sha256: z.string() }).exactOptional(),
  files: z.array(snapshotFileSchema).min(1),
});

/** Prefix of a snapshot's parts. */
export const partsPrefix = (id: string): string => `${scanPrefix(id)}parts/`;

/** Stores a part. @param previous the newest so far @param run of whoever writes it @param admit see `storeOnce` @throws InputError "name-taken" · RemoteError */
export async function storePart(
  place: ArchivePlace,
  runtime: Runtime,
  id: string,
  files: readonly SnapshotFile[],
  previous: PartRef | undefined,
  run: string,
  admit: () => void,
): Promise<PartRef> {
  const number = previous === undefined ? 1 : numberOf(previous.name) + 1;
  const name = `${partsPrefix(id)}${String(number).padStart(6, '0')}-${run}.json`;
  const body = Buffer.from(`${JSON.stringify({ format: 1, id, number, ...(previous && { previous }), files })}\n`, 'utf8');
  return { name, sha256: await storeOnce(place, runtime, name, body, admit) };
}

/** The files of a part and of all before it. @throws FormatError naming the part that is missing or damaged · RemoteError */
export async function readParts(place: ArchivePlace, runtime: Runtime, id: string, newest: PartRef | undefined): Promise<SnapshotFile[]> {
  const files: SnapshotFile[] = [];
  // Each part has a file at least, so there are no more parts than files.
  for (let ref = newest; ref !== undefined; ) {
    const { name, sha256 } = ref;
    const body = await wholeObject(place, runtime, name);
    if (body === undefined) throw new FormatError(`${name} is missing: a part of the snapshot that is being taken. Begin anew with --restart.`);
    if (sha256Base64(body) !== sha256) throw new FormatError(`${name} is damaged: its bytes are not those that were stored.`);
    const part = readDocument(body, partSchema, name);
    if (part.id !== id) throw new FormatError(`${name} is of another snapshot: ${part.id}.`);
    files.push(...part.files);
    if (files.length > SNAPSHOT_FILES_MAX) throw new FormatError(`${name}: the snapshot has more than ${SNAPSHOT_FILES_MAX} files.`);
    ref = part.previous;
  }
  return files;
}

function numberOf(name: string): number {
  const number = Number(/\/parts\/(\d{6})-[a-z0-9]+\.json$/.exec(name)?.[1]);
  if (!Number.isSafeInteger(number)) throw new FormatError(`not the name of a part: ${name}`);
  return number;
}

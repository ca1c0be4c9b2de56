import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { z } from 'zod';
import type { ArchivePlace } from '../../archive/place.ts';
import { store } from '../../archive/rewrite/store.ts';
import { wholeObject } from '../../archive/snapshot/read.ts';
import { FormatError } from '../../core/errors.ts';
import { readDocument } from '../../core/formats/manifest.ts';
import type { Runtime } from '../../ports/runtime.ts';

/** Objects of zstd JSON. */

/** Largest one (bytes), unpacked. */
const UNPACKED_MAX = 256 * 1_024 * 1_024;

/** Stores one, whatever was there. @throws RemoteError */
export async function storePacked(place: ArchivePlace, runtime: Runtime, name: string, value: object): Promise<void> {
  await store(place, runtime, name, zstdCompressSync(Buffer.from(JSON.stringify(value), 'utf8')));
}

/** Reads one that somebody has stored before. @throws FormatError naming it · RemoteError */
export async function readPacked<T extends object>(place: ArchivePlace, runtime: Runtime, name: string, schema: z.ZodType<T>): Promise<T> {
  const body = await wholeObject(place, runtime, name);
  if (body === undefined) throw new FormatError(`${name} is missing: an earlier step has stored it.`);
  let raw: Buffer;
  try {
    raw = zstdDecompressSync(body, { maxOutputLength: UNPACKED_MAX });
  } catch (cause) {
    throw new FormatError(`${name} is damaged: it cannot be unpacked.`, { cause });
  }
  return readDocument(raw, schema, name);
}

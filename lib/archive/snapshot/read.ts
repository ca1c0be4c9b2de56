import { createHash } from 'node:crypto';
import { createGunzip } from 'node:zlib';
import type { Item } from '../../core/attribute.ts';
import { assert, FormatError } from '../../core/errors.ts';
import { SCANS_PREFIX } from '../../core/formats/archive-names.ts';
import type { Manifest, SnapshotFile } from '../../core/formats/manifest.ts';
import { decodeManifest, manifestName, SNAPSHOT_FILE_RAW_BYTES, timeOfSnapshot } from '../../core/formats/manifest.ts';
import { sha256Base64 } from '../../core/formats/segment.ts';
import { isRemote } from '../../ports/errors.ts';
import type { ListedObject } from '../../ports/objects.ts';
import { OBJECT_CALL_BYTES_MAX, OBJECT_LIST_MAX } from '../../ports/objects.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import { together } from '../../replicate/together.ts';
import type { ArchivePlace } from '../place.ts';
import { RANGE_BYTES, REQUEST_MAX_MS } from './limits.ts';
import { itemOf, LineCutter, unpackLines } from './lines.ts';

/** Files of up to so many raw bytes are unpacked at once; larger ones, which only an export has, a piece at a time. */
const AT_ONCE_RAW_BYTES = 2 * SNAPSHOT_FILE_RAW_BYTES;
/** Manifests that are read at the same time. */
const MANIFESTS_AT_ONCE = 8;

/** Every object below a prefix, in order. @throws RemoteError */
export async function* listAll(place: ArchivePlace, runtime: Runtime, prefix: string): AsyncGenerator<ListedObject> {
  let after: string | undefined;
  do {
    const from = after;
    const page = await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () =>
      place.objects.list(place.bucket, { prefix, limit: OBJECT_LIST_MAX, ...(from !== undefined && { after: from }) }),
    );
    yield* page.objects;
    after = page.next;
  } while (after !== undefined);
}

/**
 * Ids of all snapshots in the bucket, finished or not, oldest first. One request an id: a snapshot's files are passed over.
 *
 * @throws RemoteError
 */
export async function snapshotIds(place: ArchivePlace, runtime: Runtime): Promise<string[]> {
  const ids: string[] = [];
  for (let after = SCANS_PREFIX; ; ) {
    const from = after;
    const page = await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () =>
      place.objects.list(place.bucket, { prefix: SCANS_PREFIX, limit: 1, after: from }),
    );
    const [first] = page.objects;
    if (first === undefined) return ids;
    assert(first.key > from, 'a list that goes backwards', { after: from, key: first.key });
    const folder = first.key.slice(SCANS_PREFIX.length).split('/')[0] as string;
    if (timeOfSnapshot(folder) !== undefined) ids.push(folder);
    // Behind everything of this one: "0" is the character after "/".
    after = `${SCANS_PREFIX}${folder}0`;
  }
}

/**
 * The finished snapshots of a member, oldest first.
 *
 * @throws FormatError naming the manifest that is damaged · RemoteError
 */
export async function listSnapshots(place: ArchivePlace, runtime: Runtime): Promise<Manifest[]> {
  const ids = await snapshotIds(place, runtime);
  const found: Manifest[] = [];
  for (let at = 0; at < ids.length; at += MANIFESTS_AT_ONCE) {
    const some = await together(ids.slice(at, at + MANIFESTS_AT_ONCE).map((id) => findManifest(place, runtime, id)));
    found.push(...some.filter((manifest) => manifest !== undefined));
  }
  return found;
}

/** The manifest of a snapshot. @throws FormatError when there is none, or it is damaged · RemoteError */
export async function readManifest(place: ArchivePlace, runtime: Runtime, id: string): Promise<Manifest> {
  const found = await findManifest(place, runtime, id);
  if (found === undefined) throw new FormatError(`${manifestName(id)} is not there: the snapshot was never finished, or its manifest is lost.`);
  return found;
}

/** The manifest of a snapshot; undefined while it is unfinished. @throws FormatError when it is damaged · RemoteError */
export async function findManifest(place: ArchivePlace, runtime: Runtime, id: string): Promise<Manifest | undefined> {
  const name = manifestName(id);
  const read = await wholeObject(place, runtime, name);
  if (read === undefined) return undefined;
  const manifest = decodeManifest(read, name);
  if (manifest.id !== id) throw new FormatError(`${name} is of another snapshot: ${manifest.id}.`);
  return manifest;
}

/** A whole object, checked by S3's own sum. @throws FormatError when it stays damaged · RemoteError */
export async function wholeObject(place: ArchivePlace, runtime: Runtime, name: string): Promise<Uint8Array | undefined> {
  try {
    return (await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () => place.objects.get(place.bucket, name)))?.body;
  } catch (error) {
    if (isRemote(error, 'unanswered') && error.code === 'ChecksumMismatch')
      throw new FormatError(`${name} is damaged: its bytes are not those whose SHA-256 S3 keeps.`, { cause: error });
    throw error;
  }
}

/**
 * The items of one file. Its size and its SHA-256 are checked before the first item is given.
 *
 * @throws FormatError naming the object: missing, damaged, or not as its manifest says · RemoteError
 */
export async function* snapshotItems(place: ArchivePlace, runtime: Runtime, manifest: Manifest, file: SnapshotFile): AsyncGenerator<Item> {
  const cutter = new LineCutter(file.name);
  let number = 0;
  const read = function* (lines: Iterable<Buffer>): Generator<Item> {
    for (const line of lines) {
      number += 1;
      yield itemOf(line, file.name, number);
    }
  };
  for await (const chunk of rawChunks(place, runtime, manifest, file)) yield* read(cutter.push(chunk));
  yield* read(cutter.end());
  if (number !== file.items) throw new FormatError(`${file.name} is damaged: it holds ${number} items; its manifest says ${file.items}.`);
}

async function* rawChunks(place: ArchivePlace, runtime: Runtime, manifest: Manifest, file: SnapshotFile): AsyncGenerator<Buffer> {
  if (file.bytes <= OBJECT_CALL_BYTES_MAX) {
    const body = await wholeObject(place, runtime, file.name);
    if (body === undefined) throw new FormatError(`${file.name} is missing.`);
    if (body.length !== file.bytes || sha256Base64(body) !== file.sha256) throw damaged(file);
    const packed = Buffer.from(body.buffer, body.byteOffset, body.length);
    if (file.rawBytes <= AT_ONCE_RAW_BYTES) yield unpackLines(packed, manifest.compression, file.rawBytes, file.name);
    else yield* unpacked(manifest.compression, once(packed), file);
    return;
  }
  // Too large for one call: only an export has such files. It is read twice, so that nothing of a damaged one is given.
  const sum = createHash('sha256');
  for await (const chunk of ranges(place, runtime, file)) sum.update(chunk);
  if (sum.digest('base64') !== file.sha256) throw damaged(file);
  yield* unpacked(manifest.compression, ranges(place, runtime, file), file);
}

const damaged = (file: SnapshotFile): FormatError => new FormatError(`${file.name} is damaged: its bytes are not those that its manifest names (SHA-256).`);

async function* once(chunk: Buffer): AsyncGenerator<Buffer> {
  yield chunk;
}

/** An object in pieces of RANGE_BYTES. @throws FormatError when it is not as long as it should be · RemoteError */
export async function* ranges(place: ArchivePlace, runtime: Runtime, file: Pick<SnapshotFile, 'name' | 'bytes'>): AsyncGenerator<Buffer> {
  for (let from = 0; from < file.bytes; from += RANGE_BYTES) {
    const range = { from, to: Math.min(from + RANGE_BYTES, file.bytes) };
    const read = await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () => place.objects.get(place.bucket, file.name, { range }));
    if (read === undefined) throw new FormatError(`${file.name} is missing.`);
    if (read.size !== file.bytes) throw new FormatError(`${file.name} has ${read.size} bytes; ${file.bytes} are expected.`);
    yield Buffer.from(read.body.buffer, read.body.byteOffset, read.body.length);
  }
}

/**
 * Unpacks a stream, a piece at a time. @throws FormatError naming the object
 */
export async function* unpacked(compression: Manifest['compression'], packed: AsyncIterable<Buffer>, file: Pick<SnapshotFile, 'name'>): AsyncGenerator<Buffer> {
  if (compression === 'none') {
    yield* packed;
    return;
  }
  if (compression === 'zstd') throw new FormatError(`${file.name} is packed by zstd, but larger than any file that Syncline writes.`);
  const gunzip = createGunzip();
  const feed = (async (): Promise<void> => {
    for await (const chunk of packed) {
      if (!gunzip.write(chunk)) await new Promise<void>((resolve) => void gunzip.once('drain', resolve).once('close', resolve));
      if (gunzip.destroyed) return;
    }
    gunzip.end();
  })();
  let failed: { readonly error: unknown } | undefined;
  feed.catch((error: unknown) => {
    failed = { error };
    gunzip.destroy(new Error('what feeds it has failed'));
  });
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } catch (cause) {
    if (failed !== undefined) throw failed.error;
    throw new FormatError(`${file.name} is damaged: it does not unpack.`, { cause });
  } finally {
    gunzip.destroy();
  }
}

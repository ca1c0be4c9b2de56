import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { readRange } from '../../archive/log/read.ts';
import type { ArchivePlace } from '../../archive/place.ts';
import { store } from '../../archive/rewrite/store.ts';
import { wholeObject } from '../../archive/snapshot/read.ts';
import type { Key } from '../../core/attribute.ts';
import { FormatError } from '../../core/errors.ts';
import { readDocument, scanPrefix } from '../../core/formats/manifest.ts';
import { CELL_BYTES, CELLS_MAX, Sketch } from '../../core/sketch.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import { OBJECT_MAX_MS } from './limits.ts';

/**
 * The objects by which members answer questions about their entries.
 *
 * `scans/<task>/sketch`: 16 bytes ("SYNCSKT1", number of cells, seed; unsigned, little-endian), then the cells (lib/core/sketch.ts).
 * `scans/<task>/keys`: zstd JSON, a key for each hash that the member knows.
 */
const MAGIC = Buffer.from('SYNCSKT1', 'latin1');
export const SKETCH_HEAD_BYTES = 16;

export const sketchName = (task: string): string => `${scanPrefix(task)}sketch`;
export const keysName = (task: string): string => `${scanPrefix(task)}keys`;
/** What an earlier slice has put into the sketch. @param prefix of key hashes (16 bits): entries before it are in */
export const draftName = (task: string, prefix: number): string => `${scanPrefix(task)}sketch-${prefix}`;

/** @throws RemoteError */
export async function storeSketch(place: ArchivePlace, runtime: Runtime, name: string, sketch: Sketch): Promise<void> {
  const head = Buffer.alloc(SKETCH_HEAD_BYTES);
  head.set(MAGIC);
  head.writeUInt32LE(sketch.length, 8);
  head.writeInt32LE(sketch.seed | 0, 12);
  await store(place, runtime, name, Buffer.concat([head, sketch.encode()]));
}

/** Reads the head of a sketch. @throws FormatError */
function readHead(bytes: Uint8Array, name: string): { readonly length: number; readonly seed: number } {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (head.length < SKETCH_HEAD_BYTES || !head.subarray(0, MAGIC.length).equals(MAGIC)) throw new FormatError(`${name} is damaged: it is no sketch.`);
  const length = head.readUInt32LE(8);
  if (length < 1 || length > CELLS_MAX) throw new FormatError(`${name} is damaged: a sketch of ${length} cells.`);
  return { length, seed: head.readInt32LE(12) };
}

/** A whole sketch; undefined when it is not there. @throws FormatError naming it · RemoteError */
export async function readSketch(place: ArchivePlace, runtime: Runtime, name: string): Promise<Sketch | undefined> {
  const body = await wholeObject(place, runtime, name);
  if (body === undefined) return undefined;
  const { length, seed } = readHead(body, name);
  if (body.length !== SKETCH_HEAD_BYTES + length * CELL_BYTES) throw new FormatError(`${name} is damaged: ${body.length} bytes for ${length} cells.`);
  return Sketch.decode(body.subarray(SKETCH_HEAD_BYTES), seed);
}

/** Reads a sketch from its beginning, a piece at a time: no more than is needed. */
export class SketchReader {
  readonly #place: ArchivePlace;
  readonly #runtime: Runtime;
  readonly #name: string;
  #held = Buffer.alloc(0);

  constructor(place: ArchivePlace, runtime: Runtime, name: string) {
    this.#place = place;
    this.#runtime = runtime;
    this.#name = name;
  }

  /** Bytes that were read. */
  get bytes(): number {
    return this.#held.length;
  }

  /** Whether it is there. @throws RemoteError */
  async isThere(): Promise<boolean> {
    const { objects, bucket } = this.#place;
    return (await retried(this.#runtime, this.#runtime.clock.elapsed() + OBJECT_MAX_MS, () => objects.head(bucket, this.#name))) !== undefined;
  }

  /** Its first cells: so many, or all where it has no more. @throws FormatError naming it · RemoteError */
  async first(cells: number): Promise<Sketch> {
    const wanted = SKETCH_HEAD_BYTES + cells * CELL_BYTES;
    const known = this.#held.length === 0 ? undefined : readHead(this.#held, this.#name).length;
    const to = known === undefined ? wanted : Math.min(wanted, SKETCH_HEAD_BYTES + known * CELL_BYTES);
    if (to > this.#held.length) {
      const more = await readRange(this.#place, this.#runtime, this.#name, { from: this.#held.length, to });
      this.#held = Buffer.concat([this.#held, more]);
    }
    const { length, seed } = readHead(this.#held, this.#name);
    const has = Math.min(cells, length);
    if (this.#held.length < SKETCH_HEAD_BYTES + has * CELL_BYTES) throw new FormatError(`${this.#name} is damaged: it was cut off.`);
    return Sketch.decode(this.#held.subarray(SKETCH_HEAD_BYTES, SKETCH_HEAD_BYTES + has * CELL_BYTES), seed);
  }
}

/** Largest answer (bytes), unpacked: 10,000 keys of 3 KB. */
const KEYS_BYTES_MAX = 64 * 1_024 * 1_024;
const keysSchema = z.strictObject({ format: z.literal(1), keys: z.array(z.tuple([z.string(), z.record(z.string(), z.unknown())])) });

/** Stores the keys of hashes (hexadecimal). @throws RemoteError */
export async function storeKeys(place: ArchivePlace, runtime: Runtime, task: string, keys: ReadonlyMap<string, Key>): Promise<void> {
  await store(place, runtime, keysName(task), zstdCompressSync(Buffer.from(JSON.stringify({ format: 1, keys: [...keys] }), 'utf8')));
}

/** The keys, and the bytes of the answer; undefined as long as it is not there. @throws FormatError naming it · RemoteError */
export async function readKeys(
  place: ArchivePlace,
  runtime: Runtime,
  task: string,
): Promise<{ readonly keys: ReadonlyMap<string, Key>; readonly bytes: number } | undefined> {
  const name = keysName(task);
  const body = await wholeObject(place, runtime, name);
  if (body === undefined) return undefined;
  let raw: Buffer;
  try {
    raw = zstdDecompressSync(body, { maxOutputLength: KEYS_BYTES_MAX });
  } catch (cause) {
    throw new FormatError(`${name} is damaged: it cannot be unpacked.`, { cause });
  }
  return { keys: new Map(readDocument(raw, keysSchema, name).keys as unknown as [string, Key][]), bytes: body.length };
}

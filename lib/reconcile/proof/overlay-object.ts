import { z } from 'zod';
import type { ArchivePlace } from '../../archive/place.ts';
import { wholeObject } from '../../archive/snapshot/read.ts';
import { storeOnce } from '../../archive/snapshot/store.ts';
import { FormatError } from '../../core/errors.ts';
import { readDocument, scanPrefix } from '../../core/formats/manifest.ts';
import { INDEX_ITEM_HASH_BYTES } from '../../core/formats/segment-index.ts';
import { KEY_HASH_BYTES } from '../../core/key.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { KeptOverlay, Overlay } from '../scan/overlay.ts';
import { bytesOf, textOf } from '../scan/overlay.ts';
import { decodeWatermark, encodeWatermark } from '../segments.ts';

/**
 * What the log says of some keys, as far as a slice of a task has read it: `scans/<task>/overlay-<slice>-<n>`. Four bytes of length, a head
 * of JSON, then for each key its hash, whether it was removed (1), the hash of its item, and its day (2, big-endian).
 */
const VALUE_BYTES = INDEX_ITEM_HASH_BYTES + 2;
const ENTRY_BYTES = KEY_HASH_BYTES + 1 + VALUE_BYTES;
const LENGTH_BYTES = 4;
const headSchema = z.strictObject({ format: z.literal(1), from: z.int().min(0), to: z.int().min(0), mark: z.array(z.unknown()), whole: z.boolean() });

/** @param slice a short name that no other slice has. @param n of the object, among the slice’s own. */
const overlayName = (task: string, slice: string, n: number): string => `${scanPrefix(task)}overlay-${slice}-${n}`;

/** The bytes. */
export function encodeOverlay({ from, to, mark, whole, keys }: Omit<Overlay, 'sorted'>): Buffer {
  const head = Buffer.from(JSON.stringify({ format: 1, from, to, mark: encodeWatermark(mark), whole }), 'utf8');
  const entries = Buffer.alloc(keys.size * ENTRY_BYTES);
  let at = 0;
  for (const [key, value] of keys) {
    entries.set(bytesOf(key), at);
    if (value === '') entries[at + KEY_HASH_BYTES] = 1;
    else entries.set(bytesOf(value), at + KEY_HASH_BYTES + 1);
    at += ENTRY_BYTES;
  }
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(head.length);
  return Buffer.concat([length, head, entries]);
}

/** @param name of the object, for messages @throws FormatError naming it */
export function decodeOverlay(body: Uint8Array, name: string): NonNullable<KeptOverlay['begun']> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const end = bytes.length < LENGTH_BYTES ? Number.NaN : LENGTH_BYTES + bytes.readUInt32BE(0);
  // A length that is none is no multiple of anything.
  if (!(end <= bytes.length) || (bytes.length - end) % ENTRY_BYTES !== 0) throw new FormatError(`${name} is damaged: it was cut off.`);
  const { from, to, mark, whole } = readDocument(bytes.subarray(LENGTH_BYTES, end), headSchema, name);
  const keys = new Map<string, string>();
  for (let at = end; at < bytes.length; at += ENTRY_BYTES) {
    const removed = bytes[at + KEY_HASH_BYTES] === 1;
    const value = at + KEY_HASH_BYTES + 1;
    keys.set(textOf(bytes.subarray(at, at + KEY_HASH_BYTES)), removed ? '' : textOf(bytes.subarray(value, value + VALUE_BYTES)));
  }
  return { from, to, mark: decodeWatermark(mark), whole, keys };
}

/** Stores one under a name of its own. @returns the name @throws as `storeOnce` */
export async function storeOverlay(
  place: ArchivePlace,
  runtime: Runtime,
  of: { readonly task: string; readonly slice: string; readonly n: number; readonly admit: () => void },
  overlay: Overlay,
): Promise<string> {
  const name = overlayName(of.task, of.slice, of.n);
  await storeOnce(place, runtime, name, encodeOverlay(overlay), of.admit);
  return name;
}

/** @throws FormatError naming it when it is missing or damaged · RemoteError */
export async function readOverlayObject(place: ArchivePlace, runtime: Runtime, name: string): Promise<NonNullable<KeptOverlay['begun']>> {
  const body = await wholeObject(place, runtime, name);
  if (body === undefined) throw new FormatError(`${name} is missing: a slice of this task has stored it.`);
  return decodeOverlay(body, name);
}

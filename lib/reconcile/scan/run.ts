import { hash as cryptoHash } from 'node:crypto';
import { crc32, constants as zlib, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import type { Key } from '../../core/attribute.ts';
import type { Fingerprint } from '../../core/digest.ts';
import { BUCKETS } from '../../core/digest.ts';
import { assert, FormatError } from '../../core/errors.ts';
import { scanPrefix } from '../../core/formats/manifest.ts';
import { INDEX_ITEM_HASH_BYTES } from '../../core/formats/segment-index.ts';
import { KEY_HASH_BYTES } from '../../core/key.ts';
import { RUN_ENTRIES_MAX, RUN_KEY_BYTES_MAX } from './limits.ts';

/**
 * A run: some items' fingerprints, sorted by key hash, and their keys.
 *
 * | bytes | |
 * |---|---|
 * | n × 26 | entries: key hash (16), item hash (8), expiry day (2, unsigned, big-endian), sorted by key hash |
 * | k | one zstd frame for each bucket (first byte of the key hash) that has entries: their keys, a JSON line each, in their order |
 * | 256 × 16 | the directory: entries up to the bucket's end, bytes of keys up to it, CRC-32 of its entries, CRC-32 of its frame; 4 bytes each, big-endian |
 * | h | the head, JSON |
 * | 32 | SHA-256 over directory and head |
 * | 12 | h (4 bytes, big-endian), `SYNCRUN1` |
 *
 * So a bucket is read by a range, and checked alone. Each run names the one before it in its part.
 */
export const RUN_ENTRY_BYTES = KEY_HASH_BYTES + INDEX_ITEM_HASH_BYTES + 2;
const DAY_AT = KEY_HASH_BYTES + INDEX_ITEM_HASH_BYTES;
const DIRECTORY_ENTRY_BYTES = 16;
const DIRECTORY_BYTES = BUCKETS * DIRECTORY_ENTRY_BYTES;
const SUM_BYTES = 32;
const MAGIC = Buffer.from('SYNCRUN1', 'latin1');
const END_BYTES = 4 + MAGIC.length;
/** Level of zstd: what is won above it costs more time than it is worth (measured for lane messages). */
const ZSTD = { params: { [zlib.ZSTD_c_compressionLevel]: 1 } } as const;
/** Longest line of a key, as JSON (bytes): 3 KB of values, of which JSON writes a byte as six characters at most, and two names of 255 bytes. */
export const KEY_LINE_BYTES_MAX = 24 * 1_024;

const count = z.int().min(0);
const sum = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);

/** A run, as others name it. */
export const runRefSchema = z.strictObject({
  name: z.string().min(1).max(1_024),
  /** Of the object. */
  bytes: count,
  entries: z.int().min(1).max(RUN_ENTRIES_MAX),
  /** SHA-256 of the run's directory and head, base64. */
  sum,
});
export type RunRef = Readonly<z.infer<typeof runRefSchema>>;

const headSchema = z.strictObject({
  format: z.literal(1),
  /** Of the scan. */
  id: z.string(),
  /** The part of the scan, and the run's number in it, from 1. */
  part: count,
  number: z.int().min(1),
  entries: z.int().min(1).max(RUN_ENTRIES_MAX),
  /** Bytes of all frames of keys. */
  keyBytes: count,
  /** Of entries and frames, base64. */
  sha256: sum,
  previous: runRefSchema.exactOptional(),
});
export type RunHead = Readonly<z.infer<typeof headSchema>>;

/** What a run is of. */
export type RunAbout = Pick<RunHead, 'id' | 'part' | 'number' | 'previous'>;

/** Prefix of a scan's runs. */
export const runsPrefix = (id: string): string => `${scanPrefix(id)}fingerprints/`;

/** @param run the short name of whoever writes it: a late put of a killed run is never under a name that another uses */
export const runName = ({ id, part, number }: RunAbout, run: string): string =>
  `${runsPrefix(id)}${String(part).padStart(3, '0')}-${String(number).padStart(6, '0')}-${run}`;

/** Writes an entry. */
export function writeEntry(entries: Buffer, i: number, { keyHash, itemHash, day }: Fingerprint): void {
  const at = i * RUN_ENTRY_BYTES;
  entries.set(keyHash, at);
  entries.set(itemHash, at + KEY_HASH_BYTES);
  entries.writeUInt16BE(day, at + DAY_AT);
}

/** The i-th of some entries: views of their bytes. */
export function readEntry(entries: Buffer, i: number): Fingerprint {
  const at = i * RUN_ENTRY_BYTES;
  return {
    keyHash: entries.subarray(at, at + KEY_HASH_BYTES),
    itemHash: entries.subarray(at + KEY_HASH_BYTES, at + DAY_AT),
    day: entries.readUInt16BE(at + DAY_AT),
  };
}

/**
 * The bytes of a run.
 *
 * @param entries sorted by key hash, 1 to RUN_ENTRIES_MAX.
 * @param keys lines of the entries `from` to before `to`, one after the other, each with its end.
 */
export function encodeRun(about: RunAbout, entries: Buffer, keys: (from: number, to: number) => Buffer): { readonly body: Buffer; readonly sum: string } {
  const total = entries.length / RUN_ENTRY_BYTES;
  const directory = Buffer.alloc(DIRECTORY_BYTES);
  const frames: Buffer[] = [];
  let keyBytes = 0;
  let at = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    const from = at;
    while (at < total && entries[at * RUN_ENTRY_BYTES] === bucket) at += 1;
    const frame = at === from ? Buffer.alloc(0) : zstdCompressSync(keys(from, at), ZSTD);
    frames.push(frame);
    keyBytes += frame.length;
    const start = bucket * DIRECTORY_ENTRY_BYTES;
    directory.writeUInt32BE(at, start);
    directory.writeUInt32BE(keyBytes, start + 4);
    directory.writeUInt32BE(crc32(entries.subarray(from * RUN_ENTRY_BYTES, at * RUN_ENTRY_BYTES)), start + 8);
    directory.writeUInt32BE(crc32(frame), start + 12);
  }
  assert(at === total && total > 0, 'the entries of a run are not sorted', { at, total });
  const data = Buffer.concat([entries, ...frames]);
  const head: RunHead = { format: 1, ...about, entries: total, keyBytes, sha256: cryptoHash('sha256', data, 'base64') };
  const text = Buffer.from(JSON.stringify(head), 'utf8');
  const sumOf = cryptoHash('sha256', Buffer.concat([directory, text]), 'buffer');
  const end = Buffer.alloc(4);
  end.writeUInt32BE(text.length);
  return { body: Buffer.concat([data, directory, text, sumOf, end, MAGIC]), sum: sumOf.toString('base64') };
}

/** A bucket of a run. */
export interface RunBucket {
  /** Numbers of its entries: from the one, up to the other, exclusive. */
  readonly from: number;
  readonly to: number;
  /** Bytes of the object: its entries, and its keys' frame. */
  readonly range: { readonly from: number; readonly to: number };
  readonly keys: { readonly from: number; readonly to: number };
  readonly crc: number;
  readonly keysCrc: number;
}

/** The footer of a run that was read. */
export class RunFooter {
  readonly head: RunHead;
  /** The run, as its own footer says. */
  readonly ref: RunRef;
  readonly #directory: Buffer;

  /** @param tail the last bytes of the object, at least its whole footer @param name of the object @throws FormatError naming it */
  constructor(tail: Uint8Array, name: string) {
    const bytes = Buffer.from(tail.buffer, tail.byteOffset, tail.length);
    const textEnd = bytes.length - END_BYTES - SUM_BYTES;
    if (textEnd < DIRECTORY_BYTES || !bytes.subarray(-MAGIC.length).equals(MAGIC)) throw damaged(name, 'it has no footer: it was cut off, or is no run');
    const textFrom = textEnd - bytes.readUInt32BE(bytes.length - END_BYTES);
    if (textFrom < DIRECTORY_BYTES) throw damaged(name, 'its footer is longer than any');
    const signed = bytes.subarray(textFrom - DIRECTORY_BYTES, textEnd);
    const found = cryptoHash('sha256', signed, 'base64');
    if (found !== bytes.subarray(textEnd, textEnd + SUM_BYTES).toString('base64')) throw damaged(name, 'its footer does not have its own sum');
    this.head = readHead(bytes.subarray(textFrom, textEnd), name);
    const { entries, keyBytes } = this.head;
    this.ref = { name, bytes: entries * RUN_ENTRY_BYTES + keyBytes + bytes.length - textFrom + DIRECTORY_BYTES, entries, sum: found };
    this.#directory = Buffer.from(signed.subarray(0, DIRECTORY_BYTES));
  }

  /** @throws FormatError when it is not the run that is meant */
  expect(ref: RunRef): void {
    const { bytes, entries, sum: own } = this.ref;
    if (own !== ref.sum || bytes !== ref.bytes || entries !== ref.entries) throw damaged(ref.name, 'it is not the run that was stored under this name');
  }

  /** Bytes of all entries, with which the object begins. */
  get entryBytes(): number {
    return this.head.entries * RUN_ENTRY_BYTES;
  }

  /** What the directory says of a bucket. */
  bucket(number: number): RunBucket {
    const start = number * DIRECTORY_ENTRY_BYTES;
    const before = start - DIRECTORY_ENTRY_BYTES;
    const read = (at: number): number => (at < 0 ? 0 : this.#directory.readUInt32BE(at));
    const [from, to] = [number === 0 ? 0 : read(before), read(start)];
    const [keysFrom, keysTo] = [number === 0 ? 0 : read(before + 4), read(start + 4)];
    return {
      from,
      to,
      range: { from: from * RUN_ENTRY_BYTES, to: to * RUN_ENTRY_BYTES },
      keys: { from: this.entryBytes + keysFrom, to: this.entryBytes + keysTo },
      crc: read(start + 8),
      keysCrc: read(start + 12),
    };
  }
}

function readHead(text: Buffer, name: string): RunHead {
  // Its sum was checked: what is no head is of another version.
  const parsed = headSchema.safeParse(JSON.parse(text.toString('utf8')));
  if (!parsed.success) throw new FormatError(`${name} is of another version: ${parsed.error.issues[0]?.message ?? ''}.`);
  return parsed.data as RunHead;
}

const damaged = (name: string, why: string): FormatError => new FormatError(`${name} is damaged: ${why}. Scan the table again.`);

/** Checks the entries of a bucket. @throws FormatError naming the run */
export function checkEntries(ref: RunRef, number: number, bucket: RunBucket, entries: Uint8Array): void {
  if (entries.length !== bucket.range.to - bucket.range.from || crc32(entries) !== bucket.crc)
    throw damaged(ref.name, `the entries of its bucket ${number} are not those that were stored`);
}

/** The lines of a bucket's keys, in the order of its entries. @throws FormatError naming the run */
export function keyLines(ref: RunRef, number: number, bucket: RunBucket, frame: Uint8Array): string[] {
  if (bucket.to === bucket.from) return [];
  let lines: string[] = [];
  if (crc32(frame) === bucket.keysCrc) {
    try {
      lines = zstdDecompressSync(frame, { maxOutputLength: RUN_KEY_BYTES_MAX + KEY_LINE_BYTES_MAX })
        .toString('utf8')
        .split('\n');
    } catch {
      lines = [];
    }
  }
  // The last line has an end, too.
  if (lines.length !== bucket.to - bucket.from + 1) throw damaged(ref.name, `the keys of its bucket ${number} are not those that were stored`);
  lines.pop();
  return lines;
}

/** Reads a line. */
export const keyOfLine = (line: string): Key => JSON.parse(line) as Key;

/** Checks a whole run. @throws FormatError naming it */
export function checkRun(ref: RunRef, footer: RunFooter, body: Uint8Array): void {
  const { keyBytes, sha256 } = footer.head;
  const data = body.subarray(0, footer.entryBytes + keyBytes);
  if (body.length !== ref.bytes || cryptoHash('sha256', data, 'base64') !== sha256) throw damaged(ref.name, 'its bytes are not those that were stored');
}

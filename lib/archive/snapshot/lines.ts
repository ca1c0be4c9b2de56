import { gunzipSync, gzipSync, constants as zlib, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Item } from '../../core/attribute.ts';
import { FormatError } from '../../core/errors.ts';
import type { Manifest } from '../../core/formats/manifest.ts';
import { SNAPSHOT_FILE_RAW_BYTES } from '../../core/formats/manifest.ts';

/**
 * Data files of a snapshot: lines {"Item":{…}} of DynamoDB JSON, as ImportTable reads them.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.Format.html
 */

/** Level of zstd: the size that is won above it costs more time than the scan takes (measured for lane messages). */
const ZSTD = { params: { [zlib.ZSTD_c_compressionLevel]: 1 } } as const;
/** Level of gzip: the same holds. */
const GZIP = { level: 1 } as const;

/** Lines of a page, each with its end. */
export interface PageLines {
  readonly bytes: Buffer;
  readonly items: number;
}

/** Characters that JSON leaves as they are, and at which some readers end a line (Python's splitlines, and MiniStack with it). */
const LINE_BREAKS = /[\u0085\u2028\u2029]/g;
const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
const lineOf = (item: Item): string => `{"Item":${JSON.stringify(item).replace(LINE_BREAKS, escaped)}}\n`;

/**
 * The lines of a page's items, in pieces that fit into one file each. One piece, nearly always: a page is 1 MB of DynamoDB's
 * counting, and only values that JSON writes nine times as long make more of it than a file takes.
 */
export function pageLines(items: readonly Item[]): PageLines[] {
  if (items.length === 0) return [];
  const lines = items.map(lineOf);
  const whole = Buffer.from(lines.join(''), 'utf8');
  if (whole.length <= SNAPSHOT_FILE_RAW_BYTES) return [{ bytes: whole, items: lines.length }];
  const pieces: PageLines[] = [];
  let piece: Buffer[] = [];
  let bytes = 0;
  const cut = (): void => {
    pieces.push({ bytes: Buffer.concat(piece), items: piece.length });
    piece = [];
    bytes = 0;
  };
  for (const line of lines) {
    const next = Buffer.from(line, 'utf8');
    if (bytes > 0 && bytes + next.length > SNAPSHOT_FILE_RAW_BYTES) cut();
    piece.push(next);
    bytes += next.length;
  }
  cut();
  return pieces;
}

/** A file of these lines, packed. */
export function packLines(pieces: readonly Buffer[], compression: Manifest['compression']): Buffer {
  const whole = Buffer.concat(pieces);
  if (compression === 'none') return whole;
  return compression === 'gzip' ? gzipSync(whole, GZIP) : zstdCompressSync(whole, ZSTD);
}

/** Unpacks a file that `packLines` has made. @throws FormatError naming the object */
export function unpackLines(body: Buffer, compression: Manifest['compression'], rawBytes: number, object: string): Buffer {
  let raw: Buffer;
  try {
    const limit = { maxOutputLength: Math.max(rawBytes, 1) };
    raw = compression === 'none' ? body : compression === 'gzip' ? gunzipSync(body, limit) : zstdDecompressSync(body, limit);
  } catch (cause) {
    throw new FormatError(`${object} is damaged: it does not unpack.`, { cause });
  }
  if (raw.length !== rawBytes) throw new FormatError(`${object} is damaged: it unpacks to ${raw.length} bytes; its manifest says ${rawBytes}.`);
  return raw;
}

const LINE_END = 0x0a;
/** Longest line (bytes): an item of 400 KB, which JSON writes at most nine times as long. */
const LINE_BYTES_MAX = 4 * 1_024 * 1_024;

/** Cuts a stream of bytes into lines. What is left at the end without one is a line, too. */
export class LineCutter {
  readonly #object: string;
  #rest: Buffer[] = [];
  #restBytes = 0;

  /** @param object for messages: its name. */
  constructor(object: string) {
    this.#object = object;
  }

  /** Lines that are whole now, without their ends. Empty lines are none. @throws FormatError naming the object, for a line without an end */
  *push(chunk: Buffer): Generator<Buffer> {
    let from = 0;
    for (let end = chunk.indexOf(LINE_END); end >= 0; end = chunk.indexOf(LINE_END, from)) {
      const piece = chunk.subarray(from, end);
      from = end + 1;
      const line = this.#rest.length === 0 ? piece : Buffer.concat([...this.#rest, piece]);
      this.#rest = [];
      this.#restBytes = 0;
      if (line.length > 0) yield line;
    }
    if (from === chunk.length) return;
    this.#rest.push(chunk.subarray(from));
    this.#restBytes += chunk.length - from;
    if (this.#restBytes > LINE_BYTES_MAX) throw new FormatError(`${this.#object} is damaged: a line has more than ${LINE_BYTES_MAX} bytes.`);
  }

  *end(): Generator<Buffer> {
    if (this.#rest.length > 0) yield Buffer.concat(this.#rest);
    this.#rest = [];
  }
}

/** Reads one line. @throws FormatError naming the object and the line (from 1) */
export function itemOf(line: Buffer, object: string, number: number): Item {
  let value: unknown;
  try {
    value = JSON.parse(line.toString('utf8'));
  } catch (cause) {
    throw new FormatError(`${object} is damaged: line ${number} is not JSON.`, { cause });
  }
  const item = (value as { readonly Item?: unknown } | null)?.Item;
  if (typeof item !== 'object' || item === null || Array.isArray(item)) throw new FormatError(`${object} is damaged: line ${number} has no "Item".`);
  return item as Item;
}

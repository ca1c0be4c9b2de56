import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Item, Key } from '../../core/attribute.ts';
import { FormatError } from '../../core/errors.ts';
import { PLAN_CHUNK_UNPACKED_MAX } from './limits.ts';

/** What a rewrite does to one key. Items are without the reserved attribute. */
export interface Rewrite {
  readonly key: Key;
  /** The item as it was when this was planned; absent: there was none. */
  readonly before?: Item;
  /** The item as it shall be; absent: none. */
  readonly after?: Item;
  /** Attributes that keep what was written later, though a change that is taken back touched them, too. For people only. */
  readonly kept?: readonly string[];
}

/** A key that a plan leaves as it is, and why. */
export interface Skipped {
  readonly key: Key;
  /** A short sentence without a full stop. */
  readonly skipped: string;
}

/** One line of a plan. */
export type PlanLine = Rewrite | Skipped;

/** Whether a line is of a key that is left as it is. */
export const isSkipped = (line: PlanLine): line is Skipped => 'skipped' in line;

const isMap = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
const isMapOrAbsent = (value: unknown): boolean => value === undefined || isMap(value);

/** Reads a line of a plan. @throws FormatError */
export function decodePlanLine(text: string): PlanLine {
  const line = JSON.parse(text) as Partial<Record<string, unknown>> | null;
  const { key, before, after, kept, skipped } = line ?? {};
  const skip = typeof skipped === 'string' && before === undefined && after === undefined;
  const rewrite = skipped === undefined && isMapOrAbsent(before) && isMapOrAbsent(after) && (kept === undefined || Array.isArray(kept));
  if (!isMap(key) || !(skip || rewrite)) throw new FormatError('a line that is no rewrite');
  return line as unknown as PlanLine;
}

/** Packs lines of JSON: one zstd frame, which every zstd tool reads. */
export const packLines = (lines: readonly string[]): Buffer => zstdCompressSync(Buffer.from(lines.map((line) => `${line}\n`).join(''), 'utf8'));

/** Unpacks what `packLines` has made. @param object its name, for messages. @throws FormatError naming the object */
export function unpackLines<T>(bytes: Uint8Array, object: string, decode: (line: string) => T): T[] {
  try {
    const raw = zstdDecompressSync(bytes, { maxOutputLength: PLAN_CHUNK_UNPACKED_MAX }).toString('utf8');
    return raw === '' ? [] : raw.split('\n').slice(0, -1).map(decode);
  } catch (cause) {
    throw new FormatError(`${object} is damaged: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

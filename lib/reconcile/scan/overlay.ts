import type { ArchivePlace } from '../../archive/place.ts';
import { FormatError } from '../../core/errors.ts';
import type { IndexEntry } from '../../core/formats/segment-index.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { ReadFooter, Watermark } from '../segments.ts';
import { footersAfter, grown } from '../segments.ts';
import { KEYS_PER_PASS } from './limits.ts';

/** The last records of keys: what overrides the runs of a scan. */

/** A key hash, or an item hash and an expiry day, as Latin-1 text: a map of such takes a third of one of buffers. */
export const textOf = (bytes: Buffer): string => bytes.toString('latin1');
export const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

/** What a log says of keys whose hashes begin with certain 16 bits. */
export interface Overlay {
  /** Key hashes from this prefix on, and before that one. */
  readonly from: number;
  readonly to: number;
  /** Key hash → item hash and day of its last record; empty for a key that it removed. Latin-1. */
  readonly keys: ReadonlyMap<string, string>;
  /** The keys in order: Latin-1 texts compare as their bytes do. */
  readonly sorted: readonly string[];
  /** How far the log was read. */
  readonly mark: Watermark;
  /** Whether that is all of it; if not, the time was over before. */
  readonly whole: boolean;
}

/** How a log is read in several slices: each goes on with what the one before has kept. */
export interface KeptOverlay {
  /** What was kept last. */
  readonly begun?: Omit<Overlay, 'sorted'>;
  /** Whether the slice ends. */
  isOver(): boolean;
  keep(overlay: Overlay): Promise<void>;
}

/** Where the log is read. */
export interface OverlayOf {
  readonly place: ArchivePlace;
  readonly runtime: Runtime;
  /** Records after this one override. */
  readonly from: Watermark;
  /** Records that were made before (ms) override nothing: what they did is in the runs. A few stand behind `from`, which is between two segments. */
  readonly fromMs: number;
  /** The attribute by which items expire, where expiry days are compared. */
  readonly expiry: string | undefined;
  /** Called now and then. */
  readonly beat: () => Promise<void>;
  /** Keys that are held at a time. */
  readonly keysMax?: number;
  /** Where the log is read in slices; absent: all of it at once. */
  readonly kept?: KeptOverlay;
}

/** All prefixes of key hashes. */
export const PREFIXES = 65_536;
/** The number that a key hash begins with. */
export const prefixOf = (keyHash: Buffer): number => keyHash.readUInt16BE(0);
/** The same of its text. */
export const prefixOfText = (key: string): number => key.charCodeAt(0) * 256 + key.charCodeAt(1);

/**
 * The last record of each key, of as many key hashes from a prefix on as KEYS_PER_PASS allows: where there are more, the range is halved
 * until it fits. So a log of any number of keys is read in passes.
 *
 * Where the log is read in slices, what was read is kept at a slice's end, and when all was: a log that takes longer than a slice comes to its end.
 *
 * @param to reads only what this watermark counts; absent: all that is there.
 * @param wanted whether anything of a prefix is asked for.
 * @throws LogGapError · FormatError for a record without its image, and as `footersAfter` · RemoteError
 */
export async function readOverlay(of: OverlayOf, fromPrefix: number, to: Watermark | undefined, wanted: (prefix: number) => boolean): Promise<Overlay> {
  const { place, runtime, kept, keysMax = KEYS_PER_PASS } = of;
  const { begun } = kept ?? {};
  const before = begun !== undefined && begun.from <= fromPrefix && fromPrefix < begun.to ? begun : undefined;
  const keys = new Map(before?.keys);
  const from = before?.from ?? fromPrefix;
  let { to: end, mark } = before ?? { to: PREFIXES, mark: of.from };
  const overlay = (whole: boolean): Overlay => ({ from, to: end, keys, sorted: [...keys.keys()].sort(), mark, whole });
  if (before?.whole === true) return overlay(true);
  for await (const read of footersAfter(place, runtime, mark, to === undefined ? {} : { to })) {
    const { index } = read.footer;
    for (let i = 0; i < index.length; i += 1) {
      const hash = index.keyHashAt(i);
      const prefix = prefixOf(hash);
      if (prefix < from || prefix >= end || !wanted(prefix)) continue;
      const [key, entry] = [textOf(hash), index.entry(i)];
      // Once one counts, all that follow do: they may be stamped a little earlier.
      if (entry.at < of.fromMs && !keys.has(key)) continue;
      // The entries of a key stand in the order of their records: the last one stays.
      keys.set(key, lastOf(read, entry, of.expiry));
      while (keys.size > keysMax && end - from > 1) end = halved(keys, from, end);
    }
    mark = grown(mark, read);
    await of.beat();
    if (kept?.isOver() !== true) continue;
    const part = overlay(false);
    await kept.keep(part);
    return part;
  }
  const all = overlay(true);
  await kept?.keep(all);
  return all;
}

/** Forgets the upper half of a range. Returns its new end. */
function halved(keys: Map<string, string>, from: number, to: number): number {
  const end = from + Math.ceil((to - from) / 2);
  for (const key of keys.keys()) if (prefixOfText(key) >= end) keys.delete(key);
  return end;
}

function lastOf({ ref, footer }: ReadFooter, entry: IndexEntry, expiry: string | undefined): string {
  if (entry.removed) return '';
  const unknown = (what: string): FormatError => new FormatError(`${ref.name} ${what}: what the log says of a key cannot be told. Scan the table again later.`);
  if (entry.itemHash === undefined) throw unknown('has a record without its new image (the stream of the table must show NEW_AND_OLD_IMAGES)');
  if (footer.head.expiryAttribute !== expiry) throw unknown('has expiry days of another time-to-live attribute, or none');
  return textOf(entry.itemHash) + String.fromCharCode(entry.day >> 8, entry.day & 0xff);
}

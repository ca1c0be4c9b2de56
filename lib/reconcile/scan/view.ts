import { ahead } from '../../archive/ahead.ts';
import type { ArchivePlace } from '../../archive/place.ts';
import type { CellId, Fingerprint } from '../../core/digest.ts';
import { BUCKETS, cellOf } from '../../core/digest.ts';
import { INDEX_ITEM_HASH_BYTES } from '../../core/formats/segment-index.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { Watermark } from '../segments.ts';
import type { Base } from './base.ts';
import { RANGES_AT_ONCE, VIEW_BYTES } from './limits.ts';
import { readScanManifest } from './listed.ts';
import { merged } from './merge.ts';
import type { KeptOverlay, Overlay, OverlayOf } from './overlay.ts';
import { bytesOf, PREFIXES, prefixOfText, readOverlay, textOf } from './overlay.ts';
import { RUN_ENTRY_BYTES, readEntry } from './run.ts';
import type { OpenRun } from './stored.ts';
import { openRuns, readEntries } from './stored.ts';

/** What a member's table held at a watermark: its scan's runs, and what the log says since. */

/** Limits of a view, where others than the usual ones serve (tests), what is called now and then, and how it is read in slices. */
export interface ViewOptions {
  /** Bytes of fingerprints that are held at a time. Default: VIEW_BYTES. */
  readonly viewBytes?: number;
  /** Changed keys that are held at a time. Default: KEYS_PER_PASS. */
  readonly keysMax?: number;
  /** Called now and then: for a lease. */
  readonly beat?: () => Promise<void>;
  readonly kept?: KeptOverlay;
}

/** One entry of a view. Its key is found by `nameKeys`. */
export type ViewEntry = Fingerprint;

/** A part of a view: key hashes before `to` were given up to its end, in order. */
export interface ViewSlice {
  /** Prefix of key hashes (16 bits). */
  readonly to: number;
  /** How far the log was read. */
  readonly mark: Watermark;
  readonly entries: Iterable<ViewEntry>;
}

/** What a view is made of. */
export interface ViewOf extends OverlayOf {
  readonly runs: readonly OpenRun[];
  readonly viewBytes?: number;
}

/**
 * Opens a view of a base: `viewSlices` reads it. Of the base only `id`, `from`, `fromMs` and `expiry` are looked at.
 *
 * @throws FormatError naming a run that is missing, cut off or damaged · RemoteError
 */
export async function openView(
  place: ArchivePlace,
  runtime: Runtime,
  base: Pick<Base, 'id' | 'from' | 'fromMs' | 'expiry'>,
  options: ViewOptions = {},
): Promise<ViewOf> {
  const { beat = async () => undefined, ...more } = options;
  const { runs } = await readScanManifest(place, runtime, base.id);
  return { ...{ place, runtime, from: base.from, fromMs: base.fromMs, expiry: base.expiry, beat }, runs: await openRuns(place, runtime, runs, beat), ...more };
}

/**
 * The member's entries in these cells, exact as of a watermark, in the order of their key hashes: in parts, from a prefix of key hashes on. Whoever
 * is interrupted goes on from the last part's end. Where it is read in slices (`kept`), it ends without a further part when the slice does.
 *
 * Memory: VIEW_BYTES of fingerprints and KEYS_PER_PASS changed keys, however large the table is; where there are more it reads the log again
 * in passes over ranges of key hashes. A cell of a day may have keys of all buckets: all of the runs are read for it.
 *
 * @param mark at or after the base's own; absent: as far as the log reaches now. The first part names it.
 * @throws FormatError naming a run that is missing, cut off or damaged, before any entry of the damaged bucket is given · LogGapError · RemoteError
 */
export async function* viewSlices(of: ViewOf, from: number, mark: Watermark | undefined, cells: ReadonlySet<CellId> | 'all'): AsyncGenerator<ViewSlice> {
  const wanted = wantedBuckets(cells);
  const isWanted = (prefix: number): boolean => wanted[prefix >> 8] === true;
  let to = mark;
  for (let at = from; at < PREFIXES; ) {
    const overlay = await readOverlay(of, at, to, isWanted);
    if (!overlay.whole) return;
    to ??= overlay.mark;
    while (at < overlay.to) {
      const end = Math.min(overlay.to, planned(of, at, wanted));
      const pieces = await readPieces(of, at, end, wanted);
      yield { to: end, mark: to, entries: joined(pieces, overlay, at, end, cells) };
      at = end;
    }
  }
}

/** The buckets of cells that may hold anything: those named; all where a day is. */
function wantedBuckets(cells: ReadonlySet<CellId> | 'all'): readonly boolean[] {
  const all = cells === 'all' || [...cells].some((cell) => cell >= BUCKETS);
  return Array.from({ length: BUCKETS }, (_, bucket) => all || (cells as ReadonlySet<CellId>).has(bucket));
}

/** Up to where the entries from a prefix on can be held at once: whole buckets, or a part of one that is too large. */
function planned({ runs, viewBytes = VIEW_BYTES }: ViewOf, from: number, wanted: readonly boolean[]): number {
  let held = 0;
  for (let bucket = from >> 8; bucket < BUCKETS; bucket += 1) {
    if (wanted[bucket] !== true) continue;
    const bytes = runs.reduce((sum, { footer }) => {
      const { range } = footer.bucket(bucket);
      return sum + range.to - range.from;
    }, 0);
    held += bytes;
    if (held <= viewBytes) continue;
    if (bucket > from >> 8) return bucket << 8;
    // Key hashes are even: a part of the bucket has as large a part of its bytes.
    const step = Math.max(1, Math.floor((256 * viewBytes) / bytes));
    return Math.min(from + step, (bucket + 1) << 8);
  }
  return PREFIXES;
}

/** The entries of all runs within a range of prefixes. */
async function readPieces(of: ViewOf, from: number, to: number, wanted: readonly boolean[]): Promise<Buffer[]> {
  const { place, runtime } = of;
  const buckets: number[] = [];
  for (let bucket = from >> 8; bucket <= (to - 1) >> 8; bucket += 1) if (wanted[bucket] === true) buckets.push(bucket);
  const pieces: Buffer[] = [];
  if (buckets.length === 0) return pieces;
  const read = (run: OpenRun) => (): ReturnType<typeof readEntries> => readEntries(run, place, runtime, buckets);
  for await (const found of ahead(of.runs.map(read), RANGES_AT_ONCE)) {
    for (const { number, entries } of found) {
      const whole = from <= number << 8 && to >= (number + 1) << 8;
      // A part of a bucket is copied, so that the rest of it is not held.
      const piece = whole ? entries : Buffer.from(entries.subarray(placeOf(entries, from), placeOf(entries, to)));
      if (piece.length > 0) pieces.push(piece);
    }
    await of.beat();
  }
  return pieces;
}

/** Bytes of the entries whose key hash begins with less than a prefix. */
const placeOf = (entries: Buffer, prefix: number): number =>
  countBefore(entries.length / RUN_ENTRY_BYTES, prefix, (i) => entries.readUInt16BE(i * RUN_ENTRY_BYTES)) * RUN_ENTRY_BYTES;

/** How many of some sorted prefixes are less than one. */
function countBefore(length: number, prefix: number, prefixAt: (i: number) => number): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (prefixAt(middle) < prefix) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Runs and log, in the order of key hashes. */
function* joined(pieces: readonly Buffer[], overlay: Overlay, from: number, to: number, cells: ReadonlySet<CellId> | 'all'): Generator<ViewEntry> {
  const changed = changedKeys(overlay, from, to);
  const isIn = (entry: ViewEntry): boolean => cells === 'all' || cells.has(cellOf(entry));
  let next = 0;
  let last: string | undefined;
  for (const { entries, at } of merged(pieces)) {
    const entry = readEntry(entries, at / RUN_ENTRY_BYTES);
    const key = textOf(entry.keyHash);
    // A key that a scan has met twice was changed meanwhile, or is the same both times.
    if (key === last) continue;
    last = key;
    for (; next < changed.length && (changed[next] as string) < key; next += 1) {
      const own = changedEntry(overlay, changed[next] as string);
      if (own !== undefined && isIn(own)) yield own;
    }
    if (!overlay.keys.has(key) && isIn(entry)) yield entry;
  }
  for (; next < changed.length; next += 1) {
    const own = changedEntry(overlay, changed[next] as string);
    if (own !== undefined && isIn(own)) yield own;
  }
}

/** The changed keys within a range of prefixes, in order. */
function changedKeys({ sorted }: Overlay, from: number, to: number): readonly string[] {
  const before = (prefix: number): number => countBefore(sorted.length, prefix, (i) => prefixOfText(sorted[i] as string));
  return sorted.slice(before(from), before(to));
}

/** What the log says of a key; undefined where it was removed. */
function changedEntry({ keys }: Overlay, key: string): ViewEntry | undefined {
  const value = keys.get(key) as string;
  if (value === '') return undefined;
  const bytes = bytesOf(value);
  return { keyHash: bytesOf(key), itemHash: bytes.subarray(0, INDEX_ITEM_HASH_BYTES), day: bytes.readUInt16BE(INDEX_ITEM_HASH_BYTES) };
}

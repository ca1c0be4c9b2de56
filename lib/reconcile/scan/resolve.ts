import { ahead } from '../../archive/ahead.ts';
import type { ArchivePlace } from '../../archive/place.ts';
import type { Key } from '../../core/attribute.ts';
import { KEY_HASH_BYTES } from '../../core/key.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { together } from '../../replicate/together.ts';
import { readLine } from '../lines.ts';
import type { Watermark } from '../segments.ts';
import { footersAfter, grown } from '../segments.ts';
import type { Base } from './base.ts';
import { RANGES_AT_ONCE } from './limits.ts';
import { readScanManifest } from './listed.ts';
import type { RunRef } from './run.ts';
import { keyOfLine, RUN_ENTRY_BYTES } from './run.ts';
import type { OpenRun } from './stored.ts';
import { ALL_BUCKETS, openRuns, readEntries, readKeyLines } from './stored.ts';

/** Buckets of keys that are read at a time for a sample: a sixteenth of a run. */
const SAMPLE_BUCKETS = 16;
const nothing = async (): Promise<void> => undefined;

/** Keys that are looked for by their hashes (hexadecimal), and how far that has come. */
export interface Naming {
  readonly found: Map<string, Key>;
  readonly missing: Map<string, Buffer>;
  /** Runs that were looked through; then the log, up to a watermark. */
  runs: number;
  mark?: Watermark;
}

/** Begins to look for keys. @param hashes as many as are asked for at once are held, with their keys. */
export const freshNaming = (hashes: readonly Buffer[]): Naming => ({
  found: new Map(),
  missing: new Map(hashes.map((hash) => [hash.toString('hex'), hash])),
  runs: 0,
});

/**
 * Looks for keys by their hashes in the scan's runs, and in the log up to a watermark: what no run has was written since. It goes on from where an
 * earlier call ended.
 *
 * @param isOver looked at between two runs, and two segments: then it ends before all was looked through.
 * @returns whether it came to its end: what is missing then is nowhere.
 * @throws FormatError naming a damaged run or segment · LogGapError · RemoteError
 */
export async function nameKeys(
  place: ArchivePlace,
  runtime: Runtime,
  base: Pick<Base, 'id' | 'from'>,
  naming: Naming,
  to: Watermark,
  isOver: () => boolean,
): Promise<boolean> {
  if (naming.missing.size === 0) return true;
  if (naming.mark === undefined) {
    if (!(await nameByRuns(place, runtime, base.id, naming, isOver))) return false;
    naming.mark = base.from;
  }
  return nameByLog(place, runtime, naming, naming.mark, to, isOver);
}

/** The same by the runs alone of a scan. */
export async function nameByRuns(place: ArchivePlace, runtime: Runtime, id: string, naming: Naming, isOver: () => boolean): Promise<boolean> {
  const { missing } = naming;
  if (missing.size === 0) return true;
  const { runs } = await readScanManifest(place, runtime, id);
  const search = runs.slice(naming.runs).map((ref) => () => findInRun(place, runtime, ref, [...missing]));
  for await (const keys of ahead(search, RANGES_AT_ONCE)) {
    for (const [hash, key] of keys) take(naming, hash, key);
    naming.runs += 1;
    if (missing.size === 0) return true;
    if (isOver()) return false;
  }
  return true;
}

/** The same by the log alone, after a watermark, or from a time on. */
export async function nameByLog(
  place: ArchivePlace,
  runtime: Runtime,
  naming: Naming,
  from: Watermark | { readonly fromMs: number },
  to: Watermark,
  isOver: () => boolean,
): Promise<boolean> {
  const { missing } = naming;
  if (missing.size === 0) return true;
  for await (const read of footersAfter(place, runtime, from, { to })) {
    const { ref, footer } = read;
    const hits = [...missing].flatMap(([hash, bytes]) =>
      footer.index
        .find(bytes)
        .slice(-1)
        .map((entry) => ({ hash, entry })),
    );
    for (let at = 0; at < hits.length; at += RANGES_AT_ONCE) {
      await together(
        hits.slice(at, at + RANGES_AT_ONCE).map(async ({ hash, entry }) => take(naming, hash, (await readLine(place, runtime, ref, footer, entry)).keys)),
      );
    }
    if (naming.mark !== undefined) naming.mark = grown(naming.mark, read);
    if (missing.size === 0) return true;
    if (isOver()) return false;
  }
  return true;
}

function take({ found, missing }: Naming, hash: string, key: Key): void {
  if (missing.delete(hash)) found.set(hash, key);
}

async function findInRun(place: ArchivePlace, runtime: Runtime, ref: RunRef, wanted: readonly (readonly [string, Buffer])[]): Promise<[string, Key][]> {
  const [run] = (await openRuns(place, runtime, [ref], nothing)) as [OpenRun];
  const byBucket = Map.groupBy(wanted, ([, bytes]) => bytes[0] as number);
  const numbers = ALL_BUCKETS.filter((number) => byBucket.has(number));
  const hits: { readonly number: number; readonly hash: string; readonly place: number }[] = [];
  for (const { number, entries } of await readEntries(run, place, runtime, numbers)) {
    for (const [hash, bytes] of byBucket.get(number) ?? []) {
      const at = placeIn(entries, bytes);
      if (at !== undefined) hits.push({ number, hash, place: at });
    }
  }
  if (hits.length === 0) return [];
  const lines = await readKeyLines(run, place, runtime, [...new Set(hits.map(({ number }) => number))]);
  return hits.map(({ number, hash, place: at }) => [hash, keyOfLine(lines.get(number)?.[at] as string)]);
}

/** Where a key hash is among sorted entries. */
function placeIn(entries: Buffer, hash: Buffer): number | undefined {
  let [low, high] = [0, entries.length / RUN_ENTRY_BYTES - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const at = middle * RUN_ENTRY_BYTES;
    const order = entries.compare(hash, 0, KEY_HASH_BYTES, at, at + KEY_HASH_BYTES);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}

/** All keys that a scan has read, run by run: of a sample, those of its share of the table. @throws FormatError naming a damaged run · RemoteError */
export async function* sampledKeys(place: ArchivePlace, runtime: Runtime, id: string): AsyncGenerator<Key> {
  const { runs } = await readScanManifest(place, runtime, id);
  for (const ref of runs) {
    const [run] = await openRuns(place, runtime, [ref], nothing);
    for (let at = 0; at < ALL_BUCKETS.length; at += SAMPLE_BUCKETS) {
      const found = await readKeyLines(run as OpenRun, place, runtime, ALL_BUCKETS.slice(at, at + SAMPLE_BUCKETS));
      for (const lines of found.values()) for (const line of lines) yield keyOfLine(line);
    }
  }
}

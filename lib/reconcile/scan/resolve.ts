import { ahead } from '../../archive/ahead.ts';
import type { ArchivePlace } from '../../archive/place.ts';
import type { Key } from '../../core/attribute.ts';
import { KEY_HASH_BYTES } from '../../core/key.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { together } from '../../replicate/together.ts';
import type { Watermark } from '../segments.ts';
import { footersAfter, readLine } from '../segments.ts';
import type { Base } from './base.ts';
import { RANGES_AT_ONCE } from './limits.ts';
import { readScanManifest } from './listed.ts';
import { keyOfLine, RUN_ENTRY_BYTES } from './run.ts';
import type { OpenRun } from './stored.ts';
import { ALL_BUCKETS, openRuns, readEntries, readKeyLines } from './stored.ts';

/** Buckets of keys that are read at a time for a sample: a sixteenth of a run. */
const SAMPLE_BUCKETS = 16;
const nothing = async (): Promise<void> => undefined;

/**
 * Keys by their hashes (hexadecimal), from the scan's runs and from the log up to a watermark. Those that neither knows are absent.
 *
 * @param hashes as many as are asked for at once are held, with their keys.
 * @throws FormatError naming a damaged run or segment · LogGapError · RemoteError
 */
export async function resolveKeys(
  place: ArchivePlace,
  runtime: Runtime,
  base: Pick<Base, 'id' | 'from'>,
  hashes: readonly Buffer[],
  mark: Watermark,
): Promise<Map<string, Key>> {
  const found = new Map<string, Key>();
  const missing = new Map(hashes.map((hash) => [hash.toString('hex'), hash]));
  const take = (hash: string, key: Key): void => {
    if (missing.delete(hash)) found.set(hash, key);
  };
  const { runs } = await readScanManifest(place, runtime, base.id);
  for await (const keys of ahead(findInRuns(place, runtime, await openRuns(place, runtime, runs, nothing), missing), RANGES_AT_ONCE)) {
    for (const [hash, key] of keys) take(hash, key);
    if (missing.size === 0) return found;
  }
  // What no run has was written since.
  for await (const { ref, footer } of footersAfter(place, runtime, base.from, { to: mark })) {
    const hits = [...missing].flatMap(([hash, bytes]) =>
      footer.index
        .find(bytes)
        .slice(-1)
        .map((entry) => ({ hash, entry })),
    );
    for (let at = 0; at < hits.length; at += RANGES_AT_ONCE) {
      await together(hits.slice(at, at + RANGES_AT_ONCE).map(async ({ hash, entry }) => take(hash, (await readLine(place, runtime, ref, footer, entry)).keys)));
    }
    if (missing.size === 0) return found;
  }
  return found;
}

/** Looks for what is still missing, run by run. */
function* findInRuns(
  place: ArchivePlace,
  runtime: Runtime,
  runs: readonly OpenRun[],
  missing: ReadonlyMap<string, Buffer>,
): Generator<() => Promise<[string, Key][]>> {
  for (const run of runs) yield () => findInRun(place, runtime, run, [...missing]);
}

async function findInRun(place: ArchivePlace, runtime: Runtime, run: OpenRun, wanted: readonly (readonly [string, Buffer])[]): Promise<[string, Key][]> {
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

import { ahead } from '../../archive/ahead.ts';
import { MissingObjectError, readRange } from '../../archive/log/read.ts';
import type { ArchivePlace } from '../../archive/place.ts';
import { wholeObject } from '../../archive/snapshot/read.ts';
import { FormatError } from '../../core/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { RANGES_AT_ONCE, RUN_TAIL_BYTES } from './limits.ts';
import type { RunRef } from './run.ts';
import { checkEntries, checkRun, keyLines, RunFooter } from './run.ts';

/** Reading runs of the bucket. */

/** Buckets whose bytes lie so near (bytes) are read by one request. */
const GAP_BYTES_MAX = 32 * 1_024;

/** A run whose footer was read. */
export interface OpenRun {
  readonly ref: RunRef;
  readonly footer: RunFooter;
}

/** The footer of a run in the bucket. @param bytes of the object @throws FormatError naming it: missing, cut off, damaged · RemoteError */
export async function readRunFooter(place: ArchivePlace, runtime: Runtime, name: string, bytes: number): Promise<RunFooter> {
  if (bytes === 0) throw new FormatError(`${name} is damaged: it is empty.`);
  return new RunFooter(await readRange(place, runtime, name, { last: Math.min(RUN_TAIL_BYTES, bytes) }), name);
}

/** Reads the footers of runs, some at a time. @param beat called after each @throws as `readRunFooter` */
export async function openRuns(place: ArchivePlace, runtime: Runtime, refs: readonly RunRef[], beat: () => Promise<void>): Promise<OpenRun[]> {
  const found: OpenRun[] = [];
  const open = (ref: RunRef) => async (): Promise<OpenRun> => {
    const footer = await readRunFooter(place, runtime, ref.name, ref.bytes);
    footer.expect(ref);
    return { ref, footer };
  };
  for await (const run of ahead(refs.map(open), RANGES_AT_ONCE)) {
    found.push(run);
    await beat();
  }
  return found;
}

/** A run that was read whole: its entries, and the lines of their keys. */
export interface WholeRun extends OpenRun {
  readonly entries: Buffer;
  readonly lines: readonly string[];
}

/** Reads a whole run, and checks all of it. @throws FormatError naming it · RemoteError */
export async function readRun(place: ArchivePlace, runtime: Runtime, ref: RunRef): Promise<WholeRun> {
  const found = await wholeObject(place, runtime, ref.name);
  if (found === undefined) throw new MissingObjectError(ref.name);
  const body = Buffer.from(found.buffer, found.byteOffset, found.length);
  const footer = new RunFooter(body.subarray(-RUN_TAIL_BYTES), ref.name);
  footer.expect(ref);
  checkRun(ref, footer, body);
  const lines: string[] = [];
  for (const { number, bucket } of bucketsOf(footer, ALL_BUCKETS)) {
    for (const line of keyLines(ref, number, bucket, body.subarray(bucket.keys.from, bucket.keys.to))) lines.push(line);
  }
  return { ref, footer, entries: body.subarray(0, footer.entryBytes), lines };
}

/** Every bucket. */
export const ALL_BUCKETS: readonly number[] = Array.from({ length: 256 }, (_, i) => i);

/** A bucket of a run that has entries. */
interface Filled {
  readonly number: number;
  readonly bucket: ReturnType<RunFooter['bucket']>;
}

/** Those of these buckets that have entries. */
const bucketsOf = (footer: RunFooter, numbers: readonly number[]): Filled[] =>
  numbers.map((number) => ({ number, bucket: footer.bucket(number) })).filter(({ bucket }) => bucket.to > bucket.from);

/** Entries of one bucket of a run, sorted by key hash. */
export interface BucketEntries {
  readonly number: number;
  readonly entries: Buffer;
}

/** The entries of some buckets of a run, in order. Their sums are checked. @throws FormatError naming the run · RemoteError */
export async function readEntries({ ref, footer }: OpenRun, place: ArchivePlace, runtime: Runtime, numbers: readonly number[]): Promise<BucketEntries[]> {
  const found: BucketEntries[] = [];
  await eachBucket(place, runtime, ref, bucketsOf(footer, numbers), 'range', ({ number, bucket }, entries) => {
    checkEntries(ref, number, bucket, entries);
    found.push({ number, entries });
  });
  return found;
}

/** The lines of keys of some buckets of a run, in order: those of each bucket in the order of its entries. @throws as `readEntries` */
export async function readKeyLines(
  { ref, footer }: OpenRun,
  place: ArchivePlace,
  runtime: Runtime,
  numbers: readonly number[],
): Promise<Map<number, string[]>> {
  const found = new Map<number, string[]>();
  await eachBucket(place, runtime, ref, bucketsOf(footer, numbers), 'keys', ({ number, bucket }, frame) => {
    found.set(number, keyLines(ref, number, bucket, frame));
  });
  return found;
}

/** Gives the bytes of each bucket; near ones are read together. A run has a few MB at most, so that every range passes in one call. */
async function eachBucket(
  place: ArchivePlace,
  runtime: Runtime,
  ref: RunRef,
  filled: readonly Filled[],
  what: 'range' | 'keys',
  take: (of: Filled, bytes: Buffer) => void,
): Promise<void> {
  for (let at = 0; at < filled.length; ) {
    let end = at + 1;
    while (end < filled.length && rangeOf(filled, end, what).from - rangeOf(filled, end - 1, what).to <= GAP_BYTES_MAX) end += 1;
    const range = { from: rangeOf(filled, at, what).from, to: rangeOf(filled, end - 1, what).to };
    const read = await readRange(place, runtime, ref.name, range);
    const bytes = Buffer.from(read.buffer, read.byteOffset, read.length);
    for (; at < end; at += 1) {
      const { from, to } = rangeOf(filled, at, what);
      take(filled[at] as Filled, bytes.subarray(from - range.from, to - range.from));
    }
  }
}

const rangeOf = (filled: readonly Filled[], i: number, what: 'range' | 'keys'): { readonly from: number; readonly to: number } =>
  (filled[i] as Filled).bucket[what];

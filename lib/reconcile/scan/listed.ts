import { z } from 'zod';
import { ahead } from '../../archive/ahead.ts';
import { MissingObjectError } from '../../archive/log/read.ts';
import type { ArchivePlace } from '../../archive/place.ts';
import { listAll, wholeObject } from '../../archive/snapshot/read.ts';
import { storeOnce } from '../../archive/snapshot/store.ts';
import { assert, FormatError, InputError } from '../../core/errors.ts';
import { readDocument } from '../../core/formats/manifest.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { scanJsonName } from './base.ts';
import { RANGES_AT_ONCE, RUNS_MAX } from './limits.ts';
import type { RunRef } from './run.ts';
import { runRefSchema, runsPrefix } from './run.ts';
import { readRunFooter } from './stored.ts';
import type { ScanTask } from './task.ts';

/** `scans/<id>/scan.json`: what a scan is of, and its runs. It is written once every page was read. */

const time = z.int().min(0);

export const scannedTableSchema = z.strictObject({
  name: z.string().min(1),
  tableId: z.string(),
  label: z.string().min(1),
  expiry: z.string().min(1).exactOptional(),
});

const schema = z.strictObject({
  format: z.literal(1),
  id: z.string(),
  set: z.string(),
  member: z.string(),
  table: scannedTableSchema,
  /** Before the first page was read, and after the last one with a margin (ms). */
  startedMs: time,
  endedMs: time,
  /** The share of the table that was read; absent for all of it. */
  sample: z.number().gt(0).max(1).exactOptional(),
  items: z.int().min(0),
  runs: z.array(runRefSchema).max(RUNS_MAX),
});

/** A scan whose every page was read. */
export type ScanManifest = Readonly<z.infer<typeof schema>>;

/** @throws FormatError when there is none, or it is damaged · RemoteError */
export async function readScanManifest(place: ArchivePlace, runtime: Runtime, id: string): Promise<ScanManifest> {
  const name = scanJsonName(id);
  const body = await wholeObject(place, runtime, name);
  if (body === undefined) throw new MissingObjectError(name);
  const found = readDocument(body, schema, name);
  if (found.id !== id) throw new FormatError(`${name} is of another scan: ${found.id}.`);
  return found;
}

/**
 * Writes the manifest of a scan: looks for each run that the savepoint's newest ones lead to.
 *
 * @param admit see `storeOnce` @param beat called now and then
 * @throws InputError "too-large" · FormatError naming a run that is missing or damaged · RemoteError
 */
export async function writeScanManifest(place: ArchivePlace, runtime: Runtime, task: ScanTask, admit: () => void, beat: () => Promise<void>): Promise<void> {
  const { id, table, started, ended, sample } = task;
  assert(table !== undefined && started !== undefined && ended !== undefined, 'a scan that is listed before its end', { id });
  const runs = await runsOf(place, runtime, task, beat);
  const items = runs.reduce((sum, { entries }) => sum + entries, 0);
  assert(items === task.items, 'a scan whose runs hold another number of items', { counted: task.items, inRuns: items });
  const manifest: ScanManifest = {
    format: 1,
    ...{ id, set: place.set, member: place.member, table, startedMs: started, endedMs: ended },
    ...(sample !== undefined && { sample }),
    ...{ items, runs },
  };
  // All of it follows from the savepoint: a second attempt has the same bytes.
  await storeOnce(place, runtime, scanJsonName(id), Buffer.from(`${JSON.stringify(manifest)}\n`, 'utf8'), admit);
}

/** The runs of a scan, part by part, in the order in which they were made. */
async function runsOf(place: ArchivePlace, runtime: Runtime, { id, segments }: ScanTask, beat: () => Promise<void>): Promise<RunRef[]> {
  const stored: { readonly name: string; readonly bytes: number }[] = [];
  for await (const { key, size } of listAll(place, runtime, runsPrefix(id))) stored.push({ name: key, bytes: size });
  const found = new Map<string, { readonly sum: string; readonly previous: RunRef | undefined } | FormatError>();
  // What a killed slice has left is read, too: nothing leads to it.
  const read =
    ({ name, bytes }: (typeof stored)[number]) =>
    async (): Promise<void> => {
      try {
        const { ref, head } = await readRunFooter(place, runtime, name, bytes);
        found.set(name, { sum: ref.sum, previous: head.previous });
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        found.set(name, error);
      }
    };
  for await (const _ of ahead(stored.map(read), RANGES_AT_ONCE)) await beat();
  return segments.flatMap(({ newest }) => {
    const chain: RunRef[] = [];
    for (let ref = newest; ref !== undefined; ) {
      const there = found.get(ref.name);
      if (there === undefined) throw new MissingObjectError(ref.name);
      if (there instanceof FormatError) throw there;
      if (there.sum !== ref.sum) throw new FormatError(`${ref.name} is damaged: it is not the run that was stored under this name. Scan the table again.`);
      chain.push(ref);
      if (chain.length > RUNS_MAX) throw new InputError('too-large', `The scan has more than ${RUNS_MAX} runs: the table is too large for one scan.`);
      ref = there.previous;
    }
    return chain.reverse();
  });
}

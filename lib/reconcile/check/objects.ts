import type { ArchivePlace } from '../../archive/place.ts';
import { store } from '../../archive/rewrite/store.ts';
import { listAll, wholeObject } from '../../archive/snapshot/read.ts';
import { FormatError } from '../../core/errors.ts';
import { REPORTS_PREFIX } from '../../core/formats/archive-names.ts';
import { readDocument } from '../../core/formats/manifest.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { Opening } from '../proof/opening-state.ts';
import { openingSchema } from '../proof/opening-state.ts';
import type { VerdictBatch } from '../verdict/batch.ts';
import type { CheckReport, Finding } from './report.ts';
import { checkReportSchema, findingSchema } from './report.ts';

/**
 * The objects of a check, in the primary's bucket. Each is written whole under a name that follows from what it is, so that a step that
 * is done again writes the same.
 *
 * | object | |
 * |---|---|
 * | `reports/<check>/batch-<n>.json` | a batch of suspicions, as far as its verdict is |
 * | `reports/<check>/opening-<target>.json` | the opening of a link's cells, as far as it is |
 * | `reports/<check>/findings/<n, 6 digits>.jsonl` | what the batch n found, a line each; with the outcome, once it is repaired |
 * | `reports/<check>/report.json` | CheckReport, from the preview on |
 */
const DIGITS = 6;

export const batchName = (id: string, n: number): string => `${REPORTS_PREFIX}${id}/batch-${n}.json`;
const findingsPrefix = (id: string): string => `${REPORTS_PREFIX}${id}/findings/`;
export const findingsName = (id: string, n: number): string => `${findingsPrefix(id)}${String(n).padStart(DIGITS, '0')}.jsonl`;
export const reportName = (id: string): string => `${REPORTS_PREFIX}${id}/report.json`;

/** Stores a batch. @throws RemoteError */
export async function storeBatch(place: ArchivePlace, runtime: Runtime, id: string, batch: VerdictBatch): Promise<void> {
  await store(place, runtime, batchName(id, batch.n), Buffer.from(JSON.stringify(batch), 'utf8'));
}

/** Reads a batch. @throws FormatError naming the object when it is missing or damaged · RemoteError */
export async function readBatch(place: ArchivePlace, runtime: Runtime, id: string, n: number): Promise<VerdictBatch> {
  const name = batchName(id, n);
  const bytes = await wholeObject(place, runtime, name);
  if (bytes === undefined) throw new FormatError(`${name} is missing.`);
  const batch = parsed(Buffer.from(bytes).toString('utf8'), name) as VerdictBatch;
  if (batch.check !== id || batch.n !== n) throw new FormatError(`${name} is damaged: it holds another batch.`);
  return batch;
}

const openingName = (id: string, target: string): string => `${REPORTS_PREFIX}${id}/opening-${target}.json`;

/** Stores the opening of a link. @throws RemoteError */
export async function storeOpening(place: ArchivePlace, runtime: Runtime, id: string, opening: Opening): Promise<void> {
  await store(place, runtime, openingName(id, opening.target), Buffer.from(JSON.stringify(opening), 'utf8'));
}

/** Reads it. @throws FormatError naming the object when it is missing or damaged · RemoteError */
export async function readOpening(place: ArchivePlace, runtime: Runtime, id: string, target: string): Promise<Opening> {
  const name = openingName(id, target);
  const bytes = await wholeObject(place, runtime, name);
  if (bytes === undefined) throw new FormatError(`${name} is missing.`);
  return readDocument(bytes, openingSchema, name);
}

/** Stores the findings of a batch, whatever was there. @throws RemoteError */
export async function storeFindings(place: ArchivePlace, runtime: Runtime, id: string, n: number, findings: readonly Finding[]): Promise<void> {
  const text = findings.map((finding) => `${JSON.stringify(finding)}\n`).join('');
  await store(place, runtime, findingsName(id, n), Buffer.from(text, 'utf8'));
}

/** The findings of a batch; none where it has left no part. @throws FormatError naming the object · RemoteError */
export async function readPart(place: ArchivePlace, runtime: Runtime, id: string, n: number): Promise<readonly Finding[]> {
  return readLines(place, runtime, findingsName(id, n));
}

async function readLines(place: ArchivePlace, runtime: Runtime, name: string): Promise<readonly Finding[]> {
  const bytes = await wholeObject(place, runtime, name);
  if (bytes === undefined) return [];
  return Buffer.from(bytes)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const found = findingSchema.safeParse(parsed(line, name));
      if (!found.success) throw new FormatError(`${name} is damaged, or of another version: a line is no finding.`);
      return found.data;
    });
}

/** All findings of a check, a part at a time. @throws FormatError naming the object · RemoteError */
export async function* readFindings(place: ArchivePlace, runtime: Runtime, id: string): AsyncGenerator<Finding> {
  for await (const { key } of listAll(place, runtime, findingsPrefix(id))) yield* await readLines(place, runtime, key);
}

/** Stores the report, whatever was there. @throws RemoteError */
export async function storeReport(place: ArchivePlace, runtime: Runtime, report: CheckReport): Promise<void> {
  await store(place, runtime, reportName(report.id), Buffer.from(`${JSON.stringify(report)}\n`, 'utf8'));
}

/** The report of a check; undefined before its preview. @throws FormatError naming the object · RemoteError */
export async function readReport(place: ArchivePlace, runtime: Runtime, id: string): Promise<CheckReport | undefined> {
  const name = reportName(id);
  const bytes = await wholeObject(place, runtime, name);
  return bytes === undefined ? undefined : readDocument(bytes, checkReportSchema, name);
}

function parsed(json: string, name: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new FormatError(`${name} is damaged: it is not JSON.`, { cause });
  }
}

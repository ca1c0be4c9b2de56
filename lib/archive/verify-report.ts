import { z } from 'zod';
import { FormatError } from '../core/errors.ts';
import { nameTime, REPORTS_PREFIX } from '../core/formats/archive-names.ts';
import { shortNonce } from '../core/formats/manifest.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { Finding } from './log/finding.ts';
import type { VerifyReport } from './log/report.ts';
import type { ArchivePlace } from './place.ts';
import { sealed, store, unsealed } from './rewrite/store.ts';
import { listAll, wholeObject } from './snapshot/read.ts';

/** Reports of verifications in the bucket: `reports/verify-<time>-<nonce>/verify.json`, so that they sort by time. */

const JOB_PREFIX = `${REPORTS_PREFIX}verify-`;
const FILE = '/verify.json';

const ms = z.int().min(0);
const count = z.int().min(0);
const span = z.strictObject({ fromMs: ms, toMs: ms });
const finding = z.strictObject({
  kind: z.enum(['missing', 'damaged', 'hole', 'unlinked', 'unfinished']),
  object: z.string().exactOptional(),
  shard: z.string().exactOptional(),
  fromMs: z.number().exactOptional(),
  toMs: z.number().exactOptional(),
  what: z.string(),
  todo: z.string(),
});
const reportSchema: z.ZodType<VerifyReport> = z.strictObject({
  at: ms,
  deep: z.boolean(),
  segments: count,
  rollups: count,
  snapshots: count,
  records: count,
  bytes: count,
  fromMs: ms.exactOptional(),
  toMs: ms.exactOptional(),
  restorable: z.array(span),
  findings: z.array(finding),
  found: count,
});

/** Stores a report. @returns the object's name. @throws RemoteError */
export async function saveReport(place: ArchivePlace, runtime: Runtime, report: VerifyReport): Promise<string> {
  const name = `${JOB_PREFIX}${nameTime(report.at)}-${shortNonce(runtime.chance.nonce())}${FILE}`;
  await store(place, runtime, name, Buffer.from(sealed(report).text, 'utf8'));
  return name;
}

/** Reports that are looked through for the newest deep one. */
const REPORTS_READ_MAX = 20;

/**
 * What the newest verification has found, and what only the newest one that read every byte could find: objects that it
 * found damaged count until another one reads them. A report that cannot be read counts as none. @throws RemoteError
 */
export async function newestFindings(place: ArchivePlace, runtime: Runtime): Promise<readonly Finding[]> {
  const names: string[] = [];
  for await (const { key } of listAll(place, runtime, JOB_PREFIX)) if (key.endsWith(FILE)) names.push(key);
  const found: Finding[] = [];
  for (const [i, name] of names.reverse().slice(0, REPORTS_READ_MAX).entries()) {
    const report = await readReport(place, runtime, name);
    const known = new Set(found.map(({ object }) => object));
    if (i === 0) found.push(...(report?.findings ?? []));
    else if (report?.deep === true) found.push(...report.findings.filter(({ kind, object }) => kind === 'damaged' && !known.has(object)));
    if (report?.deep === true) break;
  }
  return found;
}

async function readReport(place: ArchivePlace, runtime: Runtime, name: string): Promise<VerifyReport | undefined> {
  const bytes = await wholeObject(place, runtime, name);
  if (bytes === undefined) return undefined;
  try {
    const { sum: _, ...report } = unsealed(bytes, reportSchema, name);
    return report;
  } catch (error) {
    // A verification can be made anew at any time: a report that is damaged only means that there is none.
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

import { z } from 'zod';
import type { Key } from '../attribute.ts';
import { LANES_MAX, RESYNC_KEYS_MAX } from '../constants.ts';
import { FormatError } from '../errors.ts';
import { REPORTS_PREFIX } from './archive-names.ts';
import { EPOCH_MAX } from './position.ts';

/**
 * The answer to a resync of mode `report`: what the source and the target had of its keys, read within the keys' lane. One JSON object,
 * `reports/<job>/<lane>` in the source's bucket.
 */

/** What both sides had of one key. */
export interface ReportKey {
  readonly k: Key;
  /** Item hash (base64 of 16 bytes) of the source's item; absent when there is none. */
  readonly s?: string;
  /** Item hash of the target's item. */
  readonly t?: string;
  /** The target's newest position that counts (base64): of its item, or of its tombstone. Absent when it has none. */
  readonly p?: string;
  /** Kind of the seal that holds that position. */
  readonly kind?: 'lane' | 'repair';
  /** The position is the tombstone's. */
  readonly grave?: true;
  /** The target's item has a seal that counts, and its content is what was sealed: an applier wrote exactly this. */
  readonly sealed?: true;
  /** The target's item is older than its tombstone: a delete that was not finished. Readers do not see it. */
  readonly hidden?: true;
  /** The target cannot take the key: it is listed as refused, since (ms). */
  readonly refused?: number;
  /** When the source's item expires, and the target's (seconds since 1970); absent for an item that does not. */
  readonly es?: number;
  readonly et?: number;
  /** Both have the same content, or neither has an item. */
  readonly equal: boolean;
}

/** One answer. */
export interface LaneReport {
  readonly format: 1;
  readonly set: string;
  readonly job: string;
  readonly target: string;
  readonly lane: number;
  /** Of the message, and of the fence under which it was answered. */
  readonly epoch: number;
  /** After both sides were read (ms, clock of the source's region). */
  readonly at: number;
  readonly keys: readonly ReportKey[];
}

/** Longest name of a job (characters). */
export const REPORT_JOB_MAX = 200;
const JOB = /^[A-Za-z0-9._#-]+(\/[A-Za-z0-9._-]+)*$/;

/** What is wrong with the name of a job, which becomes a part of an object's name, or undefined. */
export function reportJobProblem(job: string | undefined): string | undefined {
  if (job === undefined) return 'a resync that asks for a report names no job';
  if (job.length <= REPORT_JOB_MAX && JOB.test(job) && !job.includes('..')) return undefined;
  return `the job ${JSON.stringify(job.slice(0, REPORT_JOB_MAX))} is no name for reports: it has at most ${REPORT_JOB_MAX} characters a–z, A–Z, 0–9 and ._#- in parts between slashes`;
}

/** Name of the object that holds a job's answer of one lane. */
export const reportName = (job: string, lane: number): string => `${REPORTS_PREFIX}${job}/${lane}`;

const hash = z.string().regex(/^[A-Za-z0-9+/]{22}==$/);
const bytes = z.string().regex(/^[A-Za-z0-9+/]+=*$/);
const seconds = z.number();
const keySchema = z.strictObject({
  k: z.custom<Key>((v) => typeof v === 'object' && v !== null && !Array.isArray(v), 'not a key'),
  s: hash.exactOptional(),
  t: hash.exactOptional(),
  p: bytes.exactOptional(),
  kind: z.enum(['lane', 'repair']).exactOptional(),
  grave: z.literal(true).exactOptional(),
  sealed: z.literal(true).exactOptional(),
  hidden: z.literal(true).exactOptional(),
  refused: z.number().exactOptional(),
  es: seconds.exactOptional(),
  et: seconds.exactOptional(),
  equal: z.boolean(),
});

const reportSchema = z.strictObject({
  format: z.literal(1),
  set: z.string(),
  job: z.string(),
  target: z.string(),
  lane: z
    .int()
    .min(0)
    .max(LANES_MAX - 1),
  epoch: z.int().min(0).max(EPOCH_MAX),
  at: z.number(),
  keys: z.array(keySchema).max(RESYNC_KEYS_MAX),
});

/** The bytes of an answer. */
export const encodeReport = (report: LaneReport): Buffer => Buffer.from(JSON.stringify(report), 'utf8');

/** Reads an answer. @param name of the object, for messages. @throws FormatError */
export function decodeReport(body: Uint8Array, name: string): LaneReport {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8'));
  } catch {
    // Without its cause: a syntax error quotes the text around it, which is a key's.
    throw new FormatError(`${name} is damaged: it is not JSON`);
  }
  const found = reportSchema.safeParse(value);
  if (found.success) return found.data;
  const problems = found.error.issues.slice(0, 3).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new FormatError(`${name} is not a report of format 1: ${problems.join('; ')}`);
}

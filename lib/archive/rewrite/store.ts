import { hash } from 'node:crypto';
import { z } from 'zod';
import { FormatError } from '../../core/errors.ts';
import { REPORTS_PREFIX } from '../../core/formats/archive-names.ts';
import { readDocument } from '../../core/formats/manifest.ts';
import { sha256Base64 } from '../../core/formats/segment.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import type { ArchivePlace } from '../place.ts';
import { REQUEST_MAX_MS } from './limits.ts';

/** The objects of a rewrite: `reports/<job>/plan/<n>.jsonl.zst`, `plan.json`, `result/<n>.jsonl.zst`, `result.json`. */

/** Digits of a chunk's number in a name. */
const CHUNK_DIGITS = 6;

export const planName = (job: string): string => `${REPORTS_PREFIX}${job}/plan.json`;
export const resultName = (job: string): string => `${REPORTS_PREFIX}${job}/result.json`;
const numbered = (job: string, kind: 'plan' | 'result', n: number): string =>
  `${REPORTS_PREFIX}${job}/${kind}/${String(n).padStart(CHUNK_DIGITS, '0')}.jsonl.zst`;
export const chunkName = (job: string, n: number): string => numbered(job, 'plan', n);
/** What was skipped of a chunk of the plan. */
export const skippedName = (job: string, n: number): string => numbered(job, 'result', n);

/** Stores an object, whatever was there. Repeating it does no harm. @returns the SHA-256, base64. @throws RemoteError */
export async function store(place: ArchivePlace, runtime: Runtime, name: string, body: Buffer): Promise<string> {
  const sha256 = sha256Base64(body);
  await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () => place.objects.put(place.bucket, name, body, { sha256 }));
  return sha256;
}

/** SHA-256 of a document, hex: over its JSON without the sum. */
const sumOf = (document: object): string => hash('sha256', JSON.stringify(document), 'hex');

/** The JSON text of a document, with its sum as the last field. */
export const sealed = <T extends object>(document: T): { readonly text: string; readonly sum: string } => {
  const sum = sumOf(document);
  return { text: `${JSON.stringify({ ...document, sum })}\n`, sum };
};

/** Reads what `sealed` has written. @param object its name, for messages. @throws FormatError naming it */
export function unsealed<T extends object>(bytes: Uint8Array, schema: z.ZodType<T>, object: string): T & { readonly sum: string } {
  const { sum, ...document } = readDocument(bytes, anyDocument, object);
  if (sum !== sumOf(document)) throw new FormatError(`${object} is damaged: its sum is not that of what it says.`);
  const parsed = schema.safeParse(document);
  if (!parsed.success) throw new FormatError(`${object} is damaged, or of another version: ${z.prettifyError(parsed.error)}`);
  return { ...parsed.data, sum };
}

const anyDocument = z.looseObject({ sum: z.string() });

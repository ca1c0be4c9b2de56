import { z } from 'zod';
import type { Item } from '../../core/attribute.ts';
import { text } from '../../core/attribute.ts';
import { FormatError } from '../../core/errors.ts';
import { check, FORMAT, num, s } from '../../core/formats/row-fields.ts';
import { numberValue } from '../../core/formats/rows.ts';
import { jobKey } from '../../job/row.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { TablePort } from '../../ports/table.ts';
import { retried } from '../../replicate/retry.ts';
import { OBJECT_MAX_MS } from './limits.ts';
import { openingSchema } from './opening-state.ts';

/** The row `job / proof` of the primary: what the newest look showed. One attribute of JSON, and a version. */

const time = z.number();
const whole = z.int().min(0);
const cells = z.array(whole);

const linkSchema = z.strictObject({
  state: z.enum(['verified', 'suspect', 'unverified']),
  /** The newest look (ms). */
  at: time,
  /** Up to when both logs were read (ms): equal as of then, but for the hot keys. Of the last look that said "verified". */
  asOf: time.exactOptional(),
  cells: whole,
  differing: whole,
  hot: whole,
  /** Keys that the target refuses and that were taken out. */
  refused: whole.exactOptional(),
  /** Keys that are not compared, since their day of expiry has begun, in cells that differ. */
  notCompared: whole.exactOptional(),
  why: z.string().exactOptional(),
  /** The target’s log shows nothing since (ms). */
  quietSince: time.exactOptional(),
  /** Cells that differ, and for how many looks in a row they did. */
  suspects: cells.exactOptional(),
  looks: whole.exactOptional(),
  /** Keys in motion that are followed: key hash (hexadecimal) → looks in a row. */
  followed: z.record(z.string(), whole).exactOptional(),
  /** Cells that are being opened. */
  opening: openingSchema.exactOptional(),
  /** The last opening: when it ended (ms), its cells, and what it found. */
  opened: z.strictObject({ at: time, cells, suspicions: whole, unresolved: whole, bytes: whole, why: z.string().exactOptional() }).exactOptional(),
});

const memberSchema = z.strictObject({
  /** Id of the base that was folded. */
  base: z.string().exactOptional(),
  items: z.int().exactOptional(),
  asOf: time,
  why: z.string().exactOptional(),
  /** What the newest base showed of the one before: cells whose log and table were not the same. */
  audit: z.strictObject({ base: z.string(), before: z.string(), differing: whole, at: time }).exactOptional(),
});

const schema = z.strictObject({ at: time, links: z.record(z.string(), linkSchema), members: z.record(z.string(), memberSchema) });

/** What a link’s newest look showed. */
export type LinkProof = z.infer<typeof linkSchema>;
/** What is known of a member. */
export type MemberProof = z.infer<typeof memberSchema>;

/** See above. `v` grows with each write. */
export type ProofRow = z.infer<typeof schema> & { readonly v: number };

export const PROOF_KEY = jobKey('proof');
const WHAT = 'proof row';

export function encodeProof({ v, ...proof }: ProofRow): Item {
  return { ...PROOF_KEY, f: { N: FORMAT }, kind: s('proof'), proof: s(JSON.stringify(proof)), v: numberValue(v) };
}

/** @throws FormatError */
export function decodeProof(row: Item): ProofRow {
  check(row, WHAT);
  let value: unknown;
  try {
    value = JSON.parse(text(row['proof'], 'S') ?? '');
  } catch (cause) {
    throw new FormatError(`a ${WHAT} that is not JSON`, { cause });
  }
  const found = schema.safeParse(value);
  if (!found.success) throw new FormatError(`a ${WHAT} of another kind: ${found.error.issues[0]?.message ?? ''}`);
  return { ...found.data, v: num(row, 'v', WHAT) };
}

/** The newest look. One that this version cannot read is as none. @throws RemoteError */
export async function readProof(table: TablePort, control: string, runtime: Runtime): Promise<ProofRow | undefined> {
  const row = await retried(runtime, runtime.clock.elapsed() + OBJECT_MAX_MS, () => table.get(control, PROOF_KEY));
  if (row === undefined) return undefined;
  try {
    return decodeProof(row);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    runtime.log.warn('The row of the proof cannot be read; the next look writes it anew.', { why: error.message });
    return undefined;
  }
}

/** Writes it in place of the one that was read. Of two runs the first one counts. @returns whether it was written @throws RemoteError */
export async function saveProof(table: TablePort, control: string, runtime: Runtime, proof: ProofRow, before: ProofRow | undefined): Promise<boolean> {
  const unchanged = before === undefined ? undefined : ({ op: '=', path: ['v'], value: numberValue(before.v) } as const);
  const answer = await retried(runtime, runtime.clock.elapsed() + OBJECT_MAX_MS, () => table.put(control, encodeProof(proof), unchanged));
  return answer.ok;
}

/** Drops the row, if there is one: where nobody looks any more, it would go on saying what once was so. @throws RemoteError */
export async function dropProof(table: TablePort, control: string, runtime: Runtime): Promise<void> {
  const until = runtime.clock.elapsed() + OBJECT_MAX_MS;
  // A delete is billed as a write, every minute, also where there is nothing.
  if ((await retried(runtime, until, () => table.get(control, PROOF_KEY))) === undefined) return;
  await retried(runtime, until, () => table.delete(control, PROOF_KEY));
}

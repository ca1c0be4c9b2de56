import { z } from 'zod';
import type { Key } from '../../core/attribute.ts';
import { REASONS_MAX, REPORT_FINDINGS_MAX } from './limits.ts';

/**
 * What a check says, as stable JSON: `reports/<check>/report.json`, the answer of `syncline check --json` and of the API. Fields are only
 * added within a schema's number. Times are ms since 1970 (clock of the primary's region).
 */
export const CHECK_SCHEMA = 'syncline.check/1';

const ms = z.int().min(0);
const count = z.int().min(0);

export const CHECK_PHASES = ['scan', 'compare', 'open', 'verdict', 'preview', 'repair', 'verify', 'done'] as const;
export type CheckPhase = (typeof CHECK_PHASES)[number];

/** DynamoDB JSON of a key. */
const keySchema: z.ZodType<Key> = z.custom<Key>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'not a key');

/** One key that is not simply equal: a line of `findings/<part>.jsonl`. */
export const findingSchema = z.strictObject({
  key: keySchema,
  /** The member whose copy it is. */
  target: z.string(),
  /**
   * `divergent`: source and target differ, and no change is on the way. `unverified`: nobody knows, `why` says the reason.
   * `refused`: the target can never take the item as it is.
   */
  verdict: z.enum(['divergent', 'unverified', 'refused']),
  /** Of a divergent key: both have it; only the source has it; only the target has it. */
  kind: z.enum(['changed', 'missing', 'extra']).exactOptional(),
  /** Hash of the item at the source and at the target, without Syncline's own attribute (base64, 16 bytes). */
  sourceHash: z.string().exactOptional(),
  targetHash: z.string().exactOptional(),
  /** When the verdict's reads were made. */
  at: ms.exactOptional(),
  /** What became of a divergent key: equal by a second verdict; still divergent; held back, since a human must allow so many deletions. Absent: not repaired. */
  outcome: z.enum(['repaired', 'left', 'held']).exactOptional(),
  why: z.string().exactOptional(),
});
export type Finding = Readonly<z.infer<typeof findingSchema>>;

const reason = z.strictObject({ why: z.string(), keys: count });

/** One link of a check. `verified + divergent + unverified = keys`, always. */
export const linkReportSchema = z.strictObject({
  source: z.string(),
  target: z.string(),
  /** The worst that is so at the end: `equal`, `repaired` (all that differed), `unverified`, `divergent`; `pending` while it is under way. */
  result: z.enum(['pending', 'equal', 'repaired', 'unverified', 'divergent']),
  /** Keys of the source, and those that only the target has and that came to the verdict. */
  keys: count,
  verified: count,
  /** As found, before any repair. */
  divergent: count,
  unverified: count,
  /** Divergent keys that a second verdict showed equal, and those that are still divergent; both 0 without a repair. */
  repaired: count,
  left: count,
  /** Those of `left` that were held back: a human must allow so many deletions. */
  held: count,
  /** The divergent ones by their kind. */
  changed: count,
  missing: count,
  extra: count,
  /** Those of `unverified` that the target refuses. */
  refused: count,
  /** Those of `verified` whose item has expired on one side, and may be gone on the other. */
  expired: count,
  /** Keys that were looked at one by one, since the comparison did not show them equal. */
  suspicions: count,
  /** As of when the whole tables were compared; absent with modes "keys" and "sample", and where they could not be. */
  asOfMs: ms.exactOptional(),
  /** Bytes that were read from the target's region to find what differs; the verdict's reads are not in it. */
  bytes: count,
  /** Why the link as a whole could not be verified. */
  why: z.string().exactOptional(),
  /** Why keys are unverified, the most frequent first. */
  reasons: z.array(reason).max(REASONS_MAX),
  /** When the link was proven by this check; absent otherwise. */
  provenMs: ms.exactOptional(),
});
export type LinkReport = Readonly<z.infer<typeof linkReportSchema>>;

export const checkReportSchema = z.strictObject({
  schema: z.literal(CHECK_SCHEMA),
  id: z.string(),
  set: z.string(),
  /** The primary, which the others were compared with. */
  source: z.string(),
  mode: z.enum(['proof', 'sweep', 'keys', 'sample']),
  share: z.number().exactOptional(),
  action: z.enum(['report', 'ask', 'repair']),
  purpose: z.literal('prove').exactOptional(),
  by: z.string(),
  phase: z.enum(CHECK_PHASES),
  /** The worst of all links; `failed` when the check itself gave up. */
  result: z.enum(['pending', 'equal', 'repaired', 'unverified', 'divergent', 'failed']),
  startedMs: ms,
  endedMs: ms.exactOptional(),
  approvedBy: z.string().exactOptional(),
  failed: z.string().exactOptional(),
  links: z.array(linkReportSchema),
  /** Lines of all parts of the findings, and how many parts there are: `reports/<id>/findings/<n, 6 digits>.jsonl`. */
  findings: count,
  parts: count,
  /** The first of them. */
  first: z.array(findingSchema).max(REPORT_FINDINGS_MAX),
});
export type CheckReport = Readonly<z.infer<typeof checkReportSchema>>;

import { z } from 'zod';
import { ORPHAN_CAUSES, ORPHAN_STATES } from '../core/formats/orphan-row.ts';
import { CHECK_PHASES, checkReportSchema, findingSchema } from '../reconcile/check/report.ts';
import { memberName, ms } from './answers.ts';
import { itemSchema, keySchema, valueSchema } from './schemas.ts';

/** The bodies of answers about the agreement of the members: checks, the standing proof, orphans, differences. */

const count = (what: string): z.ZodInt => z.int().min(0).meta({ description: what });

/** GET /checks/{id} */
export const checkSchema = checkReportSchema.meta({
  id: 'Check',
  description:
    'What a check says, the same document as `reports/<id>/report.json` in the bucket of the primary. Fields are only added within a number of `schema`. Times are ms since 1970, keys are in DynamoDB JSON.',
});

/** GET /checks */
export const checkListSchema = z
  .object({
    set: z.string(),
    source: memberName.meta({ description: 'The primary, which the others were compared with.' }),
    checks: z.array(checkReportSchema.omit({ first: true })),
  })
  .meta({ id: 'CheckList', description: 'The newest checks, the newest first, without what they found.' });

const next = z.string().optional().meta({ description: 'Where the next page begins: send it as `cursor`. Absent at the end.' });

/** GET /checks/{id}/findings */
export const findingsPageSchema = z
  .object({ check: z.string(), findings: z.array(findingSchema), next })
  .meta({ id: 'FindingsPage', description: 'Keys that are not simply equal, in the order in which they were judged. Keys are in DynamoDB JSON.' });

const lastCheck = z
  .object({
    id: z.string(),
    mode: checkReportSchema.shape.mode,
    result: z.enum(['pending', 'equal', 'repaired', 'unverified', 'divergent']),
    ended: ms('When it ended; absent while it waits for an approval').optional(),
    keys: count('Keys that were looked at: `verified`, `divergent` and `unverified` ones together.'),
    verified: count('Keys that are equal.'),
    divergent: count('Keys that differed when they were found.'),
    unverified: count('Keys of which nothing can be said.'),
    repaired: count('Those of `divergent` that were repaired.'),
    left: count('Those that are still divergent after a repair.'),
    held: count('Those of `left` whose repair is a deletion that a person must allow.'),
  })
  .meta({ description: 'The last check that has ended, or that waits for an approval.' });

/** GET /proof */
export const proofSchema = z
  .object({
    set: z.string(),
    source: memberName.meta({ description: 'The primary, which the others are compared with.' }),
    links: z.array(
      z.object({
        target: memberName,
        state: z.enum(['verified', 'suspect', 'unverified', 'none']).meta({
          description:
            '`verified`: equal, but for `hot` keys in motion. `suspect`: parts differ, and the keys are being looked for; that may still be lag. `unverified`: nothing can be said, and `why`. `none`: nobody has looked.',
        }),
        lookedAt: ms('When the newest look was').optional(),
        asOf: ms('As of when it was verified last; absent when it never was').optional(),
        cells: count('Parts of the table that the newest look compared.'),
        equalCells: count('Those of them that were equal.'),
        hot: count('Keys in motion that were left out.'),
        why: z.string().optional(),
        quietSince: ms('The log of the target shows nothing since then').optional(),
        proven: ms('When the link was proven: from then on it holds all that the primary holds').optional(),
        last: lastCheck.optional(),
        drift: z
          .object({
            since: ms('Since when it is counted'),
            at: ms('The newest'),
            found: count('Writes and deletes at the target that no applier made.'),
            sent: count('Keys whose repair was sent.'),
            held: count('Keys that only the target has, and whose deletion a person must allow.'),
            over: count('Keys that were left to the proof.'),
          })
          .optional()
          .meta({ description: 'What was written by hand at the target in about the last day.' }),
      }),
    ),
    members: z.array(
      z.object({
        member: memberName,
        base: z.string().optional().meta({ description: 'The scan that the proof rests on.' }),
        items: z.int().optional().meta({ description: 'Items that it then has by its log.' }),
        asOf: ms('Up to when its log was read'),
        why: z.string().optional().meta({ description: 'Why the proof cannot rest on its log.' }),
        audit: z
          .object({ base: z.string(), before: z.string(), differing: count('Parts of the table that differ.'), at: ms('When it was made') })
          .optional()
          .meta({ description: 'The newest scan held against what the log had led to since the one before.' }),
      }),
    ),
    running: z
      .array(
        z.object({
          id: z.string(),
          mode: checkReportSchema.shape.mode,
          by: z.string(),
          phase: z.enum(CHECK_PHASES),
          started: ms('When it began'),
          targets: z.array(memberName),
          judged: count('Suspected keys that have their verdict.'),
          suspicions: count('Suspected keys.'),
          waits: z.boolean().meta({ description: 'It shows what it found, and waits until somebody allows the repair.' }),
        }),
      )
      .meta({ description: 'Checks under way, the oldest first.' }),
    sweeps: z
      .object({
        last: ms('When the last one began').optional(),
        month: z.string().meta({ description: 'The month (UTC).', examples: ['2026-11'] }),
        spentUsd: z.number().min(0).meta({ description: 'What those of the month have cost, as estimated (US dollars).' }),
        overBudget: z.boolean(),
      })
      .optional()
      .meta({ description: 'Sweeps that are begun on a schedule.' }),
    attention: z
      .array(z.object({ code: z.string(), member: memberName.optional(), link: z.string().optional(), message: z.string() }))
      .meta({ description: 'What needs a person.' }),
  })
  .meta({ id: 'Proof', description: 'How far each member is known to be equal to the primary.' });

const hash = (what: string): z.ZodString => z.string().meta({ description: `${what} (base64, 16 bytes).` });

const orphan = z.object({
  id: z.string(),
  member: memberName,
  key: keySchema,
  cause: z.enum(ORPHAN_CAUSES).meta({
    description: '`hand-write`, `hand-delete`: by whatever is no applier. `foreign-tool`: a copy of an item with our metadata of another key, table or time.',
  }),
  at: ms('When it was made, by DynamoDB’s clock: whole seconds'),
  itemHash: hash('Hash of what was written; absent for a delete').optional(),
  was: hash('Hash of what was there before').optional(),
  state: z.enum(ORPHAN_STATES),
  since: ms('Since when it is in this state'),
  note: z.string().optional(),
  log: z.object({ segment: z.string(), line: z.int().min(0) }).meta({ description: 'Where it stands in the log of its member.' }),
});

/** GET /orphans, its keys in the answer's form. */
export const orphanPageSchema = z
  .object({ member: memberName, orphans: z.array(orphan), next })
  .meta({ id: 'OrphanPage', description: 'Writes that lost their place at one member.' });

/** GET /orphans/{id}, its items in the answer's form. */
export const orphanSchema = orphan
  .extend({
    kept: z.boolean().meta({ description: 'Whether the log still has it.' }),
    written: itemSchema.optional().meta({ description: 'What was written; absent for a delete.' }),
    replaced: itemSchema.optional().meta({ description: 'What was there before; absent where there was nothing.' }),
  })
  .meta({ id: 'Orphan', description: 'A write that lost its place, with its value as the log has it.' });

const applied = { position: z.string().optional(), kind: z.enum(['lane', 'repair']).optional() };

/** GET /items/diff, its values in the answer's form. */
export const diffSchema = z
  .object({
    set: z.string(),
    primary: memberName,
    key: keySchema,
    item: itemSchema.optional().meta({ description: 'The item of the primary; absent where there is none.' }),
    hash: hash('Its hash').optional(),
    members: z.array(
      z.object({
        member: memberName,
        state: z.enum(['equal', 'changed', 'missing', 'extra', 'half-deleted', 'unread']).meta({
          description:
            '`missing`: only the primary has it. `extra`: only this member has it. `half-deleted`: a newer tombstone hides it. `unread`: the member did not answer.',
        }),
        writtenDifferently: z.boolean().optional().meta({ description: 'Equal values that are not written alike, such as 1 and 1.0.' }),
        copy: z
          .object({
            counts: z.boolean().meta({ description: 'Whether an applier’s seal on it is of this table and key.' }),
            intact: z.boolean().optional().meta({ description: 'False: it was changed by hand since.' }),
            ...applied,
          })
          .optional(),
        tombstone: z.object({ position: z.string(), kind: z.enum(['lane', 'repair']) }).optional(),
        sameRev: z.boolean().optional(),
        differences: z
          .array(z.object({ path: z.string(), before: valueSchema.optional(), after: valueSchema.optional() }))
          .optional()
          .meta({ description: 'From the primary’s item (`before`) to the member’s (`after`), attribute by attribute.' }),
        why: z.string().optional(),
      }),
    ),
    cut: z.literal(true).optional().meta({ description: 'It was too large for an answer: values, or the item, were left out.' }),
  })
  .meta({ id: 'Diff', description: 'One item at the primary and at the other members, as they are at this moment.' });

export type ProofAnswer = z.infer<typeof proofSchema>;
export type CheckListAnswer = z.infer<typeof checkListSchema>;
export type FindingsPageAnswer = z.infer<typeof findingsPageSchema>;

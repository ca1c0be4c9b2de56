import { z } from 'zod';
import { ORIGINS } from '../core/formats/log-record.ts';
import { itemSchema, valueSchema } from './schemas.ts';

/**
 * The bodies of answers, but for items: what the OpenAPI document says of them, and what tests hold them against. Items
 * and values within are in the answer's form; the document describes those by form.
 */

export const memberName = z.string().meta({ description: 'Name of a member of the replica set.', examples: ['eu-central-1'] });
const revision = z.string().meta({ description: 'A revision: give it back as `syncline-consistency: at-least=…`.' });
const keyAttribute = z.object({ name: z.string(), type: z.enum(['S', 'N', 'B']) });
export const ms = (what: string): z.ZodInt =>
  z
    .int()
    .min(0)
    .meta({ description: `${what} (ms since 1970).` });

/** RFC 9457. */
export const problemSchema = z
  .object({
    type: z.string().meta({
      description: '`urn:syncline:problem:` and a code; `about:blank` when the gateway itself refused.',
      examples: ['urn:syncline:problem:not-found'],
    }),
    title: z.string().meta({ description: 'The kind of problem, in a few words.' }),
    status: z.int().min(400).max(599).optional().meta({ description: 'The HTTP status.' }),
    detail: z.string().meta({ description: 'What was wrong, what was seen, what to do.' }),
    instance: z.string().optional().meta({ description: "The request's id, under which the logs have more." }),
    errors: z
      .array(z.object({ path: z.string(), detail: z.string() }))
      .optional()
      .meta({ description: 'The parts of the input that are at fault.' }),
    primary: memberName.optional().meta({ description: 'The member that accepts writes, as far as it is known.' }),
  })
  .meta({ id: 'Problem', description: 'A problem document (RFC 9457).' });

/** POST /batch */
export const batchResultsSchema = z
  .object({
    results: z
      .array(
        z.object({
          status: z.int().min(200).max(599).meta({ description: 'What the single write would have been answered with.' }),
          etag: z.string().optional(),
          revision: revision.optional(),
          replayed: z.boolean().optional().meta({ description: 'The outcome was remembered under the idempotency key.' }),
          problem: problemSchema.optional(),
        }),
      )
      .meta({ description: 'One result a write, in the order of the writes.' }),
    succeeded: z.int().min(0),
    failed: z.int().min(0),
  })
  .meta({ id: 'BatchResults', description: 'What came of each write. Each is a write of its own: some may succeed while others fail.' });

const counts = {
  count: z.int().min(0).meta({ description: 'Items that match.' }),
  scanned: z.int().min(0).meta({ description: 'Items that were read for it, before the filter.' }),
  next: z.string().optional().meta({ description: 'Where to go on: send it as `after`. Absent at the end.' }),
};

/** POST /count */
export const countPageSchema = z.object(counts).meta({ id: 'CountPage', description: 'How many items of a partition match, up to `next`.' });

/** GET /items/history, its values in the answer's form. */
export const historyPageSchema = z
  .object({
    changes: z.array(
      z.object({
        at: ms('When it was made: DynamoDB’s clock, whole seconds'),
        time: z.string().meta({ description: 'The same, as RFC 3339.', examples: ['2026-11-24T10:15:03Z'] }),
        sequence: z
          .string()
          .regex(/^\d{1,40}$/)
          .meta({ description: 'Sequence number of the change in the member’s stream.' }),
        position: z
          .string()
          .regex(/^\d+\/\d+$/)
          .optional()
          .meta({ description: 'The change’s place among all changes of the set: epoch and sequence number of the primary. Copies have it, too.' }),
        origin: z
          .enum(ORIGINS)
          .meta({ description: '`local`: a write at this member; `applier`: a copy from the primary; `expiry`: DynamoDB’s own expiry (TTL).' }),
        event: z.enum(['INSERT', 'MODIFY', 'REMOVE']),
        difference: z
          .array(
            z.object({
              path: z.string().meta({ description: 'Which attribute, or member of a map.', examples: ['address.city'] }),
              before: valueSchema.optional(),
              after: valueSchema.optional(),
            }),
          )
          .meta({
            description:
              'What differs. Without `before` an attribute was added, without `after` it was removed. Empty when only Syncline’s own metadata changed.',
          }),
        before: itemSchema.optional().meta({ description: 'The whole item before, with `images=true`.' }),
        after: itemSchema.optional().meta({ description: 'The whole item after, with `images=true`.' }),
        cut: z.literal(true).optional().meta({ description: 'It was too large for an answer: whole items, or values, were left out.' }),
      }),
    ),
    gaps: z
      .array(z.object({ from: ms('Its start').optional(), to: ms('Its end').optional(), what: z.string() }))
      .optional()
      .meta({
        description:
          'Stretches of the time looked at in which the log lacks changes, or may lack them; with `since`, also the time before the log begins. Absent when there are none.',
      }),
    next: z.string().optional().meta({ description: 'Where older changes begin: send it as the cursor. Absent at the end.' }),
  })
  .meta({ id: 'HistoryPage', description: 'What became of an item, the newest change first.' });

/** GET /health */
export const healthSchema = z
  .object({
    status: z.literal('ok'),
    set: z.string(),
    member: memberName,
    region: z.string(),
    role: z.enum(['primary', 'secondary', 'none']).meta({ description: '`none`: the set was not initialised yet.' }),
    primary: memberName.nullable(),
    epoch: z.int().min(0).nullable().meta({ description: 'Grows with each change of the primary.' }),
  })
  .meta({ id: 'Health', description: 'This member, when it can read its own rows.' });

/** GET /.well-known/syncline */
export const discoverySchema = z
  .object({
    set: z.string(),
    members: z.array(
      z.object({
        member: memberName,
        region: z.string(),
        url: z.string().nullable().meta({ description: "URL of the member's API; null until it was announced." }),
        role: z.enum(['primary', 'secondary', 'unknown']),
      }),
    ),
    primary: memberName.nullable(),
    epoch: z.int().min(0).nullable(),
    key: z.object({ partition: keyAttribute, sort: keyAttribute.optional() }),
  })
  .meta({ id: 'Discovery', description: 'The members of the set, where their APIs are, and which one accepts writes.' });

const sinceWhy = z.object({ since: ms('Since when'), why: z.string() });

/** GET /status */
export const statusSchema = z
  .object({
    set: z.string(),
    member: memberName,
    region: z.string(),
    role: z.enum(['primary', 'secondary', 'none']),
    seat: z
      .object({
        fence: z.int().min(0).meta({ description: 'The lowest epoch that this member accepts replicated writes from.' }),
        own: z.int().min(0).meta({ description: 'The epoch in which this member is, or was, primary.' }),
        primary: memberName.nullable(),
        since: ms('Since when it has its role'),
        leaseUntil: ms('End of the lease').nullable(),
      })
      .nullable(),
    links: z.array(
      z.object({
        target: memberName,
        state: z.enum(['open', 'paused', 'stale']),
        why: z.string().nullable(),
        since: ms('Since when it is in this state'),
        failing: sinceWhy.nullable().meta({ description: 'The target does not answer.' }),
        refusing: sinceWhy.nullable().meta({ description: 'The queue takes nothing.' }),
        mark: z
          .object({ sent: ms('When it was sent'), arrived: ms('When it arrived') })
          .nullable()
          .meta({ description: 'The newest marker that reached the target: how far behind it is.' }),
      }),
    ),
    refused: z.object({
      count: z.int().min(0).meta({ description: 'Keys that this member could not take.' }),
      more: z.boolean().meta({ description: 'Whether there are more than were counted.' }),
    }),
  })
  .meta({ id: 'Status', description: 'What this member knows of itself, its links to the others, and what it could not take.' });

export type Health = z.infer<typeof healthSchema>;
export type Discovery = z.infer<typeof discoverySchema>;
export type Status = z.infer<typeof statusSchema>;

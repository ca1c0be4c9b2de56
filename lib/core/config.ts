import { z } from 'zod';
import { LANES_DEFAULT, LANES_MAX } from './constants.ts';
import { RESERVED_KEY_NAMES } from './formats/tombstone.ts';
import { memberNameProblem, setNameProblem } from './names.ts';

/**
 * The configuration of a replica set, as the functions' environment (SYNCLINE_CONFIG, one JSON text) and the command
 * carry it. The CDK app writes it; everything else about the set's state is in its `control` tables.
 */

const nameWith = (problem: (name: string) => string | undefined): z.ZodString =>
  z.string().check((ctx) => {
    const found = problem(ctx.value);
    if (found !== undefined) ctx.issues.push({ code: 'custom', message: found, input: ctx.value });
  });

const keyAttribute = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(255)
    // Assigned to as a property, as keys are in many places, it would be lost.
    .refine((name) => name !== '__proto__', { error: 'A key attribute must not be named __proto__.' })
    .refine((name) => !RESERVED_KEY_NAMES.includes(name), {
      error: `A key attribute must not be named ${RESERVED_KEY_NAMES.join(' or ')}: tombstones use these names.`,
    }),
  type: z.enum(['S', 'N', 'B']),
});

const member = z.strictObject({
  name: nameWith(memberNameProblem),
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, { error: 'Not the name of a region.' }),
  account: z.string().regex(/^\d{12}$/, { error: 'An account is 12 digits.' }),
  generation: z.int().min(1).max(99),
  /** Name of the items table: ours, or the adopted one. */
  items: z.string(),
});

export const setConfigSchema = z
  .strictObject({
    set: nameWith(setNameProblem),
    lanes: z.int().min(1).max(LANES_MAX).default(LANES_DEFAULT),
    key: z
      .strictObject({ partition: keyAttribute, sort: keyAttribute.exactOptional() })
      .refine((key) => key.partition.name !== key.sort?.name, { error: 'The partition key and the sort key have the same name.' }),
    /** Whether TTL removals are fanned out, too. By default each member expires its own copies. */
    expiry: z.enum(['local', 'replicate']).default('local'),
    /** Name of the tables' TTL attribute, the same at every member. It tells a check which items a member may remove by itself, and when. */
    expiryAttribute: z.string().min(1).max(255).exactOptional(),
    members: z.array(member).min(1).max(16),
  })
  .refine((c) => new Set(c.members.map((m) => m.name)).size === c.members.length, { error: 'Two members have the same name.' });

/** A replica set's configuration. */
export type SetConfig = z.infer<typeof setConfigSchema>;
/** A member in a set's configuration. */
export type MemberConfig = SetConfig['members'][number];

/** The member of that name. @throws Error naming the members there are. */
export function memberNamed(config: SetConfig, name: string): MemberConfig {
  const found = config.members.find((m) => m.name === name);
  if (found === undefined) throw new Error(`No member "${name}" in the set "${config.set}": its members are ${config.members.map((m) => m.name).join(', ')}.`);
  return found;
}

import { z } from 'zod';

/** What an opening has to know of a member: its base, and the watermark of the comparison. */
const side = z.strictObject({ base: z.string(), mark: z.array(z.unknown()) });

export const openingSchema = z.strictObject({
  id: z.string(),
  by: z.string(),
  target: z.string(),
  cells: z.array(z.int()),
  /** Waits for both sketches, or for the keys of hashes that only the target knows. */
  phase: z.enum(['sketch', 'keys', 'done']),
  /** Id of the tasks whose answers are awaited: of the same one at both members for sketches. */
  task: z.string(),
  /** When it was begun (ms). */
  begun: z.int(),
  symbols: z.int(),
  seed: z.int(),
  source: side,
  theirs: side,
  /** Bytes that were read from the target’s region. */
  bytes: z.int(),
});

/** The opening of a link’s cells, as far as it is. Plain JSON; whoever works at it keeps it. */
export type Opening = z.infer<typeof openingSchema>;

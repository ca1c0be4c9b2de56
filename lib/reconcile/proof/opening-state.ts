import { z } from 'zod';

export const openingSchema = z.strictObject({
  id: z.string(),
  by: z.string(),
  target: z.string(),
  cells: z.array(z.int()),
  /** Waits for both sketches, for the names of the source’s own keys, or for the keys of hashes that only the target knows. */
  phase: z.enum(['sketch', 'names', 'keys', 'done']),
  /** Id of the tasks whose answers are awaited: of the same one at both members for sketches. */
  task: z.string(),
  /** When it was begun (ms). */
  begun: z.int(),
  symbols: z.int(),
  seed: z.int(),
  /** Bytes that were read from the target’s region. */
  bytes: z.int(),
});

/** The opening of a link’s cells, as far as it is. Plain JSON of a few KB; whoever works at it keeps it. What is large is in opening-objects.ts. */
export type Opening = z.infer<typeof openingSchema>;

import { z } from 'zod';

/** What the deployment says of a set's checks: the JSON of SYNCLINE_CHECK. */
export const checkSettingsSchema = z.strictObject({
  /** Between the beginning of one sweep and that of the next (ms); absent: none is begun on a schedule. */
  sweepEveryMs: z.int().min(60_000).exactOptional(),
  /** What scheduled sweeps may cost in a calendar month (US dollars, UTC), as estimated before each; absent: no limit. */
  monthlyUsd: z.number().min(0).exactOptional(),
  /** What becomes of a difference that nobody asked about: repaired at once; or shown, until somebody approves. Off: nobody looks by itself. */
  repair: z.enum(['auto', 'ask', 'off']),
});

export type CheckSettings = Readonly<z.infer<typeof checkSettingsSchema>>;

/** What a check that nobody asked for does with what it finds. Pure. */
export const actionOf = ({ repair }: Pick<CheckSettings, 'repair'>): 'repair' | 'ask' => (repair === 'auto' ? 'repair' : 'ask');

import type { Knobs } from '../knobs.ts';

/** What a worker process is told: its one argument, as JSON. */
export interface Task {
  /** Name of the mutant to plant; absent for the code as it is. */
  readonly mutant?: string;
  /** Seeds to run, in this order, until one breaks a rule. */
  readonly seeds: readonly number[];
  /** Play the scenarios that name the mutant, too, when no seed has broken a rule. */
  readonly scenarios?: boolean;
  readonly knobs?: Partial<Knobs>;
  /** A file for the whole trace of the run that breaks a rule. */
  readonly traceFile?: string;
}

/** What a worker process says: the first message is a `seed`, the last one `clean`, `broken` or `failed`. */
export type Message =
  /** A seed begins. */
  | { readonly kind: 'seed'; readonly seed: number; readonly done: number }
  /** A rule was broken. */
  | { readonly kind: 'broken'; readonly seed: number; readonly done: number; readonly rule: string; readonly message: string; readonly digest: string }
  /** All seeds kept all rules. */
  | { readonly kind: 'clean'; readonly done: number }
  /** The worker itself failed: a stale mutant, or a run that threw. Its seed, if it was in one. */
  | { readonly kind: 'failed'; readonly seed?: number; readonly done: number; readonly why: string };

import type { Knobs } from './knobs.ts';

/** A broken rule. */
export interface Violation {
  /** The number of the invariant or rule in docs/SPEC.md: "I2", "rule 13". */
  readonly rule: string;
  readonly message: string;
  /** The key that it is about, by name ("k3"). */
  readonly key?: string;
  /** Virtual time (ms since the run's start). */
  readonly t: number;
}

/** What one run came to. Plain data. */
export interface Outcome {
  readonly seed: number;
  readonly knobs: Knobs;
  readonly violation?: Violation;
  /** Virtual time of the whole run (ms). */
  readonly virtualMs: number;
  /** Writes by users that took effect, anywhere. */
  readonly writes: number;
  /** Requests to services. */
  readonly calls: number;
  /** Invocations of functions. */
  readonly invocations: number;
  /** States of replicas that were looked at. */
  readonly states: number;
  /** Faults injected, by kind. */
  readonly injected: Readonly<Record<string, number>>;
  readonly events: number;
  /** Equal for equal runs. */
  readonly digest: string;
}

/**
 * The size and shape of one run, drawn from its seed. Any of them can be given instead: that is how a failing run is
 * made smaller.
 */
export interface Knobs {
  /** Members of the set: 2 or 3. The first is the first primary. */
  readonly members: number;
  readonly lanes: number;
  readonly keys: number;
  /** Steps of the workload: one write, as a rule. */
  readonly steps: number;
  /** Mean time between two steps (virtual ms). */
  readonly paceMs: number;
  /** Most records in one batch of a stream mapping. */
  readonly batchRecords: number;
  /** Most messages that one invocation of apply is given. */
  readonly batchMessages: number;
  /** Invocations of one function at a time, for each link. */
  readonly concurrency: number;
  /** Period of the minute run (virtual ms). */
  readonly tickMs: number;
  /** Time between two sweeps of the checker (virtual ms). Absent or 0: there is no checker, unless a fault needs one. */
  readonly checkMs?: number;
  /** The kinds of fault that are on, with their rates (meaning: each kind's own). */
  readonly faults: Readonly<Record<string, number>>;
}

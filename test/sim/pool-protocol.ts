import type { Knobs } from './knobs.ts';
import type { Outcome, Violation } from './outcome.ts';
import type { Run, RunOptions } from './run.ts';
import type { TraceEvent, TraceHeader } from './trace.ts';
import type { World } from './world.ts';

/** What the pool and its threads say to each other, and what a task comes to. Plain data. */

/** One seed to run. */
export interface Task {
  readonly seed: number;
  /** Knobs that are not drawn from the seed. */
  readonly knobs?: Partial<Knobs>;
  readonly keepTrace?: boolean;
  /** Longest time (wall ms); by default as HANG_MS in pool.ts says. */
  readonly limitMs?: number;
}

/** What came of it. An unexpected exception is a violation of the rule "exception", a run without end one of "hang". */
export interface Done {
  readonly outcome: Outcome;
  readonly trace?: { readonly header: TraceHeader; readonly events: readonly TraceEvent[] };
  /** Of an exception. */
  readonly stack?: string;
  readonly wallMs: number;
}
/** One that broke a rule. */
export interface Failed extends Done {
  readonly outcome: Outcome & { readonly violation: Violation };
}
export const isFailed = (done: Done): done is Failed => done.outcome.violation !== undefined;

/** Rules that are not the flows' but the run's own. */
export const EXCEPTION = 'exception';
export const HANG = 'hang';

/** How a run is watched from the outside: it is told its world as soon as there is one. */
export interface Watching {
  readonly watch?: (world: World) => void;
}
/** A module that can run a seed: run.ts, as a rule. */
export interface RunModule {
  runSeed(seed: number, options?: RunOptions & Watching): Promise<Run>;
}

export interface WorkerData {
  /** The address of the module that runs a seed. */
  readonly module: string;
  /** How far the present run has got: FIGURES numbers. */
  readonly progress: SharedArrayBuffer;
}
export interface Question {
  readonly id: number;
  readonly task: Task;
}
export interface Failure {
  readonly message: string;
  readonly stack?: string;
}
export type Reply = { readonly id: number; readonly run: Run } | { readonly id: number; readonly failure: Failure; readonly events?: readonly TraceEvent[] };

/** Numbers that tell how far a run has got. */
export const FIGURES = 6;
export const figuresOf = (world: World): readonly number[] => [
  world.clock.elapsed(),
  world.model.userWrites,
  world.calls,
  world.invocations,
  world.states,
  world.trace.count,
];
export const outcomeOfFigures = (seed: number, knobs: Knobs, figures: Float64Array, violation: Omit<Violation, 't'>): Outcome & { violation: Violation } => {
  const at = (i: number): number => Math.round(figures[i] ?? 0);
  return {
    seed,
    knobs,
    violation: { ...violation, t: at(0) },
    virtualMs: at(0),
    writes: at(1),
    calls: at(2),
    invocations: at(3),
    states: at(4),
    injected: {},
    events: at(5),
    digest: '',
  };
};

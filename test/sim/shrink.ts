import type { Knobs } from './knobs.ts';
import type { Outcome, Violation } from './outcome.ts';
import { EXCEPTION, HANG } from './pool-protocol.ts';

/**
 * Makes a failing run smaller: fewer faults, steps, keys, members, lanes, invocations at a time, and calmer times, as long
 * as it breaks the same rule. Greedy, from the boldest candidate of each kind to the most timid, until none of them fails
 * any more (delta debugging: Zeller and Hildebrandt, 2002, by knob instead of by input).
 */

/** Runs that one shrinking may take; those that were tried in vain beside the one that was taken do not count. */
export const SHRINK_RUNS_MAX = 400;
/** Wall time that it may take (ms). Only this can make two shrinkings of one failure end differently. */
export const SHRINK_WALL_MS = 60_000;
/** A candidate that takes longer is not taken (wall ms). */
export const SHRINK_TRY_MS = 10_000;

/** A run that broke a rule. */
export type Broken = Outcome & { readonly violation: Violation };

export interface ShrinkOptions {
  /** Runs the seed with these knobs. Candidates that are no longer of interest are aborted. */
  readonly attempt: (knobs: Knobs, signal: AbortSignal) => Promise<Outcome>;
  /** Candidates that are tried at once. What comes out does not depend on it. */
  readonly jobs: number;
  /** Wall clock (ms). */
  readonly now: () => number;
  readonly runsMax?: number;
  readonly wallMs?: number;
  /** Told of each candidate that is taken, and of the number of runs. */
  readonly progress?: (now: Broken, runs: number) => void;
}

/** The smallest failing run that was found. */
export interface Shrunk {
  readonly outcome: Broken;
  readonly runs: number;
  /** Whether nothing smaller fails, as far as candidates go; false when a limit came first. */
  readonly complete: boolean;
}

/** Candidates that are a little smaller in one way, the boldest first. */
interface Pass {
  readonly candidates: (now: Broken) => readonly Knobs[];
  /** Whether one that fails is an improvement; by default it is. */
  readonly accepts?: (candidate: Broken, now: Broken) => boolean;
}

/** Whether a run fails as another one did: by the same rule and, since "exception" is not one cause, with the same words apart from numbers. */
export function sameFailure(a: Violation, b: Violation | undefined): b is Violation {
  if (a.rule !== b?.rule) return false;
  return a.rule !== EXCEPTION || withoutNumbers(a.message) === withoutNumbers(b.message);
}
const withoutNumbers = (text: string): string => text.replace(/\d+/g, '0');

/** Makes a failing run smaller. The same failure and runs give the same result, on any number of threads, unless the wall limit comes first. */
export async function shrink(first: Broken, options: ShrinkOptions): Promise<Shrunk> {
  // Each try of a run without end would take its whole time limit.
  if (first.violation.rule === HANG) return { outcome: first, runs: 0, complete: false };
  const search = new Search(first, options);
  let changed = true;
  while (changed && !search.exhausted) {
    changed = false;
    for (const pass of PASSES) while (await search.improve(pass)) changed = true;
  }
  return { outcome: search.now, runs: search.runs, complete: !search.exhausted };
}

class Search {
  now: Broken;
  runs = 0;
  readonly #options: ShrinkOptions;
  readonly #runsMax: number;
  readonly #until: number;
  /** Knobs that were tried in vain. */
  readonly #vain = new Set<string>();

  constructor(first: Broken, options: ShrinkOptions) {
    this.now = first;
    this.#options = options;
    this.#runsMax = options.runsMax ?? SHRINK_RUNS_MAX;
    this.#until = options.now() + (options.wallMs ?? SHRINK_WALL_MS);
  }

  get exhausted(): boolean {
    return this.runs >= this.#runsMax || this.#options.now() >= this.#until;
  }

  /** Takes the first candidate of the pass that fails likewise. Several are tried at once; the order alone decides. */
  async improve(pass: Pass): Promise<boolean> {
    const { attempt, jobs, progress } = this.#options;
    const candidates = pass.candidates(this.now).filter((knobs) => !this.#vain.has(textOf(knobs)));
    const controller = new AbortController();
    const tries: Promise<Outcome | undefined>[] = [];
    try {
      for (const [i, knobs] of candidates.entries()) {
        if (this.exhausted) return false;
        for (let next = tries.length; next < Math.min(candidates.length, i + jobs); next += 1)
          tries.push(attempt(candidates[next] as Knobs, controller.signal).catch(() => undefined));
        const outcome = await tries[i];
        this.runs += 1;
        if (isBroken(outcome) && sameFailure(this.now.violation, outcome.violation) && (pass.accepts?.(outcome, this.now) ?? true)) {
          this.now = outcome;
          progress?.(outcome, this.runs);
          return true;
        }
        this.#vain.add(textOf(knobs));
      }
      return false;
    } finally {
      controller.abort();
    }
  }
}

const isBroken = (outcome: Outcome | undefined): outcome is Broken => outcome?.violation !== undefined;
const textOf = (knobs: Knobs): string => JSON.stringify(knobs);

type NumberKnob = Exclude<keyof Knobs, 'faults' | 'checkMs'>;

/** Smaller numbers: the least, then halfway, then ever nearer. */
export function smaller(n: number, least: number): readonly number[] {
  const found: number[] = [];
  if (n > least) found.push(least);
  for (let step = (n - least) / 2; step >= 0.5; step /= 2) {
    const candidate = Math.floor(n - step);
    if (candidate > least && candidate < n && !found.includes(candidate)) found.push(candidate);
  }
  return found;
}

const lower = (knob: NumberKnob, least: number): Pass => ({ candidates: ({ knobs }) => smaller(knobs[knob], least).map((n) => ({ ...knobs, [knob]: n })) });
/** The first of these that are larger than the present one. */
const raise = (knob: NumberKnob, to: readonly number[]): Pass => ({
  candidates: ({ knobs }) => to.filter((n) => n > knobs[knob]).map((n) => ({ ...knobs, [knob]: n })),
});

/** Without any fault, then without half of the kinds, a quarter …, then without each. */
const fewerFaults: Pass = {
  candidates: ({ knobs }) => {
    const names = Object.keys(knobs.faults);
    if (names.length === 0) return [];
    const without = (gone: readonly string[]): Knobs => ({
      ...knobs,
      faults: Object.fromEntries(Object.entries(knobs.faults).filter(([n]) => !gone.includes(n))),
    });
    const found: Knobs[] = [without(names)];
    for (let size = Math.ceil(names.length / 2); names.length > 1; size = Math.ceil(size / 2)) {
      for (let i = 0; i < names.length; i += size) found.push(without(names.slice(i, i + size)));
      if (size === 1) break;
    }
    return found;
  },
};

const total = (outcome: Outcome): number => Object.values(outcome.injected).reduce((sum, n) => sum + n, 0);

/** Rarer faults: worth it only when fewer are injected. */
const rarerFaults: Pass = {
  candidates: ({ knobs, injected }) =>
    Object.entries(knobs.faults)
      .filter(([name]) => (injected[name] ?? 0) > 1)
      .flatMap(([name, rate]) => [8, 4, 2, 1.3].map((by) => ({ ...knobs, faults: { ...knobs.faults, [name]: Number((rate / by).toPrecision(2)) } }))),
  accepts: (candidate, now) => total(candidate) < total(now),
};

/** A kind that struck so seldom is looked for nearer to the beginning: with a higher rate and fewer steps. */
const SELDOM = 3;
const SURER_RATES = [1, 0.3, 0.1] as const;
const surerFaults: Pass = {
  candidates: ({ knobs, injected }) =>
    Object.entries(knobs.faults)
      .filter(([name]) => (injected[name] ?? 0) >= 1 && (injected[name] ?? 0) <= SELDOM)
      .flatMap(([name, rate]) =>
        smaller(knobs.steps, 1).flatMap((steps) =>
          SURER_RATES.filter((r) => r > rate).map((r) => ({ ...knobs, steps, faults: { ...knobs.faults, [name]: r } })),
        ),
      ),
};

const PASSES: readonly Pass[] = [
  fewerFaults,
  lower('steps', 1),
  surerFaults,
  lower('members', 2),
  lower('keys', 1),
  lower('lanes', 1),
  lower('concurrency', 1),
  lower('batchMessages', 1),
  lower('batchRecords', 1),
  rarerFaults,
  raise('tickMs', [1_800_000, 300_000]),
  raise('paceMs', [20_000, 3_000, 500, 100]),
];

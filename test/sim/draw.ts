import { SeededChance } from '../../lib/adapters/memory/chance.ts';
import { FAULTS } from './faults/all.ts';
import { hashOf } from './hash.ts';
import type { Knobs } from './knobs.ts';

/** Steps of a short seed: about 200 operations. */
const STEPS = 120;
/** The share of seeds without any fault: what holds only under faults would be odd. */
const CALM_SHARE = 0.05;
/** Mean times between two steps (virtual ms): from crowded to idle. */
const PACES_MS = [5, 15, 15, 50, 50, 200, 1_000, 10_000] as const;
const TICKS_MS = [15_000, 60_000, 60_000, 300_000, 1_800_000] as const;

/** The share of seeds with a checker: each takes the time of about ten others. */
const CHECK_SHARE = 0.04;
const CHECKS_MS = [1_800_000, 3_600_000, 7_200_000] as const;

/** Kinds of fault that make days pass. */
const LONG: readonly string[] = ['trimmed', 'archive-away', 'readers-away', 'outage-days', 'outage-weeks', 'lag'];
const LONG_TICK_MS = 1_800_000;
const LONG_CHECK_MS = 12 * 3_600_000;

/** The knobs of a seed. */
export function drawKnobs(seed: number): Knobs {
  const chance = new SeededChance(seed ^ 0x5eed);
  const pick = <T>(from: readonly T[]): T => from[chance.below(from.length)] as T;
  const knobs = {
    members: chance.random() < 0.6 ? 2 : 3,
    lanes: pick([1, 1, 2, 3, 4, 16]),
    keys: pick([1, 2, 4, 8, 8, 30]),
    steps: STEPS,
    paceMs: pick(PACES_MS),
    batchRecords: pick([1, 3, 10, 100, 1_000]),
    batchMessages: pick([1, 2, 5, 10, 10]),
    concurrency: pick([1, 2, 4, 8]),
    tickMs: pick(TICKS_MS),
  };
  const calm = chance.random() < CALM_SHARE;
  const checker = new SeededChance(seed ^ hashOf('checker'));
  const checkMs = checker.random() < CHECK_SHARE ? (CHECKS_MS[checker.below(CHECKS_MS.length)] as number) : 0;
  const faults: Record<string, number> = {};
  for (const kind of FAULTS) {
    // Drawn for each kind, whether it is on or not, so that a new kind changes no other's rate.
    const own = new SeededChance(seed ^ hashOf(kind.name));
    if (own.random() < kind.share && !calm && (kind.checker !== true || checkMs > 0)) faults[kind.name] = kind.rate(own);
  }
  const all = { ...knobs, ...(checkMs > 0 && { checkMs }), faults };
  // Through days of waiting a minute run each minute would be most of the work.
  if (LONG.some((name) => faults[name] !== undefined))
    return { ...all, tickMs: Math.max(knobs.tickMs, LONG_TICK_MS), ...(checkMs > 0 && { checkMs: LONG_CHECK_MS }) };
  return all;
}

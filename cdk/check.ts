import type { CheckSettings } from '../lib/reconcile/schedule/settings.ts';
import type { ArchiveSettings } from './archive.ts';
import { archiveSettings } from './archive.ts';
import { SetPropsError } from './set.ts';

/** What a user says about the checker of a set: how often, for how much, and what is done with what it finds. */
export interface CheckProps {
  /**
   * How often the tables are swept (hours), or `off`: then only `syncline check --sweep` reads them. A sweep reads every table whole, which is what
   * it costs; between sweeps the standing proof says whether the replicas agree, by the changes alone. The first sweep starts it. Default: 168, once a week.
   */
  readonly sweepEvery?: 'off' | number;
  /** What sweeps may cost in a calendar month (US dollars, as Syncline reckons them). One that would cost more waits for the next month. Default: no limit. */
  readonly monthlyUsd?: number;
  /**
   * What is done with a divergence that was found. `auto`: it is repaired, as long as few keys would be deleted; `ask`: it is reported, and
   * `syncline check` repairs it; `off`: nothing is looked for by itself. Default: `auto`.
   */
  readonly repair?: 'auto' | 'ask' | 'off';
}

const HOUR_MS = 3_600_000;
const DEFAULTS = { sweepEvery: 168, repair: 'auto' } as const;
/** Longest period (hours): a year. */
const SWEEP_EVERY_MAX = 8_784;
const MONTHLY_USD_MAX = 1_000_000;
const DAY_HOURS = 24;
/** What a sweep may take longer than its period (days): its own time, and one that failed and is repeated. */
const SWEEP_MARGIN_DAYS = 2;

/** The settings of a set's checker. @param archive how long the log is kept @throws SetPropsError naming the setting, what was seen, and what holds. */
export function checkSettings(props: CheckProps = {}, { retentionDays }: Pick<ArchiveSettings, 'retentionDays'> = archiveSettings()): CheckSettings {
  // What a comparison rests on, the last sweep and the log since then, must still be there when the next sweep ends.
  const longest = (retentionDays - SWEEP_MARGIN_DAYS) * DAY_HOURS;
  const { sweepEvery, repair, monthlyUsd } = {
    repair: DEFAULTS.repair,
    sweepEvery: longest < 1 ? ('off' as const) : Math.min(DEFAULTS.sweepEvery, longest),
    ...props,
  };

  if (sweepEvery !== 'off' && !(Number.isInteger(sweepEvery) && sweepEvery >= 1 && sweepEvery <= SWEEP_EVERY_MAX)) {
    throw new SetPropsError(`check.sweepEvery must be a whole number of hours from 1 to ${SWEEP_EVERY_MAX}, or "off"; got ${JSON.stringify(sweepEvery)}.`);
  }
  if (sweepEvery !== 'off' && sweepEvery > longest) {
    throw new SetPropsError(
      `check: it must hold that archive.retentionDays ≥ check.sweepEvery + ${SWEEP_MARGIN_DAYS} days, since a comparison rests on the last sweep and the log since then ` +
        `(retentionDays = ${retentionDays}, sweepEvery = ${sweepEvery} hours). Sweep more often, or keep the log for ${Math.ceil(sweepEvery / DAY_HOURS) + SWEEP_MARGIN_DAYS} days or more.`,
    );
  }
  if (repair !== 'auto' && repair !== 'ask' && repair !== 'off') {
    throw new SetPropsError(`check.repair must be "auto", "ask" or "off"; got ${JSON.stringify(repair)}.`);
  }
  if (monthlyUsd !== undefined && !(monthlyUsd >= 0 && monthlyUsd <= MONTHLY_USD_MAX)) {
    throw new SetPropsError(`check.monthlyUsd must be a number of US dollars from 0 to ${MONTHLY_USD_MAX}; got ${JSON.stringify(monthlyUsd)}.`);
  }
  return { ...(sweepEvery !== 'off' && { sweepEveryMs: sweepEvery * HOUR_MS }), ...(monthlyUsd !== undefined && { monthlyUsd }), repair };
}

/** What the minute run must know of it (functions/shared/settings.ts). */
export const checkEnvironment = (settings: CheckSettings): Readonly<Record<string, string>> => ({ SYNCLINE_CHECK: JSON.stringify(settings) });

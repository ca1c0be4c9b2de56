import type { Prices } from '../../cost/prices.ts';
import { PRICE_REGION_DEFAULT, PRICES, pricesOf } from '../../cost/prices.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import { isOpen, listChecks } from '../check/job.ts';
import { startCheck } from '../check/start.ts';
import type { CheckPorts, MemberReach } from '../ports.ts';
import { scanCost } from '../scan/cost.ts';
import { SWEEPS_REQUEST_MAX_MS } from './limits.ts';
import type { SweepsRow } from './row.ts';
import { monthOf, readSweeps, saveSweeps } from './row.ts';
import type { CheckSettings } from './settings.ts';
import { actionOf } from './settings.ts';

/** What came of a look at the schedule. */
export interface SweepLook {
  /** `off`: none is wanted; `idle`: none is due; `under-way`; `elsewhere`: another run begins it; `waits`: the month's budget is spent; `begun`. */
  readonly did: 'off' | 'idle' | 'under-way' | 'elsewhere' | 'waits' | 'begun';
  readonly check?: string;
  /** Of a sweep now, as estimated (US dollars). */
  readonly usd?: number;
}

/** What is to be done about sweeps. Pure. */
export function judgeSweep(
  row: Pick<SweepsRow, 'last' | 'month' | 'spent'> | undefined,
  settings: Pick<CheckSettings, 'sweepEveryMs' | 'monthlyUsd'>,
  nowMs: number,
): { readonly do: 'off' | 'idle' } | { readonly do: 'begin'; readonly month: string; readonly spent: number; readonly leftUsd: number } {
  const { sweepEveryMs, monthlyUsd = Number.POSITIVE_INFINITY } = settings;
  if (sweepEveryMs === undefined) return { do: 'off' };
  if (row?.last !== undefined && nowMs - row.last < sweepEveryMs) return { do: 'idle' };
  const month = monthOf(nowMs);
  const spent = row?.month === month ? row.spent : 0;
  return { do: 'begin', month, spent, leftUsd: monthlyUsd - spent };
}

/** Prices of a region; where this version has none, those of another. */
const pricesIn = (region: string): Prices => pricesOf(PRICES[region] === undefined ? PRICE_REGION_DEFAULT : region, {});

/** What a sweep of the primary and these members costs, as estimated (US dollars). A table that cannot be described counts as the primary's. @throws RemoteError */
export async function sweepCost({ own, others }: CheckPorts, runtime: Runtime, targets: readonly string[]): Promise<number> {
  const until = runtime.clock.elapsed() + SWEEPS_REQUEST_MAX_MS;
  const source = await retried(runtime, until, () => own.table.describe(own.member.tables.items));
  const costOf = async ({ table, member }: MemberReach): Promise<number> => {
    const found = await table.describe(member.tables.items).catch(() => source);
    return scanCost(found, pricesIn(member.region)).usd;
  };
  let usd = scanCost(source, pricesIn(own.member.region)).usd;
  for (const target of targets) {
    const reach = others.get(target);
    if (reach !== undefined) usd += await costOf(reach);
  }
  return usd;
}

/**
 * Begins the sweep that is due, if there is one, the month's budget covers it, and no sweep is under way. The row is written before the
 * check is made: a run that is killed in between has spent its estimate, and the next sweep is due a period later.
 *
 * @throws InputError "too-many-checks", "not-primary" · RemoteError, FormatError
 */
export async function dueSweep(ports: CheckPorts, settings: CheckSettings, runtime: Runtime): Promise<SweepLook> {
  const { table, member } = ports.own;
  const { control } = member.tables;
  const targets = member.links.map((link) => link.target);
  if (settings.sweepEveryMs === undefined || targets.length === 0) return { did: 'off' };
  const row = await readSweeps(table, control, runtime);
  const now = runtime.clock.now();
  const judged = judgeSweep(row, settings, now);
  if (judged.do !== 'begin') return { did: judged.do };
  const open = (await listChecks(table, control, runtime)).find((job) => isOpen(job) && job.request.mode === 'sweep');
  if (open !== undefined) return { did: 'under-way', check: open.id };
  const usd = await sweepCost(ports, runtime, targets);
  const base = { ...(row?.last !== undefined && { last: row.last }), month: judged.month, spent: judged.spent };
  if (usd > judged.leftUsd) {
    if (row?.told !== judged.month && (await saveSweeps(table, control, { ...base, told: judged.month }, row))) {
      runtime.log.warn('The budget of the month does not cover another sweep: it waits for the next month, or for a higher limit.', {
        spentUsd: judged.spent,
        sweepUsd: usd,
        limitUsd: settings.monthlyUsd,
      });
      runtime.metrics.count('SweepsOverBudget', 1);
    }
    return { did: 'waits', usd };
  }
  if (!(await saveSweeps(table, control, { ...base, last: now, spent: judged.spent + usd }, row))) return { did: 'elsewhere' };
  const job = await startCheck(ports, runtime, { mode: 'sweep', targets, action: actionOf(settings), by: 'the schedule' });
  return { did: 'begun', check: job.id, usd };
}

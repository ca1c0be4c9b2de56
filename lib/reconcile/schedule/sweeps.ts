import { snapshotId } from '../../core/formats/manifest.ts';
import type { Prices } from '../../cost/prices.ts';
import { PRICE_REGION_DEFAULT, PRICES, pricesOf } from '../../cost/prices.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import type { CheckJob } from '../check/job.ts';
import { isCancelled, isOpen, listChecks, readCheck } from '../check/job.ts';
import { CHECKS_OPEN_MAX } from '../check/limits.ts';
import { startCheck } from '../check/start.ts';
import type { CheckPorts, MemberReach } from '../ports.ts';
import { scanCost } from '../scan/cost.ts';
import { SWEEP_AGAIN_MS, SWEEP_BEGIN_MAX_MS, SWEEPS_REQUEST_MAX_MS } from './limits.ts';
import type { SweepsRow } from './row.ts';
import { monthOf, readSweeps, saveSweeps } from './row.ts';
import type { CheckSettings } from './settings.ts';
import { actionOf } from './settings.ts';

/** What came of a look at the schedule. */
export interface SweepLook {
  /**
   * `off`: none is wanted; `idle`: none is due; `under-way`; `elsewhere`: another run begins it; `waits`: the month's budget is spent;
   * `no-room`: as many checks as there may be are under way; `begun`.
   */
  readonly did: 'off' | 'idle' | 'under-way' | 'elsewhere' | 'waits' | 'no-room' | 'begun';
  readonly check?: string;
  /** Of a sweep now, as estimated (US dollars). */
  readonly usd?: number;
}

/** What is to be done about sweeps. A sweep of some `targets` is one that has failed for them, and is tried again before the period is over. Pure. */
export function judgeSweep(
  row: Pick<SweepsRow, 'last' | 'failed' | 'month' | 'spent'> | undefined,
  settings: Pick<CheckSettings, 'sweepEveryMs' | 'monthlyUsd'>,
  nowMs: number,
):
  | { readonly do: 'off' | 'idle' }
  | { readonly do: 'begin'; readonly month: string; readonly spent: number; readonly leftUsd: number; readonly targets?: readonly string[] } {
  const { sweepEveryMs, monthlyUsd = Number.POSITIVE_INFINITY } = settings;
  if (sweepEveryMs === undefined) return { do: 'off' };
  const isWhole = row?.last === undefined || nowMs - row.last >= sweepEveryMs;
  const again = row?.failed !== undefined && nowMs >= row.failed.again ? row.failed.targets : undefined;
  if (!isWhole && again === undefined) return { do: 'idle' };
  const month = monthOf(nowMs);
  const spent = row?.month === month ? row.spent : 0;
  return { do: 'begin', month, spent, leftUsd: monthlyUsd - spent, ...(!isWhole && again !== undefined && { targets: again }) };
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
 * check is made, and names it: where the check was not made, the row is taken back by this run or the next.
 *
 * @throws InputError "too-many-checks", "not-primary" · RemoteError, FormatError
 */
export async function dueSweep(ports: CheckPorts, settings: CheckSettings, runtime: Runtime): Promise<SweepLook> {
  const { table, member } = ports.own;
  const { control } = member.tables;
  const all = member.links.map((link) => link.target);
  const { sweepEveryMs } = settings;
  if (sweepEveryMs === undefined || all.length === 0) return { did: 'off' };
  const row = await settled(ports.own, runtime, await readSweeps(table, control, runtime), sweepEveryMs);
  const now = runtime.clock.now();
  const judged = judgeSweep(row, settings, now);
  if (judged.do !== 'begin') return { did: judged.do };
  if (row?.begun !== undefined) return { did: 'under-way', check: row.begun.check };
  const open = (await listChecks(table, control, runtime)).filter(isOpen);
  const sweep = open.find((job) => job.request.mode === 'sweep');
  if (sweep !== undefined) return { did: 'under-way', check: sweep.id };
  if (open.length >= CHECKS_OPEN_MAX) return { did: 'no-room' };
  // A member that has left the set since is not looked for.
  const some = judged.targets?.filter((target) => all.includes(target)) ?? [];
  const targets = some.length > 0 ? some : all;
  const usd = await sweepCost(ports, runtime, targets);
  const base = { ...row, month: judged.month, spent: judged.spent };
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
  const id = snapshotId(now, runtime.chance.nonce());
  // One of some members is an extra: the next of all is due as it was.
  const last = judged.targets === undefined ? now : row?.last;
  const begun = { check: id, at: now, usd, ...(row?.last !== undefined && { before: row.last }) };
  const { told: _, ...rest } = base;
  const next = { ...rest, ...(last !== undefined && { last }), begun, spent: judged.spent + usd };
  if (!(await saveSweeps(table, control, next, row))) return { did: 'elsewhere' };
  try {
    const job = await startCheck(ports, runtime, { mode: 'sweep', targets, action: actionOf(settings), by: 'the schedule' }, id);
    return { did: 'begun', check: job.id, usd };
  } catch (error) {
    // An answer may have been lost: only a check that is not there has cost nothing. What fails here a later run makes good.
    const takeBack = async (): Promise<void> => {
      const noted = { ...next, v: (row?.v ?? 0) + 1 };
      if ((await readCheck(table, control, runtime, id)) === undefined) await saveSweeps(table, control, withoutSweep(noted), noted);
    };
    await takeBack().catch(() => undefined);
    throw error;
  }
}

/**
 * Looks at how the sweep that was begun has ended, and notes it: one that failed is due again soon, and what was never begun has cost
 * nothing. @returns the row as it then is. @throws RemoteError, FormatError
 */
async function settled({ table, member }: MemberReach, runtime: Runtime, row: SweepsRow | undefined, everyMs: number): Promise<SweepsRow | undefined> {
  if (row?.begun === undefined) return row;
  const { control } = member.tables;
  const next = afterSweep(row, await readCheck(table, control, runtime, row.begun.check), everyMs, runtime.clock.now());
  if (next === row) return row;
  // Where another run was faster, it has seen the same: the row's version keeps both from writing.
  await saveSweeps(table, control, next, row);
  if (next.failed !== undefined && next.failed !== row.failed) {
    runtime.log.warn('A scheduled sweep has failed, or could not compare a link; it is made again.', { check: row.begun.check, ...next.failed });
  }
  return readSweeps(table, control, runtime);
}

/** The row without the sweep that it names, as it was before that. Pure. */
function withoutSweep({ begun, last: _, ...rest }: SweepsRow): SweepsRow {
  return { ...rest, spent: Math.max(0, rest.spent - (begun?.usd ?? 0)), ...(begun?.before !== undefined && { last: begun.before }) };
}

/** The row after a look at the check that it names; the same one while that is under way. Pure. @param everyMs the period (ms), the longest wait for the next */
export function afterSweep(row: SweepsRow, job: CheckJob | undefined, everyMs: number, nowMs: number): SweepsRow {
  const { begun, failed, ...rest } = row;
  if (begun === undefined) return row;
  if (job === undefined) return nowMs - begun.at > SWEEP_BEGIN_MAX_MS ? withoutSweep(row) : row;
  if (job.done === undefined) return row;
  const targets = failedTargets(job);
  if (targets.length === 0) return rest;
  const times = (failed?.times ?? 0) + 1;
  return { ...rest, failed: { times, again: job.done + Math.min(everyMs, SWEEP_AGAIN_MS * 2 ** (times - 1)), targets } };
}

/**
 * Members of which a sweep has shown nothing. A link that was closed when the sweep began had no scan, and is not waited for: the log, or a
 * refill, brings it up. One that somebody has cancelled is not made again. Pure.
 */
function failedTargets(job: CheckJob): readonly string[] {
  if (isCancelled(job)) return [];
  if (job.failed !== undefined) return job.request.targets;
  return job.links.filter(({ target, why }) => why !== undefined && job.tasks.some(({ member }) => member === target)).map(({ target }) => target);
}

import type { Key } from '../../core/attribute.ts';
import { isRemote } from '../../ports/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { Page, ScanRequest, TablePort } from '../../ports/table.ts';
import { retried } from '../../replicate/retry.ts';
import { LATE_PAGES_MAX, REQUEST_MAX_MS, THROTTLED_MAX_MS, WAIT_STEP_MS } from './limits.ts';
import type { ReadPace } from './pace.ts';

/** What a run that scans a table has in common for all its parts. */
export interface ScanRun {
  readonly port: TablePort;
  /** Name of the table. */
  readonly table: string;
  readonly runtime: Runtime;
  readonly pace: ReadPace;
  /** Renews the run's lease when that is due. */
  renew(): Promise<void>;
  /** Whether the run ends: no page is begun any more. */
  isOver(): boolean;
}

/**
 * The next page of a part of the table, when it may be read by the run's pace; undefined when the run ends.
 *
 * A page that does not come in time is asked for again with fewer items, at most LATE_PAGES_MAX times; a table that refuses for load
 * is asked again for THROTTLED_MAX_MS.
 *
 * @param after the last key that was read; undefined at the part's begin.
 * @throws RemoteError · what `renew` throws
 */
export async function nextPage(run: ScanRun, segment: NonNullable<ScanRequest['segment']>, after: Key | undefined): Promise<Page | undefined> {
  const { port, table, runtime, pace } = run;
  const { clock } = runtime;
  let lateInRow = 0;
  for (;;) {
    if (!(await mayRead(run))) return undefined;
    const { limit } = pace;
    const request = { table, segment, ...(after !== undefined && { after }), ...(limit !== undefined && { limit }) };
    try {
      const page = await retried(runtime, clock.elapsed() + REQUEST_MAX_MS, () => port.scan(request), ['transient']);
      pace.read(page.items);
      return page;
    } catch (error) {
      const late = isRemote(error, 'unanswered');
      if (late) lateInRow += 1;
      if (late && lateInRow > 1) pace.shorten();
      const again = late ? lateInRow <= LATE_PAGES_MAX : isRemote(error, 'throttled') && pace.refusedMs(clock.elapsed()) <= THROTTLED_MAX_MS;
      if (!again) throw error;
      pace.refused(clock.elapsed());
      await run.renew();
    }
  }
}

/** Waits as the pace asks. False when the run ends. */
async function mayRead(run: ScanRun): Promise<boolean> {
  const { pace } = run;
  const { clock, chance } = run.runtime;
  const backOff = pace.backOff(chance.random());
  if (backOff > 0 && !run.isOver()) await clock.sleep(backOff);
  while (!run.isOver()) {
    const wait = pace.due(clock.elapsed());
    if (wait === 0) return true;
    await run.renew();
    await clock.sleep(Math.min(wait, WAIT_STEP_MS));
  }
  return false;
}

import { INDEX_PREFIX, LOG_PREFIX, REPORTS_PREFIX, readLogName, SCANS_PREFIX } from '../core/formats/archive-names.ts';
import { S3_PRICES } from '../cost/prices.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { SegmentRef } from './log/list.ts';
import type { ArchivePlace } from './place.ts';
import { listAll } from './snapshot/read.ts';

/** How large a member's archive is, and what it costs to keep. */

/** Objects below one prefix. */
export interface Total {
  readonly objects: number;
  readonly bytes: number;
}

export interface ArchiveTotals {
  readonly log: Total;
  readonly index: Total;
  readonly scans: Total;
  readonly reports: Total;
  /** The oldest segment of the log; absent for an empty one. */
  readonly oldest?: SegmentRef;
  /** Segments and roll-ups that begin in the last day. */
  readonly lastDay: number;
}

const DAY_MS = 86_400_000;
const DAYS_A_MONTH = 30.4;
/** S3 bills a GB as 2^30 bytes. */
const GB = 1_024 ** 3;

/** Adds up what the bucket lists: one request a thousand objects. @throws RemoteError */
export async function archiveTotals(place: ArchivePlace, runtime: Runtime, onObject: (seen: number) => void = () => undefined): Promise<ArchiveTotals> {
  const now = runtime.clock.now();
  let seen = 0;
  let lastDay = 0;
  let oldest: SegmentRef | undefined;
  const total = async (prefix: string): Promise<Total> => {
    let [objects, bytes] = [0, 0];
    for await (const { key, size, etag } of listAll(place, runtime, prefix)) {
      seen += 1;
      objects += 1;
      bytes += size;
      onObject(seen);
      const first = readLogName(key);
      if (first === undefined) continue;
      if (first.firstAtMs > now - DAY_MS) lastDay += 1;
      if (prefix !== LOG_PREFIX) continue;
      if (oldest === undefined || first.firstAtMs < oldest.firstAtMs) oldest = { ...first, name: key, size, etag };
    }
    return { objects, bytes };
  };
  const [log, index, scans, reports] = [await total(LOG_PREFIX), await total(INDEX_PREFIX), await total(SCANS_PREFIX), await total(REPORTS_PREFIX)];
  return { log, index, scans, reports, lastDay, ...(oldest && { oldest }) };
}

/** What a month costs as things are, in dollars: what is kept, and objects that are written as on the last day. Pure. */
export function monthOf(
  totals: ArchiveTotals,
  prices: { readonly gbMonth: number; readonly put: number } = S3_PRICES,
): { readonly kept: number; readonly puts: number } {
  const bytes = totals.log.bytes + totals.index.bytes + totals.scans.bytes + totals.reports.bytes;
  return { kept: (bytes / GB) * prices.gbMonth, puts: totals.lastDay * DAYS_A_MONTH * prices.put };
}

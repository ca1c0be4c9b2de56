import type { Prices } from '../../cost/prices.ts';
import type { RestorePlan } from './plan.ts';

/** Bytes of one write unit. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html */
const WRITE_UNIT_BYTES = 1_024;
const MILLION = 1_000_000;

/** What a restore into a table comes to, at most about: changes may also remove items, and JSON is longer than what DynamoDB counts. */
export interface RestoreEstimate {
  readonly items: number;
  /** Units at the table itself; each of its indexes that holds the items takes as many again. */
  readonly writes: number;
  /** US dollars on demand, without indexes. */
  readonly dollars: number;
}

/** Estimates a restore. Pure. @param keys that are wanted, where they are known: no more are written */
export function estimateRestore(
  { snapshot, records }: Pick<RestorePlan, 'snapshot' | 'records'>,
  prices: Pick<Prices, 'write'>,
  keys?: number,
): RestoreEstimate {
  const items = Math.min(snapshot.items + records, keys ?? Number.POSITIVE_INFINITY);
  const average = snapshot.items === 0 ? WRITE_UNIT_BYTES : snapshot.rawBytes / snapshot.items;
  const writes = items * Math.max(1, Math.ceil(average / WRITE_UNIT_BYTES));
  return { items, writes, dollars: (writes * prices.write) / MILLION };
}

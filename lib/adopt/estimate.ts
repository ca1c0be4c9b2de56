import type { Prices } from '../cost/prices.ts';
import { modelledRate } from './pace.ts';

/** What a backfill will read, write and cost. Pure; sizes and counts are DynamoDB's, which are up to six hours old. */

/** Bytes of `_s` at a replica, which can make an item a unit dearer. */
const META_BYTES = 55;
const KB = 1_024;
const MB = 1_024 ** 2;
const GB = 1_024 ** 3;
const MILLION = 1_000_000;
/** Bytes of one read unit (strongly consistent) and of one write unit. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html */
const READ_UNIT = 4 * KB;
const WRITE_UNIT = KB;
/** Reads of one key at a replica that does not have it: the item, its tombstone, its row of refused keys. */
const READS_AT_REPLICA = 3;

/** What there is to do. */
export interface Load {
  /** Items of the source, and their bytes in all. */
  readonly items: number;
  readonly bytes: number;
  /** Secondaries that are to be filled. */
  readonly links: number;
  readonly lanes: number;
  /** Keys a second at most. */
  readonly ratePerS?: number;
  /** Keys a second that were measured: by an earlier run. */
  readonly measuredPerS?: number;
  /** Whether the links are proven at the end, which reads both sides once more. */
  readonly prove: boolean;
}

/** What it comes to. */
export interface Estimate {
  readonly items: number;
  readonly bytes: number;
  readonly links: number;
  /** Units at the source: the scan, and one read of each item a link; and the proof's scan. */
  readonly sourceReads: number;
  /** Units at all replicas: the guard's reads; and the proof's scan. */
  readonly replicaReads: number;
  /** Units at all replicas. */
  readonly replicaWrites: number;
  /** Between regions. */
  readonly transferBytes: number;
  /** US dollars, queues and functions included. */
  readonly dollars: number;
  /** Keys a second that it is reckoned with, and why. */
  readonly keysPerS: number;
  readonly rateBy: 'measured' | 'limit' | 'model';
  readonly seconds: number;
}

/** Memory of apply (GB), its time for a message (s), requests of SQS for one; see lib/cost/model.ts. */
const APPLY = { gb: 0.5, s: 1.5, queueRequests: 4 } as const;
/** Keys in a message on the average. */
const KEYS_PER_MESSAGE = 80;

/** Estimates a backfill. */
export function estimateBackfill(load: Load, prices: Prices): Estimate {
  const { items, bytes, links, prove } = load;
  const average = items === 0 ? 0 : bytes / items;
  const scan = Math.ceil(bytes / READ_UNIT);
  const proof = prove ? scan : 0;
  const sourceReads = scan + proof + links * items * Math.max(1, Math.ceil(average / READ_UNIT));
  const replicaReads = links * (READS_AT_REPLICA * items + proof);
  const replicaWrites = links * items * Math.max(1, Math.ceil((average + META_BYTES) / WRITE_UNIT));
  const transferBytes = links * bytes;
  const messages = links * Math.ceil(items / KEYS_PER_MESSAGE);
  const perMillion =
    (sourceReads + replicaReads) * prices.read +
    replicaWrites * prices.write +
    messages * (prices.invocation + APPLY.gb * APPLY.s * prices.gbSecond + APPLY.queueRequests * prices.queueRequest);
  const dollars = perMillion / MILLION + (transferBytes / GB) * prices.transferGb;
  const { keysPerS, rateBy } = rateOf(load);
  return { items, bytes, links, sourceReads, replicaReads, replicaWrites, transferBytes, dollars, keysPerS, rateBy, seconds: items / keysPerS };
}

function rateOf({ lanes, ratePerS, measuredPerS }: Load): Pick<Estimate, 'keysPerS' | 'rateBy'> {
  const free = measuredPerS ?? modelledRate(lanes);
  if (ratePerS !== undefined && ratePerS <= free) return { keysPerS: ratePerS, rateBy: 'limit' };
  return { keysPerS: free, rateBy: measuredPerS === undefined ? 'model' : 'measured' };
}

/** Write units a second that the replicas' tables need for this rate. */
export const writesPerS = (estimate: Estimate): number =>
  estimate.items === 0 ? 0 : Math.ceil((estimate.replicaWrites / estimate.links / estimate.items) * estimate.keysPerS);

/** 1.5 GB, 20 MB, 3 KB. */
export function showBytes(bytes: number): string {
  if (bytes >= GB) return `${(bytes / GB).toFixed(1)} GB`;
  if (bytes >= MB) return `${(bytes / MB).toFixed(1)} MB`;
  return bytes >= KB ? `${Math.round(bytes / KB)} KB` : `${bytes} bytes`;
}

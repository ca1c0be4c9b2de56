import { SNAPSHOT_FILE_RAW_BYTES } from '../../core/formats/manifest.ts';
import type { Prices } from '../../cost/prices.ts';
import { S3_PRICES } from '../../cost/prices.ts';
import { READ_UNIT_BYTES } from './limits.ts';
import type { ReadRate } from './pace.ts';

/** What a snapshot will read, write and cost. Pure; sizes and counts are DynamoDB's, which are up to six hours old. */

const MB = 1_024 ** 2;
const GB = 1_024 ** 3;
const MILLION = 1_000_000;
/** Bytes of lines for a byte of an item: names of types, quotes. */
const LINES_PER_BYTE = 1.5;
/** What zstd leaves of lines. */
const PACKED = 0.25;
/** Bytes of items a second that a scan is reckoned to read before anything was measured. */
const MODEL_BYTES_PER_S = 20 * MB;

/** DynamoDB in us-east-1: a GB of a table that is exported, and of files that are imported. https://aws.amazon.com/dynamodb/pricing/on-demand/ */
export const JOB_PRICES = { exportGb: 0.1, importGb: 0.15 } as const;

/** What there is to do. */
export interface SnapshotLoad {
  readonly items: number;
  readonly bytes: number;
  readonly via: 'scan' | 'export';
  readonly rate: ReadRate;
  /** Items and time (ms) of an earlier run. */
  readonly measured?: { readonly items: number; readonly worked: number };
}

/** What it comes to. */
export interface SnapshotEstimate {
  readonly items: number;
  readonly bytes: number;
  /** Units at the table: none for an export. */
  readonly readUnits: number;
  readonly files: number;
  /** Bytes in the bucket. */
  readonly storedBytes: number;
  /** US dollars once, and a month for what is stored. */
  readonly dollars: number;
  readonly dollarsPerMonth: number;
  /** About; absent for an export, of which nobody knows. */
  readonly seconds?: number;
  readonly secondsBy?: 'measured' | 'limit' | 'model';
}

/** Estimates a snapshot. */
export function estimateSnapshot(load: SnapshotLoad, prices: Prices): SnapshotEstimate {
  const { items, bytes, via } = load;
  const raw = bytes * LINES_PER_BYTE;
  const files = items === 0 ? 0 : Math.max(1, Math.ceil(raw / SNAPSHOT_FILE_RAW_BYTES));
  const storedBytes = Math.ceil(raw * PACKED);
  const readUnits = via === 'export' ? 0 : Math.ceil(bytes / READ_UNIT_BYTES);
  const work = via === 'export' ? (bytes / GB) * JOB_PRICES.exportGb : (readUnits / MILLION) * prices.read + (files + 1) * S3_PRICES.put;
  return {
    ...{ items, bytes, readUnits, files, storedBytes },
    dollars: work,
    dollarsPerMonth: (storedBytes / GB) * S3_PRICES.gbMonth,
    ...(via === 'scan' && timeOf(load, readUnits)),
  };
}

function timeOf({ items, bytes, rate, measured }: SnapshotLoad, readUnits: number): Pick<SnapshotEstimate, 'seconds' | 'secondsBy'> {
  const known = measured !== undefined && measured.items > 0 && measured.worked > 0;
  const free = known ? (items * measured.worked) / measured.items / 1_000 : bytes / MODEL_BYTES_PER_S;
  const limited = Math.max(rate.itemsPerS === undefined ? 0 : items / rate.itemsPerS, rate.unitsPerS === undefined ? 0 : readUnits / rate.unitsPerS);
  return limited > free ? { seconds: limited, secondsBy: 'limit' } : { seconds: free, secondsBy: known ? 'measured' : 'model' };
}

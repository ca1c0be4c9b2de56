import type { Load } from './model.ts';
import { COMPRESSION, eventsOf, GB, KB, LOG_MONTHS, MEMORY_GB, MILLION, MONTH_S, ROUND_TRIP_S } from './model.ts';
import type { Prices } from './prices.ts';
import { S3_PRICES } from './prices.ts';

/**
 * What it costs to know that the replicas agree, as a model of what the checker does. Pure. Everything that is assumed has a name here.
 *
 * The standing proof costs by the changes, a sweep by the size of the tables: that is why there are both.
 */

/** An entry of a footer's index, in base64, and the rest of a footer (bytes). lib/core/formats/segment-index.ts */
const ENTRY_BYTES = 63;
const FOOTER_HEAD_BYTES = 2_000;
/** A footer's end is read with at most so many bytes, be they all of the segment. lib/core/formats/segment-footer.ts */
const TAIL_BYTES = 65_536;
/** What an index entry takes more for the proof's sake: the hash of the old image, and two expiry days, in base64 (bytes). */
const ENTRY_MORE_BYTES = 16;
/** The digest of a member, and of its newest base (bytes): 256 cells. Tables with expiry have some days more. */
const DIGEST_BYTES = 9_000;
/** A look at the logs, a minute: what it takes however little is new, and for each entry (s, at 512 MB: a third of a processor). */
const LOOK_S = { run: 0.4 + 4 * ROUND_TRIP_S, entry: 0.000_02 } as const;
/** The hash of an old image, at the observer (s): 6 µs of a whole processor. docs/decisions/0008-digest.md */
const OLD_HASH_S = 0.000_018;
/** Its rows: reads at the primary and at each other member, and the write of what was found (units). A row has more than one request reads. */
const LOOK_READS = { primary: 16, other: 2 } as const;
const LOOK_WRITES = 3;
/**
 * Requests to S3 of a look, for each member: lists of its new shards and of the open one; its newest base and that one's name, and what is known
 * so far; and storing that. A test counts them.
 */
export const LOOK_REQUESTS = { list: 2, get: 3, put: 1 } as const;

/** A scan: items a second while a run works on it, which is what a third of a processor can read; and so long a minute it does (s). lib/reconcile/part.ts */
const SCAN_ITEM_S = 0.000_1;
const SCAN_SLICE_S = 15;
/** What is made of the runs afterwards, for each item (s). */
const BASE_ITEM_S = 0.000_01;
/** Entries of a run, bytes of one (its fingerprint, and its key, packed), and how many bases keep their runs. lib/reconcile/scan/limits.ts */
const RUN_ENTRIES = 32_768;
const RUN_ENTRY_BYTES = 50;
const BASES_KEPT = 2;
/** Reads of a run when the base is made, and units of the savepoint's writes for each run. */
const RUN_GETS = 2;
const RUN_WRITES = 3;

/** A flagged write: its frame is read from the other region (bytes), its key at the primary (units), its resync sent, received, read and written. */
const FRAME_BYTES = 20_000;
const DRIFT_QUEUE_REQUESTS = 4;
const DRIFT_S = 0.02 + 2 * ROUND_TRIP_S;

/** What is asked. */
export interface CheckLoad extends Pick<Load, 'writesPerS' | 'sizeKb' | 'replicas'> {
  /** Items of the table, more than 0. */
  readonly items: number;
  /** Hours from one sweep to the next; absent: none. */
  readonly sweepEveryH?: number;
  /** Writes by hand at replicas, a month. */
  readonly handWrites: number;
}

/** Dollars a month. */
export interface CheckCost {
  /** The minute's look: footers of all logs, compared. */
  readonly proof: {
    /** S3 requests, and what the logs keep more for it. */
    readonly storage: number;
    /** Footers that are read from other regions. */
    readonly transfer: number;
    readonly lambda: number;
    /** Rows of the `control` tables, and a look at the depth of each queue. */
    readonly rows: number;
  };
  /** The sweeps of a month. */
  readonly sweeps: {
    /** Reading all tables. */
    readonly reads: number;
    /** S3 requests, and the runs that are kept. */
    readonly storage: number;
    readonly lambda: number;
    readonly rows: number;
  };
  /** Writes by hand: their keys are found in the logs, and repaired. */
  readonly drift: number;
  readonly perMonth: number;
  /** What one sweep costs, and how long the minute runs take to read a table of this size (h). */
  readonly perSweep: number;
  readonly sweepHours: number;
}

const sum = (parts: Readonly<Record<string, number>>): number => Object.values(parts).reduce((all, part) => all + part, 0);

/** The cost of knowing. @param load a rate, a size, a number of replicas and of items above 0 */
export function checkCostOf(load: CheckLoad, prices: Prices): CheckCost {
  const proof = proofOf(load, prices);
  const sweep = sweepOf(load, prices);
  const count = load.sweepEveryH === undefined ? 0 : MONTH_S / 3_600 / load.sweepEveryH;
  const kept = load.sweepEveryH === undefined ? 0 : keptOf(load);
  const sweeps = { reads: count * sweep.reads, storage: count * sweep.storage + kept, lambda: count * sweep.lambda, rows: count * sweep.rows };
  const drift = load.handWrites * driftOf(load, prices);
  return {
    proof,
    sweeps,
    drift,
    perMonth: sum(proof) + sum(sweeps) + drift,
    perSweep: sum(sweep),
    sweepHours: (load.items * SCAN_ITEM_S) / SCAN_SLICE_S / 60,
  };
}

function proofOf({ writesPerS, sizeKb, replicas }: CheckLoad, prices: Prices): CheckCost['proof'] {
  const members = replicas + 1;
  const looks = MONTH_S / 60;
  const { observes } = eventsOf({ writesPerS, sizeKb });
  const writes = writesPerS * MONTH_S;
  const perSegment = writesPerS / observes;
  const index = FOOTER_HEAD_BYTES + perSegment * ENTRY_BYTES;
  const segment = index + perSegment * 2 * sizeKb * KB * COMPRESSION;
  const footer = Math.max(index, Math.min(TAIL_BYTES, segment));
  const segments = observes * MONTH_S;
  const requests =
    looks * (LOOK_REQUESTS.list * S3_PRICES.list + LOOK_REQUESTS.get * S3_PRICES.get + LOOK_REQUESTS.put * S3_PRICES.put) + segments * S3_PRICES.get;
  const more = ((writes * ENTRY_MORE_BYTES) / GB) * LOG_MONTHS * S3_PRICES.gbMonth;
  const lookS = looks * LOOK_S.run + members * writes * LOOK_S.entry;
  return {
    storage: members * (requests + more),
    transfer: replicas * ((segments * footer + looks * DIGEST_BYTES) / GB) * prices.transferGb,
    lambda: ((MEMORY_GB.reconcile * lookS + MEMORY_GB.observe * members * writes * OLD_HASH_S) * prices.gbSecond) / MILLION,
    rows: (looks * ((LOOK_READS.primary + replicas * LOOK_READS.other) * prices.read + LOOK_WRITES * prices.write + replicas * prices.queueRequest)) / MILLION,
  };
}

/** One sweep of all tables. */
function sweepOf({ items, sizeKb, replicas }: CheckLoad, prices: Prices): CheckCost['sweeps'] {
  const members = replicas + 1;
  const runs = Math.ceil(items / RUN_ENTRIES);
  return {
    reads: (members * ((items * sizeKb) / 4) * prices.read) / MILLION,
    storage: members * runs * (S3_PRICES.put + RUN_GETS * S3_PRICES.get),
    lambda: (members * MEMORY_GB.reconcile * items * (SCAN_ITEM_S + BASE_ITEM_S) * prices.gbSecond) / MILLION,
    rows: (members * runs * RUN_WRITES * prices.write) / MILLION,
  };
}

/** The runs of the newest sweeps, kept (dollars a month). */
const keptOf = ({ items, replicas }: CheckLoad): number => (replicas + 1) * BASES_KEPT * ((items * RUN_ENTRY_BYTES) / GB) * S3_PRICES.gbMonth;

/** One write by hand. */
function driftOf({ sizeKb }: CheckLoad, prices: Prices): number {
  const units = Math.ceil(sizeKb / 4) * 3 * prices.read + Math.ceil(sizeKb) * prices.write + prices.write;
  const queue = DRIFT_QUEUE_REQUESTS * prices.queueRequest;
  const run = prices.invocation + MEMORY_GB.apply * DRIFT_S * prices.gbSecond;
  return (units + queue + run) / MILLION + S3_PRICES.get + ((FRAME_BYTES + sizeKb * KB) / GB) * prices.transferGb;
}

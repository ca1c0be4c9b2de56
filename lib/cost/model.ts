import { APPLY_BATCH_MESSAGES, LANE_MESSAGE_BYTES, LANES_DEFAULT, SQS_BATCH_ENTRIES, STREAM_BATCH_RECORDS } from '../core/constants.ts';
import { SEGMENT_RECORDS_MAX } from '../core/formats/segment.ts';
import type { Prices } from './prices.ts';
import { S3_PRICES } from './prices.ts';

/**
 * What replication costs, as a model of what the functions do. Pure. Everything that is assumed has a name here.
 *
 * Writes arrive at random (Poisson). An event of Lambda is shared by the writes that arrived since the last one, so the
 * cost of a write falls with the rate: that is the curve.
 */

/** Lambda looks at each shard of a stream this often (1/s). https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html */
const POLLS_PER_S = 4;
/** Windows of the mappings (s); see cdk/member-data.ts. */
const CHEAP_WINDOW_S = 5;
const OBSERVE_WINDOW_S = 60;
/** Writes that one shard carries (1/s). https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html */
const SHARD_WRITES_PER_S = 1_000;
/** Lambda's event of a stream (bytes); a record has both images. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const EVENT_BYTES = 6_000_000;
/** Batches of a queue that Lambda takes at the same time when it is not busy. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html */
const POLLERS = 5;
/** A long poll that finds nothing ends after this (s). */
const LONG_POLL_S = 20;
/** What a request of SQS is billed by (bytes). https://aws.amazon.com/sqs/pricing/ */
const QUEUE_CHUNK_BYTES = 65_536;
/** zstd's work on a lane message of text-like items: what remains of it. Random bytes would stay as they are. */
export const COMPRESSION = 0.4;

/** Memory of the functions (GB); see cdk/functions.ts. */
export const MEMORY_GB = { fanout: 0.5, apply: 0.5, observe: 0.5, reconcile: 0.5 } as const;
/** One round trip to another region (s): Frankfurt to Virginia. */
export const ROUND_TRIP_S = 0.09;
/** Durations of an event (s): what it takes however little is in it; and for each record (docs/performance.md). */
const FANOUT_S = { event: 0.03, record: 0.000_033 } as const;
const OBSERVE_S = { event: 0.06, record: 0.000_03 } as const;
/** Days that the log is kept; see cdk/archive.ts. What a record takes beside its two images when it is packed (bytes): its index, its names. */
const LOG_DAYS = 35;
const LOG_RECORD_BYTES = 100;
/** The guard's read and the write go to the other region, one after the other. */
const APPLY_S = { event: 0.02 + 2 * ROUND_TRIP_S, record: 0.000_1 } as const;
/** A minute's run: its duration (s), and its reads of its own rows (units). */
const RECONCILE_S = 0.5;
const RECONCILE_READS = 10;

export const MILLION = 1_000_000;
export const KB = 1_024;
export const GB = 1_024 ** 3;
/** 365.25 days in twelve months (s). */
export const MONTH_S = (365.25 * 86_400) / 12;

/** What is asked. */
export interface Load {
  /** Writes at the primary (1/s), more than 0. */
  readonly writesPerS: number;
  /** Size of an item as it is stored (KB), our metadata included. */
  readonly sizeKb: number;
  /** Members beside the primary, at least 1. */
  readonly replicas: number;
  /** `cheap`: fan-out gathers for 5 s. */
  readonly latency: 'low' | 'cheap';
  /** Share of writes whose key is new at the replicas, 0 to 1: the guard then reads the tombstone, too. */
  readonly newKeys: number;
}

/** Dollars for a million writes, by what they are for. */
export interface Parts {
  /** The writes at the primary: they are there without replication, too. */
  readonly source: number;
  /** The copies at the replicas. */
  readonly copies: number;
  /** The guard's reads at the replicas. */
  readonly guard: number;
  /** Data between regions. */
  readonly transfer: number;
  /** Fan-out: its invocations, reads and sends. */
  readonly fanout: number;
  /** The rows that say how far the stream's readers are. */
  readonly checkpoints: number;
  /** The observers' invocations, at every member. */
  readonly observe: number;
  /** The log of every member: its objects, stored and kept. Snapshots are extra. */
  readonly archive: number;
  /** Apply: its invocations, its queue requests, its reads of the fence. */
  readonly apply: number;
}

/** What it costs. */
export interface Cost {
  readonly parts: Parts;
  /** Dollars for a million writes: the sum of the parts. */
  readonly perMillion: number;
  /** The same with DynamoDB Global Tables. */
  readonly globalTables: number;
  /** Dollars a month while nothing is written. */
  readonly idlePerMonth: number;
  /** Dollars a month at this rate, idle cost included; and with Global Tables. */
  readonly perMonth: number;
  readonly globalTablesPerMonth: number;
}

/** The cost of a load. @param load a rate, a size and a number of replicas above 0 */
export function costOf(load: Load, prices: Prices): Cost {
  const flow = flowOf(load);
  const { replicas } = load;
  const writes = Math.ceil(load.sizeKb);
  const reads = Math.ceil(load.sizeKb / 4);
  const transfer = ((load.sizeKb * KB * MILLION) / GB) * prices.transferGb;
  const lambda = (gb: number, s: number): number => prices.invocation + gb * s * prices.gbSecond;
  const fanout =
    lambda(MEMORY_GB.fanout, FANOUT_S.event + FANOUT_S.record * flow.recordsPerFanout) + prices.read + replicas * flow.sendRequests * prices.queueRequest;
  const observe = lambda(MEMORY_GB.observe, OBSERVE_S.event + (OBSERVE_S.record * load.writesPerS) / flow.observes) + prices.read;
  // A receive, a change of visibility (to own the lane) and a deletion; the fence is read with the guard.
  const apply =
    lambda(MEMORY_GB.apply, APPLY_S.event + (APPLY_S.record * load.writesPerS) / flow.applies) +
    (Math.max(1, flow.applyBytes / QUEUE_CHUNK_BYTES) + 2) * prices.queueRequest +
    prices.read;
  // What is applied at a replica is a write of its own stream.
  const members = replicas + 1;
  const per = (events: number): number => events / load.writesPerS;
  const parts: Parts = {
    source: writes * prices.write,
    copies: replicas * writes * prices.write,
    guard: replicas * (reads + load.newKeys) * prices.read,
    transfer: replicas * transfer,
    fanout: per(flow.fanouts) * fanout,
    checkpoints: per(flow.fanouts + members * flow.observes) * prices.write,
    observe: members * per(flow.observes) * observe,
    archive: members * (per(flow.observes) * S3_PRICES.put * MILLION + logGbMonths(load.sizeKb) * S3_PRICES.gbMonth),
    apply: replicas * per(flow.applies) * apply,
  };
  const perMillion = Object.values(parts).reduce((sum, part) => sum + part, 0);
  const globalTables = (replicas + 1) * writes * prices.write + replicas * transfer;
  const idlePerMonth = idleOf(replicas + 1, prices);
  const millions = (load.writesPerS * MONTH_S) / MILLION;
  return {
    parts,
    perMillion,
    globalTables,
    idlePerMonth,
    perMonth: idlePerMonth + millions * perMillion,
    globalTablesPerMonth: millions * globalTables,
  };
}

/** Events a second, in all shards, for one link. */
interface Flow {
  readonly fanouts: number;
  readonly recordsPerFanout: number;
  readonly observes: number;
  /** Billed requests of SendMessageBatch in one fan-out. */
  readonly sendRequests: number;
  readonly applies: number;
  /** Bytes of messages in one event of apply. */
  readonly applyBytes: number;
}

/** Events of a stream's two readers. */
interface StreamEvents {
  readonly shards: number;
  /** Of all shards (1/s): each of the observer's is a segment of the log. */
  readonly observes: number;
  /** Of one shard (1/s). */
  readonly events: (looksPerS: number, batch: number) => number;
}

/** How often the readers of a stream are called. */
export function eventsOf({ writesPerS, sizeKb }: Pick<Load, 'writesPerS' | 'sizeKb'>): StreamEvents {
  const shards = Math.max(1, Math.ceil(writesPerS / SHARD_WRITES_PER_S));
  const rate = writesPerS / shards;
  // A look finds something with the probability that at least one write came since the last one; a batch that is full is not waited for.
  const events = (looksPerS: number, batch: number): number =>
    Math.max(looksPerS * (1 - Math.exp(-rate / looksPerS)), rate / batch, (rate * 2 * sizeKb * KB) / EVENT_BYTES);
  return { shards, observes: shards * events(1 / OBSERVE_WINDOW_S, SEGMENT_RECORDS_MAX), events };
}

function flowOf(load: Load): Flow {
  const { shards, observes, events } = eventsOf(load);
  const rate = load.writesPerS / shards;
  const imageBytes = load.sizeKb * KB;
  const fanouts = events(load.latency === 'low' ? POLLS_PER_S : 1 / CHEAP_WINDOW_S, STREAM_BATCH_RECORDS);
  const records = rate / fanouts;
  const lanes = occupied(LANES_DEFAULT, records);
  const bytes = records * imageBytes * COMPRESSION;
  const messages = Math.max(lanes, bytes / LANE_MESSAGE_BYTES);
  const sendRequests = Math.max(Math.ceil(messages / SQS_BATCH_ENTRIES), bytes / QUEUE_CHUNK_BYTES);
  // The messages of one fan-out become visible at the same time; Lambda's pollers share them.
  const perBurst = Math.max(occupied(POLLERS, messages), messages / APPLY_BATCH_MESSAGES);
  return {
    fanouts: shards * fanouts,
    recordsPerFanout: records,
    observes,
    sendRequests,
    applies: shards * fanouts * perBurst,
    applyBytes: bytes / perBurst,
  };
}

/** Months that the log is kept. */
export const LOG_MONTHS = (LOG_DAYS * 86_400) / MONTH_S;

/** What the log of a million writes takes at one member, for as long as it is kept (GB and months): two images each, packed. */
const logGbMonths = (sizeKb: number): number => (((2 * sizeKb * KB * COMPRESSION + LOG_RECORD_BYTES) * MILLION) / GB) * LOG_MONTHS;

/** How many of `places` hold something when `things` are thrown into them at random. */
const occupied = (places: number, things: number): number => places * (1 - (1 - 1 / places) ** things);

/** Dollars a month of a set in which nothing is written: polls of the queues, minute runs, markers. */
function idleOf(members: number, prices: Prices): number {
  const links = members * (members - 1);
  const minutes = MONTH_S / 60;
  const polls = links * POLLERS * (MONTH_S / LONG_POLL_S) * prices.queueRequest;
  const runs = members * minutes * (prices.invocation + MEMORY_GB.reconcile * RECONCILE_S * prices.gbSecond + RECONCILE_READS * prices.read);
  // A minute and link of the primary: a look at its dead letters, and a marker: a send, apply's event, the mark's write.
  const marker =
    prices.queueRequest + prices.invocation + MEMORY_GB.apply * APPLY_S.event * prices.gbSecond + 3 * prices.queueRequest + prices.read + prices.write;
  const markers = (members - 1) * minutes * (prices.queueRequest + marker);
  return (polls + runs + markers) / MILLION;
}

/** Rates of the curve (1/s): two a decade, from 0.01 to 10,000. */
export const CURVE_RATES: readonly number[] = Array.from({ length: 13 }, (_, i) => Number((10 ** (i / 2 - 2)).toPrecision(2)));

/** The cost over the rates of the curve, all else equal. */
export const curveOf = (
  load: Omit<Load, 'writesPerS'>,
  prices: Prices,
  rates: readonly number[] = CURVE_RATES,
): readonly (Cost & { readonly writesPerS: number })[] => rates.map((writesPerS) => ({ writesPerS, ...costOf({ ...load, writesPerS }, prices) }));

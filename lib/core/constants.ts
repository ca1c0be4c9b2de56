/**
 * Every number that a protocol rests on, with its unit and the inequality that it must keep.
 * `checkInequalities` states them all; a unit test and the CDK constructs call it. docs/SPEC.md quotes this file.
 */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A1, "R": a request has no effect later than this after it was issued (ms). */
export const REQUEST_EFFECT_MAX_MS = 3 * SECOND;
/** The socket gives up this early (ms). Less than R, so that an unanswered request is known to be over at R. */
export const REQUEST_TIMEOUT_MS = 2_500;
/** Time to open a connection (ms). Part of REQUEST_TIMEOUT_MS. */
export const CONNECT_TIMEOUT_MS = 1 * SECOND;
/** "W": the longest time from the read of the fence to the last issue of a write under it (ms). */
export const FENCE_AGE_MAX_MS = 3 * SECOND;
/** Slack for differing clock rates and scheduling between two checks of one deadline (ms). */
export const DEADLINE_MARGIN_MS = 2 * SECOND;
/** A2: wall clocks of hosts of one region differ by less than this (ms). */
export const CLOCK_OFFSET_MAX_MS = 1 * SECOND;
/** A2: a host's elapsed time runs less than this share too fast or too slow. */
export const CLOCK_RATE_ERROR_MAX = 0.01;

/** Timeout of the functions that move data: fanout and apply (ms). */
export const FUNCTION_TIMEOUT_MS = 30 * SECOND;
/** Timeout of the minute run (ms). Less than a minute, so that two runs of one rule do not pile up. */
export const RECONCILE_TIMEOUT_MS = 55 * SECOND;
/** Timeout of the HTTP API (ms): API Gateway gives up at 29 s. */
export const API_TIMEOUT_MS = 28 * SECOND;
/** "V": visibility timeout of a link's queue (s). V ≥ function timeout + R + margin. */
export const VISIBILITY_S = 180;
/** Visibility while reconcile works on a dead letter (s). */
export const DLQ_VISIBILITY_S = 120;

/** Default number of lanes of a link. Part of the format: fixed for a set, changed only by draining. */
export const LANES_DEFAULT = 16;
/** Most lanes that a set may have. */
export const LANES_MAX = 256;

/** Stream records in one fan-out invocation. Lambda's maximum is 10,000; more than 1,000 gains nothing at one shard's 1,000 writes/s. */
export const STREAM_BATCH_RECORDS = 1_000;
/** Messages in one apply invocation: SQS FIFO's limit. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html */
export const APPLY_BATCH_MESSAGES = 10;
/** Entries in one SQS batch call. */
export const SQS_BATCH_ENTRIES = 10;
/** Bytes in one SQS message, and in one batch call in all. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
export const SQS_CALL_BYTES_MAX = 1_048_576;
/** What a lane message aims at (bytes of body): ten of them fit Lambda's 6 MB event with room for its envelope. */
export const LANE_MESSAGE_BYTES = 256 * 1_024;
/** Largest body of a message that holds a single change (bytes); the rest of the call is left for attributes. */
export const LANE_MESSAGE_BYTES_MAX = 1_000_000;
/** A message never unpacks to more than this (bytes), whatever its sender says. */
export const LANE_MESSAGE_UNPACKED_MAX = 32 * 1_024 * 1_024;
/** Uncompressed JSON in one message (bytes), so that an applier's heap stays bounded. */
export const LANE_MESSAGE_JSON_BYTES = 1 * 1_024 * 1_024;
/** Keys in one resync message. */
export const RESYNC_KEYS_MAX = 100;

/** Keys in one BatchGetItem call. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html */
export const BATCH_GET_KEYS = 100;
/** Requests in one BatchWriteItem call. */
export const BATCH_WRITE_REQUESTS = 25;
/** Bytes in one BatchWriteItem call (16 MB on AWS; less keeps an applier's heap bounded). */
export const BATCH_WRITE_BYTES = 4 * 1_024 * 1_024;
/** Largest item DynamoDB takes (bytes). */
export const ITEM_BYTES_MAX = 400 * 1_024;
/** At most this many keys of one round are written one by one with a condition; more go by BatchWriteItem. */
export const CONDITIONAL_KEYS_MAX = 3;
/** Write calls in flight of one apply invocation: start and bounds of the adaptive limit. */
export const WRITE_CONCURRENCY = { start: 4, min: 1, max: 8 } as const;
/** Attempts of one request within an invocation (the lane's give-back is the longer loop around it). */
export const ATTEMPTS_MAX = 4;
/** Attempts of one key's compare-and-set before its lane is given back. */
export const CAS_ATTEMPTS_MAX = 5;
/** Wait before the second attempt of a request (ms); doubled each time, with full jitter. */
export const RETRY_BASE_MS = 25;
/** Largest wait between two attempts of a request (ms). */
export const RETRY_CAP_MS = 1_000;

/** Give-back of a lane's head: first wait (s), its cap (s), the age at which the target counts as gone (ms), the wait then (s). */
export const GIVE_BACK = { firstS: 1, capS: 5 * 60, goneAfterMs: DAY, goneS: 30 * 60 } as const;
/** Receives before SQS itself moves a message to the dead-letter queue. With GIVE_BACK this takes longer than the retention. */
export const MAX_RECEIVE_COUNT = 1_000;

/** DynamoDB keeps stream records for this long (ms). */
export const STREAM_RETENTION_MS = DAY;
/** Retention of a link's queue (ms): the longest outage of a target that costs nothing. */
export const QUEUE_RETENTION_MS = 14 * DAY;
/** Retention of a link's dead-letter queue (ms). */
export const DLQ_RETENTION_MS = 14 * DAY;
/** Life of a tombstone (ms): longer than anything that an older put of its key can wait in. */
export const TOMBSTONE_LIFE_MS = 30 * DAY;
/** Age at which Lambda gives a stream batch to the failure destination (ms), before DynamoDB drops it in silence. */
export const STREAM_RECORD_AGE_MAX_MS = 23 * HOUR;
/** `sent` this far behind `seen` (ms): what fan-out has not moved will be trimmed soon, so the member's links are incomplete. */
export const SENT_BEHIND_MAX_MS = 20 * HOUR;
/** A queue that refuses sends for this long makes its link stale (ms), so that it cannot stop the others. */
export const SEND_REFUSED_BUDGET_MS = 15 * MINUTE;

/** Period of the minute run (ms). */
export const TICK_MS = MINUTE;
/** A marker that has not arrived for this long means that the link is stalled (ms). */
export const STALLED_AFTER_MS = 5 * MINUTE;
/** A refused key is tried again after this (ms). */
export const REFUSED_RETRY_MS = HOUR;
/** Dead letters that one minute run drains from one link. */
export const DEAD_LETTERS_PER_RUN = 1_000;
/** Refused keys that one minute run looks at for one link. */
export const REFUSED_PER_RUN = 1_000;
/** Deletions that one request to repair may cause without asking a human; jobs over more keys come with the issue "Reconcile". */
export const DELETE_COUNT_FREE = 100;

/** A target gone, or a link paused, for this long makes the link stale (ms): its queue is about to drop messages. */
export const LINK_STALE_AFTER_MS = 12 * DAY;

/** How often a lane's head is received within `ms` while its target is gone (GIVE_BACK without its jitter, which only lengthens). */
export function receivesWithin(ms: number): number {
  let receives = 0;
  for (let at = 0, wait: number = GIVE_BACK.firstS; at < ms && receives < 100_000; receives += 1) {
    at += (at >= GIVE_BACK.goneAfterMs ? GIVE_BACK.goneS : wait) * SECOND;
    wait = Math.min(wait * 2, GIVE_BACK.capS);
  }
  return receives;
}

/** Statement of an inequality between two constants, for tests and constructs. */
export interface Inequality {
  readonly name: string;
  readonly holds: boolean;
  readonly values: Readonly<Record<string, number>>;
}

/** The inequalities that the protocols rest on. A construct that lets a user change one side asserts them anew. */
export function inequalities(
  own: {
    readonly visibilityS?: number;
    readonly functionTimeoutMs?: number;
    readonly queueRetentionMs?: number;
    readonly dlqRetentionMs?: number;
    readonly tombstoneLifeMs?: number;
  } = {},
): readonly Inequality[] {
  const v = (own.visibilityS ?? VISIBILITY_S) * SECOND;
  const timeout = own.functionTimeoutMs ?? FUNCTION_TIMEOUT_MS;
  const queue = own.queueRetentionMs ?? QUEUE_RETENTION_MS;
  const dlq = own.dlqRetentionMs ?? DLQ_RETENTION_MS;
  const tombstone = own.tombstoneLifeMs ?? TOMBSTONE_LIFE_MS;
  return [
    {
      name: 'V ≥ function timeout + R + margin: a lane has one owner',
      holds: v >= timeout + REQUEST_EFFECT_MAX_MS + DEADLINE_MARGIN_MS,
      values: { v, timeout, r: REQUEST_EFFECT_MAX_MS, margin: DEADLINE_MARGIN_MS },
    },
    {
      name: 'V ≥ 6 × function timeout: AWS’s rule for SQS event source mappings',
      holds: v >= 6 * timeout,
      values: { v, timeout },
    },
    {
      name: 'tombstone life > stream + queue + dead-letter retention: no older put outlives a tombstone',
      holds: tombstone > STREAM_RETENTION_MS + queue + dlq,
      values: { tombstone, stream: STREAM_RETENTION_MS, queue, dlq },
    },
    {
      name: 'request timeout < R: an unanswered request is over at R',
      holds: REQUEST_TIMEOUT_MS < REQUEST_EFFECT_MAX_MS,
      values: { timeout: REQUEST_TIMEOUT_MS, r: REQUEST_EFFECT_MAX_MS },
    },
    {
      name: 'record age limit < stream retention: lost batches are reported before they are trimmed',
      holds: STREAM_RECORD_AGE_MAX_MS < STREAM_RETENTION_MS && SENT_BEHIND_MAX_MS < STREAM_RECORD_AGE_MAX_MS,
      values: { age: STREAM_RECORD_AGE_MAX_MS, behind: SENT_BEHIND_MAX_MS, retention: STREAM_RETENTION_MS },
    },
    {
      name: 'receives within the queue’s retention < maxReceiveCount: a dead target makes no dead letters',
      holds: receivesWithin(queue) < MAX_RECEIVE_COUNT,
      values: { receives: receivesWithin(queue), maxReceiveCount: MAX_RECEIVE_COUNT, queue },
    },
    {
      name: 'a link is declared stale before its queue drops messages',
      holds: LINK_STALE_AFTER_MS < queue,
      values: { stale: LINK_STALE_AFTER_MS, queue },
    },
  ];
}

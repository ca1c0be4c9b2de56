import { RESYNC_KEYS_MAX } from '../core/constants.ts';

/** Numbers of a backfill, each with its unit and its reason. */

/** Parts of the source that are scanned in turn: consecutive pages come from different partitions, so that none gets hot. */
export const SEGMENTS_DEFAULT = 4;
/** Most parts. Each has its last key in the savepoint, of at most 3 KB. */
export const SEGMENTS_MAX = 16;
/** Keys of one step for each lane: as the keys fall at random, one message of RESYNC_KEYS_MAX mostly holds a lane's share. */
export const STEP_KEYS_PER_LANE = Math.floor(RESYNC_KEYS_MAX * 0.8);
/** With `--rate`, a step holds at most what is due in this time (s), so that a low rate is even. */
export const STEP_RATE_S = 2;
/** Messages of one lane that a link's queue may hold before a step is sent. Live changes wait behind them: a few seconds. */
export const DEPTH_PER_LANE = 2;
/** First and longest wait between two looks at the queues (ms). */
export const DEPTH_WAIT = { firstMs: 100, maxMs: 1_000 } as const;
/** A queue that stays full for this long ends the run (ms); the savepoint is kept. */
export const FULL_MAX_MS = 30 * 60_000;
/** Attempts of sending one step's messages to a link. A message that was stored twice does no harm. */
export const SEND_ATTEMPTS_MAX = 8;
/** One request and its repetitions (ms). */
export const REQUEST_MAX_MS = 30_000;
/** Items that are looked at before the start: of the source for the reserved attribute, of a replica for what is there. */
export const SAMPLE_ITEMS = 1_000;
/** Keys with a reserved attribute of the user's that are named. */
export const FOREIGN_NAMED_MAX = 10;

/** Numbers of a restore, each with its unit and its reason. */

/** Replay begins this long before the snapshot's start (ms): far more than a record may be stamped early, or shown late. */
export const REPLAY_BEFORE_MS = 5 * 60_000;
/**
 * Keys that one pass remembers: about 100 MB, since the table of them takes 25 bytes a slot and is half full. A table
 * that grows holds the old one beside it for a moment.
 */
export const KEYS_PER_PASS_MAX = 2_000_000;
/** Sources (segments, files of a snapshot) that are read ahead of the one that is at work; a file has up to 8 MiB of raw items. */
export const READ_AHEAD = 3;
/** One read and its repetitions (ms). */
export const READ_MAX_MS = 60_000;
/** A table that refuses for load, and takes no item at all, for this long ends the run (ms); the savepoint is kept. */
export const STALL_MAX_MS = 10 * 60_000;
/** A table that does not answer, or fails, for this long ends the run (ms). */
export const SILENT_MAX_MS = 60_000;
/** Items that wait to be packed into calls or are in flight, beyond which the reader waits. */
export const QUEUED_ITEMS_MAX = 2_000;
/** The same in bytes. */
export const QUEUED_BYTES_MAX = 32 * 1_024 * 1_024;
/** Between two savepoints (ms): as much is written again, without harm, after a kill. */
export const SAVE_EVERY_MS = 2_000;
/** Between two looks at the lease while nothing else gives occasion to (ms). */
export const RENEW_LOOK_MS = 1_000;
/** Refused items that are named with their reason; all are counted. */
export const REFUSED_NAMED_MAX = 20;
/** Findings that a refusal holds; all are counted. */
export const FINDINGS_MAX = 100;
/** A snapshot's file of at most so many raw bytes is read whole, the next ones beside it; Syncline's own have at most 8 MiB. */
export const FILE_HELD_RAW_BYTES = 16 * 1_024 * 1_024;
/** Items of one piece of a larger file, and their bytes, at which it is closed. */
export const PIECE_ITEMS_MAX = 1_000;
export const PIECE_BYTES_MAX = 4 * 1_024 * 1_024;

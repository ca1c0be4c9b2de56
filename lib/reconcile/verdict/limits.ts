/** Numbers of a verdict, each with its unit and its reason. */

/** Suspicions of one batch: its state is one small object. */
export const VERDICT_BATCH_KEYS = 1_000;
/** Rounds in which a key may be in motion, before it is judged by the image at its copy's position. */
export const PASSES_MAX = 5;
/** Rounds in which nothing explains a value, and nothing moves, before the key is given up as unverified. */
export const UNEXPLAINED_ROUNDS_MAX = 2;
/** Longest wait until everything made before a round is in the lanes (ms). */
export const PASS_WAIT_MAX_MS = 10 * 60_000;
/** Longest wait for the lanes' answers (ms): a lane whose target is slow comes back after up to 5 min. */
export const REPORT_WAIT_MAX_MS = 10 * 60_000;
/** Longest wait for the source's log (ms): the observer gathers records for up to 5 min. */
export const LOG_WAIT_MAX_MS = 15 * 60_000;
/** Longest wait for dead letters that are about to become resyncs (ms): the minute run takes them, and again after DLQ_VISIBILITY_S. */
export const LETTERS_WAIT_MAX_MS = 5 * 60_000;
/** Between two looks while something is waited for (ms). */
export const PASS_POLL_MS = 2_000;
export const LOG_POLL_MS = 5_000;
export const LETTERS_POLL_MS = 15_000;
/** Between two looks for answers (ms): the first, and the longest. */
export const REPORT_POLL_MS = { first: 500, max: 5_000 } as const;
/** A queue with more messages than this is asked nothing (messages): questions would only lengthen it. */
export const QUEUE_DEPTH_MAX = 2_000;
/** Times of records are whole seconds, of other hosts' clocks (ms): a record so near may be on either side. */
export const MOTION_MARGIN_MS = 2_000;
/** How far before a round its log is read (ms): most values that changed lately are explained by that alone. */
export const LOOKBACK_MS = 10 * 60_000;
/** Longest search for changes anywhere in the log (ms), since the answers came: what it has not found then counts as not shown. */
export const SEARCH_WAIT_MAX_MS = 30 * 60_000;
/** An item is near its expiry time so long before it (ms): clocks of two regions differ. As a digest leaves such days out. */
export const EXPIRY_NEAR_MS = 10 * 60_000;
/** Answers that are read at the same time. */
export const REPORTS_AT_ONCE = 16;
/** Rounds after `passesMax`: one in which candidates are confirmed, and those that changes of the epoch cost. */
export const ROUNDS_MORE = 3;

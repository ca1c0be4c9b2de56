/** Numbers of the standing proof, each with its unit and its reason. */

/** Keys that changed within this (ms) before the newest look are compared by what their entries say: a change takes so long to arrive, and to be seen. */
export const WINDOW_MIN_MS = 5 * 60_000;
/** The same for a link that lags: beyond it a look says nothing. */
export const WINDOW_MAX_MS = 60 * 60_000;
/** How long a change may take from the table to where the log shows it (ms): the observer's window, its batch, and the look itself. */
export const LOG_DELAY_MS = 2 * 60_000;
/** How much the clocks of two regions may differ (ms) before a look takes lag for a difference. Nothing false is reported then: a verdict follows. */
export const SKEW_MS = 60_000;
/** How long entries are kept (ms), counted from the newest one, where the link does not lag. The source's window must lie within the target's. */
export const KEEP_MS = 15 * 60_000;
/**
 * Entries that are kept at most: 13 MB, and about 25 MB more while they are compared, at each side. At 800 changes a second that is six
 * minutes: WINDOW_MIN_MS and SKEW_MS, the least that a look needs.
 */
export const KEEP_ENTRIES_MAX = 300_000;
/** Entries that one look folds: what is left comes with the next one. About 60 bytes of footer each. */
export const FOLD_ENTRIES_MAX = 1_000_000;
/** Between two looks for shards whose names do not sort after all known ones (ms). */
export const WIDE_EVERY_MS = 60 * 60_000;

/** A key that is hot at so many looks in a row is looked at by itself: it may never come to rest. */
export const HOT_LOOKS = 5;
/** How many hot keys of a link are followed at a time, so that at most so many are looked at in HOT_LOOKS minutes. */
export const HOT_FOLLOWED_MAX = 100;
/** A cell differs when so many looks in a row show it. */
export const LOOKS_TO_OPEN = 2;
/** Cells that differ still are opened again after this (ms). */
export const REOPEN_MS = 60 * 60_000;
/** Refused keys of a target that a look takes out: two reads each, where cells differ. */
export const REFUSED_MAX = 1_000;
/** Suspicions that a look gives at most. What is beyond comes when its cells are opened again. */
export const SUSPICIONS_MAX = 10_000;

/** Cells of a sketch that is made at first: 2.4 MB in the member's own bucket. What is read of it goes by what differs. */
export const SYMBOLS_DEFAULT = 65_536;
/** How many times more, when they were too few. */
export const SYMBOLS_FACTOR = 8;
/** Cells that are read of it at first (5 KB), and how many times more each time. */
export const PREFIX_FIRST = 128;
export const PREFIX_FACTOR = 1.4;
/** Requests to a bucket by which a minute’s look, or a step, names keys itself. What takes more is left to a task, or to the next look. */
export const NAMING_REQUESTS_MAX = 300;
/** Hashes that one task asks the keys of: their keys are held at once. */
export const HASHES_PER_TASK = 10_000;
/** One request and its repetitions (ms). */
export const OBJECT_MAX_MS = 30_000;
/** Between two looks for an answer (ms), where the asker drives both sides. */
export const ANSWER_LOOK_MS = 2_000;
/** An opening whose answers have not come after this is given up (ms). */
export const OPENING_MAX_MS = 60 * 60_000;

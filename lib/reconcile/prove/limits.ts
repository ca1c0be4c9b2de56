/** Numbers of a proof, each with its unit and its reason. */

/** One request and its repetitions (ms). */
export const PROVE_REQUEST_MAX_MS = 30_000;
/** Comparisons until nothing differs. What each repairs is verified by the next. */
export const PASSES_MAX = 5;
/** A marker that does not come out of its lane for this long ends the wait (ms). */
export const MARKER_MAX_MS = 15 * 60_000;
/** First and longest wait between two looks at a link's mark (ms). */
export const MARKER_WAIT = { firstMs: 50, maxMs: 1_000 } as const;
/** Markers that are sent again in one lane, because a minute's marker of another lane hid them. */
export const MARKER_AGAIN_MAX = 20;
/** How far a marker's time may be ahead of the newest one that arrived (ms): a minute's run sends one each minute. */
export const MARKER_AHEAD_MAX_MS = 90_000;
/** Changes made before a drain that are not in the lanes after this end it (ms): fan-out stands still. */
export const PASSED_MAX_MS = 15 * 60_000;
/** Between two looks at how far fan-out is (ms). */
export const PASSED_WAIT_MS = 1_000;

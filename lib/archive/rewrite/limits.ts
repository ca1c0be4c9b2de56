/** Numbers of a rewrite, each with its unit and its reason. */

/** Lines of one chunk of a plan: the unit that is read, and of which the results are kept together. */
export const PLAN_CHUNK_LINES = 5_000;
/** JSON of one chunk (bytes) at which it is closed, so that the heap stays bounded. */
export const PLAN_CHUNK_RAW_BYTES = 4 * 1_024 * 1_024;
/** A chunk never unpacks to more (bytes): its last line may be two images of 400 KB, each up to six times as long as JSON. */
export const PLAN_CHUNK_UNPACKED_MAX = PLAN_CHUNK_RAW_BYTES + 8 * 1_024 * 1_024;
/** Lines between two savepoints. A run that is killed repeats at most these. */
export const WINDOW_LINES = 1_000;
/** Rewrites, and lines that were skipped, that a preview shows. */
export const PREVIEW_LINES = 10;
/** Writes in flight: start and bounds of the adaptive limit. */
export const APPLY_CONCURRENCY = { start: 8, min: 1, max: 32 } as const;
/** Attempts of one line whose item changes under it without becoming another: a writer who puts the same content again. */
export const SAME_CONTENT_MAX = 10;
/** A line whose writes are refused for load, or get no answer, for this long ends the run (ms); the savepoint is kept. */
export const STUCK_MAX_MS = 5 * 60_000;
/** One request for an object, a row or keys, and its repetitions (ms). */
export const REQUEST_MAX_MS = 30_000;
/** A lease that is about to end is renewed each minute at the latest; one that is not for this long ends the run (ms). */
export const LEASE_WAIT_MAX_MS = 3 * 60_000;
/** Between two looks at such a lease (ms). */
export const LEASE_LOOK_MS = 1_000;
/** Share of the table's items that a rewrite may delete without being told so; up to DELETE_COUNT_FREE it may in any case. */
export const DELETE_SHARE_MAX = 0.1;

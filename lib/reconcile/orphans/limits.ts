/** Numbers of orphans, each with its unit and its reason. */

/** Rows that one page asks for. */
export const ORPHANS_PAGE = 200;
/** Rows of one member that a list goes through at most, those of the lowest key hashes first. */
export const ORPHANS_MAX = 100_000;
/** One request and its repetitions (ms). */
export const ORPHAN_REQUEST_MAX_MS = 30_000;
/** Longest note that a decision keeps (characters). */
export const NOTE_MAX = 500;

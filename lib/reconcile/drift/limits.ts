/** Numbers of the pull of drift flags, each with its unit and its reason. */

/** Flagged keys that one run repairs. Those beyond are told as `over`: the standing proof finds them, since drift changes the digest. */
export const DRIFT_KEYS_PER_RUN = 2_000;
/** Frames with flagged lines that are read at the same time. */
export const FRAMES_AT_ONCE = 8;
/** Flagged keys that are told as an event each, a run. */
export const DRIFT_EVENTS_PER_RUN = 20;
/** What is counted is of the last so long (ms). */
export const DRIFT_COUNTED_MS = 24 * 3_600_000;
/** Flags of a run that could not be read are logged, at most so many. */
export const UNREADABLE_LOGGED_MAX = 5;

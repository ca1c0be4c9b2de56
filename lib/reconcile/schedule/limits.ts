/** Numbers of scheduled sweeps, each with its unit and its reason. */

/** One request and its repetitions (ms). */
export const SWEEPS_REQUEST_MAX_MS = 10_000;

/** Numbers of scheduled sweeps, each with its unit and its reason. */

/** One request and its repetitions (ms). */
export const SWEEPS_REQUEST_MAX_MS = 10_000;
/** A sweep that failed, or left a link unverified as a whole, is due again so long after its end (ms); doubled each time in a row, up to the period. */
export const SWEEP_AGAIN_MS = 30 * 60_000;
/** A sweep that is noted in the row, and has no check so long after that (ms), was never begun: the run that noted it is over by then. */
export const SWEEP_BEGIN_MAX_MS = 5 * 60_000;

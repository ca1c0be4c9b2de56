/** Numbers of a job's lease, each with its unit and its reason. */

/** How long a run owns its savepoint without renewing it (ms, wall clock). */
export const LEASE_MS = 20_000;
/** A run renews when its lease is this old (ms). Three requests without an answer fit in between. */
export const RENEW_MS = 5_000;
/** One request for a savepoint and its repetitions (ms). */
export const JOB_REQUEST_MAX_MS = 30_000;

/** Numbers of a check, each with its unit and its reason. */

/** Checks of a set that are not done. The minute run works at the oldest first. */
export const CHECKS_OPEN_MAX = 16;
/** Keys that one check of given keys takes; they are written to the bucket, a batch at a time. */
export const CHECK_KEYS_MAX = 100_000;
/** Keys of both sides that a sample sends to the verdict: each is read at source and target. */
export const SAMPLE_KEYS_MAX = 100_000;
/** Suspicions of one link that are sent to the verdict. Beyond it the copy is another table, and a refill is the answer. */
export const SUSPICIONS_MAX = 1_000_000;
/** Batches whose verdict is under way: their reports fill the lanes beside live changes. */
export const BATCHES_AT_ONCE = 8;
/** One request and its repetitions (ms). */
export const REQUEST_MAX_MS = 30_000;
/** A member whose rows or objects cannot be reached for this long ends its links as "unverified" (ms). */
export const MEMBER_SILENT_MAX_MS = 10 * 60_000;
/** A scan, or an opening, of another member that shows nothing new for this long ends its link as "unverified" (ms): five minute runs are missed before. */
export const TASK_STILL_MAX_MS = 30 * 60_000;
/** A scan that is not finished after this ends its link as "unverified" (ms): the log that it rests on would soon be too long. */
export const SCAN_MAX_MS = 24 * 60 * 60_000;
/** Cells of a link that are not opened after this leave it "unverified" (ms): three sketches by minute runs take a few minutes. */
export const OPEN_MAX_MS = 2 * 60 * 60_000;
/** How long a comparison waits for the logs of both sides to be read far enough (ms): their windows, and what a look reaches back. */
export const COMPARE_MAX_MS = 20 * 60_000;
/** Keys in motion of one link that get their verdict; those beyond are "unverified". At 150 changed keys a second, those of five minutes. */
export const HOT_KEYS_MAX = 50_000;
/** Items of both sides in cells that expire about now and that are opened: a sketch shows as many differences. Those of more are "unverified". */
export const BEGUN_KEYS_MAX = 300_000;
/** How long a preview waits for somebody to approve the repair (ms). After that the check ends with what it found. */
export const APPROVE_MAX_MS = 24 * 60 * 60_000;
/** Repairs of one key within one check. What is left then is told; the next check tries again. */
export const REPAIR_ROUNDS_MAX = 3;
/** Longest step (ms): the lease is renewed between two, and lasts 20 s. */
export const STEP_MAX_MS = 10_000;
/** Parts of the findings that one step looks through for what is to be verified. */
export const PARTS_PER_STEP = 50;
/** A check that is not done after this is given up (ms): what it compared is old news. */
export const CHECK_LIFE_MS = 7 * 24 * 60 * 60_000;
/** Findings that a report holds itself; all of them are in `findings/`. */
export const REPORT_FINDINGS_MAX = 10;
/** Different reasons that a report names for what is unverified at a link. */
export const REASONS_MAX = 8;
/** Longest text of a reason (characters). */
export const REASON_TEXT_MAX = 300;
/** Divergent keys of a check that are told as an event each; one more event says how many there are beyond. */
export const EVENTS_PER_CHECK = 100;
/** Checks that are done of which a list shows so many, the newest first; also the rows of one request. */
export const CHECKS_LISTED_MAX = 100;
/** Rows of checks that are read at most, so that an open one is found behind those that are done. A few KB each: 20 requests. */
export const CHECKS_READ_MAX = 2_000;
/** Checks of the standing proof at one target that are done and have a row, the newest: while a key stays divergent, it asks again every few minutes. */
export const PROOF_CHECKS_KEPT = 20;
/** A check's row is forgotten this long after its end (ms); its report stays as long as the bucket keeps it. */
export const CHECK_ROW_LIFE_MS = 30 * 24 * 60 * 60_000;
/** Waits between two looks (ms): at the objects of another member's task, at a preview that nobody has approved, after a failed request, at logs that are behind. */
export const WAIT_MS = { task: 5_000, driven: 250, compare: 10_000, approve: 2_000, failed: 1_000 } as const;
/** Rows of the oldest checks that one run looks at, and forgets when their time is over. */
export const FORGOTTEN_PER_RUN = 20;
/** A run that has other checks to work at leaves one that would wait longer than this (ms). */
export const RETURN_AFTER_MS = 1_500;

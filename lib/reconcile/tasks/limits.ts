/** Numbers of tasks, each with its unit and its reason. */

/** Rows of tasks that one run looks at. */
export const TASKS_LISTED_MAX = 100;
/** A row is forgotten this long after its task was finished or given up (ms). */
export const TASK_ROW_LIFE_MS = 7 * 24 * 60 * 60_000;
/** A task that is not finished this long after it was asked for is given up (ms): whoever asked has stopped waiting. */
export const TASK_LIFE_MS = 48 * 60 * 60_000;
/** One request and its repetitions (ms). */
export const TASK_REQUEST_MAX_MS = 10_000;
/** A slice with less time than this is not begun (ms). */
export const TASK_SLICE_MIN_MS = 1_000;
/** Longest text of a reason (characters). */
export const TASK_WHY_MAX = 300;

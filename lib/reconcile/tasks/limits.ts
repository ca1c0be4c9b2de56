/** Numbers of tasks, each with its unit and its reason. */

/** Rows of tasks that are asked for at a time, and pages of them that one run looks at: ids sort by time, so the newest are on the last one. */
export const TASKS_PER_PAGE = 100;
export const TASK_PAGES_MAX = 50;
/** A row is forgotten this long after its task was finished or given up (ms): whoever asked learns the end from the objects that it has left. */
export const TASK_ROW_LIFE_MS = 60 * 60_000;
/** A task that is not finished this long after it was asked for is given up (ms): whoever asked has stopped waiting. */
export const TASK_LIFE_MS = 48 * 60 * 60_000;
/** One request and its repetitions (ms). */
export const TASK_REQUEST_MAX_MS = 10_000;
/** A slice with less time than this is not begun (ms). */
export const TASK_SLICE_MIN_MS = 1_000;
/** Longest text of a reason (characters). */
export const TASK_WHY_MAX = 300;

/** Numbers of an undo, each with its unit and its reason. */

/** What the keys of one pass over the log may hold (UTF-16 units of their images as JSON). Beyond it the pass is cut in two. */
export const UNDO_HELD_MAX = 64 * 1_024 * 1_024;
/** What a key counts beside its image and its texts: maps, sets and strings have overheads of their own. */
export const UNDO_KEY_OVERHEAD = 600;
/** Keys whose present items are read and judged at a time. */
export const UNDO_READ_KEYS = 100;
/** Footers that are read at the same time. */
export const FOOTERS_AT_ONCE = 8;

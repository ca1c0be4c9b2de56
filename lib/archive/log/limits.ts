/** Numbers of reading the log, each with its unit and its reason. */

/** One read and its repetitions (ms). */
export const READ_MAX_MS = 60_000;
/** Lists under way at the same time. */
export const LISTS_AT_ONCE = 8;
/** Segments that one list holds: about 150 MB of names. A busy log of a month is longer; then a range is needed. */
export const LISTED_SEGMENTS_MAX = 400_000;
/** Footers that are read at the same time. One may take 500 KB. */
export const FOOTERS_AT_ONCE = 16;
/** Whole segments that are read ahead by a deep verification. One may take some 30 MB, packed and unpacked. */
export const SEGMENTS_AHEAD = 2;
/** Requests of one look into a key's history that are under way at the same time. */
export const HISTORY_REQUESTS_AT_ONCE = 32;
/** Requests of one search for many keys that are under way at the same time: each may take 2 MB. */
export const SEARCH_REQUESTS_AT_ONCE = 16;
/** Records of one shard are stamped in their order but for this (ms). */
export const STAMP_DISORDER_MS = 60_000;
/** Findings that a report holds; all are counted. */
export const FINDINGS_MAX = 1_000;

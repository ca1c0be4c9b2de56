/** Numbers of a scan, each with its unit and its reason. */

/** Parts of the table that are scanned at the same time. Each holds a run in memory (about 6 MB). */
export const PARTS_DEFAULT = 2;
/** Most parts. Each has its last key in the savepoint, of at most 3 KB; a row has 400 KB. */
export const PARTS_MAX = 32;
/** Entries of a run at most: an index of one fits into 16 bits (run-buffer.ts). With its keys such a run has a few MB. */
export const RUN_ENTRIES_MAX = 32_768;
/** Bytes of a run's keys, unpacked, at most. */
export const RUN_KEY_BYTES_MAX = 4 * 1_024 * 1_024;
/** A run with fewer entries is read again by the next slice, and goes on growing: many short slices do not make many small runs. */
export const RUN_OPEN_ENTRIES = 8_192;
/** Runs of a scan at most. The reader holds the footer of each (about 5 KB). They have room for more than 320 million items. */
export const RUNS_MAX = 20_000;
/** A sample is a share of the table's segments, of which there are so many at least and at most; in between each has so many items. */
export const SAMPLE_SEGMENTS_MIN = 20;
export const SAMPLE_SEGMENTS_MAX = 1_000;
export const SAMPLE_SEGMENT_ITEMS = 1_000;
/** Bytes of fingerprints that a view holds at a time. */
export const VIEW_BYTES = 6 * 1_024 * 1_024;
/** Keys that changed since a scan began, of which a view holds the last entry at a time: about 200 bytes each. */
export const KEYS_PER_PASS = 150_000;
/** Ranges of runs that are read at the same time. */
export const RANGES_AT_ONCE = 8;
/** Bytes of a run's end that are read at first: its whole footer. */
export const RUN_TAIL_BYTES = 8 * 1_024;
/** Between two looks whether the log has reached the end of a scan (ms). */
export const LOG_LOOK_MS = 2_000;
/** What a base holds so far is saved when the last time is so long ago (ms), so that a killed run does not begin anew. */
export const DRAFT_EVERY_MS = 20_000;
/** Finished bases that are kept, with their runs: an older one serves while the newest is looked at. */
export const BASES_KEPT = 2;
/** One request and its repetitions (ms). */
export const OBJECT_MAX_MS = 30_000;
/** Pages of rows of shards that are read (1 MB each): those of about two days. */
export const SHARD_PAGES_MAX = 20;

/** Numbers of a snapshot, each with its unit and its reason. */

/** Parts of the table that are scanned at the same time. Each holds at most a file's lines in memory, packed and unpacked (about 20 MB). */
export const SEGMENTS_DEFAULT = 4;
/** Most parts. Each has its last key in the savepoint, of at most 3 KB; a row has 400 KB. */
export const SEGMENTS_MAX = 32;
/** Parts of a snapshot that the minute's run takes: its function has little memory. */
export const SCHEDULED_SEGMENTS = 2;
/** Share of the provisioned read units that a snapshot takes where nobody says otherwise. */
export const SCHEDULED_SHARE = 0.25;
/** A file is closed once it has so many raw bytes: the next page would mostly not fit. */
export const FILE_CLOSE_RAW_BYTES = 6 * 1_024 * 1_024;
/** Files whose facts stay in the savepoint; then they move into a part (parts.ts). About 250 bytes each. */
export const PENDING_FILES_MAX = 64;
/** One request and its repetitions (ms). */
export const REQUEST_MAX_MS = 30_000;
/** A table that refuses reads for load for this long ends the run (ms); the savepoint is kept. */
export const THROTTLED_MAX_MS = 10 * 60_000;
/** Longest wait before a page while the table refuses for load (ms). */
export const THROTTLED_WAIT_MAX_MS = 5_000;
/** First wait after a refusal for load (ms). */
export const THROTTLED_WAIT_FIRST_MS = 50;
/** With a rate, one page holds at most what is due in this time (s), so that a low rate is even. */
export const PAGE_RATE_S = 2;
/**
 * Added to the clock after the last page (ms): the time is compared with that of records, which DynamoDB's own hosts stamp in
 * whole seconds, and hosts of one region differ by less than 1 s (A2).
 */
export const END_MARGIN_MS = 2_000;
/** Bytes of a whole page. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html */
export const PAGE_BYTES = 1_024 * 1_024;
/** Attempts at one page that may fail to come in time; from the second on each is half as long as the one before. */
export const LATE_PAGES_MAX = 10;
/** Bytes of one read unit, strongly consistent. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html */
export const READ_UNIT_BYTES = 4 * 1_024;
/** Longest wait that is slept at once (ms), so that a lease is renewed and a stop is heard. */
export const WAIT_STEP_MS = 1_000;
/** Bytes of one ranged read of a file that does not come in one call. */
export const RANGE_BYTES = 8 * 1_024 * 1_024;
/** What a snapshot has left is deleted when it was begun so long ago (ms), unless a savepoint goes on from it. */
export const ABANDONED_AFTER_MS = 86_400_000;
/**
 * So long before the log of its first page expires a snapshot must be finished (ms), at most half of the time that the log is kept:
 * S3 applies its rules once a day. https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
 */
export const EXPIRY_MARGIN_MS = 86_400_000;
/** Objects that are deleted at the same time. */
export const DELETES_AT_ONCE = 8;
/** Between two looks at an export of DynamoDB's (ms): it takes minutes. */
export const EXPORT_LOOK_MS = 5_000;
/** Between two looks at an import of DynamoDB's (ms). */
export const IMPORT_LOOK_MS = 2_000;
/** Objects that one import loads at most. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.Validation.html */
export const IMPORT_OBJECTS_MAX = 50_000;

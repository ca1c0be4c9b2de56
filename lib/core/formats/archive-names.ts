import { isoSeconds, timeOfIso } from '../calendar.ts';
import { FormatError } from '../errors.ts';

/**
 * Names of the objects in a member's bucket. Names sort as what they name: streams by when they were made, segments of
 * a shard by their first sequence number, scans by when they began. They are part of the format.
 */
export const LOG_PREFIX = 'log/';
export const INDEX_PREFIX = 'index/';
export const SCANS_PREFIX = 'scans/';
export const REPORTS_PREFIX = 'reports/';

/** Digits of a sequence number in a name: the most that DynamoDB's API allows. */
const SEQUENCE_DIGITS = 40;
const SEGMENT_SUFFIX = '.jsonl.zst';
const ROLLUP_SUFFIX = '.rollup';

/** What the name of a segment says, or that of a roll-up: all of it follows from the first record. */
export interface FirstRecord {
  /** Label of the stream, as `streamLabel` makes it. */
  readonly label: string;
  readonly shard: string;
  /** Decimal text, without leading zeros. */
  readonly first: string;
  /** When the first record was made (ms, whole seconds). */
  readonly firstAtMs: number;
}

/**
 * The label of a stream as it stands in names: the time when it was enabled. Colons, which some tools cannot have in the name of a file,
 * become dashes. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Stream.html
 *
 * @throws FormatError for what is no ARN of a DynamoDB stream.
 */
export function streamLabel(streamArn: string): string {
  const label = /:table\/[^/]+\/stream\/([^/]+)$/.exec(streamArn)?.[1];
  if (label === undefined) throw new FormatError(`not the ARN of a DynamoDB stream: ${JSON.stringify(streamArn.slice(0, 200))}`);
  return label.replaceAll(':', '-');
}

/** A time as it stands in names: whole seconds, UTC, "20261124T101503Z". @param ms since 1970 */
export const nameTime = (ms: number): string => isoSeconds(ms).replaceAll(/[-:]/g, '');

/** Reads the time in a name (ms since 1970); undefined for another text. */
export function timeOfName(text: string): number | undefined {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  return year === undefined ? undefined : timeOfIso(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

const named = (prefix: string, f: FirstRecord, suffix: string): string =>
  `${prefix}${f.label}/${f.shard}/${f.first.padStart(SEQUENCE_DIGITS, '0')}.${nameTime(f.firstAtMs)}${suffix}`;

/** The name of a segment. A repeated attempt at the same records has the same name, so a put "if there is none" cannot fork the log. */
export const segmentName = (first: FirstRecord): string => named(LOG_PREFIX, first, SEGMENT_SUFFIX);

/** The name of a roll-up, by the first record of its first segment. */
export const rollupName = (first: FirstRecord): string => named(INDEX_PREFIX, first, ROLLUP_SUFFIX);

const NAME = /^(?:log|index)\/([^/]+)\/([^/]+)\/(\d{40})\.(\d{8}T\d{6}Z)(\.jsonl\.zst|\.rollup)$/;

/** What a segment's or a roll-up's name says; undefined for any other object. */
export function readLogName(name: string): FirstRecord | undefined {
  const [, label, shard, first, time] = NAME.exec(name) ?? [];
  const firstAtMs = time === undefined ? undefined : timeOfName(time);
  if (label === undefined || shard === undefined || first === undefined || firstAtMs === undefined) return undefined;
  return { label, shard, first: first.replace(/^0+(?=\d)/, ''), firstAtMs };
}

import type { AttributeValue, Item } from '../../core/attribute.ts';
import { mapOf, text } from '../../core/attribute.ts';
import { FORMAT, n, num, optionalNum, present, s, str } from '../../core/formats/row-fields.ts';
import { sha256Base64 } from '../../core/formats/segment.ts';
import { checkKind, jobKey, listField, mapField } from '../../job/row.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { Condition, TablePort } from '../../ports/table.ts';
import { retried } from '../../replicate/retry.ts';

/**
 * `job / archive`: what is known of a member's log beside the log itself.
 *
 * | field | written by |
 * |---|---|
 * | verified: at, deepAt, segments, findings and the first of them | the last `archive verify` |
 * | rolled: how far each shard is rolled up, and what the chain showed on the way; rolledV | the minute run, if rolledV is what it read |
 */
const ARCHIVE_KEY = jobKey('archive');
const KIND = 'archive';
const WHAT = 'archive job';

/** Findings of which the row has the text; all are counted. */
export const STATE_FINDINGS_MAX = 10;
/** Longest text of one (characters). */
const FINDING_TEXT_MAX = 500;
/**
 * Shards that the row holds (up to 300 bytes each, for a name of 65 characters and numbers of 40 digits); others wait. With
 * FORGOTTEN_MAX marks and the findings the row stays below 350,000 bytes of the 400 KB that DynamoDB takes.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
 */
export const SHARDS_HELD_MAX = 750;
/** Marks that the row holds: as many as rows of shards are read. */
export const FORGOTTEN_MAX = 5_000;
/** Characters of a mark: 48 bits, so that among thousands no two are the same. One that is would only leave a shard without roll-ups. */
const MARK_CHARACTERS = 8;
const MARKS = new RegExp(`.{${MARK_CHARACTERS}}`, 'g');

/** A mark of a shard's name. */
export const shardMark = (shard: string): string => sha256Base64(Buffer.from(shard, 'utf8')).slice(0, MARK_CHARACTERS);

/** What the last verification found. */
export interface VerifiedState {
  /** When it ended (ms), and when the last one that read every byte did. */
  readonly at: number;
  readonly deepAt?: number;
  readonly segments: number;
  readonly findings: number;
  /** The first of them, in words; at most STATE_FINDINGS_MAX. */
  readonly first: readonly string[];
}

/** How far a shard is rolled up: its last segment that was looked at. Without one: nothing was yet. */
export interface RolledShard {
  readonly last?: {
    /** Sequence number of its first and last record, when its first was made and the time of its latest (ms). */
    readonly first: string;
    readonly firstAt: number;
    readonly last: string;
    readonly toMs: number;
    /** Of the object, base64. */
    readonly sha256?: string;
  };
  /** When the bucket is to be asked again for new segments (ms); absent: at the next run. */
  readonly next?: number;
  /** Nothing comes any more; the entry stays as long as the shard's row, which would bring it back, or becomes a mark in `forgotten`. */
  readonly done: boolean;
}

/** How far the log is rolled up. */
export interface RolledState {
  /** By label/shard; at most SHARDS_HELD_MAX. */
  readonly shards: Readonly<Record<string, RolledShard>>;
  /** Marks (`shardMark`) of shards that are done and were dropped for the sake of room, while their rows are there. */
  readonly forgotten?: readonly string[];
  /** The log's shards are still to be found, those after this name; absent once they were. */
  readonly discover?: string;
  /** What the chain showed, counted since the first roll-up, and the newest of it in words. */
  readonly findings: number;
  readonly newest: readonly string[];
}

export interface ArchiveState {
  readonly verified?: VerifiedState;
  readonly rolled?: RolledState;
  /** Version of `rolled`; 0 when there is none. */
  readonly rolledV: number;
}

const texts = (values: readonly string[]): AttributeValue => ({ L: values.slice(0, STATE_FINDINGS_MAX).map((value) => s(value.slice(0, FINDING_TEXT_MAX))) });
const readTexts = (row: Item, name: string): string[] => listField(row, name, WHAT).flatMap((value) => text(value, 'S') ?? []);

const verifiedValue = (v: VerifiedState): AttributeValue => ({
  M: { at: n(v.at), segments: n(v.segments), findings: n(v.findings), first: texts(v.first), ...(v.deepAt !== undefined && { deepAt: n(v.deepAt) }) },
});

function shardValue({ last, next, done }: RolledShard): AttributeValue {
  const fields = last && {
    last: {
      M: {
        first: s(last.first),
        firstAt: n(last.firstAt),
        last: s(last.last),
        toMs: n(last.toMs),
        ...(last.sha256 !== undefined && { sha256: s(last.sha256) }),
      },
    },
  };
  return { M: { done: { BOOL: done }, ...(next !== undefined && { next: n(next) }), ...fields } };
}

function readShard(value: AttributeValue): RolledShard {
  const fields = mapOf(value) ?? {};
  const last = mapOf(fields['last']);
  const done = fields['done'];
  const next = optionalNum(fields, 'next');
  return {
    done: done !== undefined && 'BOOL' in done && done.BOOL,
    ...(next !== undefined && { next }),
    ...(last && {
      last: present<NonNullable<RolledShard['last']>>({
        first: str(last, 'first', WHAT),
        firstAt: num(last, 'firstAt', WHAT),
        last: str(last, 'last', WHAT),
        toMs: num(last, 'toMs', WHAT),
        sha256: text(last['sha256'], 'S'),
      }),
    }),
  };
}

const rolledValue = (r: RolledState): AttributeValue => ({
  M: {
    shards: { M: Object.fromEntries(Object.entries(r.shards).map(([path, shard]) => [path, shardValue(shard)])) },
    findings: n(r.findings),
    newest: texts(r.newest),
    ...(r.forgotten !== undefined && { forgotten: s(r.forgotten.join('')) }),
    ...(r.discover !== undefined && { discover: s(r.discover) }),
  },
});

/** Reads the row. @throws FormatError */
export function decodeArchiveState(row: Item): ArchiveState {
  checkKind(row, KIND, WHAT);
  const [verified, rolled] = [mapOf(row['verified']), mapOf(row['rolled'])];
  return {
    ...(verified && {
      verified: present<VerifiedState>({
        at: num(verified, 'at', WHAT),
        deepAt: optionalNum(verified, 'deepAt'),
        segments: num(verified, 'segments', WHAT),
        findings: num(verified, 'findings', WHAT),
        first: readTexts(verified, 'first'),
      }),
    }),
    ...(rolled && {
      rolled: present<RolledState>({
        shards: Object.fromEntries(Object.entries(mapField(rolled, 'shards', WHAT)).map(([path, value]) => [path, readShard(value)])),
        forgotten: text(rolled['forgotten'], 'S')?.match(MARKS) ?? undefined,
        discover: text(rolled['discover'], 'S'),
        findings: num(rolled, 'findings', WHAT),
        newest: readTexts(rolled, 'newest'),
      }),
    }),
    rolledV: optionalNum(row, 'rolledV') ?? 0,
  };
}

/** The row; it is written by parts, so this serves tests. */
export const encodeArchiveState = ({ verified, rolled, rolledV }: ArchiveState): Item => ({
  ...ARCHIVE_KEY,
  ...FIXED,
  ...(verified && { verified: verifiedValue(verified) }),
  ...(rolled && { rolled: rolledValue(rolled), rolledV: n(rolledV) }),
});

const FIXED: Item = { f: { N: FORMAT }, kind: s(KIND) };

/** Where the row is. */
export interface StatePlace {
  readonly table: TablePort;
  /** Name of the member's `control` table. */
  readonly control: string;
}

/** @param until elapsed time (ms) after which no request is begun. @throws RemoteError, FormatError */
export async function readArchiveState({ table, control }: StatePlace, runtime: Runtime, until: number): Promise<ArchiveState> {
  const row = await retried(runtime, until, () => table.get(control, ARCHIVE_KEY));
  return row === undefined ? { rolledV: 0 } : decodeArchiveState(row);
}

/** Notes a verification; a shallow one leaves the time of the last deep one. @throws RemoteError, FormatError */
export async function saveVerified(place: StatePlace, runtime: Runtime, verified: VerifiedState, until: number): Promise<void> {
  const deepAt = verified.deepAt ?? (await readArchiveState(place, runtime, until)).verified?.deepAt;
  const value = verifiedValue({ ...verified, ...(deepAt !== undefined && { deepAt }) });
  await retried(runtime, until, () => place.table.update(place.control, ARCHIVE_KEY, { set: { ...FIXED, verified: value } }));
}

/** Notes how far the log is rolled up. Says whether it did: not when another run was faster, which does no harm. @throws RemoteError */
export async function saveRolled(place: StatePlace, runtime: Runtime, rolled: RolledState, readV: number, until: number): Promise<boolean> {
  const unchanged: Condition = readV === 0 ? { op: 'absent', path: ['rolledV'] } : { op: '=', path: ['rolledV'], value: n(readV) };
  const set = { ...FIXED, rolled: rolledValue(rolled), rolledV: n(readV + 1) };
  return (await retried(runtime, until, () => place.table.update(place.control, ARCHIVE_KEY, { set }, unchanged))).ok;
}

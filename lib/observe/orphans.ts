import { itemHash } from '../core/canonical.ts';
import type { LogRecord } from '../core/formats/log-record.ts';
import type { Orphan } from '../core/formats/orphan-row.ts';
import { encodeOrphan, orphanId } from '../core/formats/orphan-row.ts';
import { decodeFrame } from '../core/formats/segment.ts';
import type { SegmentFooter, SegmentHead } from '../core/formats/segment-footer.ts';
import type { FoundRecord } from '../core/formats/segment-index.ts';
import { keyHash, keyText } from '../core/key.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { TablePort } from '../ports/table.ts';
import { retried } from '../replicate/retry.ts';
import { together } from '../replicate/together.ts';
import { causeOf } from './drift.ts';

/**
 * Most rows of orphans for one segment. Of what is beyond it the log alone tells, by its flags: somebody loads a table into a secondary, and
 * a list of each of its items helps nobody.
 */
export const ORPHANS_PER_SEGMENT = 1_000;
/** Rows written at the same time. */
const ROWS_AT_ONCE = 8;

/** A record of drift, and its line within its segment. */
export interface Flagged {
  readonly record: FoundRecord;
  readonly ordinal: number;
}

/** The records of drift of a segment that was just made of these. Pure. */
export const flaggedOf = (records: readonly FoundRecord[]): readonly Flagged[] =>
  records.flatMap((record, ordinal) => (record.found?.drift === true ? [{ record, ordinal }] : []));

/** The records of drift of a segment that was read: its index says which they are. @throws FormatError for damaged bytes */
export function flaggedIn(body: Uint8Array, { head, index }: SegmentFooter): readonly Flagged[] {
  const frames = new Map<number, readonly LogRecord[]>();
  const flagged: Flagged[] = [];
  for (let i = 0; i < index.length && flagged.length <= ORPHANS_PER_SEGMENT; i += 1) {
    const { drift, frame, ordinal } = index.entry(i);
    if (!drift) continue;
    const records = frames.get(frame) ?? decodeFrameOf(body, head, frame);
    frames.set(frame, records);
    const record = records[ordinal - firstOf(head, frame)];
    if (record !== undefined) flagged.push({ record, ordinal });
  }
  return flagged;
}

function decodeFrameOf(body: Uint8Array, head: SegmentHead, frame: number): readonly LogRecord[] {
  const { offset = 0, bytes = 0 } = head.frames[frame] ?? {};
  return decodeFrame(body.subarray(offset, offset + bytes));
}

const firstOf = (head: SegmentHead, frame: number): number => head.frames.slice(0, frame).reduce((sum, { records }) => sum + records, 0);

/** Where the rows go. */
export interface OrphanPlace {
  readonly table: TablePort;
  readonly control: string;
}

/**
 * Writes the rows of a segment's drift, each if it is absent: one that a human has decided on stays as it is.
 *
 * @param until elapsed time (ms) after which no attempt is begun. @throws RemoteError
 */
export async function keepOrphans(
  place: OrphanPlace,
  segment: { readonly name: string; readonly head: Pick<SegmentHead, 'key' | 'tableId'> },
  flagged: readonly Flagged[],
  runtime: Runtime,
  until: number,
): Promise<void> {
  if (flagged.length === 0) return;
  const rows = flagged.slice(0, ORPHANS_PER_SEGMENT).map((one) => encodeOrphan(orphanOf(one, segment, runtime.clock.now())));
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
    await together(
      rows.slice(from, from + ROWS_AT_ONCE).map((row) => retried(runtime, until, () => place.table.put(place.control, row, { op: 'absent', path: ['pk'] }))),
    );
  }
  runtime.log.warn('Something else than Syncline wrote to this secondary. What it wrote is kept in the log, and listed as orphans.', {
    segment: segment.name,
    listed: rows.length,
    more: flagged.length > rows.length,
  });
  if (flagged.length > rows.length) runtime.metrics.count('OrphansNotListed', flagged.length - rows.length);
}

/** The row of a record of drift. Pure. */
export function orphanOf(
  { record, ordinal }: Flagged,
  { name, head }: { readonly name: string; readonly head: Pick<SegmentHead, 'key' | 'tableId'> },
  nowMs: number,
): Orphan {
  const { keys, newImage, oldImage, found, sequence, at } = record;
  const value = newImage && (found?.newHash ?? itemHash(newImage));
  const was = oldImage && (found?.oldHash ?? itemHash(oldImage));
  return {
    id: orphanId(keyHash(keyText(keys, head.key)), sequence),
    key: keys,
    cause: causeOf(record, head.tableId, head.key),
    at,
    segment: name,
    ordinal,
    ...(value !== undefined && { itemHash: value.toString('base64') }),
    ...(was !== undefined && { was: was.toString('base64') }),
    state: 'open',
    since: nowMs,
  };
}

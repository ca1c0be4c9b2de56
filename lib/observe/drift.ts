import type { Item, Key } from '../core/attribute.ts';
import { itemHash } from '../core/canonical.ts';
import { CLOCK_OFFSET_MAX_MS } from '../core/constants.ts';
import type { LogRecord } from '../core/formats/log-record.ts';
import type { OrphanCause } from '../core/formats/orphan-row.ts';
import type { Position } from '../core/formats/position.ts';
import { comparePositions } from '../core/formats/position.ts';
import type { Seat } from '../core/formats/rows.ts';
import { isPrimary } from '../core/formats/rows.ts';
import { metaOf, verifySeal } from '../core/formats/seal.ts';
import { readTombstone } from '../core/formats/tombstone.ts';
import type { KeySchema } from '../core/key.ts';
import { keyText } from '../core/key.ts';
import type { Observed } from './origin.ts';
import { CONTENT_BYTES } from './origin.ts';

/**
 * Drift: a write at a secondary that no applier made. Pure.
 *
 * | record of the present role | drift |
 * |---|---|
 * | a put that an applier made (origin.ts) | no |
 * | any other put | yes |
 * | a removal by DynamoDB's own TTL | no |
 * | any other removal | unless the key has a tombstone of at least the position of the image that was removed; any, where that has none that counts |
 *
 * An applier writes its tombstone first, and that stays for 30 days, far longer than a record waits to be read; it is only ever replaced by a later one.
 * Records of before the present role are not judged: they may be a primary's own. Nor is a put without its image.
 */

/** What the tombstones of some keys are, by the key's text. */
export type Graves = ReadonlyMap<string, Item>;

/** When the fence was seen above the own epoch of a member that was primary (deposed.ts). */
export interface Deposed {
  readonly own: number;
  /** ms, a clock of the member's region. */
  readonly at: number;
}

/**
 * Records made later than this (ms) are a secondary's; undefined where none is known to be.
 *
 * ⚠ A fence is raised by other members, and the `since` of the member that it deposes stays: it is still that of its own promotion. What was written
 * in between is a primary's. So there it counts from when the raised fence was first seen.
 */
export function secondarySince(seat: Seat | undefined, deposed: Deposed | undefined): number | undefined {
  if (seat === undefined || isPrimary(seat)) return undefined;
  if (seat.own === 0) return seat.since;
  return deposed?.own === seat.own ? Math.max(seat.since, deposed.at + CLOCK_OFFSET_MAX_MS) : undefined;
}

/** The keys of the removals that only a tombstone explains, no key twice. */
export function unexplained(records: readonly Observed[], sinceMs: number, schema: KeySchema): readonly Key[] {
  const removals = records.filter((record) => isOpenRemoval(record, sinceMs));
  return [...new Map(removals.map(({ keys }) => [keyText(keys, schema), keys])).values()];
}

/** The records, with what is drift said of each, and with the origin that the tombstones show. */
export function judged(records: readonly Observed[], sinceMs: number, { tableId }: Pick<Seat, 'tableId'>, schema: KeySchema, graves: Graves): Observed[] {
  return records.map((record): Observed => {
    if (isOpenRemoval(record, sinceMs)) {
      const text = keyText(record.keys, schema);
      const drift = !isBuried(record.oldImage, graves.get(text), tableId, text);
      return { ...record, origin: drift ? 'local' : 'applier', found: { ...record.found, drift } };
    }
    const drift = record.at > sinceMs && record.origin === 'local' && record.newImage !== undefined;
    return drift ? { ...record, found: { ...record.found, drift } } : record;
  });
}

const isOpenRemoval = ({ at, event, origin }: LogRecord, sinceMs: number): boolean => at > sinceMs && event === 'REMOVE' && origin !== 'expiry';

/** Whether a tombstone explains that this image is gone. */
function isBuried(image: Item | undefined, grave: Item | undefined, tableId: string, text: string): boolean {
  const tombstone = grave && readTombstone(grave, tableId, text);
  if (tombstone === undefined) return false;
  const had: Position | undefined = image && verifySeal(metaOf(image).seal, tableId, text)?.position;
  return had === undefined || comparePositions(tombstone.seal.position, had) >= 0;
}

/** Why a record of drift is an orphan. */
export function causeOf({ event, newImage, oldImage, keys }: LogRecord, tableId: string | undefined, schema: KeySchema): OrphanCause {
  if (event === 'REMOVE' || newImage === undefined) return 'hand-delete';
  const { seal } = metaOf(newImage);
  // Without metadata, or with that of before, which an update leaves as it is.
  if (seal === undefined || (oldImage !== undefined && metaOf(oldImage).seal?.equals(seal) === true)) return 'hand-write';
  const own = tableId === undefined ? undefined : verifySeal(seal, tableId, keyText(keys, schema));
  return own === undefined || own.contentHash.equals(itemHash(newImage).subarray(0, CONTENT_BYTES)) ? 'foreign-tool' : 'hand-write';
}

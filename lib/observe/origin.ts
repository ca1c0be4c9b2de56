import type { Item } from '../core/attribute.ts';
import { itemHash } from '../core/canonical.ts';
import type { LogRecord } from '../core/formats/log-record.ts';
import type { Position } from '../core/formats/position.ts';
import { epochOf, POSITION_BYTES, position } from '../core/formats/position.ts';
import type { Seat } from '../core/formats/rows.ts';
import { isPrimary } from '../core/formats/rows.ts';
import type { Seal } from '../core/formats/seal.ts';
import { metaOf, verifySeal } from '../core/formats/seal.ts';
import type { Found, FoundRecord } from '../core/formats/segment-index.ts';
import type { KeySchema } from '../core/key.ts';
import { keyText } from '../core/key.ts';
import type { StreamRecord } from '../ports/stream.ts';

/** Bytes of the item hash in a seal. */
export const CONTENT_BYTES = 8;

/** A record as it goes into a segment, its images hashed once. */
export interface Observed extends FoundRecord {
  readonly found: Found;
}

/**
 * A stream record as the log keeps it, with who made it and its position. Pure.
 *
 * | record | origin | position |
 * |---|---|---|
 * | of the seat's own stream, made after its `since`, at the primary | `expiry` for DynamoDB's own TTL, else `local`: no applier may write there | (own epoch, sequence number) |
 * | any other removal by DynamoDB's own TTL | `expiry` | none |
 * | its new image is what an applier leaves (`copySeal`), over what was there before | `applier` | the seal's |
 * | any other removal of an image that an applier left | `applier` | none: a removal shows none |
 * | anything else | `local` | none |
 *
 * A removal at a secondary counts as the applier's as long as nothing speaks against it: whether a tombstone says so is
 * not to be seen in the stream (drift.ts looks). Without a seat (before `syncline init`) all is local.
 */
export function logRecord(record: StreamRecord, seat: Seat | undefined, schema: KeySchema): Observed {
  const { eventName, keys, newImage, oldImage } = record;
  // Some local clouds pad sequence numbers with zeros; the log's are plain, as marks are.
  const sequence = record.sequence.replace(/^0+(?=\d)/, '');
  const found = { newHash: newImage && itemHash(newImage), oldHash: oldImage && itemHash(oldImage) };
  return {
    sequence,
    at: record.createdMs,
    event: eventName,
    ...originOf(record, found, sequence, seat, schema),
    keys,
    ...(newImage !== undefined && { newImage }),
    ...(oldImage !== undefined && { oldImage }),
    found,
  };
}

function originOf(
  record: StreamRecord,
  { newHash, oldHash }: Found,
  sequence: string,
  seat: Seat | undefined,
  schema: KeySchema,
): { readonly origin: LogRecord['origin']; readonly position?: Position } {
  const { byTtl, newImage, oldImage } = record;
  const origin = byTtl ? 'expiry' : 'local';
  if (seat === undefined) return { origin };
  // As fan-out has it: only these records are provably of the seat's epoch (times of records are whole seconds).
  if (isPrimary(seat) && record.streamArn === seat.stream && record.createdMs > seat.since) return { origin, position: position(seat.own, sequence) };
  if (byTtl) return { origin };
  if (record.eventName === 'REMOVE') return { origin: copySeal(oldImage, oldHash, seat, schema) === undefined ? 'local' : 'applier' };
  const seal = copySeal(newImage, newHash, seat, schema);
  if (seal === undefined || (oldImage !== undefined && isNoCopyOver(seal, record, oldImage, oldHash, seat, schema))) return { origin };
  return { origin: 'applier', position: seal.position };
}

/** The seal of an image that is what an applier leaves: of this table and key, of this content, and of no epoch that is still to come. */
function copySeal(image: Item | undefined, hash: Buffer | undefined, { tableId, fence }: Seat, schema: KeySchema): Seal | undefined {
  const bytes = image && metaOf(image).seal;
  if (image === undefined || hash === undefined || bytes === undefined) return undefined;
  const seal = verifySeal(bytes, tableId, keyText(image, schema));
  // Whatever an applier of a newer epoch writes, it has raised the fence before; the seat was read after the record was made.
  if (seal === undefined || epochOf(seal.position) > fence) return undefined;
  return seal.contentHash.equals(hash.subarray(0, CONTENT_BYTES)) ? seal : undefined;
}

/**
 * Whether no applier puts such a copy over that image, though it is intact.
 *
 * - Its position is lower than what was there: an older copy that somebody has brought back. The guard lets no applier do that.
 * - Seal and content are those of before: only the rest of the reserved attribute is another. That may be a repair, which keeps its position
 *   where it knows of no higher one, and may bring a new rev; in a lane each copy has a position of its own.
 *
 * ⚠ The same seal over another content is no sign of a hand: a repair over a change by hand, or a write that is sent twice, leaves just that.
 */
function isNoCopyOver(seal: Seal, record: StreamRecord, oldImage: Item, oldHash: Buffer | undefined, seat: Seat, schema: KeySchema): boolean {
  const { seal: before } = metaOf(oldImage);
  if (before === undefined) return false;
  const order = Buffer.compare(before.subarray(0, POSITION_BYTES), seal.position);
  if (order > 0) return verifySeal(before, seat.tableId, keyText(record.keys, schema)) !== undefined;
  if (order < 0 || seal.kind !== 'lane' || oldHash === undefined) return false;
  return seal.contentHash.equals(oldHash.subarray(0, CONTENT_BYTES)) && metaOf(record.newImage as Item).seal?.equals(before) === true;
}

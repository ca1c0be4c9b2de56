import type { Item } from '../core/attribute.ts';
import { itemHash } from '../core/canonical.ts';
import type { LogRecord } from '../core/formats/log-record.ts';
import type { Position } from '../core/formats/position.ts';
import { position } from '../core/formats/position.ts';
import type { Seat } from '../core/formats/rows.ts';
import { isPrimary } from '../core/formats/rows.ts';
import type { Seal } from '../core/formats/seal.ts';
import { metaOf, verifySeal } from '../core/formats/seal.ts';
import type { KeySchema } from '../core/key.ts';
import { keyText } from '../core/key.ts';
import type { StreamRecord } from '../ports/stream.ts';

/** Bytes of the item hash in a seal. */
const CONTENT_BYTES = 8;

/**
 * A stream record as the log keeps it, with who made it and its position. Pure.
 *
 * | record | origin | position |
 * |---|---|---|
 * | of the seat's own stream, made after its `since`, at the primary | `expiry` for DynamoDB's own TTL, else `local`: no applier may write there | (own epoch, sequence number) |
 * | any other removal by DynamoDB's own TTL | `expiry` | none |
 * | its new image has a seal that is new, of this table and key, and of this content | `applier` | the seal's |
 * | any other removal of such an image | `applier` | none: a removal shows none |
 * | anything else | `local` | none |
 *
 * A removal at a secondary counts as the applier's as long as nothing speaks against it: whether a tombstone says so is
 * not to be seen in the stream. Without a seat (before `syncline init`) all is local.
 */
export function logRecord(record: StreamRecord, seat: Seat | undefined, schema: KeySchema): LogRecord {
  const { eventName, keys, newImage, oldImage } = record;
  // Some local clouds pad sequence numbers with zeros; the log's are plain, as marks are.
  const sequence = record.sequence.replace(/^0+(?=\d)/, '');
  const made = originOf(record, sequence, seat, schema);
  return {
    sequence,
    at: record.createdMs,
    event: eventName,
    ...made,
    keys,
    ...(newImage !== undefined && { newImage }),
    ...(oldImage !== undefined && { oldImage }),
  };
}

function originOf(
  record: StreamRecord,
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
  if (record.eventName === 'REMOVE') return { origin: oldImage !== undefined && copySeal(oldImage, seat, schema) !== undefined ? 'applier' : 'local' };
  const seal = newImage === undefined ? undefined : copySeal(newImage, seat, schema);
  // A write by hand leaves the seal as it was: then it is the old image's very bytes.
  if (seal === undefined || sameSeal(newImage, oldImage)) return { origin };
  return { origin: 'applier', position: seal.position };
}

/** The seal of an image that is what an applier wrote: of this table and key, and of this content. */
function copySeal(image: Item, { tableId }: Seat, schema: KeySchema): Seal | undefined {
  const { seal: bytes } = metaOf(image);
  if (bytes === undefined) return undefined;
  const seal = verifySeal(bytes, tableId, keyText(image, schema));
  return seal?.contentHash.equals(itemHash(image).subarray(0, CONTENT_BYTES)) ? seal : undefined;
}

function sameSeal(image: Item | undefined, other: Item | undefined): boolean {
  if (image === undefined || other === undefined) return false;
  const [a, b] = [metaOf(image).seal, metaOf(other).seal];
  return a !== undefined && b !== undefined && a.equals(b);
}

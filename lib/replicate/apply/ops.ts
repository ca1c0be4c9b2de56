import type { AttributeValue, Item, Key } from '../../core/attribute.ts';
import { RESERVED } from '../../core/attribute.ts';
import { itemHash } from '../../core/canonical.ts';
import type { Change, ChangesMessage, Envelope } from '../../core/formats/message.ts';
import { isDelete } from '../../core/formats/message.ts';
import type { Position } from '../../core/formats/position.ts';
import { comparePositions, position } from '../../core/formats/position.ts';
import { parseRev } from '../../core/formats/rev.ts';
import { metaOf, metaValue, sealBytes } from '../../core/formats/seal.ts';
import { tombstoneItem } from '../../core/formats/tombstone.ts';
import type { KeySchema } from '../../core/key.ts';
import { keyOf, keyText } from '../../core/key.ts';
import type { LaneWork } from './lane-work.ts';

/** The newest change of one key in one unit: what the guard judges and a write performs. */
export interface KeyOp {
  readonly lane: LaneWork;
  readonly keyText: string;
  readonly key: Key;
  readonly position: Position;
  readonly change: Change;
  readonly envelope: Envelope;
}

/** Changes that cannot even be read, with the reason. */
export interface UnreadableChange {
  readonly lane: LaneWork;
  readonly change: Change;
  readonly envelope: Envelope;
  readonly reason: string;
}

/**
 * One operation a key: within a lane the newest change of a key wins. Newest by position, not by arrival: a redelivered
 * prefix brings old changes after new ones.
 */
export function coalesce(
  lane: LaneWork,
  messages: readonly ChangesMessage[],
  schema: KeySchema,
): { ops: KeyOp[]; folded: number; unreadable: UnreadableChange[] } {
  const newest = new Map<string, KeyOp>();
  const unreadable: UnreadableChange[] = [];
  let folded = 0;
  for (const message of messages) {
    for (const change of message.changes) {
      let op: KeyOp;
      try {
        const carrier = isDelete(change) ? change.k : change.i;
        const text = keyText(carrier, schema);
        op = { lane, keyText: text, key: keyOf(carrier, schema), position: position(message.epoch, change.q), change, envelope: message };
      } catch (error) {
        unreadable.push({ lane, change, envelope: message, reason: String(error instanceof Error ? error.message : error) });
        continue;
      }
      const before = newest.get(op.keyText);
      if (before !== undefined) folded += 1;
      if (before === undefined || comparePositions(before.position, op.position) < 0) newest.set(op.keyText, op);
    }
  }
  return { ops: [...newest.values()], folded, unreadable };
}

/** The copy that a put leaves at the target: the image, with the source's rev, sealed as this change. */
export function copyOf(image: Item, tableId: string, key: string, at: Position, kind: 'lane' | 'repair'): Item {
  const seal = sealBytes(tableId, key, at, kind, itemHash(image));
  const copy: Record<string, AttributeValue> = { ...image };
  copy[RESERVED] = metaValue(metaOf(image).rev, seal);
  return copy;
}

/** The tombstone that a removal leaves at the target. */
export function tombstoneOf(op: KeyOp, tableId: string, nowMs: number): Item {
  const of = 'o' in op.change && op.change.o !== undefined ? parseRev(Buffer.from(op.change.o, 'base64')) : undefined;
  return tombstoneItem({ key: op.key, keyText: op.keyText, tableId, position: op.position, kind: 'lane', of, nowMs });
}

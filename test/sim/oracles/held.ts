import type { Item } from '../../../lib/core/attribute.ts';
import { comparePositions, epochOf, type Position, sequenceOf } from '../../../lib/core/formats/position.ts';
import { metaOf, type Seal, verifySeal } from '../../../lib/core/formats/seal.ts';
import { readTombstone } from '../../../lib/core/formats/tombstone.ts';
import { keyText } from '../../../lib/core/key.ts';
import { KEY, keyOfName } from '../set.ts';
import type { World } from '../world.ts';

/** What a member has of a key, read past the ports. */
export interface Held {
  readonly item: Item | undefined;
  /** The item's seal, if it counts. */
  readonly seal: Seal | undefined;
  /** The tombstone's seal, if it counts. */
  readonly tombstone: Seal | undefined;
}

export function heldAt(world: World, member: string, key: string): Held {
  const k = keyOfName(key);
  const text = keyText(k, KEY);
  const items = world.set.items(member);
  const item = items.read(k);
  const grave = world.set.tombstones(member).read(k);
  return {
    item,
    seal: item === undefined ? undefined : verifySeal(metaOf(item).seal, items.tableId, text),
    tombstone: grave === undefined ? undefined : readTombstone(grave, items.tableId, text)?.seal,
  };
}

/** The newest position that a member is known to have of a key: its item's, or its tombstone's where it has no item. */
export const positionOf = (held: Held): Position | undefined => (held.item === undefined ? held.tombstone?.position : held.seal?.position);

export const later = (a: Position | undefined, b: Position): Position => (a === undefined || comparePositions(a, b) < 0 ? b : a);

export const show = (p: Position | undefined): string => (p === undefined ? 'none' : `${epochOf(p)}/${sequenceOf(p)}`);

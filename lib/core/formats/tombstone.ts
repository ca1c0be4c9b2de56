import type { AttributeValue, Item, Key } from '../attribute.ts';
import { mapOf, RESERVED, text } from '../attribute.ts';
import { TOMBSTONE_LIFE_MS } from '../constants.ts';
import type { Position } from './position.ts';
import type { Rev } from './rev.ts';
import { parseRev } from './rev.ts';
import type { Seal, SealKind } from './seal.ts';
import { sealBytes, verifySeal } from './seal.ts';

/**
 * A tombstone: what remains of a delete at a member. The key's attributes, then
 * `_s` = { p: a seal without content, o: rev of the version that the source removed, if it had one }, and
 * `expiresAt` (s since 1970), DynamoDB's TTL attribute. The seal carries the format.
 */
export const EXPIRES_AT = 'expiresAt';

/** Names that a key attribute must not have, since tombstones have them. */
export const RESERVED_KEY_NAMES: readonly string[] = [RESERVED, EXPIRES_AT];

/** A tombstone that was read and whose seal verified. */
export interface Tombstone {
  readonly seal: Seal;
  /** Rev of the version that the source removed. */
  readonly of: Rev | undefined;
  readonly expiresAtS: number;
}

/** The tombstone as an item. */
export function tombstoneItem(t: { key: Key; keyText: string; tableId: string; position: Position; kind: SealKind; of: Rev | undefined; nowMs: number }): Item {
  const meta: Record<string, AttributeValue> = {
    p: { B: sealBytes(t.tableId, t.keyText, t.position, t.kind, undefined).toString('base64') },
  };
  if (t.of !== undefined) meta['o'] = { B: t.of.toString('base64') };
  return { ...t.key, [RESERVED]: { M: meta }, [EXPIRES_AT]: { N: String(Math.ceil((t.nowMs + TOMBSTONE_LIFE_MS) / 1_000)) } };
}

/** The tombstone in this item, or undefined when its seal is not of this table and key. */
export function readTombstone(item: Item, tableId: string, keyText: string): Tombstone | undefined {
  const meta = mapOf(item[RESERVED]);
  const p = text(meta?.['p'], 'B');
  const seal = p === undefined ? undefined : verifySeal(Buffer.from(p, 'base64'), tableId, keyText);
  if (seal === undefined) return undefined;
  const o = text(meta?.['o'], 'B');
  return {
    seal,
    of: o === undefined ? undefined : parseRev(Buffer.from(o, 'base64')),
    expiresAtS: Number.parseInt(text(item[EXPIRES_AT], 'N') ?? '0', 10),
  };
}

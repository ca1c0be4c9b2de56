import type { AttributeValue, Item } from '../attribute.ts';
import { mapOf, RESERVED, text } from '../attribute.ts';
import { sha256 } from '../canonical.ts';
import { assert } from '../errors.ts';
import type { Position } from './position.ts';
import { POSITION_BYTES } from './position.ts';
import type { Rev } from './rev.ts';
import { parseRev } from './rev.ts';

/**
 * The seal that an applier leaves on a copy, in the reserved attribute's member `p`:
 *
 * | bytes | |
 * |---|---|
 * | 22 | position of the change that the copy holds |
 * | 1 | format 1 in the high nibble, kind in the low one: 1 lane, 2 repair |
 * | 6 | key check: SHA-256 over (TableId of the member, key, position, kind), truncated |
 * | 8 | content hash: the item hash, truncated; zeros on a tombstone |
 *
 * ⚠ A position counts only if its key check verifies for the key and the table where it is found: users copy whole
 * items to other keys, restore old ones, and carry our metadata from other tables.
 */
export const SEAL_BYTES = 37;
const CHECK_AT = POSITION_BYTES + 1;
const CONTENT_AT = CHECK_AT + 6;
const FORMAT = 0x10;
const KINDS = { lane: 0x01, repair: 0x02 } as const;

/** How a copy came: by its change, in a lane, or by a resync, which read the source at some later time. */
export type SealKind = keyof typeof KINDS;

/** A seal that was read and whose key check verified. */
export interface Seal {
  readonly position: Position;
  readonly kind: SealKind;
  readonly contentHash: Buffer;
}

const NO_CONTENT = Buffer.alloc(8);

/**
 * The bytes of a seal.
 *
 * @param tableId TableId of the member's items table (tombstones are sealed with it, too).
 * @param key the key's canonical text.
 * @param contentHash the item hash (its first 8 bytes are used); undefined for a tombstone.
 */
export function sealBytes(tableId: string, key: string, position: Position, kind: SealKind, contentHash: Uint8Array | undefined): Buffer {
  assert(position.length === POSITION_BYTES, 'not a position', { length: position.length });
  const bytes = Buffer.alloc(SEAL_BYTES);
  position.copy(bytes, 0);
  bytes[POSITION_BYTES] = FORMAT | KINDS[kind];
  keyCheck(tableId, key, position, kind).copy(bytes, CHECK_AT, 0, 6);
  bytes.set((contentHash ?? NO_CONTENT).subarray(0, 8), CONTENT_AT);
  return bytes;
}

function keyCheck(tableId: string, key: string, position: Position, kind: SealKind): Buffer {
  return sha256(`${tableId}\n${position.toString('base64')}\n${kind}\n${key}`);
}

/** The seal in these bytes if it is one of this table and key; undefined otherwise. Never throws: users may have written it. */
export function verifySeal(bytes: Uint8Array | undefined, tableId: string, key: string): Seal | undefined {
  if (bytes === undefined || bytes.length !== SEAL_BYTES || bytes[0] !== 0x01) return undefined;
  const head = bytes[POSITION_BYTES] as number;
  const kind = head === (FORMAT | KINDS.lane) ? 'lane' : head === (FORMAT | KINDS.repair) ? 'repair' : undefined;
  if (kind === undefined) return undefined;
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const position = all.subarray(0, POSITION_BYTES);
  const check = keyCheck(tableId, key, position, kind);
  if (check.compare(all, CHECK_AT, CONTENT_AT, 0, 6) !== 0) return undefined;
  return { position: Buffer.from(position), kind, contentHash: Buffer.from(all.subarray(CONTENT_AT)) };
}

/** What the reserved attribute of an item holds, read leniently. */
export interface Meta {
  readonly rev: Rev | undefined;
  /** The raw bytes of `p`, whatever they are. */
  readonly seal: Buffer | undefined;
}

/** Reads the reserved attribute. Anything that is not of our format counts as absent. */
export function metaOf(item: Item): Meta {
  const map = mapOf(item[RESERVED]);
  const r = text(map?.['r'], 'B');
  const p = text(map?.['p'], 'B');
  return {
    rev: r === undefined ? undefined : parseRev(Buffer.from(r, 'base64')),
    seal: p === undefined ? undefined : Buffer.from(p, 'base64'),
  };
}

/** The reserved attribute: the rev, if there is one, and the seal, if there is one. */
export function metaValue(r: Rev | undefined, seal: Buffer | undefined): AttributeValue {
  const map: Record<string, AttributeValue> = {};
  if (r !== undefined) map['r'] = { B: r.toString('base64') };
  if (seal !== undefined) map['p'] = { B: seal.toString('base64') };
  return { M: map };
}

/** The item as its callers see it: without the reserved attribute. */
export function withoutMeta(item: Item): Item {
  const { [RESERVED]: _, ...rest } = item;
  return rest;
}

import { assert } from '../../core/errors.ts';

/**
 * The newest entries of a member's log: which keys are in motion, and between which contents. It is kept as bytes, 44 an entry:
 *
 * | bytes | |
 * |---|---|
 * | 16 | key hash |
 * | 8 + 8 | item hash of the old and of the new image; zeros where the flags say that there is none |
 * | 2 + 2 | expiry day of each; unsigned, big-endian, as all that follow |
 * | 4 | when (s) |
 * | 1 | bit 0 there is an old image, bit 1 there is a new one, bit 2 DynamoDB’s TTL did it |
 * | 3 | zeros |
 */
export const ROW_BYTES = 44;
export const AT = { old: 16, item: 24, oldDay: 32, day: 34, seconds: 36, flags: 40 } as const;
const HASH_BYTES = AT.item - AT.old;
export const OLD = 1;
export const NEW = 2;
export const EXPIRY = 4;
export const SECOND_MS = 1_000;

/** The content of a key: its item hash and expiry day. */
export interface Content {
  readonly itemHash: Buffer;
  readonly day: number;
}

/** A content of a row: that which `flag` tells of; undefined for no item. It looks at the row's bytes. */
const contentAt = (rows: Buffer, i: number, which: typeof OLD | typeof NEW): Content | undefined => {
  const at = i * ROW_BYTES;
  if (((rows[at + AT.flags] as number) & which) === 0) return undefined;
  const [hash, day] = which === OLD ? [AT.old, AT.oldDay] : [AT.item, AT.day];
  return { itemHash: rows.subarray(at + hash, at + hash + HASH_BYTES), day: rows.readUInt16BE(at + day) };
};

/** A content of a row, by its place: nothing is made for it. A row below 0 has none. */
export interface ContentRef {
  readonly rows: Buffer;
  readonly i: number;
  readonly which: typeof OLD | typeof NEW;
}

/** The content that a reference is of. */
export const contentOf = ({ rows, i, which }: ContentRef): Content | undefined => (i < 0 ? undefined : contentAt(rows, i, which));

const isThere = ({ rows, i, which }: ContentRef): boolean => i >= 0 && ((rows[i * ROW_BYTES + AT.flags] as number) & which) !== 0;

/** Whether two contents are the same, or both none. */
export function sameContent(a: ContentRef, b: ContentRef): boolean {
  if (!isThere(a) || !isThere(b)) return isThere(a) === isThere(b);
  const [x, y] = [a.i * ROW_BYTES, b.i * ROW_BYTES];
  const hashes = [x + (a.which === OLD ? AT.old : AT.item), y + (b.which === OLD ? AT.old : AT.item)] as const;
  const days = [x + (a.which === OLD ? AT.oldDay : AT.day), y + (b.which === OLD ? AT.oldDay : AT.day)] as const;
  return (
    a.rows.compare(b.rows, hashes[1], hashes[1] + HASH_BYTES, hashes[0], hashes[0] + HASH_BYTES) === 0 &&
    a.rows.readUInt16BE(days[0]) === b.rows.readUInt16BE(days[1])
  );
}

assert(AT.flags + 4 === ROW_BYTES, 'the layout of a window’s entry', { ROW_BYTES });

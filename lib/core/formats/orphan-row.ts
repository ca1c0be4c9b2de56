import type { Item, Key } from '../attribute.ts';
import { mapOf, text } from '../attribute.ts';
import { FormatError } from '../errors.ts';
import { check, FORMAT, n, num, present, s, str } from './row-fields.ts';

/** Partition of the rows of orphans: writes that lost their place, at the member where the value is. */
export const ORPHAN = 'orphan';

/**
 * Why a write is an orphan.
 *
 * `hand-write`: a put at a secondary that no applier made. `hand-delete`: a removal there that no applier made, nor DynamoDB's TTL.
 * `foreign-tool`: a put that carries metadata of ours which is not its own: of another key, of another table, or of an older version.
 */
export const ORPHAN_CAUSES = ['hand-write', 'hand-delete', 'foreign-tool'] as const;
export type OrphanCause = (typeof ORPHAN_CAUSES)[number];

/** Open until a human has decided; it never opens again. */
export const ORPHAN_STATES = ['open', 'reapplied', 'discarded'] as const;
export type OrphanState = (typeof ORPHAN_STATES)[number];

/** `orphan / key hash#sequence`: a write that lost its place. The value itself is in the member's log. */
export interface Orphan {
  /** The sort key (`orphanId`). */
  readonly id: string;
  readonly key: Key;
  readonly cause: OrphanCause;
  /** When it was made (ms, DynamoDB's clock, whole seconds). */
  readonly at: number;
  /** Where it is in the log: the segment's object, and its line from 0. */
  readonly segment: string;
  readonly ordinal: number;
  /** Item hash of the value, base64 (16 bytes); absent for a removal. */
  readonly itemHash?: string;
  /** Item hash of what was there before, base64; absent where there was nothing. */
  readonly was?: string;
  readonly state: OrphanState;
  /** Since when it is in this state (ms, a clock of the member's region). */
  readonly since: number;
  /** What was said when it was decided. */
  readonly note?: string;
}

/** The sort key: the key hash in hex, and the sequence number of the record, 40 digits, so that a key's orphans sort as they came. */
export const orphanId = (keyHash: Uint8Array, sequence: string): string => `${Buffer.from(keyHash).toString('hex')}#${sequence.padStart(40, '0')}`;

/** The key of an orphan's row. */
export const orphanKey = (id: string): Key => ({ pk: s(ORPHAN), sk: s(id) });

/** An orphan's row. */
export function encodeOrphan(o: Orphan): Item {
  return {
    ...orphanKey(o.id),
    f: { N: FORMAT },
    key: { M: o.key },
    cause: s(o.cause),
    at: n(o.at),
    segment: s(o.segment),
    ordinal: n(o.ordinal),
    ...(o.itemHash !== undefined && { itemHash: s(o.itemHash) }),
    ...(o.was !== undefined && { was: s(o.was) }),
    state: s(o.state),
    since: n(o.since),
    ...(o.note !== undefined && { note: s(o.note) }),
  };
}

/** Reads an orphan. @throws FormatError */
export function decodeOrphan(row: Item): Orphan {
  check(row, ORPHAN);
  const key = mapOf(row['key']);
  if (key === undefined) throw new FormatError('orphan row without "key"');
  return present<Orphan>({
    id: str(row, 'sk', ORPHAN),
    key,
    cause: oneOf(row, 'cause', ORPHAN_CAUSES),
    at: num(row, 'at', ORPHAN),
    segment: str(row, 'segment', ORPHAN),
    ordinal: num(row, 'ordinal', ORPHAN),
    itemHash: text(row['itemHash'], 'S'),
    was: text(row['was'], 'S'),
    state: oneOf(row, 'state', ORPHAN_STATES),
    since: num(row, 'since', ORPHAN),
    note: text(row['note'], 'S'),
  });
}

function oneOf<T extends string>(row: Item, name: string, known: readonly T[]): T {
  const found = str(row, name, ORPHAN);
  const value = known.find((v) => v === found);
  if (value === undefined) throw new FormatError(`orphan row with the unknown ${name} "${found}"`);
  return value;
}

import type { Item, Key } from '../attribute.ts';
import { mapOf, text } from '../attribute.ts';
import { FormatError } from '../errors.ts';
import type { Position } from './position.ts';
import { readPosition } from './position.ts';
import { check, FORMAT, n, num, s } from './row-fields.ts';

export const REFUSED = 'refused';
/** @param keyHashHex the key hash, as hex: keys of any type and length fit a sort key so. */
export const refusedKey = (keyHashHex: string): Key => ({ pk: s(REFUSED), sk: s(keyHashHex) });

/** `refused / key hash`, at the target: a key that it can never take as it is. */
export interface Refused {
  readonly key: Key;
  readonly reason: string;
  readonly position: Position;
  /** Name of the source. */
  readonly link: string;
  /** Since when (ms), by the source region's clocks; and when it was last tried. */
  readonly since: number;
  readonly tried: number;
}

/** A refused key's row. */
export function encodeRefused(hashHex: string, r: Refused): Item {
  return {
    ...refusedKey(hashHex),
    f: { N: FORMAT },
    key: { M: r.key },
    reason: s(r.reason),
    position: { B: r.position.toString('base64') },
    link: s(r.link),
    since: n(r.since),
    tried: n(r.tried),
  };
}

/** Reads a refused key. @throws FormatError */
export function decodeRefused(row: Item): Refused {
  check(row, 'refused');
  const key = mapOf(row['key']);
  if (key === undefined) throw new FormatError('refused row without "key"');
  return {
    key,
    reason: text(row['reason'], 'S') ?? '',
    position: readPosition(Buffer.from(text(row['position'], 'B') ?? '', 'base64')),
    link: text(row['link'], 'S') ?? '',
    since: num(row, 'since', 'refused'),
    tried: num(row, 'tried', 'refused'),
  };
}

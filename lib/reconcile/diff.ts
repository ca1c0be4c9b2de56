import type { Item } from '../core/attribute.ts';
import { RESERVED } from '../core/attribute.ts';
import { itemHash } from '../core/canonical.ts';
import { comparePositions, showPosition } from '../core/formats/position.ts';
import { metaOf, verifySeal } from '../core/formats/seal.ts';
import { readTombstone } from '../core/formats/tombstone.ts';

/** One key at the primary and at another member, compared attribute by attribute. Pure; runs without the cloud. */

/** What was read of a key at one member, by consistent reads: the item, then the tombstone. */
export interface KeyState {
  /** TableId that the member's seat registers; absent before `syncline init`. */
  readonly tableId?: string;
  readonly item?: Item;
  readonly tombstone?: Item;
}

/** How a member's key stands to the primary's. */
export interface KeyDiff {
  /**
   * `equal`: the same content, or neither has the item; `changed`, `missing`, `extra` as in a check's findings;
   * `half-deleted`: an item that a newer tombstone hides, whose delete comes again.
   */
  readonly state: 'equal' | 'changed' | 'missing' | 'extra' | 'half-deleted';
  /** The values are equal, but not written alike: 1 and 1.0, sets or maps in another order. */
  readonly writtenDifferently: boolean;
  /** What an applier left on the member's copy. */
  readonly copy?: {
    /** Whether the seal is of this table and key. One that does not count is as none. */
    readonly counts: boolean;
    /** Whether the content is what the seal says. False: somebody has changed the copy by hand. */
    readonly intact?: boolean;
    /** "epoch/sequence". */
    readonly position?: string;
    readonly kind?: 'lane' | 'repair';
  };
  readonly tombstone?: { readonly position: string; readonly kind: 'lane' | 'repair' };
  /** Whether the two have the same rev; absent where neither has one. */
  readonly sameRev?: boolean;
}

/** Bytes of an item hash in a seal. */
const SEALED_BYTES = 8;

/**
 * Compares a key. @param keyText its canonical text
 */
export function diffKey(source: KeyState, target: KeyState, keyText: string): KeyDiff {
  const [here, there] = [source.item, target.item];
  const tableId = target.tableId ?? '';
  const grave = target.tombstone === undefined ? undefined : readTombstone(target.tombstone, tableId, keyText);
  const meta = there === undefined ? undefined : metaOf(there);
  const seal = meta?.seal === undefined ? undefined : verifySeal(meta.seal, tableId, keyText);
  const hidden = seal !== undefined && grave !== undefined && comparePositions(seal.position, grave.seal.position) < 0;
  const revs = [here === undefined ? undefined : metaOf(here).rev, meta?.rev];
  return {
    state: hidden ? 'half-deleted' : stateOf(here, there),
    writtenDifferently: here !== undefined && there !== undefined && itemHash(here).equals(itemHash(there)) && !sameText(here, there),
    ...(there !== undefined && {
      copy: {
        counts: seal !== undefined,
        ...(seal !== undefined && {
          intact: seal.contentHash.equals(itemHash(there).subarray(0, SEALED_BYTES)),
          position: showPosition(seal.position),
          kind: seal.kind,
        }),
      },
    }),
    ...(grave !== undefined && { tombstone: { position: showPosition(grave.seal.position), kind: grave.seal.kind } }),
    ...(revs.some((rev) => rev !== undefined) && { sameRev: revs[0] !== undefined && revs[1] !== undefined && revs[0].equals(revs[1]) }),
  };
}

function stateOf(here: Item | undefined, there: Item | undefined): KeyDiff['state'] {
  if (here === undefined) return there === undefined ? 'equal' : 'extra';
  if (there === undefined) return 'missing';
  return itemHash(here).equals(itemHash(there)) ? 'equal' : 'changed';
}

/** Whether two items are the same text, whatever the order of their attributes: DynamoDB gives an item's attributes in any. */
function sameText(a: Item, b: Item): boolean {
  const text = (item: Item): string =>
    JSON.stringify(
      Object.keys(item)
        .filter((name) => name !== RESERVED)
        .sort()
        .map((name) => [name, item[name]]),
    );
  return text(a) === text(b);
}

import type { Item } from '../../../lib/core/attribute.ts';
import { itemHash } from '../../../lib/core/canonical.ts';
import { cellOf, Digest } from '../../../lib/core/digest.ts';
import { SCANS_PREFIX } from '../../../lib/core/formats/archive-names.ts';
import { INDEX_ITEM_HASH_BYTES } from '../../../lib/core/formats/segment-index.ts';
import { keyHash, keyText } from '../../../lib/core/key.ts';
import { decodeStanding } from '../../../lib/reconcile/proof/standing.ts';
import type { Watermark } from '../../../lib/reconcile/segments.ts';
import type { MakeOracle } from '../oracle.ts';
import { KEY, keyOfName } from '../set.ts';
import type { StoredBase } from './bases.ts';
import { baseIn, counts, shows, storedBy } from './bases.ts';
import { isTold, truthsOf } from './log-truth.ts';

const STANDING = `${SCANS_PREFIX}standing/`;
/** A record that is in no log after this (virtual ms) shows that the observer stands still, and fan-out with it where a base is made all the same. */
const STOOD_STILL_MS = 10 * 60_000;
/** Of a record that was lost so long before a scan (virtual ms) nothing is left in what the scan's base is made of. */
const LOST_MS = 10 * 60_000;

/**
 * The digest of a member at its watermark is that of its table when the last record of the watermark was made: of a base, and of what is folded onto it.
 * Where the table was changed since the scan began and no record tells of it, nothing is said: that is for the next scan to see.
 */
export const digests: MakeOracle = (world) => {
  const truths = truthsOf(world);
  /** By member and id. */
  const bases = new Map<string, StoredBase>();

  /** Bases that were made while both readers of the member stood still: what the scan has read is in no log yet, and nothing says so. */
  const unsound = new WeakSet<StoredBase>();

  function noteReaders(base: StoredBase): void {
    const now = world.clock.elapsed();
    for (const late of truths.of(base.member).absent()) if (late.t < now - STOOD_STILL_MS) unsound.add(base);
  }

  /** Undefined where nobody can tell. */
  function digestAt(member: string, mark: Watermark, base: StoredBase): Digest | undefined {
    const truth = truths.of(member);
    if (unsound.has(base)) return undefined;
    if (!world.silent.of(member).every((change) => shows(world, base, change))) return undefined;
    // What both readers have lost is in no log, and nothing says so (Gaps of docs/SPEC.md).
    for (const lost of truth.absent()) if (lost.t >= base.scanned - LOST_MS && !isTold(truth, lost) && counts(truth, mark, lost)) return undefined;
    const held = new Map<string, Item | undefined>();
    const silent = [...world.silent.of(member)];
    for (const version of truth.writes) {
      for (; (silent[0]?.t ?? Number.POSITIVE_INFINITY) <= version.t; silent.shift()) held.set(silent[0]?.key ?? '', silent[0]?.after);
      if (counts(truth, mark, version)) held.set(version.key, version.image);
    }
    for (const { key, after } of silent) held.set(key, after);
    const digest = new Digest();
    for (const [key, item] of held)
      if (item !== undefined) digest.add({ keyHash: hashOf(key), itemHash: itemHash(item).subarray(0, INDEX_ITEM_HASH_BYTES), day: 0 });
    return digest;
  }

  function compare(what: string, digest: Pick<Digest, 'encode'>, mark: Watermark, base: StoredBase): void {
    const wanted = digestAt(base.member, mark, base);
    if (wanted === undefined) return;
    // By way of its bytes: the flows' own copy of the class may have a bug planted.
    const cells = new Set(wanted.differing(Digest.decode(digest.encode())));
    if (cells.size === 0) return;
    const keys = [...new Set(truths.of(base.member).writes.map(({ key }) => key))].filter((key) => cells.has(cellOf({ keyHash: hashOf(key), day: 0 })));
    world.violate(
      'I7',
      `the digest of ${base.member} (${what}) is not that of its table at its watermark: ${cells.size} cells differ, of ${keys.join(' ')}`,
      keys[0],
    );
  }

  return {
    name: 'digests',
    effect(call, answer) {
      const stored = world.checked ? storedBy(world, call, answer) : undefined;
      if (stored === undefined) return;
      const base = baseIn(world, call.region, stored);
      if (base !== undefined) {
        bases.set(`${base.member}|${base.id}`, base);
        noteReaders(base);
        compare(`base ${base.id}`, base.digest, base.mark, base);
      } else if (stored.name.startsWith(STANDING)) {
        const { member, digest, mark, base: id } = decodeStanding(stored.bytes);
        const of = bases.get(`${member}|${id}`);
        if (digest !== undefined && of !== undefined) compare('standing', digest, mark, of);
      }
    },
    wiped(member) {
      for (const id of [...bases.keys()]) if (id.startsWith(`${member}|`)) bases.delete(id);
    },
  };
};

const hashOf = (key: string): Buffer => keyHash(keyText(keyOfName(key), KEY));

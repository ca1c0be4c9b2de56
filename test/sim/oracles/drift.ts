import { text } from '../../../lib/core/attribute.ts';
import type { Seat } from '../../../lib/core/formats/rows.ts';
import { metaOf, verifySeal } from '../../../lib/core/formats/seal.ts';
import type { SegmentFooter } from '../../../lib/core/formats/segment-footer.ts';
import type { IndexEntry } from '../../../lib/core/formats/segment-index.ts';
import { keyHash, keyText } from '../../../lib/core/key.ts';
import { DEPOSED_KEY } from '../../../lib/observe/deposed.ts';
import type { Version } from '../model.ts';
import type { MakeOracle } from '../oracle.ts';
import { KEY, keyOfName } from '../set.ts';
import { heldAt } from './held.ts';
import { truthsOf } from './log-truth.ts';

/** Partition of the rows of orphans, as DESIGN.md's Inventory has it: not the flows' own constant, which this watches over, too. */
const ORPHAN = 'orphan';

/**
 * What a secondary's log calls drift: every write there that no applier made and that no seal of ours vouches for, and nothing else. Each of them
 * has its row, so that no value is lost which somebody wrote by hand.
 */
export const drift: MakeOracle = (world) => {
  /** Rows that must be there, by member: sort key → key's name. */
  const wanted = new Map<string, Map<string, string>>();

  /** What is wrong with what the log says of a write; undefined where nothing is, or nobody can tell. */
  function wrongOf(member: string, version: Version, flagged: boolean): string | undefined {
    const { by, epoch, createdMs, image } = version;
    if (flagged && by !== 'user') return `calls it drift, and ${by === 'ttl' ? 'it expired' : 'an applier wrote it'}`;
    const seat = world.set.seat(member);
    // A fence deposes in the same write: what is written after the member has noted that is drift, whoever the model still calls primary.
    if (flagged && epoch !== undefined && !knewItself(member, seat, createdMs)) return 'calls it drift, and the member was primary';
    if (seat?.since === undefined || !knowsItsRole(member, seat, createdMs)) return undefined;
    // A member that has become primary since was judged by the role that it had.
    const isPrimary = seat.own === seat.fence && seat.own > 0;
    if (flagged && !isPrimary && epoch === undefined && createdMs < Math.floor(seat.since / 1_000) * 1_000)
      return "calls it drift, which is older than the member's role";
    const missed = !flagged && isDrift(member, version, isPrimary, seat.since);
    return missed ? `does not say that it was ${image === undefined ? 'removed' : 'written'} by hand` : undefined;
  }

  /** A member that was deposed learns of it by its minute run: what was written before that, nobody can tell of. */
  function knowsItsRole(member: string, seat: Seat, createdMs: number): boolean {
    return seat.own === 0 || seat.own >= seat.fence || knewItself(member, seat, createdMs - 1_000);
  }

  /** Whether a member had noted that it is deposed when a record was made. */
  function knewItself(member: string, seat: Seat | undefined, createdMs: number): boolean {
    const row = world.set.control(member).read(DEPOSED_KEY);
    if (row === undefined || seat === undefined || seat.own >= seat.fence) return false;
    return Number(text(row['own'], 'N')) === seat.own && createdMs > Number(text(row['at'], 'N')) + 1_000;
  }

  /** Whether a write surely is drift. Near a change of role nobody can tell. */
  function isDrift(member: string, version: Version, isPrimary: boolean, sinceMs: number): boolean {
    const { by, epoch, key, image, before, createdMs } = version;
    if (by !== 'user' || epoch !== undefined || isPrimary || world.model.primary?.member === member || createdMs <= sinceMs + 1_000) return false;
    const text = keyText(keyOfName(key), KEY);
    const { tableId } = world.set.items(member);
    if (image !== undefined) return verifySeal(metaOf(image).seal, tableId, text) === undefined;
    // A removal is told from an applier's by the tombstone that an applier leaves first.
    const had = before === undefined ? undefined : verifySeal(metaOf(before).seal, tableId, text);
    const grave = heldAt(world, member, key).tombstone;
    return grave === undefined || (had !== undefined && Buffer.compare(grave.position, had.position) < 0);
  }

  truthsOf(world).witnesses.push((member, footer, records) => {
    for (const entry of entriesOf(footer)) {
      const version = records[entry.ordinal];
      if (version === undefined) continue;
      const wrong = wrongOf(member, version, entry.drift);
      if (wrong !== undefined) world.violate('I7', `of "${version.key}"@${version.sequence} the log of ${member} ${wrong}`, version.key);
      if (!entry.drift) continue;
      const rows = wanted.get(member) ?? new Map<string, string>();
      wanted.set(member, rows);
      rows.set(`${keyHash(keyText(keyOfName(version.key), KEY)).toString('hex')}#${version.sequence.toString().padStart(40, '0')}`, version.key);
    }
  });

  return {
    name: 'drift',
    wiped(member) {
      wanted.delete(member);
    },
    settled() {
      for (const [member, rows] of wanted) {
        for (const [sk, key] of rows) {
          if (world.set.control(member).read({ pk: { S: ORPHAN }, sk: { S: sk } }) !== undefined) continue;
          world.violate('I6', `"${key}" was changed by hand at ${member}, and there is no row of it: ${sk}`, key);
        }
      }
    },
  };
};

function* entriesOf({ index }: SegmentFooter): Generator<IndexEntry> {
  for (let i = 0; i < index.length; i += 1) yield index.entry(i);
}

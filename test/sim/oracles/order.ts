import { comparePositions, type Position, position } from '../../../lib/core/formats/position.ts';
import { metaOf } from '../../../lib/core/formats/seal.ts';
import type { Version } from '../model.ts';
import type { MakeOracle } from '../oracle.ts';
import { type Held, heldAt, later, positionOf, show } from './held.ts';

/** The life of a tombstone as DESIGN.md has it (virtual ms): not the flows' own constant, which this watches over, too. */
const FORGOTTEN_MS = 30 * 24 * 3_600_000;

/**
 * I2 and I3: a replica never holds an older change of a key after a newer one, and a deleted key does not come back
 * unless it was written again. Rule 15: nor is a change applied to a key that has it already. Looks at every state of every replica, right after each single write.
 */
export const order: MakeOracle = (world) => {
  /** The newest change that each key of each member has held, or been deleted by. */
  const high = new Map<string, Position>();
  /** When each of them came to be (virtual ms). */
  const highAt = new Map<string, number>();
  /** The request that has put the copy that a key holds: another one at the same position is a change that the guard let pass. */
  const copiedBy = new Map<string, number>();
  /** What is remembered of a key; nothing once it has been gone for so long that its tombstone has expired by design. */
  const remembered = (id: string, held: Held): Position | undefined => {
    const gone = held.item === undefined || held.seal?.kind === 'repair';
    return gone && held.tombstone === undefined && world.clock.elapsed() - (highAt.get(id) ?? 0) > FORGOTTEN_MS ? undefined : high.get(id);
  };
  /** Rule 17: what an applier deletes has left its tombstone before. */
  const deleted = (id: string, { member, key }: Version): void => {
    const { tombstone } = heldAt(world, member, key);
    const before = high.get(id);
    if (tombstone === undefined || (before !== undefined && comparePositions(tombstone.position, before) < 0))
      world.violate('rule 17', `"${key}" was deleted at ${member} with the tombstone at ${show(tombstone?.position)}, and the item at ${show(before)}`, key);
  };
  return {
    name: 'order',
    state({ member, key, held, written, call }) {
      const id = `${member}|${key}`;
      const before = remembered(id, held);
      if (held.item !== undefined) {
        // A value made by hand has no position: what was there before it is not known at this member any more.
        if (held.seal === undefined) return;
        // A user who writes at the primary may leave an old seal in the item: only what this request has put is judged.
        const put = written === undefined ? undefined : metaOf(written).seal;
        if (put === undefined || metaOf(held.item).seal?.equals(put) !== true) return;
        const order = before === undefined ? 1 : comparePositions(held.seal.position, before);
        if (order === 0 && held.seal.kind === 'lane' && copiedBy.get(id) !== undefined && copiedBy.get(id) !== call.number)
          world.violate('rule 15', `${call.by?.name} wrote "${key}" at ${member} again with ${show(before)}, which it had already`, key);
        if (held.seal.kind === 'lane') copiedBy.set(id, call.number);
        if (order < 0) world.violate('I2', `"${key}" at ${member} went back from ${show(before)} to ${show(held.seal.position)} (${held.seal.kind})`, key);
      } else if (before !== undefined && held.tombstone !== undefined && comparePositions(held.tombstone.position, before) < 0)
        world.violate('I2', `"${key}" at ${member} was deleted by ${show(held.tombstone.position)} though it had held ${show(before)}`, key);
      const now = positionOf(held);
      if (now === undefined) return;
      high.set(id, later(before, now));
      highAt.set(id, world.clock.elapsed());
    },
    recorded(version) {
      const id = `${version.member}|${version.key}`;
      if (version.by === 'apply') {
        if (version.image === undefined) deleted(id, version);
        return;
      }
      // A write at the primary is a change like any other; one by hand elsewhere takes the key's position away.
      if (version.epoch !== undefined) high.set(id, position(version.epoch, version.sequence));
      else high.delete(id);
      copiedBy.delete(id);
    },
    corrupted(member, key) {
      high.delete(`${member}|${key}`);
      copiedBy.delete(`${member}|${key}`);
    },
    wiped(member) {
      for (const id of [...high.keys()]) if (id.startsWith(`${member}|`)) high.delete(id);
    },
  };
};

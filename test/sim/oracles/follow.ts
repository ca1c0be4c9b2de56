import { isDelete } from '../../../lib/core/formats/message.ts';
import { comparePositions, POSITION_BYTES, type Position, position } from '../../../lib/core/formats/position.ts';
import { metaOf } from '../../../lib/core/formats/seal.ts';
import type { MakeOracle } from '../oracle.ts';
import { nameOfKey } from '../set.ts';
import { heldAt, later, show } from './held.ts';

/**
 * I6: no silent drop. When a message leaves its lane, each of its changes was applied or superseded at the target, or is
 * a dead letter, or belongs to an epoch that is over there. A message that its queue drops for age belongs to a link that
 * was declared stale.
 */
export const follow: MakeOracle = (world) => {
  /** The newest change of each link's key that is, or was, a dead letter: older ones are superseded by it. */
  const dead = new Map<string, Position>();
  /** The newest position that has ever landed at each key of each member, whatever people did to it afterwards. */
  const ever = new Map<string, Position>();
  /** When a person has last touched a key of a member (virtual ms). */
  const byHand = new Map<string, number>();
  return {
    name: 'follow',
    state({ member, key, held, written }) {
      const put = written === undefined ? undefined : metaOf(written).seal?.subarray(0, POSITION_BYTES);
      if (put === undefined || (held.seal?.position.equals(put) !== true && held.tombstone?.position.equals(put) !== true)) return;
      ever.set(`${member} ${key}`, later(ever.get(`${member} ${key}`), Buffer.from(put)));
    },
    recorded(version) {
      if (version.by === 'user') byHand.set(`${version.member} ${version.key}`, version.t);
    },
    corrupted(member, key) {
      byHand.set(`${member} ${key}`, world.clock.elapsed());
    },
    wiped(member) {
      for (const id of [...ever.keys()]) if (id.startsWith(`${member} `)) ever.delete(id);
    },
    dead(link, content) {
      if (content?.kind !== 'changes') return;
      for (const c of content.changes) {
        const id = `${link.id} ${nameOfKey(isDelete(c) ? c.k : c.i)}`;
        dead.set(id, later(dead.get(id), position(content.epoch, c.q)));
      }
    },
    finished(message) {
      const { content, link } = message;
      if (content?.kind !== 'changes') return;
      const fence = world.set.seat(link.target)?.fence;
      if (fence === undefined || content.epoch < fence) return;
      for (const change of content.changes) {
        const key = nameOfKey(isDelete(change) ? change.k : change.i);
        if (world.doubt.why(link.id) !== undefined) continue;
        const wanted = position(content.epoch, change.q);
        const refused = dead.get(`${link.id} ${key}`);
        if (refused !== undefined && comparePositions(refused, wanted) >= 0) continue;
        const has = ever.get(`${link.target} ${key}`);
        const { item, seal, tombstone } = heldAt(world, link.target, key);
        // Only of the newest removal: an older one is superseded by its tombstone.
        const newest = tombstone?.position.equals(wanted) === true;
        if (
          isDelete(change) &&
          newest &&
          item !== undefined &&
          seal === undefined &&
          (byHand.get(`${link.target} ${key}`) ?? message.givenAt) < message.givenAt
        )
          world.violate('I6', `${message.name} left the lane as finished, but "${key}", which it deletes, is still at ${link.target}`, key);
        if (has === undefined || comparePositions(has, wanted) < 0)
          world.violate('I6', `${message.name} left the lane as finished, but "${key}" at ${link.target} is at ${show(has)}, before ${show(wanted)}`, key);
      }
    },
    dropped(message) {
      const { link } = message;
      const row = world.set.linkRow(link.source, link.target);
      const primary = world.model.primary?.member;
      if (link.source !== primary || row?.state === 'stale' || world.doubt.why(link.id) !== undefined) return;
      world.violate('I6', `${message.name} was dropped by the queue of ${link.id}, whose link is ${row?.state ?? 'not there'}`);
    },
  };
};

import { keyHash, keyText } from '../../../lib/core/key.ts';
import { laneGroup, laneOf } from '../../../lib/core/lanes.ts';
import type { MakeOracle } from '../oracle.ts';
import { KEY, keyOfName } from '../set.ts';

/** Rules 11 and 12: a key is written at a target only by the invocation that owns its lane at that moment. */
export const owner: MakeOracle = (world) => ({
  name: 'owner',
  state({ member, key, call }) {
    const process = call.by;
    if (process === undefined || !process.name.includes('/apply>')) return;
    const source = process.name.slice(0, process.name.indexOf('/'));
    const link = world.set.link(source, member);
    const group = laneGroup(laneOf(keyHash(keyText(keyOfName(key), KEY)), world.knobs.lanes));
    const mine = (world.messages.given_.get(process.name) ?? []).filter((m) => m.group === group);
    const now = world.nowAt(source);
    if (mine.some((m) => link.queue.owns(m.receipt, now))) return;
    world.violate('rule 11', `${process.name} wrote "${key}" at ${member} when it did not own ${group}`, key);
  },
});

import type { AttributeValue, Item } from '../../../lib/core/attribute.ts';
import type { FaultKind } from '../fault.ts';
import { keyOfName, nameOfKey } from '../set.ts';

/** Items of other days that a writer may bring back, at most. */
const KEPT_MAX = 40;

export const foreignMetadata: FaultKind = {
  name: 'foreign-metadata',
  about: 'Writers at any member copy, re-insert and restore whole items, our metadata in them included.',
  share: 0.2,
  rate: (chance) => chance.random() * 0.2,
  make: (at) => {
    const kept: Item[] = [];
    return {
      step() {
        const { world } = at;
        const { members } = world.set;
        const from = members[at.chance.below(members.length)] as string;
        const key = world.keys[at.chance.below(world.keys.length)] as string;
        const seen = world.set.items(from).read(keyOfName(key));
        if (seen?.['_s'] !== undefined) {
          if (kept.length === KEPT_MAX) kept.splice(at.chance.below(KEPT_MAX), 1);
          kept.push(seen);
        }
        if (!at.strikes() || kept.length === 0) return;
        const old = kept[at.chance.below(kept.length)] as Item;
        const into: Item = at.chance.random() < 0.5 ? { pk: old['pk'] as AttributeValue } : keyOfName(world.keys[at.chance.below(world.keys.length)] as string);
        // Half of them at the primary, where it is a write like any other.
        const primary = world.model.primary?.member;
        const to = at.chance.random() < 0.5 ? primary : members[at.chance.below(members.length)];
        if (to === undefined || world.isDown(to)) return;
        const item: Item = { ...old, ...into, ...(at.chance.random() < 0.5 && { v: world.workload.item(key)['v'] as AttributeValue }) };
        at.injected(() => 'a whole item is written with our metadata in it', { at: to, keys: [nameOfKey(item)] });
        world.byHand(to, item);
      },
    };
  },
};

import type { SeededChance } from '../../../lib/adapters/memory/chance.ts';
import type { Item } from '../../../lib/core/attribute.ts';
import type { FaultKind } from '../fault.ts';
import { keyOfName } from '../set.ts';
import type { World } from '../world.ts';

/** Values that no write has, and so no two of them are equal. */
const CORRUPT_FROM = 1_000_000;

export const silentCorruption: FaultKind = {
  name: 'silent-corruption',
  about: 'A secondary holds another item than it was given, none, or one too many, and no record tells of it.',
  share: 0.6,
  checker: true,
  rate: (chance) => 0.01 + chance.random() * 0.05,
  make: (at) => {
    let count = 0;
    return {
      step() {
        const { world, chance } = at;
        if (!at.strikes()) return;
        const primary = world.model.primary?.member;
        const others = world.set.members.filter((m) => m !== primary && world.set.seat(m) !== undefined);
        const member = others[chance.below(others.length)];
        const key = world.keys[chance.below(world.keys.length)] as string;
        if (primary === undefined || member === undefined || world.operator.promoting > 0) return;
        count += 1;
        const { how, item } = corrupted(world, member, key, chance, CORRUPT_FROM + count);
        at.injected(() => `"${key}" ${how}, and no record tells of it`, { at: member, keys: [key] });
        world.corrupt(member, key, item);
      },
    };
  },
};

/** What is there in the place of a key's item. */
function corrupted(world: World, member: string, key: string, chance: SeededChance, value: number): { readonly how: string; readonly item: Item | undefined } {
  const there = world.set.items(member).read(keyOfName(key));
  const other = { v: { N: String(value) } };
  const old = world.model.latest(member).findLast((v) => v.key === key && v.before !== undefined)?.before;
  const die = chance.random();
  // A write that the disk has lost: what was there before it is there again, the seal of its time with it.
  if (old !== undefined && die < 0.3) return { how: 'is what it was before', item: old };
  if (there === undefined) return { how: 'appears', item: { ...keyOfName(key), ...other } };
  if (die < 0.6) return { how: 'is gone', item: undefined };
  // Our own metadata stay as they are: the position still counts, the content is another.
  return { how: 'has another content', item: { ...there, ...other } };
}

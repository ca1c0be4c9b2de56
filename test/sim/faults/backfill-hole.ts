import type { FaultKind } from '../fault.ts';
import { keyOfName } from '../set.ts';

/** Keys that were there before the set was made, at most. Nobody writes them: they are as cold as keys can be. */
const KEYS_MAX = 12;
/** Values of their own. */
const VALUES_FROM = 2_000_000;

export const backfillHole: FaultKind = {
  name: 'backfill-hole',
  about: 'The primary had items before its stream, and the copy of them to the replicas has left some out.',
  share: 0.4,
  checker: true,
  rate: (chance) => 0.05 + chance.random() * 0.3,
  make: (at) => {
    let begun = false;
    return {
      step() {
        const { world, chance } = at;
        if (begun) return;
        begun = true;
        const primary = world.set.members[0] as string;
        if (world.model.primary?.member !== primary) return;
        const keys = Array.from({ length: 1 + chance.below(KEYS_MAX) }, (_, i) => `cold${i}`);
        for (const [i, key] of keys.entries()) world.corrupt(primary, key, { ...keyOfName(key), v: { N: String(VALUES_FROM + i) } });
        for (const member of world.set.members) {
          if (member === primary) continue;
          const copied = keys.filter(() => chance.random() >= at.rate);
          const left = keys.filter((key) => !copied.includes(key));
          for (const key of left) world.corrupt(member, key, undefined);
          if (left.length > 0) at.injected(() => `the backfill of ${member} has left out ${left.join(' ')}`, { at: member, keys: left });
          world.operator.resync(primary, member, copied).catch((error: unknown) => world.violate('simulator', `a backfill threw ${String(error)}`));
        }
      },
    };
  },
};

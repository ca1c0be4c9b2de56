import type { FaultKind } from '../fault.ts';
import { INDEXED } from '../set.ts';

export const poison: FaultKind = {
  name: 'poison',
  about: "The primary takes items that a target refuses: an index's key of another type.",
  share: 0.15,
  rate: (chance) => chance.random() * 0.08,
  make: (at) => ({
    step() {
      const { world } = at;
      const primary = world.model.primary?.member;
      if (!at.strikes() || primary === undefined || world.isDown(primary)) return;
      const key = world.keys[at.chance.below(world.keys.length)] as string;
      if (world.workload.put(primary, key, { [INDEXED]: { N: '1' } })) at.injected(() => `"${key}" is what a target refuses`, { at: primary, keys: [key] });
    },
  }),
};

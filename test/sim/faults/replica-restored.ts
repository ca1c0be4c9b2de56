import type { FaultKind } from '../fault.ts';
import { nameOfKey } from '../set.ts';

/** Items of a backup that are younger than this share of the run's writes are not in it. */
const AGE_MAX = 0.8;

export const replicaRestored: FaultKind = {
  name: 'replica-restored',
  about: 'A secondary is made anew from a backup: other tables with old items in them, our metadata of the old table too, and no seat.',
  share: 0.03,
  rate: (chance) => 0.003 + chance.random() * 0.01,
  make: (at) => ({
    step() {
      const { world, chance } = at;
      if (!at.strikes()) return;
      const primary = world.model.primary?.member;
      const others = world.set.members.filter((m) => m !== primary);
      const member = others[chance.below(others.length)];
      if (primary === undefined || member === undefined || world.operator.promoting > 0) return;
      const writes = world.model.latest(member);
      const backup = new Map(writes.slice(0, Math.floor(writes.length * (1 - chance.random() * AGE_MAX))).map(({ key, image }) => [key, image]));
      at.injected(() => `${member} is made anew from a backup`, { at: member });
      world.wipe(member);
      for (const item of backup.values()) if (item !== undefined) world.corrupt(member, nameOfKey(item), item);
    },
  }),
};

import type { FaultKind } from '../fault.ts';

export const regionWiped: FaultKind = {
  name: 'region-wiped',
  about: 'A secondary loses its tables and comes back empty, with no seat.',
  share: 0.06,
  rate: (chance) => 0.003 + chance.random() * 0.01,
  make: (at) => ({
    step() {
      const { world } = at;
      if (!at.strikes()) return;
      const primary = world.model.primary?.member;
      const others = world.set.members.filter((m) => m !== primary);
      const member = others[at.chance.below(others.length)];
      // A member that is being promoted, or was primary and may still be read as one, is the next issues' matter.
      if (primary === undefined || member === undefined || world.operator.promoting > 0) return;
      at.injected(() => `${member} lost everything`, { at: member });
      world.wipe(member);
    },
  }),
};

import type { FaultKind } from '../fault.ts';

export const drift: FaultKind = {
  name: 'drift',
  about: 'Somebody writes or removes items at a secondary by hand.',
  share: 0.15,
  rate: (chance) => chance.random() * 0.1,
  make: (at) => ({
    step() {
      const { world } = at;
      if (!at.strikes()) return;
      const others = world.set.members.filter((m) => m !== world.model.primary?.member);
      const member = others[at.chance.below(others.length)];
      if (member === undefined || world.isDown(member)) return;
      const key = world.keys[at.chance.below(world.keys.length)] as string;
      const removes = at.chance.random() < 0.3;
      at.injected(() => `"${key}" is ${removes ? 'removed' : 'written'} by hand`, { at: member, keys: [key] });
      if (removes) world.removeByHand(member, key);
      else world.writeByHand(member, key);
    },
  }),
};

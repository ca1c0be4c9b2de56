import type { FaultKind } from '../fault.ts';
import { SILENCE_MS } from '../operator.ts';

export const roleChange: FaultKind = {
  name: 'role-change',
  about: 'Another member becomes primary, with batches under way and a backlog; later, often, the old one again.',
  share: 0.12,
  rate: (chance) => 0.01 + chance.random() * 0.03,
  make: (at) => ({
    step() {
      const { world } = at;
      if (!at.strikes() || world.operator.promoting > 0) return;
      const primary = world.model.primary?.member;
      const others = world.set.members.filter((m) => m !== primary && !world.isDown(m) && world.set.seat(m) !== undefined);
      const to = others[at.chance.below(others.length)];
      if (to === undefined) return;
      // A member may be out of reach; then it does not learn of it until the new primary's messages arrive.
      const cutOff = new Set(world.set.members.filter((m) => m !== to && at.chance.random() < 0.4));
      at.injected(() => `${to} is made primary${cutOff.size === 0 ? '' : `; out of reach: ${[...cutOff].join(', ')}`}`, { at: to });
      world.promote(to, (member) => !cutOff.has(member) && !world.isDown(member));
      // Writes at the new primary begin with its epoch; the old one's backlog is often held up until about then.
      if (at.chance.random() < 0.8) world.jump(SILENCE_MS + at.chance.below(3_000));
      for (const mapping of world.queues.values()) {
        if (mapping.link.source === primary && at.chance.random() < 0.5) world.pause(mapping, SILENCE_MS + at.chance.below(6_000));
      }
      // Writers who have not heard of it go on at the old primary for a while.
      if (primary !== undefined && at.chance.random() < 0.6)
        for (let i = at.chance.below(6); i > 0; i -= 1) world.writeByHand(primary, world.workload.someKey());
    },
  }),
};

import type { FaultKind } from '../fault.ts';

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
      // The old primary may be out of reach; then it does not learn of it until the new one's messages arrive.
      const cutOff = at.chance.random() < 0.4 ? primary : undefined;
      at.injected(() => `${to} is made primary${cutOff === undefined ? '' : `; ${cutOff} is out of reach`}`, { at: to });
      world.promote(to, (member) => member !== cutOff && !world.isDown(member));
      // Writers who have not heard of it go on at the old primary for a while.
      if (primary !== undefined && at.chance.random() < 0.6)
        for (let i = at.chance.below(6); i > 0; i -= 1) world.writeByHand(primary, world.workload.someKey());
    },
  }),
};

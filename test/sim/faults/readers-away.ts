import type { FaultKind } from '../fault.ts';

const HOUR_MS = 3_600_000;

export const readersAway: FaultKind = {
  name: 'readers-away',
  about: 'Both readers of a stream stand still for more than a day: DynamoDB drops what neither has read, and no mark tells of it.',
  share: 0.03,
  rate: () => 0.006,
  make: (at) => ({
    step() {
      if (!at.strikes()) return;
      const { world } = at;
      const member = world.set.members[at.chance.below(world.set.members.length)] as string;
      const ms = (22 + at.chance.below(20)) * HOUR_MS;
      for (const mapping of world.streams) if (mapping.member === member) world.pause(mapping, ms);
      // What fan-out has lost is told by what the observer has seen: here nobody can tell (Gaps of docs/SPEC.md).
      for (const link of world.set.links) if (link.source === member) world.doubt.all(link.id, 'both readers stood still');
      at.injected(() => `both readers of ${member} stand still for ${Math.round(ms / HOUR_MS)} h`, { at: member });
      world.jump(Math.round(ms * at.chance.random() * (at.chance.random() < 0.5 ? 0.2 : 1.3)));
    },
  }),
};

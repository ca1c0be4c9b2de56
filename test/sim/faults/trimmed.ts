import type { FaultKind } from '../fault.ts';

const HOUR_MS = 3_600_000;

export const trimmed: FaultKind = {
  name: 'trimmed',
  about: 'Fan-out stands still for more than a day: DynamoDB drops records that it has not read.',
  share: 0.03,
  rate: () => 0.004,
  make: (at) => ({
    step() {
      if (!at.strikes()) return;
      const { world } = at;
      const member = world.model.primary?.member;
      const mapping = world.streams.find((m) => m.member === member && m.fn === 'fanout');
      if (mapping === undefined) return;
      const ms = (22 + at.chance.below(20)) * HOUR_MS;
      world.pause(mapping, ms);
      at.injected(() => `fan-out of ${mapping.member} stands still for ${Math.round(ms / HOUR_MS)} h`, { at: mapping.member });
      world.jump(Math.round(ms * (0.5 + at.chance.random())));
    },
  }),
};

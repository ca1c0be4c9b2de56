import type { FaultKind } from '../fault.ts';

const HOUR_MS = 3_600_000;

export const archiveAway: FaultKind = {
  name: 'archive-away',
  about: "A member's observer stands still for hours, or for more than a day, while fan-out goes on: DynamoDB drops records that the log has not.",
  share: 0.06,
  rate: () => 0.008,
  make: (at) => ({
    step() {
      if (!at.strikes()) return;
      const { world } = at;
      const mappings = world.streams.filter((m) => m.fn === 'observe');
      const mapping = mappings[at.chance.below(mappings.length)];
      if (mapping === undefined) return;
      const ms = (at.chance.random() < 0.4 ? 1 + at.chance.below(20) : 22 + at.chance.below(20)) * HOUR_MS;
      world.pause(mapping, ms);
      at.injected(() => `the observer of ${mapping.member} stands still for ${Math.round(ms / HOUR_MS)} h`, { at: mapping.member });
      // Writes go on meanwhile, few or many of them.
      world.jump(Math.round(ms * at.chance.random() * (at.chance.random() < 0.5 ? 0.2 : 1.3)));
    },
  }),
};

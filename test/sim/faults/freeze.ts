import type { FaultKind } from '../fault.ts';

export const freeze: FaultKind = {
  name: 'freeze',
  about: 'A process stops at any await and goes on later: after seconds, or after hours.',
  share: 0.25,
  rate: (chance) => chance.random() * 0.01,
  make: (at) => ({
    await(process) {
      if (!at.strikes()) return;
      const ms = at.chance.below(at.chance.random() < 0.6 ? 40_000 : 6 * 3_600_000);
      at.injected(() => `${process.name} is frozen for ${Math.round(ms / 1_000)} s`, { at: process.member });
      process.freeze(ms);
    },
  }),
};

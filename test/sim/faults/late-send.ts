import type { FaultKind } from '../fault.ts';

export const lateSend: FaultKind = {
  name: 'late-send',
  about: 'An old invocation of fan-out sends what it had in hand long after newer ones have sent more.',
  share: 0.15,
  rate: (chance) => chance.random() * 0.05,
  make: (at) => ({
    await(process) {
      if (process.fn !== 'fanout' || !at.strikes()) return;
      const ms = 31_000 + at.chance.below(at.chance.random() < 0.7 ? 300_000 : 5 * 3_600_000);
      at.injected(() => `${process.name} goes on after ${Math.round(ms / 1_000)} s`, { at: process.member });
      process.freeze(ms);
    },
  }),
};

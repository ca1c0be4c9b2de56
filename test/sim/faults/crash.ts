import type { FaultKind } from '../fault.ts';

export const crash: FaultKind = {
  name: 'crash',
  about: 'A process dies at any await. What it had sent takes its course.',
  share: 0.25,
  rate: (chance) => chance.random() * 0.02,
  make: (at) => ({
    await(process) {
      if (!at.strikes()) return;
      at.injected(() => `${process.name} is killed`, { at: process.member });
      process.kill();
    },
  }),
};

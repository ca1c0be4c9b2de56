import type { FaultKind } from '../fault.ts';

export const replay: FaultKind = {
  name: 'replay',
  about: 'A stream is read again from its horizon.',
  share: 0.15,
  rate: (chance) => chance.random() * 0.03,
  make: (at) => ({
    checkpoint(reader) {
      if (!at.strikes()) return;
      at.injected(() => `${reader.name} reads its stream again from the horizon`, { at: reader.member });
      reader.after = undefined;
    },
  }),
};

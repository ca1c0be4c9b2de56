import type { FaultKind } from '../fault.ts';

export const stepBack: FaultKind = {
  name: 'step-back',
  about: "A stream mapping's checkpoint steps back: records come again, cut anew.",
  share: 0.25,
  rate: (chance) => chance.random() * 0.2,
  make: (at) => ({
    checkpoint(reader) {
      if (reader.ends.length < 2 || !at.strikes()) return;
      const back = 1 + at.chance.below(Math.min(reader.ends.length - 1, 10));
      reader.after = reader.ends[reader.ends.length - 1 - back];
      at.injected(() => `the checkpoint of ${reader.name} steps back by ${back} batch${back === 1 ? '' : 'es'}`, { at: reader.member });
    },
  }),
};

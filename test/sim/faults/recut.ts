import type { FaultKind } from '../fault.ts';

export const recut: FaultKind = {
  name: 'recut',
  about: 'Stream batches are cut anywhere, smaller or larger, a batch that comes again included.',
  share: 0.4,
  rate: (chance) => 0.1 + chance.random() * 0.9,
  make: (at) => ({
    cut(available, reader) {
      if (!at.strikes()) return undefined;
      const records = 1 + at.chance.below(available);
      at.injected(() => `${reader.name} is given ${records} of ${available} records`, { at: reader.member });
      return records;
    },
  }),
};

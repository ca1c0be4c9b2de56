import type { FaultKind } from '../fault.ts';

export const streamReplaced: FaultKind = {
  name: 'stream-replaced',
  about: "The primary's stream is disabled and enabled: another stream, with smaller numbers; the epoch grows some time after.",
  share: 0.08,
  rate: (chance) => 0.004 + chance.random() * 0.015,
  make: (at) => ({
    step() {
      const { world } = at;
      if (!at.strikes() || world.operator.promoting > 0) return;
      const primary = world.model.primary?.member;
      if (primary === undefined || world.isDown(primary)) return;
      at.injected(() => `the stream of ${primary} is replaced`, { at: primary });
      const table = world.set.items(primary);
      table.disableStream(world.nowAt(primary));
      table.enableStream(world.nowAt(primary), { fromSequence: 1_000n });
      // Until a person, or later the control plane, sees it, the records of the new stream go as resyncs.
      world.promote(primary, (member) => !world.isDown(member), at.chance.below(120_000));
    },
  }),
};

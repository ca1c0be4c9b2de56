import { VISIBILITY_S } from '../../../lib/core/constants.ts';
import type { FaultKind } from '../fault.ts';

export const supersededReceipt: FaultKind = {
  name: 'superseded-receipt',
  about: 'An invocation begins when its messages have been received by another one already.',
  share: 0.2,
  rate: (chance) => chance.random() * 0.1,
  make: (at) => ({
    startMs() {
      if (!at.strikes()) return undefined;
      const over = 1 + at.chance.below(20_000);
      at.injected(() => `an invocation begins ${over} ms after its messages were visible again`);
      return VISIBILITY_S * 1_000 + over;
    },
  }),
};

import { REQUEST_TIMEOUT_MS } from '../../../lib/core/constants.ts';
import type { FaultKind } from '../fault.ts';

export const slowService: FaultKind = {
  name: 'slow-service',
  about: 'A request takes nearly as long as its caller waits for it.',
  share: 0.2,
  rate: (chance) => chance.random() * 0.15,
  make: (at) => ({
    call(call) {
      if (!at.strikes()) return undefined;
      at.injected(() => `${call.op} is slow`, { at: call.region });
      const answerMs = 1 + at.chance.below(REQUEST_TIMEOUT_MS - 1);
      return { effectMs: 1 + at.chance.below(answerMs), answerMs };
    },
  }),
};

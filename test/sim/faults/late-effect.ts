import { lostAnswer } from '../../../lib/adapters/memory/call.ts';
import { REQUEST_EFFECT_MAX_MS, REQUEST_TIMEOUT_MS } from '../../../lib/core/constants.ts';
import type { FaultKind } from '../fault.ts';

export const lateEffect: FaultKind = {
  name: 'late-effect',
  about: 'The request takes effect after its caller gave up, but no later than R after it was issued (A1).',
  share: 0.25,
  rate: (chance) => chance.random() * 0.1,
  make: (at) => ({
    call(call) {
      if (!at.strikes()) return undefined;
      at.injected(() => `${call.op} takes effect late`, { at: call.region });
      const effectMs = REQUEST_TIMEOUT_MS + 1 + at.chance.below(REQUEST_EFFECT_MAX_MS - REQUEST_TIMEOUT_MS - 1);
      return { effectMs, answerMs: REQUEST_TIMEOUT_MS, lost: lostAnswer() };
    },
  }),
};

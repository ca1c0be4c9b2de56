import { lostAnswer } from '../../../lib/adapters/memory/call.ts';
import { REQUEST_EFFECT_MAX_MS, REQUEST_TIMEOUT_MS } from '../../../lib/core/constants.ts';
import type { FaultKind } from '../fault.ts';

export const putUnanswered: FaultKind = {
  name: 'put-unanswered',
  about: 'A put to a bucket works, at once or late, and its answer is lost: asked again, the condition does not hold.',
  share: 0.2,
  rate: (chance) => 0.05 + chance.random() * 0.5,
  make: (at) => ({
    call(call) {
      if (call.service !== 's3' || call.op !== 'put' || !at.strikes()) return undefined;
      at.injected(() => `the answer to a put of ${String(call.args[1])} is lost`, { at: call.region });
      return { effectMs: 1 + at.chance.below(REQUEST_EFFECT_MAX_MS - 1), answerMs: REQUEST_TIMEOUT_MS, lost: lostAnswer() };
    },
  }),
};

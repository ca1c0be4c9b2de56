import { lostAnswer as lost } from '../../../lib/adapters/memory/call.ts';
import { REQUEST_TIMEOUT_MS } from '../../../lib/core/constants.ts';
import type { FaultKind } from '../fault.ts';

export const lostAnswer: FaultKind = {
  name: 'lost-answer',
  about: 'The request works, and its answer is lost: the caller gives up at its time limit.',
  share: 0.25,
  rate: (chance) => chance.random() * 0.1,
  make: (at) => ({
    call(call) {
      if (!at.strikes()) return undefined;
      at.injected(() => `the answer to ${call.op} is lost`, { at: call.region });
      return { effectMs: 1 + at.chance.below(REQUEST_TIMEOUT_MS - 1), answerMs: REQUEST_TIMEOUT_MS, lost: lost() };
    },
  }),
};

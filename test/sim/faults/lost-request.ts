import { lostAnswer } from '../../../lib/adapters/memory/call.ts';
import { REQUEST_TIMEOUT_MS } from '../../../lib/core/constants.ts';
import type { FaultKind } from '../fault.ts';

export const lostRequest: FaultKind = {
  name: 'lost-request',
  about: 'The request is lost on its way: no effect, and no answer either.',
  share: 0.15,
  rate: (chance) => chance.random() * 0.1,
  make: (at) => ({
    call(call) {
      if (!at.strikes()) return undefined;
      at.injected(() => `${call.op} is lost`, { at: call.region });
      return { refuse: lostAnswer(), effectMs: REQUEST_TIMEOUT_MS };
    },
  }),
};

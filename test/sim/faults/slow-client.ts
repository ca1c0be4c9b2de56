import { FENCE_AGE_MAX_MS } from '../../../lib/core/constants.ts';
import type { FaultKind } from '../fault.ts';

export const slowClient: FaultKind = {
  name: 'slow-client',
  about: 'A request waits inside its client, for a free connection, before it is sent: longer than the fence may be old.',
  share: 0.2,
  rate: (chance) => chance.random() * 0.08,
  make: (at) => ({
    call(call) {
      if (!at.strikes()) return undefined;
      const queueMs = 1 + at.chance.below(2 * FENCE_AGE_MAX_MS);
      at.injected(() => `${call.op} waits ${queueMs} ms for a connection`, { at: call.region });
      return { queueMs, effectMs: 1 + at.chance.below(50) };
    },
  }),
};

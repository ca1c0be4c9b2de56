import { FUNCTION_TIMEOUT_MS, VISIBILITY_S } from '../../../lib/core/constants.ts';
import type { FaultKind } from '../fault.ts';

export const nearDeadline: FaultKind = {
  name: 'near-deadline',
  about: "An invocation begins near the end of its messages' visibility: it may outlast it.",
  share: 0.2,
  rate: (chance) => chance.random() * 0.15,
  make: (at) => ({
    startMs() {
      if (!at.strikes()) return undefined;
      const left = at.chance.below(FUNCTION_TIMEOUT_MS + 2_000);
      at.injected(() => `an invocation begins ${left} ms before its messages are visible again`);
      return VISIBILITY_S * 1_000 - left;
    },
  }),
};

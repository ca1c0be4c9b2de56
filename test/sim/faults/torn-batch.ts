import { lostAnswer } from '../../../lib/adapters/memory/call.ts';
import { drawSteps } from '../../../lib/adapters/memory/steps.ts';
import { REQUEST_EFFECT_MAX_MS, REQUEST_TIMEOUT_MS } from '../../../lib/core/constants.ts';
import type { FaultKind } from '../fault.ts';

export const tornBatch: FaultKind = {
  name: 'torn-batch',
  about:
    'The single reads or writes of a batch call take effect one after another, in any order, with time between them; now and then the caller gives up in the middle.',
  share: 0.25,
  rate: (chance) => chance.random() * 0.5,
  make: (at) => ({
    call(call) {
      if ((call.op !== 'batchGet' && call.op !== 'batchWrite') || !at.strikes()) return undefined;
      const count = sizeOf(call.args[0]);
      if (count < 2) return undefined;
      at.injected(() => `the parts of ${call.op} take effect one by one`, { at: call.region });
      const givesUp = at.chance.random() < 0.2;
      const effectMs = 1 + at.chance.below(20);
      const steps = drawSteps(count, (givesUp ? REQUEST_EFFECT_MAX_MS : REQUEST_TIMEOUT_MS) - effectMs - 1, () => at.chance.random());
      return givesUp ? { effectMs, steps, answerMs: REQUEST_TIMEOUT_MS, lost: lostAnswer() } : { effectMs, steps };
    },
  }),
};

/** Keys or writes in a batch request. */
function sizeOf(request: unknown): number {
  if (Array.isArray(request)) return request.length;
  return (request as { tables: readonly { keys: readonly unknown[] }[] }).tables.reduce((sum, t) => sum + t.keys.length, 0);
}

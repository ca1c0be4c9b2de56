import type { FaultKind } from '../fault.ts';

const OPS: ReadonlySet<string> = new Set(['sendBatch', 'changeVisibilityBatch', 'deleteBatch']);

export const failedEntries: FaultKind = {
  name: 'failed-entries',
  about: 'A batch call to a queue is answered, and some of its entries have failed.',
  share: 0.25,
  rate: (chance) => chance.random() * 0.25,
  make: (at) => ({
    call(call) {
      if (!OPS.has(call.op) || !at.strikes()) return undefined;
      at.injected(() => `some entries of ${call.op} fail`, { at: call.region });
      const share = at.chance.random();
      return { failEntry: () => (at.chance.random() < share ? { code: 'InternalError', message: 'try again' } : undefined) };
    },
  }),
};

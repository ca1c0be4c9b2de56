import type { FaultKind } from '../fault.ts';

export const unprocessed: FaultKind = {
  name: 'unprocessed',
  about: 'A batch call is answered, and leaves some of its keys or writes unprocessed.',
  share: 0.3,
  rate: (chance) => chance.random() * 0.4,
  make: (at) => ({
    call(call) {
      if ((call.op !== 'batchGet' && call.op !== 'batchWrite') || !at.strikes()) return undefined;
      at.injected(() => `${call.op} leaves some unprocessed`, { at: call.region });
      const share = at.chance.random();
      return { unprocessed: () => at.chance.random() < share };
    },
  }),
};

import type { FaultKind } from '../fault.ts';
import type { SimProcess } from '../process.ts';

export const putCrash: FaultKind = {
  name: 'put-crash',
  about: 'A process dies after a put to a bucket has left it: the object is there, and neither mark nor checkpoint know of it.',
  share: 0.15,
  rate: (chance) => 0.02 + chance.random() * 0.3,
  make: (at) => ({
    call(call) {
      if (call.service !== 's3' || call.op !== 'put' || !at.strikes()) return undefined;
      const process = call.by as SimProcess;
      at.injected(() => `${process.name} is killed after its put of ${String(call.args[1])}`, { at: call.region });
      process.kill();
      return {};
    },
  }),
};

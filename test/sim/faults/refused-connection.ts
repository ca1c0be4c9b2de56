import { RemoteError } from '../../../lib/ports/errors.ts';
import type { FaultKind } from '../fault.ts';

export const refusedConnection: FaultKind = {
  name: 'refused-connection',
  about: 'A request fails without effect, for a moment: a refused connection, a 5xx.',
  share: 0.2,
  rate: (chance) => chance.random() * 0.1,
  make: (at) => ({
    call(call) {
      if (!at.strikes()) return undefined;
      at.injected(() => `${call.op} is refused`, { at: call.region });
      throw new RemoteError('transient', 'ECONNREFUSED', 'connection refused');
    },
  }),
};

import type { FaultKind } from '../fault.ts';

export const redelivery: FaultKind = {
  name: 'redelivery',
  about: 'Finished messages are not deleted: they come again, with others, in other company.',
  share: 0.3,
  rate: (chance) => chance.random() * 0.4,
  make: (at) => ({
    keep() {
      if (!at.strikes()) return false;
      at.injected(() => 'a finished message stays in its queue');
      return true;
    },
  }),
};

import type { FaultKind } from '../fault.ts';
import { laneOfGroup } from '../messages.ts';

export const redelivery: FaultKind = {
  name: 'redelivery',
  about: 'Finished messages are not deleted: they come again, with others, in other company.',
  share: 0.3,
  rate: (chance) => chance.random() * 0.4,
  make: (at) => ({
    keep(message) {
      if (!at.strikes()) return false;
      at.injected(() => `${message.name} is finished, and stays in its queue`, {
        link: message.link.id,
        lane: laneOfGroup(message.group),
        message: message.name,
        keys: at.world.messages.keysOf(message.content),
      });
      return true;
    },
  }),
};

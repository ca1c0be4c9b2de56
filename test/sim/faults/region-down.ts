import { RemoteError } from '../../../lib/ports/errors.ts';
import type { FaultKind } from '../fault.ts';

/** An outage lasts a minute to three hours (virtual ms). */
const MIN_MS = 60_000;
const MAX_MS = 3 * 3_600_000;

export const regionDown: FaultKind = {
  name: 'region-down',
  about: 'A whole region is down for a while: its tables, queues and functions.',
  share: 0.12,
  rate: (chance) => 0.003 + chance.random() * 0.015,
  make: (at) => ({
    step() {
      const { world } = at;
      if (!at.strikes()) return;
      const member = world.set.members[at.chance.below(world.set.members.length)] as string;
      if (world.isDown(member)) return;
      const ms = MIN_MS + at.chance.below(at.chance.random() < 0.7 ? 10 * MIN_MS : MAX_MS);
      at.injected(() => `${member} is down for ${Math.round(ms / 1_000)} s`, { at: member });
      world.takeDown(member, ms);
      if (at.chance.random() < 0.5) world.jump(at.chance.below(2 * ms));
    },
    call(call) {
      if (!at.world.isDown(call.region)) return undefined;
      throw new RemoteError('transient', 'ECONNREFUSED', `${call.region} is down`);
    },
    heal() {
      at.world.bringBack();
    },
  }),
};

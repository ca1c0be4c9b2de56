import { RemoteError } from '../../../lib/ports/errors.ts';
import type { FaultKind } from '../fault.ts';

/** A storm lasts from a second to ten minutes (virtual ms). */
const STORM_MIN_MS = 1_000;
const STORM_MAX_MS = 600_000;
/** Share of the requests that a storm refuses. */
const REFUSED = 0.7;

export const throttling: FaultKind = {
  name: 'throttling',
  about: 'Storms in which a service of one region refuses most requests for load.',
  share: 0.25,
  rate: (chance) => 0.005 + chance.random() * 0.05,
  make: (at) => {
    const until = new Map<string, number>();
    return {
      step() {
        if (!at.strikes()) return;
        const { members } = at.world.set;
        const member = members[at.chance.below(members.length)] as string;
        const die = at.chance.random();
        const service = die < 0.8 ? 'dynamodb' : die < 0.93 ? 'sqs' : 's3';
        const ms = STORM_MIN_MS + at.chance.below(at.chance.random() < 0.7 ? 30_000 : STORM_MAX_MS);
        until.set(`${member} ${service}`, at.world.clock.elapsed() + ms);
        at.note(() => `${service} of ${member} refuses most requests for ${Math.round(ms / 1_000)} s`, { at: member });
      },
      call(call) {
        const end = until.get(`${call.region} ${call.service}`);
        if (end === undefined || end <= at.world.clock.elapsed() || at.chance.random() > REFUSED) return undefined;
        at.injected(() => `${call.op} is refused for load`, { at: call.region });
        throw new RemoteError('throttled', 'ThrottlingException', 'Rate exceeded');
      },
    };
  },
};

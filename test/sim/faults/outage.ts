import { RemoteError } from '../../../lib/ports/errors.ts';
import type { FaultKind } from '../fault.ts';

const DAY_MS = 24 * 3_600_000;

/** A target whose tables refuse everything for days; its queue and functions, in the source's region, go on. */
const outageOf = (name: string, about: string, share: number, days: (random: number) => number): FaultKind => ({
  name,
  about,
  share,
  rate: () => 0.006,
  make: (at) => {
    const until = new Map<string, number>();
    return {
      step() {
        if (!at.strikes() || until.size > 0) return;
        const { world } = at;
        const others = world.set.members.filter((m) => m !== world.model.primary?.member);
        const member = others[at.chance.below(others.length)];
        if (member === undefined) return;
        const ms = Math.round(days(at.chance.random()) * DAY_MS);
        until.set(member, world.clock.elapsed() + ms);
        at.injected(() => `the tables of ${member} are gone for ${(ms / DAY_MS).toFixed(1)} days`, { at: member });
        world.jump(Math.round(ms * (0.3 + at.chance.random())));
      },
      call(call) {
        const end = until.get(call.region);
        if (end === undefined || call.service !== 'dynamodb') return undefined;
        if (end > at.world.clock.elapsed()) throw new RemoteError('transient', 'ECONNREFUSED', `the tables of ${call.region} are gone`);
        until.delete(call.region);
        return undefined;
      },
    };
  },
});

export const outageDays = outageOf('outage-days', 'A target is gone for half a day to twelve days.', 0.02, (random) => 0.5 + random * 11);
export const outageWeeks = outageOf(
  'outage-weeks',
  'A target is gone for more than fourteen days: its queue drops messages.',
  0.02,
  (random) => 14.5 + random * 6,
);

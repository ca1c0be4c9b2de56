import { lostAnswer } from '../../../lib/adapters/memory/call.ts';
import { REQUEST_TIMEOUT_MS } from '../../../lib/core/constants.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import type { FaultKind } from '../fault.ts';

/** A partition lasts up to this long (virtual ms), as a rule, and now and then for hours. */
const SHORT_MS = 120_000;
const LONG_MS = 4 * 3_600_000;

export const partition: FaultKind = {
  name: 'partition',
  about: 'One region cannot reach another, in one direction: some requests are refused, others get no answer.',
  share: 0.2,
  rate: (chance) => 0.005 + chance.random() * 0.03,
  make: (at) => {
    const until = new Map<string, number>();
    return {
      step() {
        if (!at.strikes()) return;
        const { members } = at.world.set;
        const from = members[at.chance.below(members.length)] as string;
        const to = members[at.chance.below(members.length)] as string;
        if (from === to) return;
        const ms = at.chance.below(at.chance.random() < 0.8 ? SHORT_MS : LONG_MS);
        until.set(`${from} ${to}`, at.world.clock.elapsed() + ms);
        at.note(() => `${from} cannot reach ${to} for ${Math.round(ms / 1_000)} s`, { at: to });
      },
      call(call) {
        const from = call.by?.name.slice(0, call.by.name.indexOf('/'));
        const end = until.get(`${from} ${call.region}`);
        if (end === undefined || end <= at.world.clock.elapsed()) return undefined;
        at.injected(() => `${from} cannot reach ${call.region}`, { at: call.region });
        if (at.chance.random() < 0.5) throw new RemoteError('transient', 'ENETUNREACH', `${call.region} cannot be reached from ${from}`);
        return { refuse: lostAnswer(), effectMs: REQUEST_TIMEOUT_MS };
      },
    };
  },
};

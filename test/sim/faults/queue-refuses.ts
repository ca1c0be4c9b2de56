import { SEND_REFUSED_BUDGET_MS } from '../../../lib/core/constants.ts';
import { RemoteError } from '../../../lib/ports/errors.ts';
import type { FaultKind } from '../fault.ts';

export const queueRefuses: FaultKind = {
  name: 'queue-refuses',
  about: "A link's queue refuses all sends, for less or more than fan-out's budget.",
  share: 0.12,
  rate: (chance) => 0.005 + chance.random() * 0.02,
  make: (at) => {
    const until = new Map<string, number>();
    return {
      step() {
        if (!at.strikes()) return;
        const { links } = at.world.set;
        const link = links[at.chance.below(links.length)];
        if (link === undefined) return;
        const ms = at.chance.below(at.chance.random() < 0.6 ? 60_000 : 3 * SEND_REFUSED_BUDGET_MS);
        until.set(link.queue.name, at.world.clock.elapsed() + ms);
        at.injected(() => `the queue of ${link.id} refuses sends for ${Math.round(ms / 1_000)} s`, { link: link.id });
        if (at.chance.random() < 0.5) at.world.jump(at.chance.below(2 * ms + 1));
      },
      call(call) {
        const end = call.op === 'sendBatch' ? until.get(call.resources[0] as string) : undefined;
        if (end === undefined || end <= at.world.clock.elapsed()) return undefined;
        throw new RemoteError('denied', 'KMS.DisabledException', 'the key of the queue is disabled');
      },
    };
  },
};

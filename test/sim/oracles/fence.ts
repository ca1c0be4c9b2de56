import { FENCE_AGE_MAX_MS, REQUEST_EFFECT_MAX_MS } from '../../../lib/core/constants.ts';
import { epochOf, POSITION_BYTES } from '../../../lib/core/formats/position.ts';
import { metaOf } from '../../../lib/core/formats/seal.ts';
import type { MakeOracle } from '../oracle.ts';
import { show } from './held.ts';

/**
 * I5: no replicated write of an old epoch lands at a member after one of a newer epoch did, or after that member itself
 * became primary in a newer epoch. Rule 14: a fence only grows, and nobody writes within W + R of its raise.
 */
export const fence: MakeOracle = (world) => {
  /** The newest epoch that has written at each member. */
  const newest = new Map<string, number>();
  const fences = new Map<string, number>();
  /** When each member's fence came to be what it is (virtual ms). */
  const raisedAt = new Map<string, number>();
  return {
    name: 'fence',
    effect(call) {
      if (call.service !== 'dynamodb' || call.op !== 'update' || call.args[0] !== world.set.controlName(call.region)) return;
      const now = world.set.seat(call.region)?.fence ?? 0;
      const before = fences.get(call.region) ?? 0;
      if (now < before) world.violate('rule 14', `the fence of ${call.region} went back from ${before} to ${now}`);
      if (now > before) raisedAt.set(call.region, world.clock.elapsed());
      fences.set(call.region, now);
    },
    state({ member, key, call, written, held }) {
      const seal = written === undefined ? undefined : metaOf(written).seal;
      if (seal === undefined) return;
      const position = seal.subarray(0, POSITION_BYTES);
      // A condition that did not hold, or a write that was left unprocessed, has not landed.
      if (held.seal?.position.equals(position) !== true && held.tombstone?.position.equals(position) !== true) return;
      const epoch = epochOf(position);
      const least = newest.get(member) ?? 0;
      if (epoch < least)
        world.violate('I5', `${call.by?.name} wrote "${key}" at ${member} with ${show(position)}, though epoch ${least} has written there`, key);
      const since = world.clock.elapsed() - (raisedAt.get(member) ?? Number.NEGATIVE_INFINITY);
      if (epoch > 1 && epoch === fences.get(member) && since < FENCE_AGE_MAX_MS + REQUEST_EFFECT_MAX_MS)
        world.violate(
          'rule 14',
          `${call.by?.name} wrote "${key}" at ${member} ${Math.round(since)} ms after its fence was raised to ${epoch}: writes of the epoch before may still land`,
          key,
        );
      newest.set(member, Math.max(least, epoch));
    },
    promoted(member, epoch) {
      newest.set(member, Math.max(newest.get(member) ?? 0, epoch));
    },
    wiped(member) {
      newest.delete(member);
      fences.delete(member);
    },
  };
};

import { epochOf, POSITION_BYTES } from '../../../lib/core/formats/position.ts';
import { metaOf } from '../../../lib/core/formats/seal.ts';
import type { MakeOracle } from '../oracle.ts';
import { show } from './held.ts';

/**
 * I5: no replicated write of an old epoch lands at a member after one of a newer epoch did, or after that member itself
 * became primary in a newer epoch. Rule 14: a fence only grows.
 */
export const fence: MakeOracle = (world) => {
  /** The newest epoch that has written at each member. */
  const newest = new Map<string, number>();
  const fences = new Map<string, number>();
  return {
    name: 'fence',
    effect(call) {
      if (call.service !== 'dynamodb' || call.op !== 'update' || call.args[0] !== world.set.controlName(call.region)) return;
      const now = world.set.seat(call.region)?.fence ?? 0;
      const before = fences.get(call.region) ?? 0;
      if (now < before) world.violate('rule 14', `the fence of ${call.region} went back from ${before} to ${now}`);
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

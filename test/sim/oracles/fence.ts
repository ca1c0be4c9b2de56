import { epochOf } from '../../../lib/core/formats/position.ts';
import type { MakeOracle } from '../oracle.ts';
import { heldAt, positionOf, show } from './held.ts';

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
    state(member, key, call) {
      const position = positionOf(heldAt(world, member, key));
      if (position === undefined) return;
      const epoch = epochOf(position);
      const least = newest.get(member) ?? 0;
      // What is looked at may be what others have left; only a write of this request counts.
      if (!wrote(call.args, position)) return;
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

/** Whether a request carries this position: a put of an item or tombstone that is sealed with it. */
function wrote(args: readonly unknown[], position: Buffer): boolean {
  const wanted = position.toString('base64').slice(0, 28);
  return JSON.stringify(args).includes(`"B":"${wanted}`);
}

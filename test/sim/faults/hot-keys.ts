import type { FaultKind } from '../fault.ts';

/** Writes of one run, at most: a check that is never done must end with the faults. */
const WRITES_MAX = 200;
/** So many keys are hot. */
const HOT_KEYS = 2;

export const hotKeys: FaultKind = {
  name: 'hot-keys',
  about: 'Some keys are written at every look of the checker.',
  share: 0.4,
  checker: true,
  rate: (chance) => 0.02 + chance.random() * 0.3,
  make: (at) => {
    let written = 0;
    return {
      call(call) {
        const { world } = at;
        const process = call.by;
        if (process === undefined || !(process.name.includes('/reconcile') || process.name.includes('/check')) || written >= WRITES_MAX) return undefined;
        const primary = world.model.primary?.member;
        if (primary === undefined || !at.strikes() || world.isDown(primary)) return undefined;
        written += 1;
        const key = world.keys[at.chance.below(Math.min(HOT_KEYS, world.keys.length))] as string;
        at.injected(() => `"${key}" is written while the checker looks`, { at: primary, keys: [key] });
        if (at.chance.random() < 0.25) world.workload.remove(primary, key);
        else world.workload.put(primary, key);
        return undefined;
      },
    };
  },
};

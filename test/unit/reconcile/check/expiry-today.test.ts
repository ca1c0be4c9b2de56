import { describe, expect, it } from 'vitest';
import { item, key } from '../../../flows/support/world.ts';
import { Rig } from './rig.ts';

const DAY_MS = 86_400_000;

describe('a sweep of a table whose items expire today', () => {
  it('looks at each that differs: a hole is found, repaired and proven away; what has expired is none', async () => {
    const rig = await Rig.create(5);
    const { world } = rig;
    Object.assign(world.config, { expiry: 'local', expiryAttribute: 'exp' });
    await rig.idle(12);
    const [target = ''] = rig.targets;
    const now = world.clock.now();
    const expires = (ms: number) => ({ exp: { N: String(Math.floor(ms / 1_000)) } });
    const midnight = (Math.floor(now / DAY_MS) + 1) * DAY_MS;
    for (let i = 0; i < 8; i += 1) await world.put(item(`today${i}`, 1, expires(midnight - 60_000)));
    for (let i = 0; i < 3; i += 1) await world.put(item(`gone${i}`, 1, expires(now - 2 * DAY_MS)));
    await rig.pass(20_000);
    await rig.idle(12);
    await rig.corrupt(target, [{ remove: key('today1') }, { remove: key('today2') }, { remove: key('gone1') }]);
    const found = await rig.check({ mode: 'sweep', action: 'report', purpose: 'prove', prove: { at: world.clock.now(), epoch: 1 } });
    expect(found.links).toMatchObject([{ keys: 16, verified: 14, expired: 3, divergent: 2, missing: 2, unverified: 0, result: 'divergent' }]);
    expect(found.links[0]?.provenMs).toBeUndefined();
    const mended = await rig.check({ mode: 'sweep', action: 'repair' });
    expect(mended.links).toMatchObject([{ divergent: 2, repaired: 2, result: 'repaired' }]);
    await rig.idle(12);
    const proven = await rig.check({ mode: 'sweep', action: 'report', purpose: 'prove', prove: { at: world.clock.now(), epoch: 1 } });
    expect(proven.links).toMatchObject([{ keys: 16, verified: 16, divergent: 0, unverified: 0, result: 'equal' }]);
    expect(proven.links[0]?.provenMs).toBeDefined();
  });
});

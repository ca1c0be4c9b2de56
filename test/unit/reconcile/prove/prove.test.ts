import { describe, expect, it } from 'vitest';
import { encodeLink } from '../../../../lib/core/formats/rows.ts';
import { LEASE_MS } from '../../../../lib/job/limits.ts';
import { markerTime } from '../../../../lib/reconcile/prove/drain.ts';
import type { ProveOptions, ProveProgress, ProveResult } from '../../../../lib/reconcile/prove/prove.ts';
import { proveLinks, stillOpen } from '../../../../lib/reconcile/prove/prove.ts';
import { markProven, refusal } from '../../../../lib/reconcile/prove/proven.ts';
import type { Death } from '../../../flows/support/mortal.ts';
import { Killed } from '../../../flows/support/mortal.ts';
import { item, key } from '../../../flows/support/world.ts';
import { Rig } from '../check/rig.ts';

const SET = ['eu-west-1', 'us-east-1', 'ap-southeast-2'] as const;

function prove(
  rig: Rig,
  options: Partial<ProveOptions> & { readonly death?: Death; readonly heard?: ProveProgress[]; readonly targets?: readonly string[] } = {},
): Promise<ProveResult> {
  const { death, heard, targets = rig.targets, ...more } = options;
  const watcher = { progress: (now: ProveProgress) => void heard?.push(now), stopped: () => false };
  return rig.beside(proveLinks(rig.ports(death), rig.world.runtime, targets, { owner: 'a test', drive: true, ...more }, watcher));
}

describe('a proof', () => {
  it('of equal links says since when, at the time before the drain, in one comparison', async () => {
    const rig = await Rig.create(20, { members: SET });
    const began = rig.world.clock.now();
    const heard: ProveProgress[] = [];
    const { links, checks, ended } = await prove(rig, { heard });
    expect({ ended, checks: checks.length }).toEqual({ ended: undefined, checks: 1 });
    for (const target of rig.targets) {
      const { proven, state } = await rig.world.link(rig.world.primary, target);
      expect({ state, proven }).toEqual({ state: 'open', proven: links.find((link) => link.target === target)?.proven });
      expect(proven).toBeGreaterThanOrEqual(began);
    }
    expect(links).toMatchObject(rig.targets.map((target) => ({ target, passes: 1, repaired: 0, keys: 20, divergent: 0, unverified: 0, reopened: false })));
    expect(new Set(heard.map(({ phase }) => phase))).toEqual(new Set(['drain', 'check']));
  });

  it('resyncs what differs, and compares again by the same scans until nothing does', async () => {
    const rig = await Rig.create(20);
    const [target = ''] = rig.targets;
    await rig.plant(target, [{ put: item('k1', 1, { n: { S: 'other' } }) }, { remove: key('k2') }, { put: item('extra', 1) }]);
    const { links, checks } = await prove(rig);
    expect(links).toMatchObject([{ target, passes: 2, repaired: 3, divergent: 0, unverified: 0 }]);
    expect(links[0]?.proven).toBeGreaterThan(0);
    expect(checks).toHaveLength(2);
    expect(rig.isEqual(target)).toBe(true);
  });

  it('refills a link that was given up, whatever was lost on it, and under writes', async () => {
    const rig = await Rig.create(30);
    const { world } = rig;
    const [target = ''] = rig.targets;
    await world.clock.run(
      world.table(world.primary).put(world.control(world.primary), encodeLink({ target, state: 'stale', why: 'paused for 12 days', since: 1 })),
    );
    for (let i = 0; i < 30; i += 1) await world.put(item(`k${i}`, 1, { n: { N: String(100 + i) } }));
    await world.remove(key('k7'));
    await rig.pass(10_000);
    expect(rig.isEqual(target)).toBe(false);
    let writes = 0;
    rig.during = async () => {
      writes += 1;
      if (writes < 400) await world.put(item(`new${writes % 40}`, 1, { n: { N: String(writes) } }));
    };
    const { links } = await prove(rig);
    expect(links).toMatchObject([{ target, reopened: true, unverified: 0, divergent: 0 }]);
    expect(links[0]?.proven).toBeGreaterThan(0);
    expect(await world.link(world.primary, target)).toMatchObject({ state: 'open', proven: links[0]?.proven });
    rig.during = undefined;
    await rig.pass(60_000);
    expect(rig.isEqual(target)).toBe(true);
  });

  it('is not given where keys differ that nobody may delete, nor for a paused link, each with its reason', async () => {
    const rig = await Rig.create(5, { members: SET });
    const { world } = rig;
    const [full = '', paused = ''] = rig.targets;
    await rig.plant(
      full,
      Array.from({ length: 101 }, (_, i) => ({ put: item(`extra${i}`, 1) })),
    );
    await world.clock.run(
      world.table(world.primary).put(world.control(world.primary), encodeLink({ target: paused, state: 'paused', why: 'by hand', since: 1 })),
    );
    const { links } = await prove(rig);
    expect(links).toMatchObject([
      { target: full, why: expect.stringContaining('allow the deletions') },
      { target: paused, why: 'the link is paused: by hand' },
    ]);
    expect((await world.link(world.primary, full)).proven).toBeUndefined();
    expect((await prove(rig, { allowDeletes: true, targets: [full] })).links[0]?.proven).toBeGreaterThan(0);
  });

  it('says what helps where too many keys have no verdict to resync them without a word', () => {
    expect(stillOpen(0)).toBe('keys still differ, or are unverified, after 5 comparisons');
    expect(stillOpen(120)).toMatch(/120 without a verdict .*allow the deletions$/);
  });

  it('goes on where it was killed, with the check that it had begun and that one’s drain', async () => {
    for (const at of [5, 40, 90, 200, 400, 700]) {
      for (const after of [false, true]) {
        const rig = await Rig.create(6);
        const [target = ''] = rig.targets;
        await rig.plant(target, [{ remove: key('k2') }]);
        await prove(rig, { death: { at, after } }).catch((error: unknown) => {
          if (!(error instanceof Killed)) throw error;
        });
        await rig.pass(LEASE_MS + 1_000);
        const { links } = await prove(rig);
        expect(links[0]?.proven, `call ${at}`).toBeGreaterThan(0);
        expect(rig.isEqual(target)).toBe(true);
      }
    }
  });
});

describe('a note of a proof', () => {
  it('is refused when the epoch is over, the link is not open, or it was opened after the drain (table)', () => {
    const seat = { fence: 2, own: 2, since: 0, stream: 's', tableId: 't', v: 1 };
    const link = { target: 'b', state: 'open', since: 5 } as const;
    const proof = { at: 10, epoch: 2 };
    expect(refusal(seat, link, proof)).toBeUndefined();
    expect(refusal(undefined, link, proof)).toMatch(/primary was changed/);
    expect(refusal({ ...seat, fence: 3 }, link, proof)).toMatch(/primary was changed/);
    expect(refusal({ ...seat, fence: 3, own: 3 }, link, proof)).toMatch(/epoch 2 is over/);
    expect(refusal(seat, undefined, proof)).toMatch(/no such link/);
    expect(refusal(seat, { ...link, state: 'stale', why: 'lost' }, proof)).toBe('the link is stale: lost');
    expect(refusal(seat, { ...link, since: 11 }, proof)).toMatch(/opened again/);
  });

  it('is taken back when the seat changes while it is written', async () => {
    const rig = await Rig.create(1);
    const { world } = rig;
    const [target = ''] = rig.targets;
    const { own } = rig.ports();
    const table = new Proxy(own.table, {
      get: (port, name) =>
        name === 'update'
          ? async (...args: Parameters<typeof own.table.update>) => {
              const answer = await own.table.update(...args);
              await world.cloud
                .region(world.primary)
                .table.update(world.control(world.primary), { pk: { S: 'self' }, sk: { S: 'seat' } }, { set: { fence: { N: '2' } } });
              return answer;
            }
          : Reflect.get(port, name),
    });
    const noted = await rig.beside(markProven({ ...own, table }, world.runtime, target, { at: world.clock.now(), epoch: 1 }));
    expect(noted).toMatchObject({ ok: false, why: expect.stringContaining('primary was changed') });
    expect((await world.link(world.primary, target)).proven).toBeUndefined();
  });
});

describe('the time of a marker', () => {
  it('is above the newest one that arrived, or it would not be noted, and not far ahead of it', () => {
    expect(markerTime(5_000, undefined)).toBe(5_000);
    expect(markerTime(5_000, { sent: 1_000, arrived: 1_500 })).toBe(5_000);
    expect(markerTime(500, { sent: 1_000, arrived: 1_500 })).toBe(1_001);
    expect(markerTime(1e9, { sent: 1_000, arrived: 1_500 })).toBe(91_500);
  });
});

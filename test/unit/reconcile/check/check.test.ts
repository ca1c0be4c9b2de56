import { describe, expect, it } from 'vitest';
import { encodeLink } from '../../../../lib/core/formats/rows.ts';
import { runCheck } from '../../../../lib/reconcile/check/engine.ts';
import { readCheck } from '../../../../lib/reconcile/check/job.ts';
import { APPROVE_MAX_MS } from '../../../../lib/reconcile/check/limits.ts';
import { approve } from '../../../../lib/reconcile/check/start.ts';
import { item, key } from '../../../flows/support/world.ts';
import { Rig } from './rig.ts';

const SET = ['eu-west-1', 'us-east-1', 'ap-southeast-2'] as const;
/** A changed, a missing and an extra item. */
const THREE = [{ put: item('k1', 1, { n: { S: 'other' } }) }, { remove: key('k2') }, { put: item('extra', 1) }];
const FOUND = { divergent: 3, changed: 1, missing: 1, extra: 1, unverified: 0 };

describe('a sweep', () => {
  it('finds nothing in equal replicas, and counts every key once', async () => {
    const rig = await Rig.create(40, { members: SET });
    const report = await rig.check({});
    expect(report.result).toBe('equal');
    expect(report.links).toMatchObject(rig.targets.map((target) => ({ target, keys: 40, verified: 40, divergent: 0, unverified: 0, suspicions: 0 })));
    expect(rig.told('Syncline Divergence Found')).toEqual([]);
  });

  it('finds what was changed, lost and added by hand, repairs it, and shows it equal', async () => {
    const rig = await Rig.create(60);
    const [target = ''] = rig.targets;
    await rig.plant(target, THREE);
    const report = await rig.check({});
    expect(report.links).toMatchObject([{ ...FOUND, keys: 61, verified: 58, repaired: 3, left: 0, result: 'repaired' }]);
    expect(rig.isEqual(target)).toBe(true);
    const findings = await rig.findings(report.id);
    expect(findings.map(({ kind, outcome }) => `${kind} ${outcome}`).sort()).toEqual(['changed repaired', 'extra repaired', 'missing repaired']);
    expect(rig.told('Syncline Divergence Found')).toHaveLength(3);
    expect(rig.told('Syncline Check Finished').map(({ detail }) => detail['result'])).toEqual(['repaired']);
    expect([rig.world.counted.get('DivergentKeys'), rig.world.counted.get('RepairedKeys'), rig.world.counted.get('ChecksFinished')]).toEqual([3, 3, 1]);
  });

  it('finds what was planted long before, which is in no window of the log', async () => {
    const rig = await Rig.create(60);
    const [target = ''] = rig.targets;
    await rig.plant(target, THREE);
    await rig.idle(30);
    const report = await rig.check({});
    expect(report.links).toMatchObject([{ ...FOUND, keys: 61, repaired: 3 }]);
    expect(report.links[0]?.bytes).toBeGreaterThan(0);
    expect(rig.isEqual(target)).toBe(true);
  });

  it('finds what was changed behind everyone’s back, in keys that nobody has touched for an hour', async () => {
    const rig = await Rig.create(60, { members: SET });
    const [one = '', two = ''] = rig.targets;
    await rig.idle(60);
    rig.corrupt(two, THREE);
    const report = await rig.check({});
    expect(report.links).toMatchObject([
      { target: one, keys: 60, verified: 60, result: 'equal' },
      { ...FOUND, target: two, keys: 61, repaired: 3, result: 'repaired' },
    ]);
    expect(rig.isEqual(two)).toBe(true);
  });

  it('only tells with action "report"', async () => {
    const rig = await Rig.create(30);
    const [target = ''] = rig.targets;
    await rig.plant(target, THREE);
    const before = rig.world.content(target);
    const report = await rig.check({ action: 'report' });
    expect(report).toMatchObject({ result: 'divergent', findings: 3, parts: 1, links: [{ ...FOUND, repaired: 0, left: 0 }] });
    expect(report.first).toHaveLength(3);
    expect(rig.world.content(target)).toEqual(before);
  });

  it('says nothing of what is only lag, while the table is written, and what is divergent is found beside it', async () => {
    const rig = await Rig.create(40);
    const [target = ''] = rig.targets;
    await rig.plant(target, THREE);
    let writes = 0;
    rig.during = async () => {
      writes += 1;
      // Keys from 10 on move; those that were planted do not.
      if (writes < 600) await rig.world.put(item(`k${10 + (writes % 30)}`, 1, { n: { N: String(1_000 + writes) } }));
    };
    const report = await rig.check({});
    const findings = await rig.findings(report.id);
    expect(
      findings
        .filter(({ verdict }) => verdict === 'divergent')
        .map(({ key: k }) => (k['pk'] as { S: string }).S)
        .sort(),
    ).toEqual(['extra', 'k1', 'k2']);
    expect(report.links).toMatchObject([{ divergent: 3, repaired: 3, keys: 41 }]);
    rig.during = undefined;
    await rig.pass(60_000);
    expect(rig.isEqual(target)).toBe(true);
  });
});

describe('a check', () => {
  it('of given keys says each one’s verdict, whatever else differs', async () => {
    const rig = await Rig.create(20, { members: SET });
    const [one = '', two = ''] = rig.targets;
    await rig.plant(one, THREE);
    const report = await rig.check({ mode: 'keys', keys: [key('k1'), key('k3'), key('k1'), key('nobody')] });
    expect(report.links).toMatchObject([
      { target: one, keys: 3, verified: 2, divergent: 1, changed: 1, repaired: 1 },
      { target: two, keys: 3, verified: 3, divergent: 0 },
    ]);
    expect(report.links[0]?.asOfMs).toBeUndefined();
    expect(await rig.world.get(key('extra'), one)).toBeDefined();
  });

  it('of a sample looks at all keys of some segments', async () => {
    const rig = await Rig.create(40);
    const report = await rig.check({ mode: 'sample', share: 1 });
    expect(report).toMatchObject({ mode: 'sample', share: 1, links: [{ keys: 40, verified: 40, suspicions: 40 }] });
    const some = await rig.check({ mode: 'sample', share: 0.5 });
    expect(some.links[0]?.keys).toBeLessThan(40);
    expect(some.links[0]?.verified).toBe(some.links[0]?.keys);
  });

  it('that asks waits for an approval, shows what it found meanwhile, and then repairs', async () => {
    const rig = await Rig.create(20);
    const [target = ''] = rig.targets;
    await rig.plant(target, THREE);
    const { id } = await rig.start({ action: 'ask' });
    expect((await rig.run(id)).phase).toBe('preview');
    expect(await rig.report(id)).toMatchObject({ phase: 'preview', result: 'divergent', links: [FOUND] });
    expect(rig.isEqual(target)).toBe(false);
    const { own } = rig.ports();
    const { runtime } = rig.world;
    const control = own.member.tables.control;
    await expect(rig.beside(approve(own.table, control, runtime, 'nobody', { by: 'ada' }))).rejects.toMatchObject({ code: 'unknown-check' });
    await rig.beside(approve(own.table, control, runtime, id, { by: 'ada' }));
    await expect(rig.beside(approve(own.table, control, runtime, id, { by: 'bob' }))).rejects.toMatchObject({
      code: 'not-waiting',
      message: expect.stringContaining('ada'),
    });
    await rig.run(id);
    expect(await rig.report(id)).toMatchObject({ result: 'repaired', approvedBy: 'ada', links: [{ repaired: 3 }] });
    expect(rig.isEqual(target)).toBe(true);
  });

  it('that nobody approves ends with what it found', async () => {
    const rig = await Rig.create(10);
    await rig.plant(rig.targets[0] ?? '', THREE);
    const { id } = await rig.start({ action: 'ask' });
    await rig.run(id);
    await rig.world.clock.advance(APPROVE_MAX_MS + 1);
    expect((await rig.run(id)).done).toBeGreaterThan(0);
    expect(await rig.report(id)).toMatchObject({ result: 'divergent', links: [{ ...FOUND, repaired: 0 }] });
  });

  it('holds back so many deletions that a human must have meant them, and does the rest', async () => {
    const rig = await Rig.create(120);
    const [target = ''] = rig.targets;
    const extras = Array.from({ length: 101 }, (_, i) => ({ put: item(`extra${i}`, 1) }));
    await rig.plant(target, [...extras, { remove: key('k2') }]);
    const report = await rig.check({});
    expect(report.links).toMatchObject([{ divergent: 102, extra: 101, repaired: 1, left: 101, held: 101, result: 'divergent' }]);
    expect(
      rig
        .told('Syncline Divergence Found')
        .map(({ detail }) => detail['more'])
        .filter(Boolean),
    ).toEqual([2]);
    const again = await rig.check({ allowDeletes: true });
    expect(again.links).toMatchObject([{ divergent: 101, repaired: 101, left: 0, result: 'repaired' }]);
    expect(rig.isEqual(target)).toBe(true);
  });
});

describe('a target', () => {
  it('that takes nothing for an hour is not called divergent: its keys are unverified, the other’s are repaired', async () => {
    const rig = await Rig.create(20, { members: SET });
    const [frozen = '', other = ''] = rig.targets;
    await rig.plant(other, THREE);
    rig.frozen.add(frozen);
    await rig.world.put(item('k5', 1, { n: { N: '500' } }));
    await rig.world.remove(key('k6'));
    const report = await rig.check({});
    expect(report.links).toMatchObject([
      { target: frozen, divergent: 0, result: 'unverified' },
      { target: other, divergent: 3, repaired: 3 },
    ]);
    expect(report.links[0]?.unverified).toBeGreaterThan(0);
    expect(report.links[0]?.reasons.length).toBeGreaterThan(0);
  });

  it('whose link is paused ends its link with the reason', async () => {
    const rig = await Rig.create(10, { members: SET });
    const [paused = '', other = ''] = rig.targets;
    const { world } = rig;
    await world.clock.run(
      world.table(world.primary).put(world.control(world.primary), encodeLink({ target: paused, state: 'paused', why: 'by hand', since: 1 })),
    );
    const report = await rig.check({});
    expect(report.links).toMatchObject([
      { target: paused, result: 'unverified', why: 'the link is paused: by hand' },
      { target: other, result: 'equal', keys: 10 },
    ]);
  });

  it('that does not answer ends its link with the reason, and the others finish', async () => {
    const rig = await Rig.create(10, { members: SET });
    const [away = '', other = ''] = rig.targets;
    rig.away.add(away);
    const report = await rig.check({});
    expect(report.links).toMatchObject([
      { target: away, result: 'unverified' },
      { target: other, result: 'equal' },
    ]);
    expect(report.links[0]?.why).toMatch(/does not answer/);
  });
});

describe('a target that goes away', () => {
  for (const phase of ['compare', 'open', 'verdict'] as const) {
    it(`in the phase "${phase}" ends its own link only, and what is known of its keys stays`, async () => {
      const rig = await Rig.create(20, { members: SET });
      const [away = '', other = ''] = rig.targets;
      for (const target of rig.targets) await rig.plant(target, THREE);
      await rig.idle(30);
      const { id } = await rig.start({ action: 'report' });
      const progress = (now: { readonly phase: string }): void => {
        if (now.phase === phase) rig.away.add(away);
      };
      await rig.run(id, { progress });
      const report = await rig.report(id);
      expect(report.links.find(({ target }) => target === other)).toMatchObject({ ...FOUND, keys: 21 });
      // The verdict needs the target's lane, not the target's reach: it is found all the same.
      expect(report.links.find(({ target }) => target === away)?.result).toBe(phase === 'verdict' ? 'divergent' : 'unverified');
    });
  }
});

describe('the end of a check', () => {
  it('comes also where its source is the primary no more', async () => {
    const rig = await Rig.create(10);
    const { id } = await rig.start({});
    await rig.world.setSeat(rig.world.primary, { fence: 2 });
    const job = await rig.run(id);
    expect(job.failed).toMatch(/not the primary/);
    expect(await rig.report(id)).toMatchObject({ result: 'failed', phase: 'done' });
  });

  it('is refused a beginning by what it cannot do, each with its reason', async () => {
    const rig = await Rig.create(1);
    const cases: [object, string][] = [
      [{ targets: [] }, 'invalid-check'],
      [{ targets: ['mars'] }, 'unknown-member'],
      [{ mode: 'keys' }, 'invalid-check'],
      [{ mode: 'keys', keys: [{ pk: { S: 'a' } }] }, 'invalid-key'],
      [{ mode: 'sample', share: 2 }, 'invalid-check'],
      [{ scansOf: 'nothing' }, 'unknown-check'],
    ];
    for (const [request, code] of cases) await expect(rig.start(request), JSON.stringify(request)).rejects.toMatchObject({ code });
    const ports = rig.ports();
    await expect(
      rig.beside(runCheck(ports, rig.world.runtime, 'nobody', { owner: 'x', untilMs: 1e9, drive: true }, { progress: () => undefined, stopped: () => false })),
    ).rejects.toMatchObject({ code: 'unknown-check' });
    expect(await rig.beside(readCheck(ports.own.table, ports.own.member.tables.control, rig.world.runtime, 'nobody'))).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import type { AttributeValue, Item } from '../../lib/core/attribute.ts';
import { decodeReport } from '../../lib/core/formats/report.ts';
import { linkKey, stringValue } from '../../lib/core/formats/rows.ts';
import { keyText } from '../../lib/core/key.ts';
import { memberNames } from '../../lib/core/names.ts';
import { RemoteError } from '../../lib/ports/errors.ts';
import { sendRepairs } from '../../lib/reconcile/repair/send.ts';
import { freshBatch } from '../../lib/reconcile/verdict/batch.ts';
import { stepVerdict } from '../../lib/reconcile/verdict/step.ts';
import type { Divergence } from '../../lib/reconcile/verdict/suspicion.ts';
import { planResync } from '../../lib/replicate/fanout-plan.ts';
import { sendToLanes } from '../../lib/replicate/send.ts';
import { Court, words } from '../unit/reconcile/verdict/support.ts';
import { item, KEY, key, World } from './support/world.ts';

const n = (value: number): Record<string, AttributeValue> => ({ n: { N: String(value) } });
const HOUR_MS = 3_600_000;
/** Worlds of the random test; more with VERDICT_SEEDS. */
const SEEDS = Number(process.env['VERDICT_SEEDS'] ?? 8);

async function askFor(world: World, pks: readonly string[], job?: string): Promise<void> {
  const sends = planResync(
    pks.map((pk) => ({ k: key(pk) })),
    { set: 'test', epoch: 1, source: world.primary, lanes: world.config.lanes, sent: world.clock.now() },
    KEY,
    { mode: 'report', ...(job !== undefined && { job }) },
  );
  const { failed } = await world.clock.run(sendToLanes(world.cloud.region(world.primary).queue, world.queue().url, sends, () => world.chance.nonce()));
  expect(failed.size).toBe(0);
}

const bucketOf = (world: World): string => memberNames('test', world.member(0)).bucket;

async function reportsOf(world: World, job: string): Promise<Map<string, Record<string, unknown>>> {
  const { objects } = world.cloud.region(world.primary);
  const found = new Map<string, Record<string, unknown>>();
  for (const { key: name } of (await world.clock.run(objects.list(bucketOf(world), { prefix: `reports/${job}/`, limit: 100 }))).objects) {
    const read = await world.clock.run(objects.get(bucketOf(world), name));
    for (const { k, ...rest } of decodeReport((read as { body: Uint8Array }).body, name).keys) found.set((k['pk'] as { S: string }).S, rest);
  }
  return found;
}

describe('apply, asked for a report', () => {
  it('says what both sides have of each key, and writes nothing else', async () => {
    const world = await World.create();
    for (const pk of ['same', 'changed', 'missing', 'deleted']) await world.put(item(pk, 1, n(1)));
    await world.put(item('deleted', 1, n(2)));
    await world.drain();
    await world.remove(key('deleted'));
    await world.drain();
    await world.put({ ...((await world.get(key('changed'))) as Item), ...n(9) }, world.secondary);
    await world.remove(key('missing'), world.secondary);
    await world.put(item('extra', 1, n(1)), world.secondary);
    const before = world.content(world.secondary);
    const writes: string[] = [];
    world.cloud.witness = (call) => {
      if (['put', 'update', 'delete', 'batchWrite', 'transact'].includes(call.op)) writes.push(`${call.region} ${call.service} ${call.op}`);
    };
    const job = 'check-1/0-1-abc';
    await askFor(world, ['same', 'changed', 'missing', 'deleted', 'extra', 'nowhere'], job);
    while ((await world.pumpApply()) > 0);
    const said = await reportsOf(world, job);
    expect([...said].map(([pk, { equal }]) => [pk, equal]).sort()).toEqual([
      ['changed', false],
      ['deleted', true],
      ['extra', false],
      ['missing', false],
      ['nowhere', true],
      ['same', true],
    ]);
    expect(said.get('same')).toMatchObject({ kind: 'lane', sealed: true });
    expect(said.get('changed')).toMatchObject({ kind: 'lane' });
    expect(said.get('changed')).not.toHaveProperty('sealed');
    expect(said.get('deleted')).toMatchObject({ kind: 'lane', grave: true });
    expect(said.get('extra')).not.toHaveProperty('p');
    expect(said.get('missing')).not.toHaveProperty('t');
    expect(world.content(world.secondary)).toEqual(before);
    expect(new Set(writes)).toEqual(new Set([`${world.primary} s3 put`]));
  });

  it('takes a message without a job, or with a name that leads elsewhere, for unreadable', async () => {
    const world = await World.create({ lanes: 1 });
    for (const job of [undefined, '../log/x', 'a/../b', '/a', 'a//b', `a${'b'.repeat(200)}`]) await askFor(world, ['a'], job);
    while ((await world.pumpApply()) > 0);
    expect(world.deadLetters()).toHaveLength(6);
    expect(await reportsOf(world, '')).toEqual(new Map());
    // The minute run makes no repair of them, and leaves them for a human.
    await world.minute();
    expect(world.deadLetters()).toHaveLength(6);
  });

  it('gives the lane back while the bucket does not answer, and gives up at last, so that replication goes on', async () => {
    const world = await World.create({ lanes: 1 });
    world.cloud.hook = async (call) => {
      if (call.service === 's3' && call.op === 'put') throw new RemoteError('transient', 'SlowDown', 'later');
    };
    await askFor(world, ['a'], 'check-1/1');
    await world.put(item('a', 1, n(1)));
    await world.pumpFanout();
    const first = await world.receive();
    expect((await world.applyOf(first)).failures).toHaveLength(first.length);
    await world.drain();
    expect(await world.get(key('a'))).toMatchObject(n(1));
    expect((await world.link()).failing).toBeUndefined();
    expect(world.logged.some(({ message }) => message.startsWith('A report could not be stored'))).toBe(true);
  });

  it('finishes the message at once where there is no bucket', async () => {
    const world = await World.create({ lanes: 1 });
    world.cloud.hook = async (call) => {
      if (call.service === 's3') throw new RemoteError('missing', 'NoSuchBucket', 'gone');
    };
    await askFor(world, ['a'], 'check-1/1');
    expect((await world.applyOf(await world.receive())).failures).toEqual([]);
  });

  it('answers nothing in an epoch that is over', async () => {
    const world = await World.create({ lanes: 1 });
    await askFor(world, ['a'], 'check-1/1');
    await world.setSeat(world.secondary, { fence: 2 });
    await world.pumpApply();
    expect(await reportsOf(world, 'check-1/1')).toEqual(new Map());
  });
});

describe('no verdict calls lag divergence', () => {
  it('when the lanes stand still for an hour, with writes and checks going on', async () => {
    const court = await Court.create();
    const { world } = court;
    for (let i = 0; i < 20; i += 1) await world.put(item(`k${i}`, 1, n(0)));
    await court.settle();
    court.frozen.apply = true;
    let tick = 0;
    court.during = async () => {
      tick += 1;
      if (tick % 20 === 0) await world.put(item(`k${tick % 13}`, 1, n(tick)));
      if (tick % 170 === 0) await world.remove(key(`k${tick % 13}`));
    };
    const keys = Array.from({ length: 20 }, (_, i) => key(`k${i}`));
    const began = world.clock.now();
    while (world.clock.now() - began < HOUR_MS) {
      const verdicts = await court.judge(keys);
      expect(new Set(Object.values(words(verdicts)))).toEqual(new Set(['unverified']));
      expect(verdicts[0]).toMatchObject({ why: expect.stringMatching(/did not answer within 10 min/) });
    }
    court.frozen.apply = false;
    await court.settle();
    court.during = undefined;
    expect(new Set(Object.values(words(await court.judge(keys))))).toEqual(new Set(['verified']));
  });

  const stands: readonly (readonly [string, Partial<Court['frozen']>])[] = [
    ['fan-out', { fanout: true }],
    ['the observer', { observe: true }],
    ['both readers', { fanout: true, observe: true }],
  ];
  for (const [what, frozen] of stands) {
    it(`when ${what} stood still while keys were changed, removed, made, and changed back`, async () => {
      const court = await Court.create();
      const { world } = court;
      for (const pk of ['changed', 'removed', 'back', 'again', 'cold']) await world.put(item(pk, 1, n(1)));
      await court.settle();
      // Long enough that the log near a round shows none of it.
      for (let i = 0; i < 20; i += 1) {
        await court.alive();
        await court.pass(60_000);
      }
      Object.assign(court.frozen, frozen);
      await world.put(item('changed', 1, n(2)));
      await world.remove(key('removed'));
      await world.put(item('made', 1, n(1)));
      await world.put(item('back', 1, n(2)));
      await world.put(item('back', 1, n(1)));
      await world.remove(key('again'));
      await world.put(item('again', 1, n(3)));
      for (const minutes of [0, 15, 45]) {
        await court.pass(minutes * 60_000);
        const verdicts = await court.judge(['changed', 'removed', 'made', 'back', 'again', 'cold'].map((pk) => key(pk)));
        expect(Object.values(words(verdicts)).filter((word) => word.startsWith('divergent'))).toEqual([]);
      }
      Object.assign(court.frozen, { fanout: false, observe: false });
      await court.settle();
      const after = await court.judge(['changed', 'removed', 'made', 'back', 'again', 'cold'].map((pk) => key(pk)));
      expect(new Set(Object.values(words(after)))).toEqual(new Set(['verified']));
    });
  }

  it('when a promotion comes between T and the answer', async () => {
    const court = await Court.create();
    const { world } = court;
    await world.put(item('a', 1, n(1)));
    await court.settle();
    await world.put(item('a', 1, n(2)));
    court.frozen.fanout = true;
    let batch = freshBatch('check-1', 0, [{ key: key('a'), target: world.secondary }]);
    batch = (await world.clock.run(stepVerdict(batch, court.ports, world.runtime, world.clock.elapsed() + 20_000))).batch;
    // The other member is primary now.
    await world.setSeat(world.primary, { fence: 2 });
    await world.setSeat(world.secondary, { fence: 2, own: 2, since: world.clock.now() });
    const verdicts = await court.judge(batch);
    expect(verdicts).toEqual([{ key: key('a'), target: world.secondary, verdict: 'unverified', why: expect.stringMatching(/not the primary/) }]);
  });

  it('when its change is a dead letter that becomes a repair meanwhile', async () => {
    const court = await Court.create({ lanes: 1 });
    const { world } = court;
    await world.put(item('a', 1, n(1)));
    await court.settle();
    // The target refuses the write of this change; the resync of it is let through.
    let poisoned = true;
    world.cloud.hook = async (call) => {
      if (poisoned && call.region === world.secondary && call.op === 'put' && call.resources.includes(world.items(world.secondary))) {
        throw new RemoteError('invalid', 'ValidationException', 'no');
      }
    };
    await world.put(item('a', 1, n(2)));
    await court.settle();
    expect(world.deadLetters()).toHaveLength(1);
    poisoned = false;
    let minutes = 0;
    court.during = async () => {
      await court.alive();
      minutes += 1;
      if (minutes % 60 === 0) await world.minute();
    };
    expect(words(await court.judge([key('a')]))).toEqual({ a: 'verified' });
  });

  it('when a step is made twice, and when the process dies after each', async () => {
    const court = await Court.create();
    const { world } = court;
    for (const pk of ['a', 'b']) await world.put(item(pk, 1, n(1)));
    await court.settle();
    await world.put(item('b', 1, n(2)), world.secondary);
    court.during = () => court.alive();
    let batch = freshBatch(
      'check-1',
      0,
      [key('a'), key('b')].map((k) => ({ key: k, target: world.secondary })),
    );
    for (let step = 0; step < 500; step += 1) {
      const until = (): number => world.clock.elapsed() + 20_000;
      await world.clock.run(stepVerdict(batch, court.ports, world.runtime, until()));
      await court.pass(3_000);
      const came = await world.clock.run(stepVerdict(batch, court.ports, world.runtime, until()));
      batch = came.batch;
      if (came.waitMs === 0) break;
      await court.pass(came.waitMs);
    }
    expect(batch.phase).toBe('done');
    expect(batch.keys.map(({ outcome }) => outcome?.verdict)).toEqual(['verified', 'divergent']);
  });
});

describe('a verdict says why nothing can be said', () => {
  const setLink = async (world: World, fields: Item): Promise<void> => {
    await world.clock.run(world.table(world.primary).update(world.control(world.primary), linkKey(world.secondary), { set: fields }));
  };
  it('of a link that is paused or stale, and of one that there is not', async () => {
    const court = await Court.create();
    const { world } = court;
    await world.put(item('a', 1, n(1)));
    await court.settle();
    await setLink(world, { state: stringValue('paused'), why: stringValue('maintenance') });
    expect(await court.judge([key('a')])).toMatchObject([{ verdict: 'unverified', why: expect.stringMatching(/paused \(maintenance\)/) }]);
    await setLink(world, { state: stringValue('stale') });
    expect(await court.judge([key('a')])).toMatchObject([{ verdict: 'unverified', why: expect.stringMatching(/stale/) }]);
    expect(await court.judge(freshBatch('c', 0, [{ key: key('a'), target: 'nobody' }]))).toMatchObject([
      { verdict: 'unverified', why: 'There is no link to "nobody".' },
    ]);
  });

  it('of a table that was made anew', async () => {
    const court = await Court.create();
    const { world } = court;
    await world.put(item('a', 1, n(1)));
    await court.settle();
    const region = world.cloud.region(world.primary);
    region.deleteTable(world.items(world.primary));
    region.createTable({ name: world.items(world.primary), key: KEY, stream: true });
    expect(await court.judge([key('a')])).toMatchObject([{ verdict: 'unverified', why: expect.stringMatching(/made anew/) }]);
  });
});

describe('repairs', () => {
  it('make what is divergent equal, and never undo a newer write (every state of the copies)', async () => {
    const court = await Court.create();
    const { world } = court;
    const pks = Array.from({ length: 12 }, (_, i) => `k${i}`);
    for (const pk of pks) await world.put(item(pk, 1, n(0)));
    await court.settle();
    for (const pk of pks) await world.put(item(pk, 1, n(-1)), world.secondary);
    // Numbers only grow at the source, so a copy that has held a real one must never hold a smaller one.
    const high = new Map<string, number>();
    const wrong: string[] = [];
    const region = world.cloud.region(world.secondary);
    world.cloud.witness = (call) => {
      if (call.region !== world.secondary || !call.resources.includes(world.items(world.secondary))) return;
      for (const held of region.items(world.items(world.secondary))) {
        const text = keyText(held, KEY);
        const value = Number((held['n'] as { N: string } | undefined)?.N ?? 0);
        if (value < (high.get(text) ?? -1)) wrong.push(`${text} went from ${high.get(text)} to ${value}`);
        high.set(text, Math.max(value, high.get(text) ?? -1));
      }
    };
    let value = 0;
    const divergences = pks.map((pk): Divergence => ({ key: key(pk), target: world.secondary, kind: 'changed', at: world.clock.now() }));
    for (let round = 0; round < 6; round += 1) {
      value += 1;
      for (const pk of pks.filter((_, i) => (i + round) % 3 === 0)) await world.put(item(pk, 1, n(value)));
      const came = await world.clock.run(
        sendRepairs(court.ports, world.runtime, divergences, { job: `check-1/repair-${round}`, held: new Set() }, world.clock.elapsed() + 20_000),
      );
      expect(came).toEqual({ sent: 12, held: [], closed: 0, left: 0 });
      value += 1;
      for (const pk of pks.filter((_, i) => (i + round) % 2 === 0)) await world.put(item(pk, 1, n(value)));
      await world.pumpFanout();
      await world.pumpApply();
    }
    await world.drain();
    expect(wrong).toEqual([]);
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
  });
});

describe('among faults at random', () => {
  /** Keys that are written, those of them that are also written by hand at the target, and cold ones, at which nothing comes by but what is planted. */
  const HOT = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5'];
  const BY_HAND = ['k6', 'k7'];
  const COLD = ['k10', 'k11', 'k12', 'k13', 'x'];

  /** Writes of few values, so that they come back; functions that stand still; batches and messages that come again; repairs by others. */
  async function storm(court: Court): Promise<void> {
    const { world, frozen } = court;
    const { chance } = world;
    const often = (share: number): boolean => chance.random() < share;
    const one = (of: readonly string[]): string => of[chance.below(of.length)] as string;
    const pk = one([...HOT, ...BY_HAND]);
    if (often(0.1)) await world.remove(key(pk));
    else if (often(0.4)) await world.put(item(pk, 1, n(chance.below(3))));
    if (often(0.05)) world.consumed.set(world.primary, Math.max(0, (world.consumed.get(world.primary) ?? 0) - chance.below(20)));
    if (often(0.03)) await world.clock.run(world.startApply(await world.receive()));
    if (often(0.03)) await send(court, [one(HOT)]);
    if (often(0.03)) await world.put(item(one(BY_HAND), 1, n(chance.below(3))), world.secondary);
    for (const which of ['fanout', 'observe', 'apply'] as const) if (often(0.02)) frozen[which] = frozen[which] !== true;
  }

  async function send({ world, ports }: Court, pks: readonly string[]): Promise<void> {
    const divergences = pks.map((pk): Divergence => ({ key: key(pk), target: world.secondary, kind: 'changed', at: 0 }));
    const until = world.clock.elapsed() + 9_000;
    await world.clock.run(sendRepairs(ports, world.runtime, divergences, { job: 'check-2/repair', held: new Set() }, until));
  }

  for (let seed = 1; seed <= SEEDS; seed += 1) {
    it(`every planted difference is found, and nothing else is called divergent (seed ${seed})`, async () => {
      const court = await Court.create({ seed });
      const { world } = court;
      for (const pk of [...HOT, ...BY_HAND, ...COLD]) if (pk !== 'x') await world.put(item(pk, 1, n(0)));
      await court.settle();
      await world.put({ ...((await world.get(key('k10'))) as Item), ...n(7) }, world.secondary);
      await world.remove(key('k11'), world.secondary);
      await world.put(item('x', 1, n(7)), world.secondary);
      const planted = new Map([
        ['k10', 'divergent changed'],
        ['k11', 'divergent missing'],
        ['x', 'divergent extra'],
      ]);
      const all = [...HOT, ...BY_HAND, ...COLD];
      court.during = () => storm(court);
      for (let look = 0; look < 3; look += 1) {
        for (const [pk, word] of Object.entries(words(await court.judge(all.map((one) => key(one)))))) {
          if (word.startsWith('divergent') && !BY_HAND.includes(pk)) expect([pk, word]).toEqual([pk, planted.get(pk)]);
        }
      }
      court.during = undefined;
      Object.assign(court.frozen, { fanout: false, observe: false, apply: false });
      await court.settle();
      const last = words(await court.judge(all.map((one) => key(one))));
      const [here, there] = [world.content(world.primary), world.content(world.secondary)];
      const isEqual = (pk: string): boolean => here.get(keyText(key(pk), KEY)) === there.get(keyText(key(pk), KEY));
      for (const pk of all) expect([pk, last[pk]]).toEqual([pk, isEqual(pk) ? 'verified' : (planted.get(pk) ?? expect.stringMatching(/^divergent/))]);
      for (const pk of HOT) expect(isEqual(pk)).toBe(true);
    });
  }
});

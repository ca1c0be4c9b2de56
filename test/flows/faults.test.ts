import { describe, expect, it } from 'vitest';
import { lostAnswer } from '../../lib/adapters/memory/call.ts';
import { SEND_REFUSED_BUDGET_MS } from '../../lib/core/constants.ts';
import { linkKey, sinceWhyValue } from '../../lib/core/formats/rows.ts';
import { RemoteError } from '../../lib/ports/errors.ts';
import { Watch } from './support/watch.ts';
import { item, key, World } from './support/world.ts';

const down = (): never => {
  throw new RemoteError('transient', 'ECONNREFUSED', 'connect refused');
};

async function fill(world: World, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i += 1) await world.put(item(`k${i}`, 1, { n: { N: String(i) } }));
}

/** Four versions of each key, a fifth of them removals, each version fanned out and one event of it applied. */
async function fourRounds(world: World, keys: number): Promise<void> {
  for (let n = 0; n < 4; n += 1) {
    for (let k = 0; k < keys; k += 1) {
      if ((k + n) % 5 === 4) await world.remove(key(`k${k}`));
      else await world.put(item(`k${k}`, 1, { n: { N: String(n) } }));
    }
    await world.pumpFanout();
    await world.pumpApply();
  }
}

describe('a target that is down', () => {
  it('fills its own queue, disturbs nobody, makes no dead letters, and catches up', async () => {
    const world = await World.create({ members: ['eu-west-1', 'us-east-1', 'ap-south-1'] });
    const watch = new Watch(world);
    let attempts = 0;
    world.cloud.hook = (call) => {
      if (call.region !== 'us-east-1') return;
      attempts += 1;
      down();
    };
    await fill(world, 0, 60);
    await world.pumpFanout();
    // An hour of receives, as often as the lanes come back.
    for (let s = 0; s < 3_600; s += 10) {
      await world.pumpApply('eu-west-1', 'us-east-1');
      await world.pumpApply('eu-west-1', 'ap-south-1');
      await world.clock.advance(10_000);
    }
    expect(world.content('ap-south-1')).toEqual(world.content(world.primary));
    expect(world.content('us-east-1').size).toBe(0);
    // The breaker: at most one head a lane, ever more seldom, so an hour of four lanes is far from 360 × 4 probes.
    expect(attempts).toBeGreaterThan(8);
    expect(attempts).toBeLessThan(400);
    expect((await world.link('eu-west-1', 'us-east-1')).failing?.why).toContain('ECONNREFUSED');
    expect((await world.link('eu-west-1', 'ap-south-1')).failing).toBeUndefined();
    await fill(world, 40, 80);
    world.cloud.hook = undefined;
    await world.drain();
    expect(world.content('us-east-1')).toEqual(world.content(world.primary));
    expect(world.deadLetters('eu-west-1', 'us-east-1')).toEqual([]);
    expect((await world.link('eu-west-1', 'us-east-1')).failing).toBeUndefined();
    expect(watch.violations).toEqual([]);
  });

  it('says plainly that a target came back empty, and loses nothing', async () => {
    const world = await World.create();
    await fill(world, 0, 3);
    await world.clock.run(world.table(world.secondary).delete(world.control(world.secondary), { pk: { S: 'self' }, sk: { S: 'seat' } }));
    await world.pumpFanout();
    await world.pumpApply();
    expect((await world.link()).failing?.why).toContain('has no seat');
    expect(world.cloud.region(world.primary).messages(world.queue().queue).length).toBeGreaterThan(0);
  });
});

describe('a target that throttles', () => {
  it.each([2, 40])('writes everything in the end, and the newest of each key (%i keys)', async (keys) => {
    const world = await World.create({ seed: keys });
    const watch = new Watch(world);
    world.cloud.hook = (call) => {
      if (call.region !== world.secondary || !['batchWrite', 'batchGet', 'put', 'delete'].includes(call.op)) return;
      if (world.chance.random() < 0.3) throw new RemoteError('throttled', 'ProvisionedThroughputExceededException', 'slow down');
      return { unprocessed: () => world.chance.random() < 0.3 };
    };
    await fourRounds(world, keys);
    await world.drain();
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
    expect(world.deadLetters()).toEqual([]);
    expect(watch.violations).toEqual([]);
  });
});

describe('a target whose answers are lost', () => {
  it.each([2, 40])('ends equal, whether the requests worked or not (%i keys)', async (keys) => {
    const world = await World.create({ seed: keys + 7 });
    const watch = new Watch(world);
    world.cloud.hook = (call) => {
      if (call.region !== world.secondary || call.service !== 'dynamodb' || call.op === 'query' || world.chance.random() > 0.2) return;
      // Half of them work only after the client gave up, but within R.
      return world.chance.random() < 0.5 ? { effectMs: 2_900, answerMs: 2_500, lost: lostAnswer() } : { refuse: lostAnswer(), effectMs: 2_500 };
    };
    await fourRounds(world, keys);
    await world.drain();
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
    expect(watch.violations).toEqual([]);
  });
});

describe('a queue that refuses sends', () => {
  it('makes the batch come again when sends fail halfway; nothing of a lane follows its failed message', async () => {
    const world = await World.create({ lanes: 4 });
    const watch = new Watch(world);
    await fill(world, 0, 40);
    let calls = 0;
    world.cloud.hook = (call) => {
      if (call.op !== 'sendBatch') return;
      calls += 1;
      if (calls === 1) return { failEntry: (_, i) => (i % 2 === 0 ? { code: 'InternalError', message: 'try again' } : undefined) };
      if (calls === 2) return { lost: lostAnswer() };
      return;
    };
    await expect(world.pumpFanout()).rejects.toThrow(/Not all messages were stored/);
    await expect(world.pumpFanout()).rejects.toThrow(/Not all messages were stored/);
    expect(world.consumed.get(world.primary) ?? 0).toBe(0);
    await world.drain();
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
    expect((await world.link()).refusing).toBeUndefined();
    expect(watch.violations).toEqual([]);
  });

  it('sends at most one message of a lane in a call, and none of it after one failed', async () => {
    const world = await World.create({ lanes: 1 });
    for (let i = 0; i < 12; i += 1)
      await world.put(
        item(`k${i}`, 1, {
          text: {
            S: Buffer.alloc(120_000, Math.floor(world.chance.random() * 256))
              .toString('latin1')
              .replaceAll(/./gsu, () => String.fromCharCode(0x4e00 + world.chance.below(20_000))),
          },
        }),
      );
    const perCall: number[] = [];
    let refuse = true;
    world.cloud.hook = (call) => {
      if (call.op !== 'sendBatch') return;
      perCall.push((call.args[1] as unknown[]).length);
      if (refuse && perCall.length === 2) return { failEntry: () => ({ code: 'InternalError', message: 'try again' }) };
      return;
    };
    await expect(world.pumpFanout()).rejects.toThrow(/Not all messages were stored/);
    expect(perCall).toEqual([1, 1]);
    refuse = false;
    await world.drain();
    expect(perCall.every((n) => n === 1)).toBe(true);
    expect(perCall.length).toBeGreaterThan(3);
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
  });

  it('mints another deduplication id at each attempt, so that a step back of the checkpoint ends with the newest change', async () => {
    const world = await World.create({ lanes: 1 });
    await world.put(item('a', 1, { n: { N: '1' } }));
    await world.put(item('a', 1, { n: { N: '2' } }));
    const [first, second] = world.records();
    await world.fanoutOf([first as never]);
    await world.fanoutOf([second as never]);
    await world.fanoutOf([first as never]);
    await world.fanoutOf([second as never]);
    expect(world.cloud.region(world.primary).messages(world.queue().queue)).toHaveLength(4);
  });

  it('makes its link stale beyond a budget, with the reason, and then stops no other link', async () => {
    const world = await World.create({ members: ['eu-west-1', 'us-east-1', 'ap-south-1'] });
    await fill(world, 0, 5);
    world.cloud.hook = (call) => {
      if (call.op === 'sendBatch' && String(call.resources[0]).includes('us-east-1'))
        throw new RemoteError('denied', 'KMS.DisabledException', 'the key is disabled');
    };
    await expect(world.pumpFanout()).rejects.toThrow(/us-east-1: denied: KMS/);
    expect((await world.link('eu-west-1', 'us-east-1')).refusing?.why).toContain('KMS');
    await world.clock.advance(SEND_REFUSED_BUDGET_MS + 1_000);
    await world.pumpFanout();
    const link = await world.link('eu-west-1', 'us-east-1');
    expect(link).toMatchObject({ state: 'stale', why: expect.stringContaining('KMS') });
    await fill(world, 5, 10);
    await world.drain();
    expect(world.content('ap-south-1')).toEqual(world.content(world.primary));
    expect(world.content('us-east-1').size).toBe(0);
  });
});

describe('links that wait or are lost', () => {
  it('gives the lanes of a paused link back, and goes on when it is open again', async () => {
    const world = await World.create();
    const pause = (state: string): Promise<unknown> =>
      world.clock.run(world.table(world.primary).update(world.control(world.primary), linkKey(world.secondary), { set: { state: { S: state } } }));
    await pause('paused');
    await fill(world, 0, 3);
    await world.pumpFanout();
    await world.pumpApply();
    expect(world.content(world.secondary).size).toBe(0);
    await pause('open');
    await world.clock.advance(10_000);
    await world.drain();
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
  });

  it('declares a link stale whose target has failed for twelve days, before its queue drops changes', async () => {
    const world = await World.create();
    const day = 24 * 3_600_000;
    const failing = { failing: sinceWhyValue({ since: world.clock.now(), why: 'gone' }) };
    await world.clock.run(world.table(world.primary).update(world.control(world.primary), linkKey(world.secondary), { set: failing }));
    await world.clock.advance(11 * day);
    expect((await world.minute()).links[world.secondary]?.stale).toBeUndefined();
    await world.clock.advance(1 * day);
    expect((await world.minute()).links[world.secondary]?.stale).toContain('12 days');
    expect(await world.link()).toMatchObject({ state: 'stale' });
  });
});

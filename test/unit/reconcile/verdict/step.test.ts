import { describe, expect, it } from 'vitest';
import type { AttributeValue, Item } from '../../../../lib/core/attribute.ts';
import { linkKey, sinceWhyValue } from '../../../../lib/core/formats/rows.ts';
import { memberNames } from '../../../../lib/core/names.ts';
import { RemoteError } from '../../../../lib/ports/errors.ts';
import type { VerdictBatch } from '../../../../lib/reconcile/verdict/batch.ts';
import { freshBatch } from '../../../../lib/reconcile/verdict/batch.ts';
import { factsOf } from '../../../../lib/reconcile/verdict/judge.ts';
import { stepVerdict } from '../../../../lib/reconcile/verdict/step.ts';
import { item, key } from '../../../flows/support/world.ts';
import { Court, words } from './support.ts';

const n = (value: number): Record<string, AttributeValue> => ({ n: { N: String(value) } });

function fresh(court: Court, pks: readonly string[]): VerdictBatch {
  return freshBatch(
    'check-1',
    0,
    pks.map((pk) => ({ key: key(pk), target: court.world.secondary })),
  );
}

const step = async (court: Court, batch: VerdictBatch): Promise<VerdictBatch> =>
  (await court.world.clock.run(stepVerdict(batch, court.ports, court.world.runtime, court.world.clock.elapsed() + 20_000))).batch;

const queued = (court: Court): number => court.world.cloud.region(court.world.primary).messages(court.world.queue().queue).length;

async function settled(pks: readonly string[], options: Parameters<typeof Court.create>[0] = {}): Promise<Court> {
  const court = await Court.create(options);
  for (const pk of pks) await court.world.put(item(pk, 1, n(1)));
  await court.settle();
  return court;
}

describe('the questions of a round', () => {
  it('wait until fan-out has passed', async () => {
    const court = await settled(['a']);
    court.frozen.fanout = true;
    await court.world.put(item('a', 1, n(2)));
    await court.pass(60_000);
    let batch = await step(court, fresh(court, ['a']));
    await court.pass(20_000);
    batch = await step(court, batch);
    expect([batch.phase, queued(court)]).toEqual(['pass', 0]);
    await court.pass(11 * 60_000);
    expect((await step(court, batch)).keys[0]?.outcome).toMatchObject({ verdict: 'unverified', why: expect.stringMatching(/Fan-out has not sent/) });
  });

  it('have other names at each attempt, so that an answer to an earlier one is never taken', async () => {
    const court = await settled(['a']);
    const began = await step(court, fresh(court, ['a']));
    await court.pass(11_000);
    const [one, other] = [await step(court, began), await step(court, began)];
    expect([one.phase, other.phase]).toEqual(['sent', 'sent']);
    expect(one.asked[0]?.job).not.toBe(other.asked[0]?.job);
    expect(one.asked[0]?.job).toMatch(/^check-1\/0-1-[a-z0-9]{8}-us-east-1-0$/);
  });

  it('carry at most 100 keys each, and are all answered', async () => {
    const pks = Array.from({ length: 250 }, (_, i) => `k${i}`);
    const court = await settled(pks, { lanes: 1 });
    const verdicts = await court.judge(fresh(court, pks));
    expect(verdicts.every(({ verdict }) => verdict === 'verified')).toBe(true);
    expect(court.batches.find(({ phase }) => phase === 'sent')?.asked.map(({ keys }) => keys.length)).toEqual([100, 100, 50]);
  });

  it('are not sent into a queue that is long', async () => {
    const court = await settled(['a']);
    const { queue } = court.ports;
    const ports = {
      ...court.ports,
      queue: new Proxy(queue, { get: (of, name) => (name === 'depth' ? async () => ({ visible: 1_500, inFlight: 600, delayed: 0 }) : Reflect.get(of, name)) }),
    };
    const run = async (batch: VerdictBatch): Promise<VerdictBatch> =>
      (await court.world.clock.run(stepVerdict(batch, ports, court.world.runtime, court.world.clock.elapsed() + 20_000))).batch;
    let batch = await run(fresh(court, ['a']));
    await court.pass(20_000);
    batch = await run(batch);
    expect(batch.phase).toBe('pass');
    await court.pass(11 * 60_000);
    expect((await run(batch)).keys[0]?.outcome).toMatchObject({ verdict: 'unverified', why: expect.stringMatching(/2100 messages wait/) });
  });

  it('are asked anew when the epoch changes meanwhile', async () => {
    const court = await settled(['a']);
    const { world } = court;
    let batch = await step(court, fresh(court, ['a']));
    await court.pass(11_000);
    batch = await step(court, batch);
    expect(batch.phase).toBe('sent');
    await world.setSeat(world.primary, { fence: 2, own: 2, since: world.clock.now() });
    batch = await step(court, batch);
    expect([batch.phase, batch.round]).toEqual(['pass', 2]);
    court.during = () => court.alive();
    expect(words(await court.judge(batch))).toEqual({ a: 'verified' });
  });
});

describe('an answer that does not come', () => {
  it('leaves its keys unverified with what is known of the link, and those of other lanes judged', async () => {
    const court = await settled(['a', 'b', 'c', 'd', 'e', 'f'], { lanes: 4 });
    const { world } = court;
    await world.put(item('a', 1, n(9)), world.secondary);
    world.cloud.hook = async (call) => {
      // The lanes of some keys cannot be read at the target.
      if (call.region === world.secondary && call.op === 'batchGet' && JSON.stringify(call.args).includes('"f"'))
        throw new RemoteError('throttled', 'ThrottlingException', 'busy');
    };
    court.during = () => court.alive();
    const came = words(await court.judge(fresh(court, ['a', 'f'])));
    expect(came['a']).toBe('divergent changed');
    expect(came['f']).toBe('unverified');
    world.cloud.hook = undefined;
    await world.clock.run(
      world.table(world.primary).update(world.control(world.primary), linkKey(world.secondary), { set: { failing: sinceWhyValue({ since: 1, why: 'gone' }) } }),
    );
    court.frozen.apply = true;
    expect(await court.judge(fresh(court, ['f']))).toMatchObject([{ verdict: 'unverified', why: expect.stringMatching(/does not take writes \(gone\)/) }]);
  });
});

describe('a log that cannot be relied on', () => {
  it('leaves what differs unverified: behind, or with a segment missing', async () => {
    const court = await settled(['a', 'b']);
    const { world } = court;
    await world.put(item('a', 1, n(9)), world.secondary);
    court.during = () => court.alive();
    court.frozen.observe = true;
    expect(await court.judge(fresh(court, ['a', 'b']))).toMatchObject([
      { verdict: 'unverified', why: expect.stringMatching(/log of the source is behind/) },
      { verdict: 'verified' },
    ]);
    court.frozen.observe = false;
    await court.pass(60_000);
    const { objects } = world.cloud.region(world.primary);
    const bucket = memberNames('test', world.member(0)).bucket;
    const log = (await world.clock.run(objects.list(bucket, { prefix: 'log/', limit: 1_000 }))).objects;
    for (const { key: name } of log.slice(-4, -2)) await world.clock.run(objects.delete(bucket, name));
    expect(await court.judge(fresh(court, ['a']))).toMatchObject([{ verdict: 'unverified', why: expect.stringMatching(/not whole/) }]);
  });
});

describe('what is no divergence', () => {
  it('is a key that the target cannot take', async () => {
    const court = await settled(['a'], { indexes: [{ name: 'by-n', key: [{ name: 'n', type: 'N' }] }] });
    const { world } = court;
    // An index of the target wants a number: the change becomes a dead letter, its resync a refused key.
    await world.put(item('a', 1, { n: { S: 'text' } }));
    await court.settle();
    await world.minute();
    await court.settle();
    expect(await world.refused()).toHaveLength(1);
    expect(words(await court.judge(fresh(court, ['a'])))).toEqual({ a: 'refused' });
  });

  it('is an item that expires about now, on either side', async () => {
    const court = await Court.create();
    const { world } = court;
    Object.assign(world.config, { expiryAttribute: 'ttl' });
    const ports = { ...court.ports, own: { ...court.ports.own, member: { ...court.ports.own.member, expiryAttribute: 'ttl' } } };
    Object.assign(court, { ports });
    const soon = { ttl: { N: String(Math.floor(world.clock.now() / 1_000) + 60) } };
    const later = { ttl: { N: String(Math.floor(world.clock.now() / 1_000) + 864_000) } };
    for (const [pk, ttl] of [
      ['here', soon],
      ['there', soon],
      ['far', later],
    ] as const)
      await world.put(item(pk, 1, { ...n(1), ...ttl }));
    await court.settle();
    await world.remove(key('here'), world.secondary);
    await world.remove(key('far'), world.secondary);
    // As DynamoDB does: the removal is its own, and goes to nobody.
    await court.pass(70_000);
    const copy = (await world.get(key('there'))) as Item;
    await court.settle();
    await world.remove(key('there'));
    await court.settle();
    await world.put(copy, world.secondary);
    court.during = () => court.alive();
    expect(words(await court.judge(fresh(court, ['here', 'there', 'far'])))).toEqual({ here: 'expired', there: 'expired', far: 'divergent missing' });
  });
});

describe('a key that is written all the time', () => {
  /** Writes after the lanes have run, so that every look finds a change on its way. */
  async function hot(court: Court): Promise<void> {
    const { world } = court;
    let value = 1;
    court.during = async () => {
      value += 1;
      await world.pumpFanout();
      await world.pumpApply();
      await world.put(item('hot', 1, n(value)));
      court.frozen.fanout = true;
    };
  }

  it('is verified by the image at the position of its copy', async () => {
    const court = await settled(['hot']);
    await hot(court);
    expect(words(await court.judge(fresh(court, ['hot'])))).toEqual({ hot: 'verified' });
    expect(court.batches.at(-1)?.round).toBe(5);
  });

  it('is divergent when its copy was changed by hand at the last look', async () => {
    const court = await settled(['hot']);
    const { world } = court;
    await hot(court);
    const before = court.during;
    court.during = async () => {
      await before?.();
      await world.put({ ...((await world.get(key('hot'))) as Item), ...n(-1) }, world.secondary);
    };
    expect(words(await court.judge(fresh(court, ['hot'])))).toEqual({ hot: 'divergent changed' });
  });
});

describe('a fan-out that drops records', () => {
  /** Fans out what is new, but for some keys; the mark grows all the same. */
  async function fanoutWithout(court: Court, pks: readonly string[]): Promise<void> {
    const { world } = court;
    const all = world.records();
    const from = world.consumed.get(world.primary) ?? 0;
    await world.fanoutOf(all.slice(from).filter(({ keys }) => !pks.includes((keys['pk'] as { S: string }).S)));
    world.consumed.set(world.primary, all.length);
  }

  it('is found out for keys that rest, and for one that is written all the time', async () => {
    const court = await settled(['rests', 'gone', 'hot', 'fine']);
    const { world } = court;
    const dropped = ['rests', 'gone', 'made', 'hot'];
    await world.put(item('rests', 1, n(2)));
    await world.put(item('made', 1, n(2)));
    await world.remove(key('gone'));
    await court.alive();
    await fanoutWithout(court, dropped);
    let value = 2;
    court.during = async () => {
      value += 1;
      await world.put(item('hot', 1, n(value)));
      await world.put(item('fine', 1, n(value)));
      await court.alive();
      await fanoutWithout(court, dropped);
    };
    court.frozen.fanout = true;
    expect(words(await court.judge(fresh(court, [...dropped, 'fine'])))).toEqual({
      rests: 'divergent changed',
      gone: 'divergent extra',
      made: 'divergent missing',
      hot: 'divergent changed',
      fine: 'verified',
    });
  });
});

describe('the facts of a round', () => {
  it('are those that were seen when the questions were asked', () => {
    const batch = { ...freshBatch('c', 0, []), t: 5, epoch: 2, sent: { a: '1' }, sentHard: true };
    expect(factsOf(batch, 3, false)).toEqual({ t: 5, epoch: 2, roleSinceMs: 3, sent: { a: '1' }, sentHard: true, seenHard: false });
    expect(factsOf({ ...batch, sentHard: false }, 3, true)).toMatchObject({ sentHard: false, seenHard: true });
  });
});

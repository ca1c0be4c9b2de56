import { describe, expect, it } from 'vitest';
import { lostAnswer } from '../../lib/adapters/memory/call.ts';
import type { Item } from '../../lib/core/attribute.ts';
import { encodeMessage } from '../../lib/core/formats/message.ts';
import { RemoteError } from '../../lib/ports/errors.ts';
import { Watch } from './support/watch.ts';
import { item, key, World } from './support/world.ts';

const value = (i: Item | undefined): string | undefined => (i?.['n'] as { N: string } | undefined)?.N;
const version = (pk: string, n: number): Item => item(pk, 1, { n: { N: String(n) } });

describe('order', () => {
  it('goes nowhere backwards when the whole stream is replayed from its start, in any cut', async () => {
    const world = await World.create({ lanes: 2 });
    const watch = new Watch(world);
    for (let n = 1; n <= 120; n += 1) {
      const pk = `k${n % 7}`;
      if (n % 11 === 0) await world.remove(key(pk));
      else await world.put(version(pk, n));
      if (n % 5 === 0) await world.drain();
    }
    await world.drain();
    const end = world.content(world.primary);
    for (const cut of [1, 7, 50, 1_000]) {
      world.consumed.set(world.primary, 0);
      await world.pumpFanout(world.primary, cut);
      await world.drain();
      expect(world.content(world.secondary)).toEqual(end);
    }
    expect(watch.violations).toEqual([]);
    expect(watch.states).toBeGreaterThan(10);
  });

  it('keeps the newest change of a key when an old one arrives after it in one event', async () => {
    const world = await World.create({ lanes: 1 });
    const watch = new Watch(world);
    await world.put(version('a', 1));
    await world.put(version('a', 2));
    const [first, second] = world.records();
    await world.fanoutOf([second as never]);
    await world.fanoutOf([first as never]);
    await world.pumpApply();
    expect(value(await world.get(key('a')))).toBe('2');
    expect(watch.violations).toEqual([]);
  });

  it('does not resurrect: delete, re-create and delete across redeliveries', async () => {
    const world = await World.create({ lanes: 1 });
    const watch = new Watch(world);
    await world.put(version('a', 1));
    await world.remove(key('a'));
    await world.put(version('a', 2));
    await world.remove(key('a'));
    const records = world.records();
    await world.drain();
    expect(await world.get(key('a'))).toBeUndefined();
    // Every prefix and suffix again, one message a record.
    for (const r of [...records, ...records.slice(1), ...records.slice(2, 3)]) {
      await world.fanoutOf([r]);
      await world.drain();
      expect(await world.get(key('a'))).toBeUndefined();
    }
    expect(watch.violations).toEqual([]);
  });

  it('finishes a delete that stopped between its tombstone and its delete', async () => {
    for (const many of [false, true]) {
      const world = await World.create({ lanes: 1 });
      await world.put(version('a', 1));
      if (many) for (let i = 0; i < 10; i += 1) await world.put(version(`other ${i}`, 1));
      await world.drain();
      await world.remove(key('a'));
      if (many) for (let i = 0; i < 10; i += 1) await world.put(version(`other ${i}`, 2));
      await world.pumpFanout();
      // The sandbox dies after the tombstone: the delete is refused, and nothing after it happens.
      world.cloud.hook = (call) => {
        const deletes = call.op === 'delete' || (call.op === 'batchWrite' && JSON.stringify(call.args).includes('"delete"'));
        if (deletes && call.resources.includes(world.items(world.secondary))) throw new RemoteError('denied', 'Killed', 'the sandbox died here');
      };
      const messages = await world.receive();
      const { failures } = await world.applyOf(messages);
      expect(failures.length).toBeGreaterThan(0);
      expect(world.cloud.region(world.secondary).items(world.tombstones(world.secondary))).toHaveLength(1);
      expect(await world.get(key('a'))).toBeDefined();
      world.cloud.hook = undefined;
      await world.drain();
      expect(await world.get(key('a'))).toBeUndefined();
      expect(world.content(world.secondary)).toEqual(world.content(world.primary));
    }
  });

  it('finishes it also where a hand-made item without a seal lay under it', async () => {
    const world = await World.create({ lanes: 1 });
    await world.put(version('a', 1));
    await world.drain();
    await world.put(version('a', 99), world.secondary);
    await world.remove(key('a'));
    await world.pumpFanout();
    world.cloud.hook = (call) => {
      if (call.op === 'delete' && call.resources.includes(world.items(world.secondary))) throw new RemoteError('denied', 'Killed', 'the sandbox died here');
    };
    await world.applyOf(await world.receive());
    world.cloud.hook = undefined;
    await world.drain();
    expect(await world.get(key('a'))).toBeUndefined();
  });

  it('does not touch a lane whose receipt handle was superseded', async () => {
    const world = await World.create({ lanes: 1 });
    await world.put(version('a', 1));
    await world.pumpFanout();
    const stale = await world.receive();
    await world.clock.advance(181_000);
    const fresh = await world.receive();
    expect(fresh.map((m) => m.id)).toEqual(stale.map((m) => m.id));
    const { failures, counts } = await world.applyOf(stale);
    expect(failures).toEqual(stale.map((m) => m.id));
    expect(counts.applied).toBe(0);
    expect(await world.get(key('a'))).toBeUndefined();
    await world.applyOf(fresh);
    expect(value(await world.get(key('a')))).toBe('1');
  });

  it('has no request in flight when it returns: a frozen target’s writes are over, at the latest R after their issue', async () => {
    const world = await World.create({ lanes: 1 });
    for (let n = 1; n <= 3; n += 1) await world.put(version(`k${n}`, n));
    await world.pumpFanout();
    let effects = 0;
    world.cloud.hook = (call) =>
      call.region === world.secondary && ['put', 'batchWrite'].includes(call.op) ? { effectMs: 2_900, answerMs: 2_500, lost: lostAnswer() } : undefined;
    world.cloud.witness = (call) => {
      if (call.region === world.secondary && ['put', 'batchWrite'].includes(call.op)) effects += 1;
    };
    const { failures } = await world.applyOf(await world.receive());
    expect(failures.length).toBeGreaterThan(0);
    const atReturn = effects;
    expect(atReturn).toBeGreaterThan(0);
    await world.clock.advance(60_000);
    expect(effects).toBe(atReturn);
    world.cloud.hook = undefined;
    await world.drain();
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
  });

  it('issues nothing near the end of its time', async () => {
    const world = await World.create({ lanes: 1 });
    await world.put(version('a', 1));
    await world.pumpFanout();
    let writes = 0;
    world.cloud.witness = (call) => {
      if (call.region === world.secondary && ['put', 'batchWrite'].includes(call.op)) writes += 1;
    };
    const messages = await world.receive();
    const { failures } = await world.applyOf(messages, world.primary, world.secondary, 4_900);
    expect(failures).toEqual(messages.map((m) => m.id));
    expect(writes).toBe(0);
  });

  it('refuses, for the dead-letter queue, a body that it cannot read and one of another set; the lane goes on', async () => {
    const world = await World.create({ lanes: 1 });
    const { url } = world.queue();
    const send = async (body: string): Promise<void> => {
      await world.clock.run(world.cloud.region(world.primary).queue.sendBatch(url, [{ id: '0', body, group: 'lane-0', dedup: world.chance.nonce() }]));
    };
    await send('AgAAAA==');
    await send(
      encodeMessage({ kind: 'resync', mode: 'repair', set: 'other', epoch: 1, source: world.primary, lane: 0, lanes: 1, sent: 0, keys: [] }) as string,
    );
    await world.put(version('a', 1));
    await world.drain();
    expect(value(await world.get(key('a')))).toBe('1');
    expect(world.deadLetters().map((d) => d.attributes['reason'])).toEqual([
      expect.stringContaining('unknown format'),
      expect.stringContaining('of the set "other"'),
    ]);
    // The minute run leaves them, for a human, and is not blocked by them.
    const result = await world.minute();
    expect(result.links[world.secondary]?.deadLetters).toMatchObject({ redriven: 0, unreadable: 2 });
    expect(world.deadLetters()).toHaveLength(2);
  });
});

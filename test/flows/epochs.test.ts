import { describe, expect, it } from 'vitest';
import type { Item } from '../../lib/core/attribute.ts';
import type { LaneMessage } from '../../lib/core/formats/message.ts';
import { decodeMessage, encodeMessage } from '../../lib/core/formats/message.ts';
import { position } from '../../lib/core/formats/position.ts';
import type { Seat } from '../../lib/core/formats/rows.ts';
import { metaOf, verifySeal } from '../../lib/core/formats/seal.ts';
import { keyText } from '../../lib/core/key.ts';
import { judgeFence, OPEN_WAIT_MS } from '../../lib/replicate/apply/fence.ts';
import { routeRecord } from '../../lib/replicate/fanout-plan.ts';
import { item, KEY, key, World } from './support/world.ts';

const n = (i: Item | undefined): string | undefined => (i?.['n'] as { N: string } | undefined)?.N;

async function sendAs(world: World, epoch: number, value: Item, sequence: string): Promise<void> {
  const body = encodeMessage({
    kind: 'changes',
    set: 'test',
    epoch,
    source: world.primary,
    lane: 0,
    lanes: 1,
    sent: world.clock.now(),
    changes: [{ q: sequence, i: value }],
  }) as string;
  await world.clock.run(
    world.cloud.region(world.primary).queue.sendBatch(world.queue().url, [{ id: '0', body, group: 'lane-0', dedup: world.chance.nonce() }]),
  );
}

describe('the fence', () => {
  it('drops a message of an older epoch, and counts it', async () => {
    const world = await World.create({ lanes: 1 });
    await world.setSeat(world.secondary, { fence: 3, open: { region: world.primary, at: world.clock.now() } });
    await sendAs(world, 2, item('a', 1, { n: { N: '1' } }), '99');
    const messages = await world.receive();
    const { failures, counts } = await world.applyOf(messages);
    expect(failures).toEqual([]);
    expect(counts.olderEpoch).toBe(1);
    expect(await world.get(key('a'))).toBeUndefined();
  });

  it('is raised by a message of a newer epoch; every lane then waits for `open`, and old messages are dropped', async () => {
    const world = await World.create({ lanes: 1 });
    await sendAs(world, 2, item('a', 1, { n: { N: '2' } }), '10');
    const first = await world.applyOf(await world.receive());
    expect(first.failures).toHaveLength(1);
    const seat = await world.seat(world.secondary);
    expect(seat).toMatchObject({ fence: 2, primary: world.primary, open: { region: world.primary } });
    expect(seat.open?.at).toBeGreaterThanOrEqual(world.clock.now() + OPEN_WAIT_MS - 10);
    // Another lane, in another invocation, waits as well.
    await world.clock.advance(5_000);
    const body = encodeMessage({
      kind: 'changes',
      set: 'test',
      epoch: 2,
      source: world.primary,
      lane: 1,
      lanes: 2,
      sent: 0,
      changes: [{ q: '11', i: item('b', 1) }],
    }) as string;
    await world.clock.run(world.cloud.region(world.primary).queue.sendBatch(world.queue().url, [{ id: '0', body, group: 'lane-1', dedup: 'another-lane' }]));
    const other = await world.applyOf(await world.receive());
    expect(other.counts.applied).toBe(0);
    expect(await world.get(key('a'))).toBeUndefined();
    await world.clock.advance(10_000);
    await sendAs(world, 1, item('a', 1, { n: { N: '1' } }), '999999');
    await world.drain();
    expect(n(await world.get(key('a')))).toBe('2');
    expect(await world.get(key('b'))).toBeDefined();
  });

  it('sets `open` anew by its own clock when another region set it', async () => {
    const world = await World.create({ lanes: 1 });
    await world.setSeat(world.secondary, { open: { region: 'elsewhere-1', at: 0 } });
    await world.put(item('a', 1));
    await world.pumpFanout();
    expect((await world.applyOf(await world.receive())).failures).toHaveLength(1);
    expect((await world.seat(world.secondary)).open).toMatchObject({ region: world.primary });
    await world.drain();
    expect(await world.get(key('a'))).toBeDefined();
  });

  it('judges by epoch, region and time (table)', () => {
    const seat = (over: Partial<Seat>): Seat => ({ fence: 5, own: 0, since: 0, stream: '', tableId: 't', v: 1, open: { region: 'r', at: 1_000 }, ...over });
    const { open: _, ...noOpen } = seat({});
    expect(judgeFence(4, seat({}), 'r', 2_000)).toEqual({ kind: 'older' });
    expect(judgeFence(6, seat({}), 'r', 2_000)).toEqual({ kind: 'newer' });
    expect(judgeFence(5, seat({}), 'r', 1_000)).toEqual({ kind: 'go' });
    expect(judgeFence(5, seat({}), 'r', 999)).toEqual({ kind: 'wait', ms: 1 });
    expect(judgeFence(5, seat({}), 'other', 2_000)).toEqual({ kind: 'reset' });
    expect(judgeFence(5, noOpen, 'r', 2_000)).toEqual({ kind: 'reset' });
  });
});

describe('what fan-out sends', () => {
  const record = { eventName: 'INSERT', streamArn: 's', sequence: '1', createdMs: 5_000, keys: key('a'), newImage: item('a', 1), byTtl: false } as const;
  const seat: Seat = { fence: 2, own: 2, since: 4_000, stream: 's', tableId: 't', v: 1 };

  it('is decided by the seat: role, stream and `since` (table)', () => {
    expect(routeRecord(record, seat, 'local')).toBe('image');
    expect(routeRecord(record, { ...seat, own: 1 }, 'local')).toBe('nothing');
    expect(routeRecord(record, { ...seat, own: 0, fence: 0 }, 'local')).toBe('nothing');
    expect(routeRecord(record, { ...seat, stream: 'another' }, 'local')).toBe('resync');
    expect(routeRecord(record, { ...seat, since: 5_000 }, 'local')).toBe('resync');
    expect(routeRecord({ ...record, createdMs: 4_000 }, seat, 'local')).toBe('resync');
    const { newImage: _, ...keysOnly } = record;
    expect(routeRecord(keysOnly, seat, 'local')).toBe('resync');
    expect(routeRecord({ ...keysOnly, eventName: 'REMOVE', byTtl: true }, seat, 'local')).toBe('nothing');
    expect(routeRecord({ ...keysOnly, eventName: 'REMOVE', byTtl: true }, seat, 'replicate')).toBe('image');
  });

  it('never carries an epoch that its sender’s seat does not own', async () => {
    const world = await World.create({ lanes: 1 });
    await world.put(item('a', 1));
    await world.setSeat(world.primary, { fence: 7 });
    expect(await world.fanoutOf(world.records())).toMatchObject({ images: 0, resyncs: 0 });
    await world.setSeat(world.primary, { own: 7, since: 0 });
    await world.fanoutOf(world.records());
    const bodies = world.cloud
      .region(world.primary)
      .messages(world.queue().queue)
      .map((m) => decodeMessage(m.body) as LaneMessage);
    expect(bodies.map((m) => m.epoch)).toEqual([7]);
  });

  it('is a resync of the key for records from before `since`: A’s old backlog does not beat B’s writes after A → B → A', async () => {
    const world = await World.create({ lanes: 1 });
    await world.put(item('a', 1, { n: { N: '1' } }));
    const old = world.records();
    // B was primary in between and wrote; its write reached A. Then A is primary again, in epoch 3.
    await world.put(item('a', 1, { n: { N: '2' } }));
    await world.clock.advance(10_000);
    await world.setSeat(world.primary, { fence: 3, own: 3, since: world.clock.now() });
    await world.setSeat(world.secondary, { fence: 3, open: { region: world.primary, at: world.clock.now() } });
    expect(await world.fanoutOf(old)).toMatchObject({ images: 0, resyncs: 1 });
    await world.pumpApply();
    const copy = (await world.get(key('a'))) as Item;
    expect(n(copy)).toBe('2');
    const { tableId } = await world.seat(world.secondary);
    const seal = verifySeal(metaOf(copy).seal, tableId, keyText(copy, KEY));
    expect(seal?.kind).toBe('repair');
    expect(seal?.position.equals(position(3, 0n))).toBe(true);
    // The real change of the new epoch is not filtered.
    await world.put(item('a', 1, { n: { N: '3' } }));
    world.consumed.set(world.primary, 2);
    await world.drain();
    expect(n(await world.get(key('a')))).toBe('3');
  });
});

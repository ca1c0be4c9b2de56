import { describe, expect, it } from 'vitest';
import { fromStreamEvent } from '../../lib/adapters/aws/events.ts';
import { SeededChance } from '../../lib/adapters/memory/chance.ts';
import type { StreamRecord, StreamView } from '../../lib/ports/stream.ts';
import { routeRecord } from '../../lib/replicate/fanout-plan.ts';
import { item, key, World } from './support/world.ts';

/** Streams that do not show both images work by level: every record becomes a resync of its key. */

const PARTIAL: readonly StreamView[] = ['KEYS_ONLY', 'NEW_IMAGE', 'OLD_IMAGE'];
const SEEDS = 12;
const STEPS = 120;
const KEYS = 5;

const version = (pk: string, n: number) => item(pk, 1, { n: { N: String(n) } });

/** Writes, deletes, and fans out at random, with batches that come again, cut anywhere. */
async function storm(world: World, seed: number): Promise<void> {
  const chance = new SeededChance(seed);
  for (let n = 1; n <= STEPS; n += 1) {
    const pk = `k${chance.below(KEYS)}`;
    const step = chance.below(10);
    if (step < 5) await world.put(version(pk, n));
    else if (step < 7) await world.remove(key(pk));
    else if (step === 7) await world.pumpFanout(world.primary, 1 + chance.below(20));
    else if (step === 8) await world.pumpApply();
    else {
      // A checkpoint steps back: records that were sent already are sent again.
      const sent = world.consumed.get(world.primary) ?? 0;
      const from = chance.below(sent + 1);
      const again = world.records().slice(from, from + 1 + chance.below(30));
      if (again.length > 0) await world.fanoutOf(again);
    }
  }
  await world.drain();
}

describe.each(PARTIAL)('a stream of %s', (view) => {
  it(`converges under random writes, deletes and redeliveries (${SEEDS} seeds)`, async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const world = await World.create({ seed, lanes: 2, view });
      await storm(world, seed);
      expect(world.content(world.secondary), `seed ${seed}`).toEqual(world.content(world.primary));
      expect(world.deadLetters(), `seed ${seed}`).toEqual([]);
      expect(world.counted.get('RecordsAsResync'), `seed ${seed}`).toBe(world.counted.get('RecordsSent'));
    }
  });

  it('sends every record as a resync, removals too', async () => {
    const world = await World.create({ view });
    await world.put(version('a', 1));
    await world.put(version('a', 2));
    await world.remove(key('a'));
    const seat = await world.seat(world.primary);
    expect(world.records().map((r) => [r.eventName, r.view, routeRecord(r, seat, 'replicate')])).toEqual([
      ['INSERT', view, 'resync'],
      ['MODIFY', view, 'resync'],
      ['REMOVE', view, 'resync'],
    ]);
  });

  it('does not delete an item that was written again, when its removal comes after a resync that has read it', async () => {
    const world = await World.create({ lanes: 1, view });
    await world.put(version('a', 1));
    await world.put(version('a', 2));
    await world.remove(key('a'));
    await world.put(version('a', 3));
    const [first, ...rest] = world.records() as [StreamRecord, ...StreamRecord[]];
    // The first record's resync reads what the last one wrote; the others come later, the removal among them.
    await world.fanoutOf([first]);
    await world.pumpApply();
    await world.fanoutOf(rest);
    await world.pumpApply();
    expect(world.content(world.secondary)).toEqual(world.content(world.primary));
    expect(world.content(world.secondary).size).toBe(1);
  });
});

describe('an event of Lambda', () => {
  it('says what its stream shows, unless that is both images', () => {
    const event = (StreamViewType: StreamView) => ({
      Records: [{ eventName: 'REMOVE' as const, eventSourceARN: 'arn', dynamodb: { SequenceNumber: '1', Keys: { pk: { S: 'a' } }, StreamViewType } }],
    });
    for (const view of PARTIAL) expect(fromStreamEvent(event(view)).records[0]?.view).toBe(view);
    expect(fromStreamEvent(event('NEW_AND_OLD_IMAGES')).records[0]).not.toHaveProperty('view');
  });
});

describe('a stream of KEYS_ONLY', () => {
  it('leaves a tombstone without `of` after a delete, so that a read of at least that rev asks the primary', async () => {
    const world = await World.create({ view: 'KEYS_ONLY' });
    await world.put(version('a', 1));
    await world.drain();
    await world.remove(key('a'));
    await world.drain();
    expect(await world.get(key('a'))).toBeUndefined();
    const [grave] = world.cloud.region(world.secondary).items(world.tombstones(world.secondary));
    expect(Object.keys(grave?.['_s'] !== undefined && 'M' in grave['_s'] ? grave['_s'].M : {})).toEqual(['p']);
  });

  it('shows its view in the table’s description, and no images in its records', async () => {
    const world = await World.create({ view: 'KEYS_ONLY' });
    await world.put(version('a', 1));
    expect((await world.clock.run(world.table(world.primary).describe(world.items(world.primary)))).streamView).toBe('KEYS_ONLY');
    expect(world.records()[0]).not.toHaveProperty('newImage');
    expect(world.records()[0]).not.toHaveProperty('oldImage');
  });
});

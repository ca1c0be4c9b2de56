import { beforeEach, describe, expect, it } from 'vitest';
import type { Item } from '../../lib/core/attribute.ts';
import type { Link, Shard } from '../../lib/core/formats/rows.ts';
import { decodeShard, encodeLink, SHARD, sequenceValue, unsentValue } from '../../lib/core/formats/rows.ts';
import { SHARD_ROW_LIFE_MS } from '../../lib/reconcile/behind.ts';
import { item, World } from './support/world.ts';

/** Rule 24 with its second half: what fan-out loses makes its links stale, and nothing else does. */

const MINUTE = 60_000;
const HOUR = 3_600_000;
/** How often the minute run looks in these tests: it has less to do than each minute, and sees the same. */
const LOOK_MS = 10 * MINUTE;

let world: World;
let writes = 0;
beforeEach(async () => {
  world = await World.create();
  writes = 0;
});

async function write(): Promise<void> {
  writes += 1;
  await world.put(item(`k${writes}`, 1, { n: { N: String(writes) } }));
}

/** The observer reads all that there is. */
async function observeAll(member = world.primary): Promise<void> {
  // A batch is of one shard: here each record is a batch of its own.
  for (const record of world.records(member)) await world.observeOf([record], member);
}

/** Fan-out reads all that there still is. Unlike the world's own pump it does not count what was trimmed. */
async function fanoutAll(member = world.primary): Promise<void> {
  for (const record of world.records(member)) await world.fanoutOf([record], member);
}

/** Time passes, with minute runs. Returns why the link became stale, if it did. */
async function pass(ms: number, each: () => Promise<void> = async () => undefined): Promise<string | undefined> {
  let why: string | undefined;
  for (const end = world.clock.now() + ms; world.clock.now() < end; ) {
    await world.clock.advance(LOOK_MS);
    await each();
    why ??= (await world.minute()).links[world.secondary]?.stale;
  }
  return why;
}

async function shards(member = world.primary): Promise<readonly Shard[]> {
  const { items } = await world.clock.run(world.table(member).query({ table: world.control(member), partition: { name: 'pk', value: { S: SHARD } } }));
  return items.map(decodeShard);
}

/** A person opens a link, as after its target was made equal. */
async function reopen(member = world.primary, target = world.secondary, state: Link['state'] = 'open'): Promise<void> {
  await world.clock.run(world.table(member).put(world.control(member), encodeLink({ target, state, since: world.clock.now() })));
}

/** A quiet day on which both readers have read everything. */
async function quietDay(): Promise<void> {
  await write();
  await fanoutAll();
  await observeAll();
  expect(await pass(21 * HOUR)).toBeUndefined();
}

describe('fan-out that stands still', () => {
  it('makes the link stale before DynamoDB drops what was written last, though that was just after the last record it sent', async () => {
    await write();
    await fanoutAll();
    await write();
    const written = world.clock.now();
    await observeAll();
    expect(await pass(19 * HOUR + 50 * MINUTE)).toBeUndefined();
    expect(await pass(20 * MINUTE)).toContain('fan-out is 20 h behind in shard');
    expect(world.clock.now() - written).toBeLessThan(23 * HOUR);
    expect(await world.link()).toMatchObject({ state: 'stale', why: expect.stringContaining('has not sent a record') });
    expect((await shards())[0]?.unsent).toHaveLength(1);
    // The record is dropped, and what is written then is sent to open links only.
    await world.clock.advance(5 * HOUR);
    expect(world.records()).toEqual([]);
    await write();
    await world.pumpFanout();
    expect(world.content(world.secondary).size).toBe(0);
  });

  it('makes it stale also when it has never sent anything', async () => {
    await write();
    await observeAll();
    expect(await pass(21 * HOUR)).toContain('20 h behind');
  });

  it('makes it stale by the oldest record while writes go on, seen each time before the next', async () => {
    await write();
    await fanoutAll();
    const began = world.clock.now();
    let whenStale = 0;
    await pass(22 * HOUR, async () => {
      if (whenStale === 0 && (await world.link()).state === 'stale') whenStale = world.clock.now();
      await write();
      await observeAll();
    });
    const age = whenStale - began;
    expect(age).toBeGreaterThan(20 * HOUR);
    expect(age).toBeLessThan(21 * HOUR);
    expect((await shards())[0]?.unsent?.length).toBeLessThan(25);
  });

  it('makes it stale when it works through a backlog that is about to be dropped', async () => {
    const hourly = async (): Promise<void> => {
      await write();
      await observeAll();
    };
    for (let hour = 0; hour < 18; hour += 1) {
      await hourly();
      expect(await pass(HOUR)).toBeUndefined();
    }
    // It goes on, slower than time does: what it sends is older each time.
    const backlog = world.records();
    let next = 0;
    let why: string | undefined;
    for (let hour = 0; hour < 10 && why === undefined; hour += 1) {
      await world.fanoutOf([backlog[next] as (typeof backlog)[number]]);
      if (hour % 2 === 0) next += 1;
      why = await pass(HOUR);
    }
    expect(why).toContain('20 h behind');
    expect(next).toBeGreaterThan(1);
  });
});

describe('no false alarm', () => {
  it('by the first write after a day without any, seen before it is sent', async () => {
    await quietDay();
    await write();
    await observeAll();
    expect((await world.minute()).links[world.secondary]?.stale).toBeUndefined();
    expect((await shards())[0]?.unsent).toHaveLength(1);
    await fanoutAll();
    await world.minute();
    // The note goes when fan-out has caught up, and nothing of it is left.
    expect(await shards()).toMatchObject([{ sent: { sequence: world.records().at(-1)?.sequence } }]);
    expect((await shards())[0]?.unsent).toBeUndefined();
    expect(await pass(30 * HOUR)).toBeUndefined();
    expect(await world.link()).toMatchObject({ state: 'open' });
  });

  it('by hours of lag that end in time', async () => {
    const lag = async (): Promise<string | undefined> =>
      pass(18 * HOUR, async () => {
        await write();
        await observeAll();
      });
    expect(await lag()).toBeUndefined();
    await fanoutAll();
    // Again: the second lag is not added to the first.
    expect(await lag()).toBeUndefined();
    await fanoutAll();
    expect(await pass(24 * HOUR)).toBeUndefined();
  });

  it('by a shard that was closed when all of it was sent', async () => {
    await quietDay();
    const stream = world.cloud.region(world.primary).tableNamed(world.items(world.primary)).stream;
    stream?.roll(world.clock.now());
    await write();
    await fanoutAll();
    await observeAll();
    expect(await shards()).toHaveLength(2);
    expect(await pass(30 * HOUR)).toBeUndefined();
  });

  it('by what an old shard did not send while the member was a secondary; by what it did not send since, there is one', async () => {
    const [from, to] = [world.secondary, world.primary];
    // Copies arrive at the secondary; its own fan-out, which sends nothing, stands still.
    await write();
    await world.pumpFanout();
    await world.pumpApply();
    await observeAll(from);
    expect(await shards(from)).toMatchObject([{ seen: {} }]);
    await world.clock.advance(2 * HOUR);
    await world.setSeat(from, { fence: 2, own: 2, since: world.clock.now() });
    const stale = async (): Promise<string | undefined> => (await world.minute(from)).links[to]?.stale;
    expect(await stale()).toBeUndefined();
    await world.clock.advance(21 * HOUR);
    expect(await stale()).toBeUndefined();
    await world.put(item('later', 1), from);
    await observeAll(from);
    expect(await stale()).toBeUndefined();
    await world.clock.advance(20 * HOUR + MINUTE);
    expect(await stale()).toContain('20 h behind');
  });
});

describe('a link that was opened again', () => {
  it('stays open: what was lost before makes it stale no second time; what is lost then does', async () => {
    await write();
    await fanoutAll();
    await write();
    await observeAll();
    expect(await pass(30 * HOUR)).toContain('20 h behind');
    await reopen();
    expect(await pass(5 * HOUR)).toBeUndefined();
    await write();
    await observeAll();
    expect(await pass(19 * HOUR)).toBeUndefined();
    expect(await world.link()).toMatchObject({ state: 'open' });
    expect(await pass(2 * HOUR)).toContain('20 h behind');
  });

  it('stays open when its shard was closed, so that what was lost stays unsent for ever; the row goes in the end', async () => {
    await write();
    await fanoutAll();
    await write();
    await observeAll();
    world.cloud.region(world.primary).tableNamed(world.items(world.primary)).stream?.roll(world.clock.now());
    expect(await pass(30 * HOUR)).toContain('20 h behind');
    expect(await shards()).toHaveLength(1);
    await reopen();
    await write();
    await fanoutAll();
    await observeAll();
    expect(await shards()).toHaveLength(2);
    expect(await pass(SHARD_ROW_LIFE_MS)).toBeUndefined();
    expect(await world.link()).toMatchObject({ state: 'open' });
    expect((await shards()).every((s) => s.sent?.sequence === s.seen?.sequence)).toBe(true);
  });

  it('was paused, and not opened in spite of the loss: it becomes stale all the same', async () => {
    await reopen(world.primary, world.secondary, 'paused');
    await write();
    await observeAll();
    expect(await pass(15 * HOUR)).toBeUndefined();
    await reopen();
    expect(await pass(6 * HOUR)).toContain('20 h behind');
  });
});

describe('the rows of shards', () => {
  it('are forgotten at every member when they are over, and come back with a new record', async () => {
    await write();
    await world.drain();
    for (const member of [world.primary, world.secondary]) {
      await observeAll(member);
      await fanoutAll(member);
      expect(await shards(member)).toHaveLength(1);
    }
    await world.clock.advance(SHARD_ROW_LIFE_MS - MINUTE);
    for (const member of [world.primary, world.secondary]) {
      await world.minute(member);
      expect(await shards(member)).toHaveLength(1);
    }
    await world.clock.advance(2 * MINUTE);
    for (const member of [world.primary, world.secondary]) {
      await world.minute(member);
      expect(await shards(member)).toEqual([]);
    }
    await write();
    await observeAll();
    await world.minute();
    expect((await shards())[0]?.unsent).toHaveLength(1);
  });

  it('are not forgotten when a reader comes between', async () => {
    await write();
    await fanoutAll();
    await observeAll();
    await world.clock.advance(SHARD_ROW_LIFE_MS + MINUTE);
    meanwhile('delete', { seen: sequenceValue('999'), seenAt: { N: String(world.clock.now()) } });
    await world.minute();
    expect((await shards())[0]?.seen?.sequence).toBe('999');
  });

  it('keep what another run noted meanwhile', async () => {
    await write();
    await observeAll();
    const other = [{ sequence: '1', at: world.clock.now() }];
    meanwhile('update', { unsent: unsentValue(other) });
    await world.minute();
    expect((await shards())[0]?.unsent).toEqual(other);
  });

  it('are not made anew by a note, when another run has forgotten them meanwhile', async () => {
    await write();
    await observeAll();
    meanwhile('update', undefined);
    await world.minute();
    expect(await shards()).toEqual([]);
  });
});

/** Just before the next request of this kind to the shard's row, somebody else changes or removes the row. */
function meanwhile(op: 'update' | 'delete', change: Item | undefined): void {
  world.cloud.hook = (call) => {
    const row = call.args[1] as Item | undefined;
    if (call.op !== op || (row?.['pk'] as { S?: string } | undefined)?.S !== SHARD) return;
    world.cloud.hook = undefined;
    const key = { pk: { S: SHARD }, sk: row?.['sk'] as { S: string } };
    const table = world.cloud.region(world.primary).tableNamed(world.control(world.primary));
    if (change === undefined) table.remove(key, world.clock.now());
    else table.write({ ...(table.read(key) as Item), ...change }, world.clock.now());
  };
}

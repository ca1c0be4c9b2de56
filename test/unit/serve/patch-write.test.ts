import { describe, expect, it } from 'vitest';
import type { AttributeValue, Item } from '../../../lib/core/attribute.ts';
import { metaOf } from '../../../lib/core/formats/seal.ts';
import { INPUT_ITEM_BYTES_MAX } from '../../../lib/core/item-input.ts';
import type { Change } from '../../../lib/serve/attempt.ts';
import { etagOf } from '../../../lib/serve/etag.ts';
import { count, increment, intent, putOf, Seams } from './seams.ts';

/** Patches as writes: read, changed, written on the condition that the item is what was read. */

const set = (name: string, value: AttributeValue): Change => ({ patch: [{ op: 'set', path: [name], value }] });

describe('a patch', () => {
  it('makes the item when there is none, and changes the one that there is', async () => {
    const world = await Seams.of();
    expect(await world.write(intent(set('value', { S: 'x' })))).toMatchObject({ done: 'created', item: { id: { S: 'a' }, value: { S: 'x' } } });
    const done = await world.write(intent(increment()));
    expect(done).toMatchObject({ done: 'replaced', item: { id: { S: 'a' }, value: { S: 'x' }, n: { N: '1' } } });
    expect(metaOf(world.item() as Item).rev).toEqual(done.rev);
    expect(done.etag).toBe(etagOf(world.item() as Item));
    expect(done.item).not.toHaveProperty('_s');
  });

  it('of many at once loses none', async () => {
    const world = await Seams.of();
    world.cloud.hook = () => ({ effectMs: 1 + (world.cloud.region('eu-central-1').items(world.context().tables.items).length % 3), answerMs: 5 });
    const outcomes = await world.clock.run(Promise.allSettled(Array.from({ length: 6 }, () => world.start(intent(increment())))));
    const done = outcomes.filter((o) => o.status === 'fulfilled').length;
    for (const o of outcomes) if (o.status === 'rejected') expect(o.reason).toMatchObject({ code: 'busy' });
    expect(done).toBeGreaterThan(1);
    expect(count(world.item())).toBe(done);
  });

  it('is refused by its condition, 409, and by If-Match, 412', async () => {
    const world = await Seams.of();
    const absent: Change = { ...(increment() as { patch: [] }), if: { path: ['n'], op: 'exists' } };
    await expect(world.write(intent(absent))).rejects.toMatchObject({
      code: 'condition-failed',
      status: 409,
      message: expect.stringContaining('no such item') as unknown,
    });
    await expect(world.write(intent(increment(), { expected: { ifMatch: '*' } }))).rejects.toMatchObject({ code: 'precondition-failed' });
    expect(world.item()).toBeUndefined();
    await world.write(intent(increment()));
    expect((await world.write(intent(absent))).item).toMatchObject({ n: { N: '2' } });
    const beyond: Change = { ...(increment() as { patch: [] }), if: { path: ['n'], op: '>', value: { N: '2' } } };
    await expect(world.write(intent(beyond))).rejects.toMatchObject({ code: 'condition-failed', extra: { headers: { etag: etagOf(world.item() as Item) } } });
    expect(count(world.item())).toBe(2);
  });

  it('judges its condition on the item as callers see it', async () => {
    const world = await Seams.of();
    await world.write(intent(putOf('x')));
    const hidden: Change = { ...(increment() as { patch: [] }), if: { path: ['_s'], op: 'not-exists' } };
    expect(await world.write(intent(hidden))).toMatchObject({ done: 'replaced' });
  });

  it('⚠ sees a direct writer who changes what it read and carries the rev along', async () => {
    const world = await Seams.of();
    await world.write(intent(increment()));
    let meddled = false;
    world.cloud.hook = async (call) => {
      if (call.op !== 'put' || meddled) return;
      meddled = true;
      await world.region('eu-central-1').table.put(world.context().tables.items, { ...(world.item() as Item), n: { N: '100' } });
    };
    await world.write(intent(increment()));
    expect(meddled).toBe(true);
    expect(count(world.item())).toBe(101);
  });

  it.each([
    ['of the key', set('id', { S: 'b' }), 'invalid-patch'],
    ['of what is ours', set('_s', { M: {} }), 'invalid-patch'],
    ['that makes the item too large', set('large', { S: 'x'.repeat(INPUT_ITEM_BYTES_MAX) }), 'item-too-large'],
    ['that adds to text', { patch: [{ op: 'increment', path: ['value'], value: { N: '1' } }] } as Change, 'invalid-patch'],
    [
      'that nests too deep',
      set(
        'deep',
        Array.from({ length: 40 }).reduce<AttributeValue>((inner) => ({ L: [inner] }), { S: 'x' }),
      ),
      'invalid-item',
    ],
  ])('%s is the caller’s mistake, and changes nothing', async (_, change, code) => {
    const world = await Seams.of();
    await world.write(intent(putOf('x')));
    const before = world.item();
    await expect(world.write(intent(change))).rejects.toMatchObject({ code });
    await expect(world.write(intent(change, { name: 'k' }))).rejects.toMatchObject({ code });
    expect(world.item()).toEqual(before);
    expect(world.requests()).toEqual([]);
  });
});
